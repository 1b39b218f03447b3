"""The pydantic models of the record's JSON, from which its JSON Schema is generated."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.dataclasses import dataclass as pydantic_dataclass

from sync.model.values import SignatureFormat, SignatureState, SignedObject

Sha1 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Base64 = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]+={0,2}$")]
Time = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$")]
Fingerprint = Annotated[
    str, StringConstraints(pattern=r"^(SHA256:[A-Za-z0-9+/]{43}|[0-9A-F]{32,64})$")
]
QuotedPath = Annotated[
    str,
    Field(
        min_length=1, description="as text, or quoted as by `git ls-files` if it is not plain UTF-8"
    ),
]

_CONFIG = ConfigDict(frozen=True, extra="forbid", strict=True)


# All fields are in alphabetical order: canonical JSON requires it, and pydantic keeps it.
@pydantic_dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid", strict=True))
class FileModel:
    """One file: its path, mode and blob id in git, size in bytes, and SHA-256 of its content."""

    blob: Sha1
    mode: Literal["100644", "100755", "120000"]
    path: QuotedPath
    sha256: Sha256
    size: Annotated[int, Field(ge=0)]


class ProofModel(BaseModel):
    """Raw git objects in base64: the commit, the annotated tags from the ref inwards, \
tree objects by id."""  # noqa: D205, D209 - one line of the JSON Schema

    model_config = _CONFIG
    commit: Base64
    tags: list[Base64]
    trees: list[Base64]


class SelectionModel(BaseModel):
    """The gitignore patterns of the manifest."""

    model_config = _CONFIG
    exclude: list[str]
    include: list[str]


class SignatureModel(BaseModel):
    """The signature of upstream's tag or commit, by the keys that the manifest named; \
`signer` and `key` are a good one's."""  # noqa: D205, D209 - one line of the JSON Schema

    model_config = _CONFIG
    format: SignatureFormat | None
    key: Annotated[
        Fingerprint | None,
        Field(description="fingerprint of the ssh key, or of the OpenPGP primary key"),
    ]
    of: SignedObject
    signer: Annotated[
        str | None,
        Field(min_length=1, description="principal of the ssh key, or user id of the OpenPGP key"),
    ]
    state: SignatureState


class UpstreamModel(BaseModel):
    """Where the copy comes from. `ref` is null for a mirror pinned by commit, \
`tag` also for a lightweight tag."""  # noqa: D205, D209 - one line of the JSON Schema

    model_config = _CONFIG
    commit: Sha1
    commit_time: Time
    from_: Annotated[str, Field(alias="from")]
    ref: str | None
    tag: Sha1 | None
    url: str


class RecordModel(BaseModel):
    """The provenance of one mirror."""

    model_config = _CONFIG | ConfigDict(title="git-verbatim provenance record")
    files: Annotated[tuple[FileModel, ...], Field(min_length=1, strict=False)]
    licenses: Annotated[tuple[FileModel, ...], Field(strict=False)]
    mirror: str
    places: Annotated[
        tuple[str, ...],
        Field(
            min_length=1,
            strict=False,
            description="the directories that hold the mirror, from the host's root, sorted",
        ),
    ]
    proof: ProofModel
    schema_: Annotated[Literal[2], Field(alias="schema")]
    selection: SelectionModel
    signature: Annotated[
        SignatureModel | None,
        Field(
            exclude_if=lambda signature: signature is None,
            description="only where the manifest names keys",
        ),
    ] = None
    tree: Annotated[Sha1, Field(description="git tree id of what is on disk")]
    upstream: UpstreamModel
    upstream_tree: Annotated[
        Sha1, Field(description="git tree id of `from` in the upstream's commit")
    ]
