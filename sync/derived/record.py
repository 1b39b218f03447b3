"""The record of a derived form as a value, compared with the manifest and with its inputs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sync.ids import ObjectId, RepoPath
from sync.manifest.paths import as_written
from sync.model.mirrors import Form
from sync.model.values import FileFact, FormKind
from sync.quoting import quote_path

SCHEMA_VERSION = 1
"""The version of the format in which records of derived forms are written."""


class Tool(NamedTuple):
    """What made a form; the same version gives the same bytes on every platform."""

    name: str
    version: str


class InputFact(NamedTuple):
    """What a form was made of: a tree or, where the input is one file, a blob."""

    name: str
    id: ObjectId
    is_tree: bool


class PatchFact(NamedTuple):
    """A patch file as it was applied; its path starts at the host's root."""

    path: str
    blob: ObjectId
    sha256: str


class Content(NamedTuple):
    """What a compressed file holds."""

    blob: ObjectId
    sha256: str


@dataclass(frozen=True, slots=True)
class DerivedRecord:
    """A parsed record: what was made, by which recipe, of what."""

    name: str
    kind: FormKind
    version: int
    """The version of the recipe."""
    tool: Tool | None
    of: str
    of_path: RepoPath | None
    inputs: tuple[InputFact, ...]
    """All that it was made of, `of` among them; sorted by name."""
    features: tuple[str, ...] | None
    patches: tuple[PatchFact, ...]
    """In the order in which they were applied."""
    places: tuple[str, ...]
    """The files, or directories, that hold it, from the host's root, sorted."""
    outputs: tuple[FileFact, ...]
    """What lies in each place; the one file of a form that is a file has an empty path."""
    tree: ObjectId | None
    """The id of the tree of the outputs of a form that is a directory."""
    content: Content | None
    """What a form `gzip` holds."""
    schema: int = SCHEMA_VERSION

    @property
    def is_directory(self) -> bool:
        return self.kind.is_directory

    @property
    def id(self) -> ObjectId:
        """The id of the tree, or of the one file, that lies in each place."""
        return self.outputs[0].blob if self.tree is None else self.tree

    def differences(self, form: Form, version: int) -> list[str]:
        """Where the manifest's form and the record disagree, as phrases; none if they agree.

        `version` is that of the recipe by which the form would be made now.
        """
        return [*_differences(self, form, version)]

    def stale(self, inputs: Mapping[str, ObjectId | None]) -> list[str]:
        """The inputs that are not any more what the form was made of, sorted.

        `inputs` has the tree or blob that each has now; None where nothing is known of it.
        """
        return [one.name for one in self.inputs if inputs.get(one.name) != one.id]


def _differences(record: DerivedRecord, form: Form, version: int) -> Iterator[str]:
    tool = None if form.tool_version is None else f"wasm-tools {form.tool_version}"
    recorded_tool = None if record.tool is None else f"{record.tool.name} {record.tool.version}"
    pairs: dict[str, tuple[object, object]] = {
        "form": (record.kind.value, form.kind.value),
        "of": (shown_source(record.of, record.of_path), shown_source(form.of, form.of_path)),
        "with": (
            tuple(one.name for one in record.inputs if one.name != record.of),
            form.needs,
        ),
        "patches": (_written([one.path for one in record.patches]), _written(form.patches)),
        "features": (record.features, form.features),
        "into": (_written(record.places), _written(form.places)),
        "tools": (recorded_tool, tool),
        "version of the form": (record.version, version),
    }
    for key, (recorded, wanted) in pairs.items():
        if recorded != wanted:
            yield f"{key}: the manifest says {_shown(wanted)}, the record {_shown(recorded)}"


def shown_source(of: str, path: RepoPath | None) -> str:
    """What a form is made of, as the manifest's `of` says it."""
    return of if path is None else f"{of}:{quote_path(path)}"


def _written(places: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(as_written, places))


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "nothing"
    return "nothing" if value is None else str(value)
