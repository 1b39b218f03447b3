"""Verdicts as tables in Markdown, and each failure with the command that repeats just it."""

from collections import Counter
from collections.abc import Iterable, Sequence

from tests.harnesses.crashes.judging import MISSING, TORN, UNCLEAR, UNHEALED, Verdict
from tests.harnesses.crashes.points import ERRORS, INTERRUPTS, KILL, KINDS, SHORT

_FAILURES = (TORN, MISSING, UNHEALED, UNCLEAR)
_GROUPS = {
    "kill -9": (KILL,),
    "SIGINT, SIGTERM": INTERRUPTS,
    "errors": ERRORS,
    "short writes": (SHORT,),
}


def render(verdicts: Sequence[Verdict]) -> str:
    """By job and by kind: how many cases, and in how many of them each thing was wrong."""
    groups = {kind: group for group, kinds in _GROUPS.items() for kind in kinds}
    by_job: dict[str, Counter[str]] = {}
    by_kind: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for verdict in verdicts:
        failures = {column for column, _ in verdict.wrong}
        by_job.setdefault(verdict.point.job, Counter()).update([groups[verdict.kind], *failures])
        by_kind[verdict.kind].update(
            ["cases", *failures, *([] if verdict.reached else ["not reached"])]
        )
    by_job["all"] = sum(by_job.values(), Counter())
    used = {kind: counts for kind, counts in by_kind.items() if counts}
    return "\n\n".join(
        [
            _table("job", [*_GROUPS, *_FAILURES], by_job),
            _table("kind", ["cases", *_FAILURES, "not reached"], used),
        ]
    )


def _table(first: str, heads: Sequence[str], rows: dict[str, Counter[str]]) -> str:
    lines = [[first, *heads], ["---", *("--:" for _ in heads)]]
    lines += [[name, *(str(counts[head]) for head in heads)] for name, counts in rows.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def render_outcomes(verdicts: Iterable[Verdict]) -> str:
    """How often a run left what."""
    counts = Counter((_how(verdict.kind), verdict.outcome) for verdict in verdicts)
    return "\n".join(f"{how}: {outcome}: {n}" for (how, outcome), n in sorted(counts.items()))


def _how(kind: str) -> str:
    return "killed" if kind == KILL else "interrupted" if kind in INTERRUPTS else "failed"


def render_failure(verdict: Verdict) -> str:
    named = verdict.point.named(verdict.kind)
    words = "\n".join(f"  {column}: {said}" for column, said in verdict.wrong)
    call = f"  call: {verdict.point.call}({verdict.point.detail}\n" if verdict.point.detail else ""
    return f"{named} ({verdict.outcome})\n{words}\n{call}  repeat: python -m tests.harnesses.crashes --only {named}"
