"""Render reports in the formats of `check`: text, JSON, GitHub's annotations and SARIF."""

import json
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from policies.account import Course, Moved
from policies.hooks.install import HookStatus
from policies.verdict import CheckReport, Judgement
from policies.ways_out import Violation
from sync.model.values import FileFact
from sync.paint import Paint


class _Output(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileOutput(_Output):
    """What a tree says of a file."""

    mode: str = Field(description="as in git's object format, six octal digits")
    blob: str


class ViolationOutput(_Output):
    """One thing that a commit brings about, and the two ways out."""

    rule: str
    mirror: str | None
    path: str = Field(description="where to look, from the host's root, quoted as by git")
    line: int | None
    message: str
    difference: str | None = Field(description="how a file differs from its record")
    expected: FileOutput | None = Field(description="the file that differs, as its record has it")
    found: FileOutput | None = Field(description="the file that differs, as the commit has it")
    put_back: str = Field(description="the command that undoes it")
    go_on: str = Field(description="how to get what was wanted")


class JudgementOutput(_Output):
    """What one commit, or the index, brings about."""

    commit: str | None
    label: str
    subject: str | None
    violations: list[ViolationOutput]
    notices: list[ViolationOutput]


class MoveOutput(_Output):
    """One thing that moved of a mirror, or of what holds for all."""

    what: str
    old: str | None = Field(description="null: it was not there")
    new: str | None = Field(description="null: it is not there any more")
    look: bool = Field(description="whether this is what a reviewer has to look at")


class MovedOutput(_Output):
    """What moved of a mirror."""

    mirror: str | None = Field(description="null: it holds for all mirrors")
    course: Course
    moves: list[MoveOutput]


class UnaskedOutput(_Output):
    """A record that upstream should have been asked about, and was not."""

    mirror: str
    url: str | None
    reason: str
    command: str = Field(description="by which a reviewer asks")


class CheckOutput(_Output):
    """`git verbatim check --json`."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    scope: str = Field(description="what was judged")
    clean: bool
    judged: int = Field(description="how many commits touch what policies depend on")
    commits: list[JudgementOutput] = Field(
        description="those with violations or notices, newest first"
    )
    moved: list[MovedOutput] = Field(
        description="the provenance that moved, from the base to the end; it changes no verdict"
    )
    unasked: list[UnaskedOutput] = Field(description="with `--upstream`; exit status 3 if any")


class HookOutput(_Output):
    """How one hook stands."""

    name: str
    kind: str
    well: bool = Field(description="whether git would run it, and it would find the program")
    path: str
    runs_before: str | None = Field(description="a hook that was there first, which ours runs")
    interpreter: str | None


class HooksOutput(_Output):
    """`git verbatim hook status --json`."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    hooks: list[HookOutput]


SCHEMAS: dict[str, type[BaseModel]] = {"check": CheckOutput, "hooks": HooksOutput}
"""The shipped schemas, by file name without `.schema.json`."""


def render(report: CheckReport, form: str, paint: Paint) -> str:
    """Return the report in one of the forms `text`, `json`, `github` and `sarif`."""
    match form:
        case "json":
            return _json(check_output(report))
        case "github":
            from policies.github import render_annotations

            return render_annotations(report)
        case "sarif":
            from policies.sarif import render_sarif

            return render_sarif(report)
        case _:
            from policies.render import render_report

            return render_report(report, paint)


def hooks_json(statuses: Sequence[HookStatus]) -> str:
    """Return how the hooks stand, as JSON."""
    return _json(HooksOutput(hooks=[_hook(status) for status in statuses]))


def _json(output: BaseModel) -> str:
    # The JSON is ASCII, so no control character is raw.
    return json.dumps(output.model_dump(by_alias=True), indent=2) + "\n"


def check_output(report: CheckReport) -> CheckOutput:
    return CheckOutput(
        scope=_text(report.scope),
        clean=report.is_clean,
        judged=report.judged,
        commits=[_judgement(judgement) for judgement in report.judgements],
        moved=[_moved(moved) for moved in report.moved],
        unasked=[
            UnaskedOutput(
                mirror=_text(one.mirror),
                url=None if one.url is None else _text(one.url),
                reason=_text(one.reason),
                command=_text(one.command),
            )
            for one in report.unasked
        ],
    )


def _moved(moved: Moved) -> MovedOutput:
    return MovedOutput(
        mirror=None if moved.mirror is None else _text(moved.mirror),
        course=moved.course,
        moves=[
            MoveOutput(
                what=_text(move.what),
                old=None if move.old is None else _text(move.old),
                new=None if move.new is None else _text(move.new),
                look=move.is_suspect,
            )
            for move in moved.moves
        ],
    )


def _judgement(judgement: Judgement) -> JudgementOutput:
    return JudgementOutput(
        commit=judgement.commit.id if judgement.commit else None,
        label=judgement.label,
        subject=judgement.commit.subject if judgement.commit else None,
        violations=[_violation(violation) for violation in judgement.violations],
        notices=[_violation(notice) for notice in judgement.notices],
    )


def _violation(violation: Violation) -> ViolationOutput:
    finding = violation.finding
    return ViolationOutput(
        rule=finding.rule.value,
        mirror=finding.mirror or None,
        path=violation.path,
        line=violation.line,
        message=_text(finding.message),
        difference=finding.difference.value if finding.difference else None,
        expected=_file(finding.expected),
        found=_file(finding.found),
        put_back=violation.put_back,
        go_on=violation.go_on,
    )


def _file(fact: FileFact | None) -> FileOutput | None:
    return FileOutput(mode=f"{fact.mode:06o}", blob=fact.blob) if fact else None


def _hook(status: HookStatus) -> HookOutput:
    return HookOutput(
        name=status.name,
        kind=status.kind.value,
        well=status.is_well,
        path=_text(str(status.path)),
        runs_before=_text(str(status.runs_before)) if status.runs_before else None,
        interpreter=_text(status.interpreter) if status.interpreter else None,
    )


def _text(text: str) -> str:
    """Return text with all bytes escaped that are not UTF-8, which JSON cannot hold."""
    return text.encode("utf-8", "backslashreplace").decode()
