"""The pydantic models of the manifest's tables and keys, as people write them."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

Line = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\x00-\x1f\x7f]*$")]
# TOML has lists. They become tuples here, so that equal tables have equal hashes.
_Lines = Annotated[tuple[Line, ...], Field(strict=False, max_length=1000)]
_LineOrLines = Annotated[
    tuple[Line, ...],
    Field(strict=False, min_length=1, max_length=1000),
    BeforeValidator(lambda given: [given] if isinstance(given, str) else given),
]
_Count = Annotated[int | None, Field(ge=1)]


class _Table(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        defer_build=True,
        strict=True,
        alias_generator=lambda name: name.rstrip("_").replace("_", "-"),
    )


class _Budgeted(_Table):
    """The keys that limit how much a mirror may hold."""

    max_files: _Count = None
    max_bytes: _Count = None
    max_file_bytes: _Count = None
    max_depth: _Count = None


class _Signed(_Table):
    """The keys that say what has to be signed, and which files hold the accepted keys."""

    require_signature: Literal["tag", "commit"] | None = None
    allowed_signers: Line | None = None
    keyring: Line | None = None


class _Licensed(_Table):
    """The keys that say whose work it is, and under which licence."""

    supplier: Line | None = None
    license: Line | None = None
    license_comment: Line | None = None


class DefaultsTable(_Budgeted, _Signed, _Licensed):
    """The table `[defaults]`: what mirrors have in common."""

    checked_in: bool = True


class _OfUpstream(_Budgeted, _Signed, _Licensed):
    """The keys that a mirror says itself, or an upstream for all mirrors that name it."""

    tag: Line | None = None
    commit: Line | None = None
    local: bool = False
    allow: _Lines = ()
    also_at: _Lines = ()


class UpstreamTable(_OfUpstream):
    """One table `[upstreams."name"]`: what all mirrors say that name it."""

    url: Line


class MirrorTable(_OfUpstream):
    """One table `[mirrors."name"]`, as people write it."""

    upstream: Line | None = None
    url: Line | None = None
    from_: Line | None = None
    into: _LineOrLines | None = None
    include: _Lines = ()
    exclude: _Lines = ()
    checked_in: bool | None = None
    description: Line | None = None


class DerivedTable(_Table):
    """One table `[derived."name"]`, as people write it."""

    form: Line
    of: Line
    with_: _Lines = ()
    patches: _Lines = ()
    features: Annotated[_Lines | None, Field(min_length=1)] = None
    into: _LineOrLines
    checked_in: bool | None = None


class ToolTable(_Table):
    """One table `[tools.NAME]`: the only version of a tool that makes derived forms."""

    version: Line


class ToolsTable(_Table):
    """The tables `[tools.NAME]`."""

    wasm_tools: ToolTable | None = None


class CommitTable(_Table):
    """The table `[commit]`: how commits of the tool call themselves."""

    subject: Line | None = None


class HostTable(_Table):
    """The table `[host]`: what the host has of its own beside mirrors, and what it seals."""

    own: _Lines = ()
    sealed: _Lines = ()


class PolicyTable(_Table):
    """The table `[policy]`: what policies refuse besides."""

    upstreams: _Lines | None = None


class ManifestTable(_Table):
    """The whole manifest."""

    commit: CommitTable = CommitTable()
    host: HostTable = HostTable()
    policy: PolicyTable = PolicyTable()
    defaults: DefaultsTable = DefaultsTable()
    upstreams: dict[str, UpstreamTable] = Field(default={})
    mirrors: dict[str, MirrorTable] = Field(default={})
    tools: ToolsTable = ToolsTable()
    derived: dict[str, DerivedTable] = Field(default={})
