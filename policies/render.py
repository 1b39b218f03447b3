"""Reports → text for people; pure. The words of a hook, of `check`, and of `check --explain`."""

import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby

from policies.check import Judgement, Report
from policies.explain import Violation
from policies.words import Explanation, with_placeholders
from sync.names import printable
from sync.paint import Paint

_SHOWN = 12
_WIDTH = 100


def render_report(report: Report, paint: Paint) -> str:
    """What was found, commit by commit and mirror by mirror, each with its ways out; then one line that says it all."""
    lines = [line for judgement in report.judgements for line in _judgement_lines(judgement, paint)]
    return "\n".join([*lines, _summary(report, paint)]) + "\n"


def _judgement_lines(judgement: Judgement, paint: Paint) -> Iterator[str]:
    subject = f"  {paint.faint(printable(judgement.commit.subject))}" if judgement.commit else ""
    yield f"{paint.strong(printable(judgement.label))}{subject}"
    for rule, of_rule in groupby(judgement.violations, key=lambda v: (v.finding.mirror, v.finding.rule)):
        yield from _rule_lines(rule[0], list(of_rule), paint)
    if judgement.violations and judgement.commit:
        before = next((parent[:12] for parent in judgement.commit.parents), "--root")
        yield f"  {paint.change('hint:')} a later commit does not heal this one: mend it with `git rebase --interactive {before}`"
    for violation in judgement.notices:
        finding = violation.finding
        yield f"  {paint.change('notice')} {printable(finding.mirror)}: {printable(finding.message)}"


def _rule_lines(mirror: str, violations: Sequence[Violation], paint: Paint) -> Iterator[str]:
    first = violations[0]
    yield f"  {paint.bad(first.finding.rule.value)}{f'  {printable(mirror)}' if mirror else ''}"
    for violation in violations[:_SHOWN]:
        yield f"    {_where(violation)}{printable(violation.finding.message)}"
    if len(violations) > _SHOWN:
        yield f"    … {len(violations)} in all; `git verbatim check --format json` lists every one"
    yield f"    {paint.change('put back:')} {printable(first.put_back)}"
    yield f"    {paint.change('or:')} {printable(first.go_on)}"


def _where(violation: Violation) -> str:
    finding = violation.finding
    if finding.path is None:
        return ""
    line = f":{violation.line}" if violation.line and violation.line > 1 else ""
    return f"{printable(violation.path)}{line}: "


def _summary(report: Report, paint: Paint) -> str:
    violations = [violation for judgement in report.judgements for violation in judgement.violations]
    if not violations:
        return f"{paint.good('clean:')} no mirror is changed without its provenance in {printable(report.scope)}"
    rules = dict.fromkeys(violation.finding.rule.value for violation in violations)
    count = f"{len(violations)} violation{'' if len(violations) == 1 else 's'}"
    why = "".join(f"\n{paint.change('why:')} git verbatim check --explain {rule}" for rule in rules)
    return f"{paint.bad(f'refused: {count}')} in {printable(report.scope)}{why}"


def render_explanation(explanation: Explanation, paint: Paint) -> str:
    """What a rule wants, why, and its fix."""
    parts = [
        paint.strong(explanation.rule.value),
        _paragraph("Finds", explanation.finds + "."),
        _paragraph("Why", explanation.why),
        _paragraph("Put back", with_placeholders(explanation.put_back)),
        _paragraph("Or", with_placeholders(explanation.go_on) + "."),
    ]
    return "\n".join(parts) + "\n"


def _paragraph(title: str, text: str) -> str:
    return textwrap.fill(
        f"{title}: {text}", _WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False, break_long_words=False
    )
