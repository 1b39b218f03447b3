"""What a derived form is made of and what is made, as values."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sync.derived.record import Content
from sync.ids import Mode, ObjectId, RepoPath
from sync.model.mirrors import Form, Mirror
from sync.model.values import Entry, FileFact
from sync.objects.tree import object_id

THE_FILE = RepoPath(b"")
"""The path of the one file of a form that is a file."""


@dataclass(frozen=True, slots=True)
class Input:
    """A mirror or a form that something is made of."""

    name: str
    id: ObjectId
    """Its tree; of a form that is one file, its blob."""
    files: tuple[Entry, ...]
    """Sorted by path; the one file of a form that is a file has an empty path."""
    read: Callable[[ObjectId], bytes] = field(compare=False)
    """Gives the content of a blob; CouldNotCheckError if it is not here."""
    is_tree: bool = True


@dataclass(frozen=True, slots=True)
class PatchFile:
    """A patch as it lies in the host; its path starts at the host's root."""

    path: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Ingredients:
    """All that a form is made of."""

    form: Form
    inputs: Mapping[str, Input]
    patches: Sequence[PatchFile] = ()
    mirror: Mirror | None = None
    """The mirror whose rules hold for a form `patched`."""
    others: Callable[[], Sequence[Input]] = tuple
    """What else the manifest has; asked only to say what is missing."""
    laid_out: Callable[[Input, Sequence[Input]], Path] | None = None
    """Gives the directory in which a package and what it needs lie, for all forms of them."""

    @property
    def of(self) -> Input:
        return self.inputs[self.form.of]

    @property
    def needs(self) -> list[Input]:
        """What the manifest's `with` names."""
        return [self.inputs[name] for name in self.form.needs]


@dataclass(frozen=True, slots=True)
class Made:
    """What a recipe made."""

    outputs: tuple[FileFact, ...]
    """Sorted by path; the one file of a form that is a file has an empty path."""
    read: Callable[[ObjectId], bytes] = field(compare=False)
    """Gives the content of each output by its blob."""
    content: Content | None = None
    """What a form `gzip` holds."""


def one_file(data: bytes, content: Content | None = None) -> Made:
    """What is made, where that is one plain file."""
    fact = fact_of(THE_FILE, Mode.FILE, data)
    return Made((fact,), {fact.blob: data}.__getitem__, content)


def fact_of(path: RepoPath, mode: int, data: bytes) -> FileFact:
    """The fact of a file with this content."""
    sha256 = hashlib.sha256(data).hexdigest()
    return FileFact(path, mode, object_id("blob", data), len(data), sha256)
