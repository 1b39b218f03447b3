"""Reads from a state what derived forms are made of: mirrors, other forms, and patches."""

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from sync.derived.ingredients import Ingredients, Input, PatchFile
from sync.derived.record import DerivedRecord
from sync.errors import CouldNotCheckError, HostError, RecordError, SelectionError
from sync.git.listing import committed_files
from sync.git.repository import Repository
from sync.host.state import State, read_form_records, read_records
from sync.ids import Mode, ObjectId
from sync.layout import MANIFEST_PATH
from sync.limits import LARGEST_READ
from sync.manifest.read import Manifest
from sync.model.mirrors import Form
from sync.model.values import FileFact, path_at
from sync.objects.tree import object_id
from sync.record.record import Record

if TYPE_CHECKING:
    from sync.derived.layouts import Layouts

_REGULAR = frozenset({Mode.FILE, Mode.EXECUTABLE})


def read_patch(state: State, path: str) -> bytes | None:
    """The content of a patch; None if there is none, or if what lies there is no plain file."""
    try:
        return state.read(path, LARGEST_READ)
    except HostError as error:
        if error.reference != "irregular-file":
            raise
        return None


@dataclass
class FormInputs:
    """What forms can be made of in one state, each as its record says."""

    state: State
    manifest: Manifest
    repository: Repository | None = None
    """Where contents are looked up that the state does not hold as recorded."""
    records: Mapping[str, Record | RecordError | None] = field(default_factory=dict)
    """Records of mirrors that were read already."""
    layouts: "Layouts | None" = None
    """Where packages are laid out that several forms are made of."""
    _known: dict[str, Input | None] = field(default_factory=dict)

    def ingredients(self, form: Form) -> Ingredients:
        """All that a form is made of; HostError or CouldNotCheckError if some of it is missing."""
        inputs = {name: self.require(form, name) for name in form.inputs}
        patches = [self._patch(form, path) for path in form.patches]
        mirror = self.manifest.mirrors.get(form.of)
        laid_out = None if self.layouts is None else self.layouts.of
        return Ingredients(form, inputs, patches, mirror, self.trees, laid_out)

    def require(self, form: Form, name: str) -> Input:
        """A mirror or form that another form is made of."""
        found = self.get(name)
        if found is None:
            raise CouldNotCheckError(
                f"form {form.name} is made of {name}, of which there is no record",
                hint=f"`git verbatim sync {name} {form.name}`",
                reference="input-missing",
            )
        return found

    def get(self, name: str) -> Input | None:
        """A mirror or form as its record says; None if there is none that can be read."""
        if name not in self._known:
            self._known[name] = self._recorded(name)
        return self._known[name]

    def put(self, made: Input) -> None:
        """From now on this is what a mirror or form is, whatever its record says.

        It is read within the limits in which it will be read again.
        """
        self._known[made.name] = replace(made, read=partial(_read_within, made.name, made.read))

    def trees(self) -> Sequence[Input]:
        """All mirrors, and all forms that are trees."""
        names = [*self.manifest.mirrors, *self.manifest.forms]
        return [one for name in names if (one := self.get(name)) is not None and one.is_tree]

    def _patch(self, form: Form, path: str) -> PatchFile:
        content = read_patch(self.state, path)
        if content is None:
            raise HostError(
                f"form {form.name} has a patch that is not here as a plain file: {path}",
                hint=f"{self._way_back(path)}, or take it out of `patches` in {MANIFEST_PATH}",
                reference="patch-missing",
            )
        return PatchFile(path, content)

    def _way_back(self, path: str) -> str:
        repository = self.repository
        head = repository.commit_of("HEAD") if repository else None
        there = committed_files(repository, head, [path]) if repository else {}
        if not any(one.mode in _REGULAR for one in there.values()):
            return "put the file there"
        pathspec = shlex.quote(f":/{path}")
        return f"put it back with `git restore --source=HEAD --staged --worktree -- {pathspec}`"

    def _recorded(self, name: str) -> Input | None:
        if name in self.manifest.forms:
            made = read_form_records(self.state, [name])[name]
            if not isinstance(made, DerivedRecord):
                return None
            read = self._reader(name, made.places, made.outputs)
            entries = tuple(fact.entry for fact in made.outputs)
            return Input(name, made.id, entries, read, made.is_directory)
        record = self.records.get(name) or read_records(self.state, [name])[name]
        if not isinstance(record, Record):
            return None
        read = self._reader(name, record.copies, record.files)
        return Input(name, record.holding.tree, tuple(f.entry for f in record.files), read)

    def _reader(
        self, name: str, places: Sequence[str], facts: Sequence[FileFact]
    ) -> Callable[[ObjectId], bytes]:
        paths = {fact.blob: fact.path for fact in facts}

        def read(blob: ObjectId) -> bytes:
            for place in places if blob in paths else ():
                content = self.state.blob(os.fsdecode(path_at(place, paths[blob])))
                if content is not None and object_id("blob", content) == blob:
                    return content
            if self.repository is not None and self.repository.has(blob):
                return self.repository.read(blob)
            raise CouldNotCheckError(
                f"the content of {name} is not here as it is recorded",
                hint=f"`git verbatim sync {name}`",
                reference="input-missing",
            )

        return read


def _read_within(name: str, read: Callable[[ObjectId], bytes], blob: ObjectId) -> bytes:
    content = read(blob)
    if len(content) > LARGEST_READ:
        raise SelectionError(
            f"a file of {name} is too large for a form",
            [f"it has {len(content):,} bytes, more than {LARGEST_READ:,}: blob {blob}"],
            hint="leave it out of the mirror with `exclude`, or take the form away",
            reference="form-too-large",
        )
    return content
