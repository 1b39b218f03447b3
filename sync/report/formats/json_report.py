"""The report as JSON for scripts: all facts, with a JSON Schema that is shipped."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from sync.judgement.findings import path_of
from sync.model.values import (
    FileFact,
    Signature,
    SignatureFormat,
    SignatureState,
    SignedObject,
)
from sync.quoting import quote_path
from sync.report.facts import (
    Asked,
    Component,
    Derived,
    Facts,
    LicenseText,
    Licensing,
    Nested,
    Origin,
    Patch,
    Recorded,
)
from sync.report.formats.sbom import json_bytes
from sync.report.links import directory_page, purl, swhid_content, swhids
from sync.report.text import iso_time
from sync.report.versions import debian_version, rpm_version


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SignatureReport(_Model):
    """The signature of the upstream's tag or commit, \
as the keys that the manifest names judge it."""  # noqa: D205, D209 - it is in the schema

    of: SignedObject
    state: SignatureState
    format: SignatureFormat | None = Field(
        description="null where there is no signature that git knows"
    )
    signer: str | None = Field(
        description="of a good one: principal of the ssh key, or user id of the OpenPGP key"
    )
    key: str | None = Field(
        description="of a good one: fingerprint of the ssh key, or of the OpenPGP primary key"
    )


class AskedReport(_Model):
    """What upstream said of a mirror's record."""

    date: str = Field(description="when it was asked, in UTC (RFC 3339)")
    agrees: bool
    found: list[str] = Field(description="the rules by which it said otherwise")


class UpstreamReport(_Model):
    """Where a mirror comes from."""

    url: str
    also_at: list[str] = Field(
        description="other repositories that have the same tree, by the manifest"
    )
    ref: str | None = Field(description="null for a mirror pinned by commit")
    tag: str | None = Field(
        description="id of the annotated tag object; null for a lightweight tag or a commit pin"
    )
    commit: str
    commit_time: str
    from_: str = Field(
        alias="from", description="directory of the upstream's tree; empty for its root"
    )
    tree: str = Field(description="git tree id of that directory")
    page: str | None = Field(description="web page of the directory at this commit")
    signature: SignatureReport | None = Field(description="null where the manifest names no keys")
    asked: AskedReport | None = Field(
        description="null: nobody asked upstream, and all is as recorded"
    )


class LicenseTextReport(_Model):
    """A licence file nearest to what was copied."""

    path: str = Field(description="from the host's root, quoted as by git")
    upstream_path: str
    blob: str
    expression: str | None = Field(
        description="SPDX expression that this very text is known to be; null: unknown"
    )
    known_by: str | None
    notice: bool = Field(
        description="whether it is known only to name the licence, without the licence's text"
    )


class LicensingReport(_Model):
    """Declared by upstream's texts, concluded by the host's owner; null: unknown."""

    declared: str | None
    declared_comment: str
    concluded: str | None
    concluded_comment: str | None
    copyright: list[str]
    texts: list[LicenseTextReport]


class OriginReport(_Model):
    """Which mirror's record has the same files as a nested copy."""

    mirror: str
    url: str
    pin: str
    commit: str
    path: str = Field(description="in the upstream's tree; empty for its root")
    same_tree: bool = Field(
        description="whether the tree id is the same; else each file's blob id is"
    )


class RecordedReport(_Model):
    """What the mirrored project has recorded of a nested copy; \
the record's proof holds, and nobody here asked that upstream."""  # noqa: D205, D209 - likewise

    by: str = Field(description="the mirror in which the record lies")
    mirror: str = Field(description="what the project calls its copy")
    url: str
    pin: str
    commit: str
    path: str = Field(description="in that upstream's tree; empty for its root")


class NestedReport(_Model):
    """A copy of something else inside a mirror."""

    path: str = Field(description="inside the mirror")
    id: str = Field(description="git tree id, or blob id of a single file")
    files: int
    origin: OriginReport | None = Field(description="null: no record of this host has it")
    recorded: RecordedReport | None = Field(
        default=None,
        exclude_if=lambda recorded: recorded is None,
        description="only where the mirrored project itself uses git-verbatim, "
        "and has recorded the copy",
    )


class FileReport(_Model):
    """One file, as the record has it and as it is."""

    paths: list[str] = Field(
        description="from the host's root, quoted as by git: in each place that is here; "
        "where no place is, in each, as recorded"
    )
    mode: str
    size: int
    sha256: str
    blob: str
    swhid: str


class VersionsReport(_Model):
    """The version by the tag, and as package managers can say it."""

    upstream: str | None = Field(
        description="null for a mirror pinned by commit, or by a tag that reads as a commit id"
    )
    rpm: str
    debian: str


class ComponentReport(_Model):
    """One mirror."""

    name: str
    places: list[str] = Field(
        description="the directories that hold the files, each all of them, from the host's root"
    )
    not_here: list[str] = Field(description="those of the places that are not here")
    presence: Literal["present", "absent", "removed"]
    unmodified: bool | None = Field(
        description="true, since all was verified; null where the files are not here"
    )
    description: str | None
    supplier: str | None
    pin: str
    version: VersionsReport
    upstream: UpstreamReport
    include: list[str]
    exclude: list[str]
    tree: str = Field(description="git tree id of the mirror")
    purl: str
    swhids: list[str]
    licensing: LicensingReport
    nested: list[NestedReport]
    files: list[FileReport]
    license_files: list[FileReport]


class InputReport(_Model):
    """What a form is made of."""

    name: str = Field(description="of a mirror or of another form")
    tree: str | None = Field(description="git tree id; null of a form that is one file")
    blob: str | None = Field(description="git blob id of a form that is one file")


class PatchReport(_Model):
    """A patch, and what its header says (DEP-3)."""

    path: str
    blob: str
    sha256: str
    why: str | None
    whose: str | None
    forwarded: str | None = Field(
        description="`no`, `not-needed` or a URL; null where the patch does not say"
    )


class ToolReport(_Model):
    """The program that made a form."""

    name: str
    version: str


class FormReport(_Model):
    """A derived form: it is made of mirrors by a recipe, and is no copy of them."""

    name: str
    form: str = Field(description="the recipe")
    form_version: int
    tool: ToolReport | None = Field(description="null where no program but git-verbatim makes it")
    of: str
    of_path: str | None = Field(description="the one file that is taken of `of`")
    inputs: list[InputReport]
    mirrors: list[str] = Field(description="all that it goes back to")
    features: list[str] | None = Field(description="null: all of them")
    patches: list[PatchReport]
    places: list[str] = Field(description="from the host's root; each holds all files")
    not_here: list[str] = Field(description="those of the places that are not here")
    presence: Literal["present", "absent", "removed"]
    tree: str | None = Field(description="git tree id of a directory; null of a file")
    licensing: LicensingReport = Field(description="as for the mirrors")
    files: list[FileReport]


class Report(_Model):
    """`git verbatim report json`."""

    schema_: Literal[2] = Field(default=2, alias="schema")
    created: str = Field(description="SOURCE_DATE_EPOCH, else the newest recorded commit time")
    components: list[ComponentReport]
    forms: list[FormReport] = Field(
        default=[],
        exclude_if=lambda forms: not forms,
        description="only where the manifest has derived forms",
    )


def render(facts: Facts) -> bytes:
    """Write the model as JSON with one key per line."""
    report = Report(
        created=iso_time(facts.timestamp),
        components=[_component(c) for c in facts.components],
        forms=[_form(form) for form in facts.forms],
    )
    return json_bytes(report.model_dump(by_alias=True))


def _form(form: Derived) -> FormReport:
    record = form.record
    return FormReport(
        name=form.name,
        form=record.kind,
        form_version=record.version,
        tool=ToolReport(**record.tool._asdict()) if record.tool else None,
        of=record.of,
        of_path=None if record.of_path is None else quote_path(record.of_path),
        inputs=[
            InputReport(
                name=one.name,
                tree=one.id if one.is_tree else None,
                blob=None if one.is_tree else one.id,
            )
            for one in record.inputs
        ],
        mirrors=[mirror.name for mirror in form.mirrors],
        features=None if record.features is None else list(record.features),
        patches=[_patch(patch) for patch in form.patches],
        places=list(record.places),
        not_here=[one for one in record.places if one not in form.here],
        presence=form.presence.value,
        tree=record.tree,
        licensing=_licensing(form.licensing),
        files=[_file(form.places, fact) for fact in record.outputs],
    )


def _patch(patch: Patch) -> PatchReport:
    story = patch.story
    return PatchReport(
        path=quote_path(patch.file.path.encode()),
        blob=patch.file.blob,
        sha256=patch.file.sha256,
        why=story.why if story else None,
        whose=story.whose if story else None,
        forwarded=story.forwarded if story else None,
    )


def _component(component: Component) -> ComponentReport:
    return ComponentReport(
        name=component.name,
        places=list(component.record.copies),
        not_here=[one for one in component.record.copies if one not in component.here],
        presence=component.presence.value,
        unmodified=True if component.is_present else None,
        description=component.mirror.description,
        supplier=component.mirror.supplier,
        pin=str(component.record.pin),
        version=VersionsReport(
            upstream=component.version,
            rpm=rpm_version(
                component.version,
                component.record.upstream.commit,
                component.record.upstream.commit_time,
            ),
            debian=debian_version(
                component.version,
                component.record.upstream.commit,
                component.record.upstream.commit_time,
            ),
        ),
        upstream=_upstream(component),
        include=list(component.record.selection.include),
        exclude=list(component.record.selection.exclude),
        tree=component.record.holding.tree,
        purl=purl(component.upstream_directory),
        swhids=swhids(component),
        licensing=_licensing(component.licensing),
        nested=[_nested(nested) for nested in component.nested],
        files=[_file(component.directories, fact) for fact in component.record.files],
        license_files=[
            _file([component.license_directory], fact) for fact in component.record.licenses
        ],
    )


def _upstream(component: Component) -> UpstreamReport:
    return UpstreamReport.model_validate(
        {
            "url": component.record.url,
            "also_at": list(component.mirror.also_at),
            "ref": component.record.pin.ref,
            "tag": component.record.upstream.tag,
            "commit": component.record.upstream.commit,
            "commit_time": component.record.upstream.commit_time,
            "from": quote_path(component.record.source),
            "tree": component.record.holding.upstream_tree,
            "page": directory_page(
                component.record.url, component.record.upstream.commit, component.record.source
            ),
            "signature": signature_report(component.record.signature),
            "asked": _asked(component.asked),
        }
    )


def _asked(asked: Asked | None) -> AskedReport | None:
    if asked is None:
        return None
    return AskedReport(date=asked.date, agrees=asked.agrees, found=list(asked.found))


def signature_report(signature: Signature | None) -> SignatureReport | None:
    """Convert a signature to its model; None if there is none."""
    if signature is None:
        return None
    return SignatureReport(
        of=signature.of,
        state=signature.state,
        format=signature.format,
        signer=signature.signer,
        key=signature.key,
    )


def _licensing(licensing: Licensing) -> LicensingReport:
    return LicensingReport(
        declared=licensing.declared,
        declared_comment=licensing.declared_comment,
        concluded=licensing.concluded,
        concluded_comment=licensing.concluded_comment,
        copyright=list(licensing.copyright),
        texts=[_text(text) for text in licensing.texts],
    )


def _text(text: LicenseText) -> LicenseTextReport:
    return LicenseTextReport(
        path=text.path,
        upstream_path=quote_path(text.upstream_path),
        blob=text.blob,
        expression=text.expression,
        known_by=text.known_by,
        notice=text.is_notice,
    )


def _nested(nested: Nested) -> NestedReport:
    return NestedReport(
        path=quote_path(nested.path),
        id=nested.tree,
        files=len(nested.files),
        origin=_origin(nested.origin) if nested.origin else None,
        recorded=_recorded(nested.recorded) if nested.recorded else None,
    )


def _recorded(recorded: Recorded) -> RecordedReport:
    return RecordedReport(
        by=recorded.by,
        mirror=recorded.mirror,
        url=recorded.url,
        pin=str(recorded.pin),
        commit=recorded.commit,
        path=quote_path(recorded.path),
    )


def _origin(origin: Origin) -> OriginReport:
    return OriginReport(
        mirror=origin.mirror,
        url=origin.url,
        pin=str(origin.pin),
        commit=origin.commit,
        path=quote_path(origin.path),
        same_tree=origin.same_tree,
    )


def _file(directories: Sequence[str], fact: FileFact) -> FileReport:
    return FileReport(
        paths=[path_of(directory, fact.path) for directory in directories],
        mode=f"{fact.mode:o}",
        size=fact.size,
        sha256=fact.sha256,
        blob=fact.blob,
        swhid=swhid_content(fact.blob),
    )
