"""Verdicts as a table, and each failure with the command that repeats just it."""

from collections import Counter
from collections.abc import Iterable, Sequence

from tests.crashes.judging import MISSING, TORN, UNCLEAR, UNHEALED, Verdict

_COLUMNS = (TORN, MISSING, UNHEALED, UNCLEAR)


def render(verdicts: Sequence[Verdict]) -> str:
    """A line a job and kind: cases, and in how many of them each thing was wrong."""
    rows: dict[tuple[str, str], Counter[str]] = {}
    for verdict in sorted(verdicts, key=lambda v: (v.kind != "KILL", v.point.job, v.kind)):
        row = rows.setdefault((verdict.point.job, verdict.kind), Counter())
        row["cases"] += 1
        row.update({column for column, _ in verdict.wrong})
        row["past the end"] += not verdict.reached
    heads = ("cases", *_COLUMNS, "past the end")
    lines = [f"{'job':<10} {'kind':<7} " + " ".join(f"{head:>12}" for head in heads)]
    lines += [f"{job:<10} {kind:<7} " + " ".join(f"{row[head]:>12}" for head in heads) for (job, kind), row in rows.items()]
    total = sum(rows.values(), Counter())
    return "\n".join([*lines, f"{'all':<18} " + " ".join(f"{total[head]:>12}" for head in heads)])


def render_outcomes(verdicts: Iterable[Verdict]) -> str:
    """How often a run left what."""
    counts = Counter((verdict.kind == "KILL", verdict.outcome) for verdict in verdicts)
    return "\n".join(f"{'killed' if killed else 'failed'}: {outcome}: {n}" for (killed, outcome), n in sorted(counts.items()))


def render_failure(verdict: Verdict) -> str:
    named = verdict.point.named(verdict.kind)
    words = "\n".join(f"  {column}: {said}" for column, said in verdict.wrong)
    call = f"  call: {verdict.point.call}({verdict.point.detail}\n" if verdict.point.detail else ""
    return f"{named} ({verdict.outcome})\n{words}\n{call}  repeat: python -m tests.crashes --only {named}"
