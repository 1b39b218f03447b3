"""Render reports as text for people, as hooks, `check` and `check --explain` print it; pure."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby

from policies.explanations import REMOVE, Explanation, with_placeholders
from policies.verdict import CheckReport, Judgement, unasked_line
from policies.ways_out import Violation
from sync.layout import THIRD_PARTY
from sync.paint import Paint
from sync.quoting import no_commands, shown
from sync.wording import count

_SHOWN = 12
_SHOWN_MOVED = 50
_WIDTH = 100


def render_report(report: CheckReport, paint: Paint) -> str:
    """Return what was found, the oldest commit first, each finding with its ways out.

    What moved, what was not asked and a summary follow.
    """
    lines = [
        line
        for judgement in reversed(report.judgements)
        for line in _judgement_lines(judgement, paint)
    ]
    unasked = [f"{paint.bad('not asked:')} {shown(unasked_line(one))}" for one in report.unasked]
    whole = "\n".join([*lines, *_moved_lines(report, paint), *unasked, _summary(report, paint)])
    return no_commands(whole) + "\n"


def render_moved(report: CheckReport, paint: Paint) -> str:
    """Return what moved, a line a mirror; nothing if nothing did."""
    return no_commands("".join(f"{line}\n" for line in _moved_lines(report, paint)))


def _moved_lines(report: CheckReport, paint: Paint) -> Iterator[str]:
    # What to look at is not to be lost among many.
    listed = sorted(report.moved, key=lambda one: not one.is_suspect)[:_SHOWN_MOVED]
    for moved in listed:
        word = (paint.bad if moved.is_suspect else paint.change)("moved:")
        yield f"{word} {shown(str(moved))}"
    if len(report.moved) > _SHOWN_MOVED:
        yield f"… {len(report.moved)} in all; `git verbatim check --format json` lists every one"


def _judgement_lines(judgement: Judgement, paint: Paint) -> Iterator[str]:
    subject = f"  {paint.faint(shown(judgement.commit.subject))}" if judgement.commit else ""
    yield f"{paint.strong(shown(judgement.label))}{subject}"
    for mirror, of_rule in groupby(
        judgement.violations, key=lambda v: (v.finding.mirror, v.finding.rule)
    ):
        yield from _rule_lines(mirror[0], list(of_rule), paint)
    for violation in judgement.notices:
        finding = violation.finding
        yield f"  {paint.change('notice')} {shown(finding.mirror)}: {shown(finding.message)}"


def _rule_lines(mirror: str, violations: Sequence[Violation], paint: Paint) -> Iterator[str]:
    first = violations[0]
    yield f"  {paint.bad(first.finding.rule.value)}{f'  {shown(mirror)}' if mirror else ''}"
    for violation in violations[:_SHOWN]:
        yield f"    {_where(violation)}{shown(violation.finding.message)}"
    if len(violations) > _SHOWN:
        yield f"    … {len(violations)} in all; `git verbatim check --format json` lists every one"
    yield f"    {paint.change('put back:')} {shown(_put_back(violations))}"
    yield f"    {paint.change('or:')} {shown(first.go_on)}"


def _put_back(violations: Sequence[Violation]) -> str:
    """Return one command that undoes all of these violations, which are of one rule and mirror."""
    commands = list(dict.fromkeys(violation.put_back for violation in violations))
    if len(commands) > 1 and all(command.startswith(f"{REMOVE} ") for command in commands):
        return " ".join([REMOVE, *(command.removeprefix(f"{REMOVE} ") for command in commands)])
    return commands[0]


def _where(violation: Violation) -> str:
    finding = violation.finding
    if finding.path is None:
        return ""
    line = f":{violation.line}" if violation.line and violation.line > 1 else ""
    return f"{shown(violation.path)}{line}: "


def _summary(report: CheckReport, paint: Paint) -> str:
    violations = [
        violation for judgement in report.judgements for violation in judgement.violations
    ]
    if not violations and report.unasked:
        could_not = paint.bad(f"could not ask: {count(len(report.unasked), 'record')}")
        return f"{could_not} in {shown(report.scope)}"
    if not violations:
        said = (
            "no mirror is changed without its provenance"
            if report.judged
            else f"nothing of {THIRD_PARTY}/ is touched"
        )
        return f"{paint.good('clean:')} {said} in {shown(report.scope)}"
    rules = dict.fromkeys(violation.finding.rule.value for violation in violations)
    refused = paint.bad(f"refused: {count(len(violations), 'violation')}")
    lines = [f"{refused} in {shown(report.scope)}", *_mending(report, paint)]
    lines += [f"{paint.change('why:')} git verbatim check --explain {rule}" for rule in rules]
    return "\n".join(lines)


def _mending(report: CheckReport, paint: Paint) -> Iterator[str]:
    """Yield how to mend commits that exist already."""
    bad = [
        judgement.commit
        for judgement in reversed(report.judgements)
        if judgement.violations and judgement.commit
    ]
    if bad:
        before = next((parent[:12] for parent in bad[0].parents), "--root")
        marked = ", ".join(commit.id[:12] for commit in bad[:_SHOWN])
        rebase = f"`git rebase --interactive {before}`, mark {marked} `edit` (or `drop`)"
        steps = (
            f"{rebase}, put back there what is said above, "
            "`git commit --amend`, `git rebase --continue`"
        )
        yield f"{paint.change('hint:')} a later commit does not heal an earlier one: {steps}"


def render_explanation(explanation: Explanation, paint: Paint) -> str:
    """Return what a rule finds, why it does, and both ways out."""
    parts = [
        paint.strong(explanation.rule.value),
        _paragraph("Finds", explanation.finds + "."),
        _paragraph("Why", explanation.why),
        _paragraph("Put back", with_placeholders(explanation.put_back)),
        _paragraph("Or", with_placeholders(explanation.go_on) + "."),
    ]
    return "\n".join(parts) + "\n"


def _paragraph(title: str, text: str) -> str:
    # No command is broken in two.
    whole = re.sub("`[^`]*`", lambda command: command[0].replace(" ", "\0"), f"{title}: {text}")
    return textwrap.fill(
        whole,
        _WIDTH,
        initial_indent="  ",
        subsequent_indent="    ",
        break_on_hyphens=False,
        break_long_words=False,
    ).replace("\0", " ")
