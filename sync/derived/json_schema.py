"""The pydantic models of a derived form's record, from which its JSON Schema is generated."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from sync.record.json_schema import QuotedPath, Sha1, Sha256

_CONFIG = ConfigDict(frozen=True, extra="forbid", strict=True)
_Strings = Annotated[tuple[str, ...], Field(strict=False)]


# All fields are in alphabetical order: canonical JSON requires it, and pydantic keeps it.
class ContentModel(BaseModel):
    """What is compressed: its blob id in git, and the SHA-256 of its content."""

    model_config = _CONFIG
    blob: Sha1
    sha256: Sha256


class InputModel(BaseModel):
    """What the form was made of: git's id of a tree or, where it is one file, of a blob."""

    model_config = _CONFIG
    blob: Sha1 | None
    name: str
    tree: Sha1 | None


class OfModel(BaseModel):
    """What the form was made of; `path` is null unless one file of a directory was taken."""

    model_config = _CONFIG
    name: str
    path: QuotedPath | None


class OutputModel(BaseModel):
    """One file that was made; `path` is null where the place is the file."""

    model_config = _CONFIG
    blob: Sha1
    mode: Literal["100644", "100755", "120000"]
    path: QuotedPath | None
    sha256: Sha256
    size: Annotated[int, Field(ge=0)]


class PatchModel(BaseModel):
    """A patch file, by its path from the host's root."""

    model_config = _CONFIG
    blob: Sha1
    path: QuotedPath
    sha256: Sha256


class ToolModel(BaseModel):
    """The tool that made it, in the only version that makes the same bytes."""

    model_config = _CONFIG
    name: Literal["wasm-tools"]
    version: str


class DerivedModel(BaseModel):
    """The provenance of one derived form."""

    model_config = _CONFIG | ConfigDict(title="git-verbatim record of a derived form")
    content: Annotated[ContentModel | None, Field(description="only of a form `gzip`")]
    features: Annotated[
        _Strings | None, Field(description="of WIT packages; null stands for all of them")
    ]
    form: str
    form_version: Annotated[int, Field(ge=1, description="the version of the recipe")]
    inputs: Annotated[tuple[InputModel, ...], Field(min_length=1, strict=False)]
    name: str
    of: OfModel
    outputs: Annotated[tuple[OutputModel, ...], Field(min_length=1, strict=False)]
    patches: Annotated[tuple[PatchModel, ...], Field(strict=False)]
    places: Annotated[
        tuple[str, ...],
        Field(
            min_length=1,
            strict=False,
            description="the files or directories that hold it, from the host's root, sorted",
        ),
    ]
    schema_: Annotated[Literal[1], Field(alias="schema")]
    tool: ToolModel | None
    tree: Annotated[
        Sha1 | None, Field(description="git tree id of a directory; null where it is one file")
    ]
