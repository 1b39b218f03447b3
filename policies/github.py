"""Render reports as GitHub's workflow commands, which annotate files of commits; pure."""

import re
from collections.abc import Iterator

from policies.verdict import CheckReport, Judgement, Unasked, unasked_line
from policies.ways_out import Violation
from sync.quoting import printable, shown
from sync.wording import count

# These escape data and properties as GitHub's toolkit does (@actions/core, command.ts), so that
# nothing from outside can start a command.
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = _DATA | str.maketrans({":": "%3A", ",": "%2C"})
_MARKUP = re.compile("[^A-Za-z0-9 ,.→…-]")
_SHOWN_MOVED = 200
_LINE_BREAKS = str.maketrans("", "", "\r\n")


def render_annotations(report: CheckReport) -> str:
    """Return an `::error` for each violation and a `::notice` for each notice.

    A `::warning` for each record that nobody was asked about, and plain lines follow: what moved,
    and one that sums up.
    """
    lines = [line for judgement in report.judgements for line in _commands(judgement)]
    lines += [_unasked(one) for one in report.unasked]
    lines += [f"moved: {shown(str(moved))}" for moved in report.moved]
    return "\n".join([*lines, _summary(report)]) + "\n"


def render_job_summary(report: CheckReport) -> str:
    """Return what moved as Markdown, for the summary of a job; what to look at comes first.

    What was not asked follows.
    """
    lines = [f"### third_party/: {_plain(_summary(report))}", ""]
    moved = sorted(report.moved, key=lambda one: not one.is_suspect)
    lines += [
        f"- {'⚠️ ' if one.is_suspect else ''}{_plain(str(one))}" for one in moved[:_SHOWN_MOVED]
    ]
    if len(moved) > _SHOWN_MOVED:
        lines.append(f"- … {len(moved)} in all")
    lines += [f"- not asked: {_plain(unasked_line(one))}" for one in report.unasked[:_SHOWN_MOVED]]
    return "\n".join([*lines, "" if moved else "No provenance moved.", ""])


def _plain(text: str) -> str:
    """Return text in which nothing is markup: neither a link nor a name, nor a command."""
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", shown(text))


def _commands(judgement: Judgement) -> Iterator[str]:
    for violation in judgement.violations:
        yield _command("error", judgement, violation)
    for notice in judgement.notices:
        yield _command("notice", judgement, notice)


def _command(name: str, judgement: Judgement, violation: Violation) -> str:
    finding = violation.finding
    properties = {
        "file": _file(violation),
        "line": str(violation.line or ""),
        "title": finding.rule.value,
    }
    given = ",".join(
        f"{key}={value.translate(_PROPERTY)}" for key, value in properties.items() if value
    )
    where = (
        f"{judgement.label}: {judgement.commit.subject}" if judgement.commit else judgement.label
    )
    message = (
        f"{finding.mirror}: {finding.message}" if finding.mirror else finding.message,
        f"in {where}",
        f"put back: {violation.put_back}",
        f"or: {violation.go_on}",
    )
    return f"::{name} {given}::" + "\n".join(map(printable, message)).translate(_DATA)


def _unasked(unasked: Unasked) -> str:
    said = f"::warning title=not asked::{printable(unasked_line(unasked)).translate(_DATA)}"
    return said.replace("##[", "## [")


def _file(violation: Violation) -> str:
    """Return the path itself, so that GitHub finds the file.

    If it would act on a terminal, or is not UTF-8, it is quoted as by git.
    """
    try:
        plain = violation.raw_path.decode()
    except UnicodeDecodeError:
        return printable(violation.path)
    visible = plain.translate(_LINE_BREAKS)  # Line breaks are escaped in the command.
    return plain if printable(visible) == visible else printable(violation.path)


def _summary(report: CheckReport) -> str:
    scope = shown(report.scope)
    violations = sum(len(judgement.violations) for judgement in report.judgements)
    notices = sum(len(judgement.notices) for judgement in report.judgements)
    also = f", {count(notices, 'notice')}" if notices else ""
    if not violations and report.unasked:
        return f"could not ask: {count(len(report.unasked), 'record')} in {scope}{also}"
    if not violations:
        return f"clean: no mirror is changed without its provenance in {scope}{also}"
    return f"refused: {count(violations, 'violation')} in {scope}{also}"
