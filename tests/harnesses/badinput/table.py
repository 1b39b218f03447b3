"""All cases by class, and what was found as text."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tests.harnesses.badinput import (
    attributes,
    hosts,
    links,
    names,
    objects,
    places,
    sizes,
    texts,
    transport,
)
from tests.harnesses.badinput.case import Case
from tests.harnesses.badinput.play import Verdict
from tests.harnesses.badinput.sinks import SINKS


def _upstream(cases: Sequence[Case]) -> tuple[Case, ...]:
    return tuple(replace(case, in_host=False) for case in cases)


CLASSES: Mapping[str, tuple[Case, ...]] = {
    "names": _upstream(names.CASES),
    "modes and objects": _upstream(objects.MODES_AND_OBJECTS),
    "links": _upstream(links.CASES),
    "size": _upstream(sizes.CASES),
    "attributes": attributes.CASES,
    "planted targets": places.CASES,
    "URLs": texts.URLS,
    "manifests": texts.MANIFESTS,
    "records": texts.RECORDS,
    "host": hosts.CASES,
    "transport": _upstream(transport.CASES),
}

_LINES, _SHOWN = 12, 900


def render(verdicts: Sequence[tuple[str, Verdict]]) -> str:
    """A markdown table: a row for each class, a column for each sink.

    A cell says in how many cases the sink got what it should not.
    """
    heads = ("class", "cases", "accepted", "refused", *SINKS, "not possible here")
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "--:|" * (len(heads) - 1)]
    names = dict.fromkeys(name for name, _ in verdicts)
    lines += [_row(name, [v for n, v in verdicts if n == name]) for name in names]
    if len(names) > 1:
        lines.append(_row("**all**", [verdict for _, verdict in verdicts]))
    longest = max((verdict.seconds for _, verdict in verdicts), default=0)
    return "\n".join([*lines, "", f"The longest run took {longest:.1f} s."])


def _row(name: str, verdicts: Sequence[Verdict]) -> str:
    accepted = sum(verdict.case.is_accepted for verdict in verdicts)
    failures = [
        sum(any(s == sink for s, _ in verdict.wrong) for verdict in verdicts) for sink in SINKS
    ]
    skipped = sum(verdict.skipped for verdict in verdicts)
    figures = (len(verdicts), accepted, len(verdicts) - accepted, *failures, skipped)
    return f"| {name} | " + " | ".join(map(str, figures)) + " |"


def render_failure(verdict: Verdict) -> str:
    words = "\n".join(f"  {sink}: {said[:_SHOWN]}" for sink, said in verdict.wrong[:_LINES])
    return f"{verdict.case.name}\n{words}\n  repeat: python -m tests.harnesses.badinput --only {verdict.case.name}"
