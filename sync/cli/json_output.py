"""What `--json` prints: models whose JSON Schemas are shipped in sync/schemas/."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from sync.change.plan import Change, FileChanges, FormChange
from sync.change.run import Result
from sync.derived.json_schema import DerivedModel
from sync.derived.record import shown_source
from sync.errors import VerbatimError
from sync.ids import RepoPath
from sync.judgement.derived_forms import FormVerdict
from sync.judgement.findings import Finding, Verdict
from sync.quoting import quote_path
from sync.record.json_schema import RecordModel
from sync.report.asked import record_digest
from sync.report.formats.json_report import Report, SignatureReport, signature_report
from sync.verify.commands import Statuses, Verified
from sync.verify.upstream import Audit

_NOT_HERE = (
    "those of the places that are not here, which is no finding: they were removed as a whole "
    "from a release, or are not checked in"
)


class _JsonObject(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ErrorOutput(_JsonObject):
    """Why a question stayed open or a command failed."""

    reference: str = Field(description="kebab-case name of the kind of error")
    message: str
    context: list[str]
    hint: str | None


class FindingOutput(_JsonObject):
    """One thing that is not as it should be."""

    rule: str
    mirror: str
    message: str
    path: str | None = Field(description="from the host's root, quoted as by git")
    difference: str | None = Field(description="how a file differs from its record")


class VerifiedMirror(_JsonObject):
    """What was found out about one mirror."""

    mirror: str
    places: list[str] = Field(description="as recorded, from the host's root")
    not_here: list[str] = Field(description=_NOT_HERE)
    clean: bool
    presence: Literal["present", "absent", "removed"]
    commit: str | None
    tree: str | None
    files: int | None
    hidden: int = Field(
        description="files that git leaves out of the working tree, judged as the index has them"
    )
    unjudged_modes: int = Field(
        description="files whose modes nothing here tells: of them only content was judged"
    )
    signature: SignatureReport | None = Field(
        description="as recorded and checked again; null where the manifest names no keys"
    )
    record: str | None = Field(
        description="SHA-256 of the record that upstream was asked about; null without --upstream"
    )
    upstream: Literal["agrees", "differs", "not-asked"] | None = Field(
        description="what upstream says of the record; null without --upstream"
    )


class VerifiedForm(_JsonObject):
    """What was found out about one derived form."""

    form: str
    recipe: str | None
    of: str | None = Field(description="what it is made of, as the manifest says it")
    places: list[str] = Field(description="as recorded, from the host's root")
    clean: bool
    presence: Literal["present", "absent", "removed"]
    made_again: bool = Field(
        description="whether it was made again and compared, and not only with its record"
    )
    not_compared: str | None = Field(description="why it could not be made again")


class VerifyOutput(_JsonObject):
    """`git verbatim verify --json`."""

    schema_: Literal[2] = Field(default=2, alias="schema")
    state: str
    clean: bool
    asked: str | None = Field(
        description="when upstreams were asked, in UTC (RFC 3339); null without --upstream"
    )
    mirrors: list[VerifiedMirror]
    forms: list[VerifiedForm]
    findings: list[FindingOutput]
    notices: list[str] = Field(description="what somebody should know, though it is nothing wrong")
    errors: list[ErrorOutput]


class StatusMirror(_JsonObject):
    """One mirror of the working tree."""

    mirror: str
    places: list[str] = Field(description="from the host's root")
    not_here: list[str] = Field(description=_NOT_HERE)
    pin: str | None
    recorded_pin: str | None
    standing: str
    hidden: int = Field(
        description="files that git leaves out of the working tree, judged as the index has them"
    )
    unjudged_modes: int = Field(
        description="files whose modes nothing here tells: of them only content was judged"
    )
    signature: SignatureReport | None = Field(
        description="as recorded; null where the manifest names no keys"
    )
    staged: bool
    altered_by_add: list[str]
    findings: list[FindingOutput]


class StatusForm(_JsonObject):
    """One derived form of the working tree."""

    form: str
    recipe: str | None
    of: str = Field(description="what it is made of, as the manifest or the record says it")
    places: list[str] = Field(description="from the host's root")
    standing: str
    staged: bool
    not_compared: str | None = Field(description="why it could not be made again")
    findings: list[FindingOutput]


class StatusOutput(_JsonObject):
    """`git verbatim status --json`."""

    schema_: Literal[2] = Field(default=2, alias="schema")
    mirrors: list[StatusMirror]
    forms: list[StatusForm]
    findings: list[FindingOutput] = Field(description="about the whole host")
    notices: list[str] = Field(description="what somebody should know, though it is nothing wrong")


class FilesOutput(_JsonObject):
    """Files that change in any of the places, relative to it, quoted as by git."""

    added: list[str]
    changed: list[str]
    removed: list[str]


class ChangeOutput(_JsonObject):
    """What happens to one mirror."""

    mirror: str
    places: list[str] = Field(description="from the host's root")
    action: Literal["add", "update", "remove"]
    old_pin: str | None
    new_pin: str | None
    old_commit: str | None
    new_commit: str | None
    old_tree: str | None
    new_tree: str | None
    files: FilesOutput
    licenses: FilesOutput
    changed_licenses: list[str] = Field(
        description="licence texts that are not as the record before had them, from the host's root"
    )


class FormChangeOutput(_JsonObject):
    """What happens to one derived form."""

    form: str
    recipe: str | None
    of: str | None
    places: list[str] = Field(description="from the host's root")
    action: Literal["make", "remake", "remove"]
    old_id: str | None = Field(description="git's id of the tree or blob that was recorded")
    new_id: str | None = Field(description="git's id of the tree or blob that was made")
    diff: list[str] = Field(
        description="what changes in its text, as a unified diff; of a binary, in the text of it"
    )


class SyncOutput(_JsonObject):
    """`git verbatim sync --json`, also of add and remove."""

    schema_: Literal[2] = Field(default=2, alias="schema")
    dry_run: bool
    changes: list[ChangeOutput]
    forms: list[FormChangeOutput]
    satisfied: list[str] = Field(description="mirrors and forms that needed no change")
    staged_only: list[str]
    commit: str | None
    rescued: list[str]


SCHEMAS: dict[str, type[BaseModel]] = {
    "derived": DerivedModel,
    "record": RecordModel,
    "report": Report,
    "status": StatusOutput,
    "sync": SyncOutput,
    "verify": VerifyOutput,
}
"""The shipped schemas, by file name without `.schema.json`."""


def error_output(error: VerbatimError) -> ErrorOutput:
    return ErrorOutput(
        reference=error.reference, message=error.message, context=error.context, hint=error.hint
    )


def verify_output(state: str, verified: Verified, audited: Audit | None) -> VerifyOutput:
    findings = [*verified.findings, *(audited.findings if audited else ())]
    errors = list(audited.errors.values()) if audited else []
    return VerifyOutput(
        state=state,
        clean=not findings and not errors,
        asked=audited.asked if audited else None,
        mirrors=[_verified(verdict, audited) for verdict in verified.verdicts],
        forms=[_verified_form(verdict) for verdict in verified.forms],
        findings=[_finding(finding) for finding in findings],
        notices=list(verified.host.notices),
        errors=[error_output(error) for error in errors],
    )


def status_output(statuses: Statuses) -> StatusOutput:
    return StatusOutput(
        mirrors=[
            StatusMirror(
                mirror=status.name,
                places=list(status.places),
                not_here=list(status.not_here),
                pin=str(status.pin) if status.pin else None,
                recorded_pin=str(status.recorded_pin) if status.recorded_pin else None,
                standing=status.standing.value,
                hidden=status.unseen.hidden,
                unjudged_modes=status.unseen.modes,
                signature=signature_report(status.signature),
                staged=status.staged,
                altered_by_add=list(status.altered_by_add),
                findings=[_finding(finding) for finding in status.findings],
            )
            for status in statuses.mirrors
        ],
        forms=[
            StatusForm(
                form=form.name,
                recipe=form.kind,
                of=form.of,
                places=list(form.places),
                standing=form.standing.value,
                staged=form.staged,
                not_compared=form.not_compared,
                findings=[_finding(finding) for finding in form.findings],
            )
            for form in statuses.forms
        ],
        findings=[_finding(finding) for finding in statuses.host.findings],
        notices=list(statuses.host.notices),
    )


def sync_output(result: Result, *, dry_run: bool) -> SyncOutput:
    return SyncOutput(
        dry_run=dry_run,
        changes=[_change(change) for change in result.plan.changes],
        forms=[_form_change(change) for change in result.plan.forms],
        satisfied=[*result.plan.satisfied, *result.plan.satisfied_forms],
        staged_only=[*result.plan.unstaged, *result.plan.unstaged_forms],
        commit=result.commit,
        rescued=list(result.rescued),
    )


def _verified(verdict: Verdict, audited: Audit | None) -> VerifiedMirror:
    record = verdict.record
    return VerifiedMirror(
        mirror=verdict.mirror,
        places=list(record.copies) if record else [],
        not_here=list(verdict.not_here),
        clean=verdict.is_clean,
        presence=verdict.presence.value,
        commit=record.upstream.commit if record else None,
        tree=record.holding.tree if record else None,
        files=len(record.files) if record else None,
        hidden=verdict.unseen.hidden,
        unjudged_modes=verdict.unseen.modes,
        signature=signature_report(record.signature if record else None),
        record=record_digest(record) if record and audited else None,
        upstream=_said(audited.agrees_on(verdict.mirror)) if audited else None,
    )


def _verified_form(verdict: FormVerdict) -> VerifiedForm:
    record, form = verdict.record, verdict.form
    source = form or record
    return VerifiedForm(
        form=verdict.name,
        recipe=source.kind if source else None,
        of=shown_source(source.of, source.of_path) if source else None,
        places=list(record.places) if record else [],
        clean=verdict.is_clean,
        presence=verdict.presence.value,
        made_again=verdict.is_made_again,
        not_compared=verdict.not_compared,
    )


def _said(agrees: bool | None) -> Literal["agrees", "differs", "not-asked"]:
    return "not-asked" if agrees is None else "agrees" if agrees else "differs"


def _finding(finding: Finding) -> FindingOutput:
    return FindingOutput(
        rule=finding.rule.value,
        mirror=finding.mirror,
        message=finding.message,
        path=finding.path,
        difference=finding.difference.value if finding.difference else None,
    )


def _change(change: Change) -> ChangeOutput:
    before, copy = change.before, change.copy
    return ChangeOutput(
        mirror=change.name,
        places=list(change.copies),
        action="remove" if copy is None else "add" if before is None else "update",
        old_pin=str(change.old_pin) if change.old_pin else None,
        new_pin=str(change.new_pin) if change.new_pin else None,
        old_commit=before.upstream.commit if before else None,
        new_commit=copy.upstream.commit if copy else None,
        old_tree=before.holding.tree if before else None,
        new_tree=copy.holding.tree if copy else None,
        files=_files(change.files),
        licenses=_files(change.licenses),
        changed_licenses=list(change.changed_licenses),
    )


def _form_change(change: FormChange) -> FormChangeOutput:
    form, before, record = change.form, change.before, change.record
    source = form or before
    return FormChangeOutput(
        form=change.name,
        recipe=source.kind if source else None,
        of=shown_source(source.of, source.of_path) if source else None,
        places=list(change.copies),
        action="remove" if record is None else "make" if before is None else "remake",
        old_id=before.id if before else None,
        new_id=record.id if record else None,
        diff=list(change.diff),
    )


def _files(changes: FileChanges) -> FilesOutput:
    return FilesOutput(
        added=_quoted(changes.added),
        changed=_quoted(changes.changed),
        removed=_quoted(changes.removed),
    )


def _quoted(paths: Sequence[RepoPath]) -> list[str]:
    return [quote_path(path) for path in paths]
