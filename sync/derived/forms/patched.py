"""Makes a patched copy: a mirror's tree and committed patches, applied by git one after the other.

The contents before and after each patch have to be those that the patch names, so that the result
depends on nothing but the tree and the patches.
"""

import hashlib
import shlex
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from sync.derived.ingredients import Ingredients, Made, PatchFile
from sync.derived.patch_text import (
    DIFF,
    FilePatch,
    PatchError,
    largest_size,
    read_files,
    read_story,
)
from sync.errors import SelectionError
from sync.git.patching import PatchBoard
from sync.git.process import last_lines
from sync.ids import Mode, ObjectId, RepoPath
from sync.layout import MANIFEST_PATH
from sync.model.mirrors import Budget, Holding, Mirror
from sync.model.values import Entry, FileFact
from sync.objects.tree import hash_tree
from sync.quoting import quote_path
from sync.selection.inexact import refuse_inexact

VERSION = 1
_MOST_BYTES = 16 << 20
"""The size of a patch."""


class Applied(NamedTuple):
    """What patches made of a tree."""

    entries: Sequence[Entry]
    new: Mapping[ObjectId, bytes]
    """The contents that the tree does not have, by their blobs."""


def applied(given: Ingredients) -> Applied:
    """Apply the patches; SelectionError names the first that does not fit, file and hunk."""
    with tempfile.TemporaryDirectory(prefix="git-verbatim-") as scratch:
        board = PatchBoard(Path(scratch), given.of.files, _budget(given).file_bytes)
        for patch in given.patches:
            _apply(given, board, patch)
        entries = board.entries()
        contents = _OnBoard(given, board, entries)
        _refuse_odd(given, entries, contents)  # before anything large is read
        return Applied(entries, {blob: board.read(blob) for blob in contents.new})


def make(given: Ingredients, apply: Callable[[Ingredients], Applied] = applied) -> Made:
    """Make the copy, which has to be such as a mirror may be; SelectionError if that cannot be."""
    entries, new = apply(given)
    contents = _Contents(given, new)
    _refuse_odd(given, entries, contents)  # they may have been applied for another form
    return Made(tuple(contents.fact(entry) for entry in entries), contents.read)


def _budget(given: Ingredients) -> Budget:
    return given.mirror.budget if given.mirror else Budget()


class _OnBoard:
    """The contents of the result while git holds what patches made."""

    def __init__(self, given: Ingredients, board: PatchBoard, entries: Sequence[Entry]) -> None:
        self._of = given.of.read
        self._board = board
        known = {entry.blob for entry in given.of.files}
        self.new = {blob for _, mode, blob in entries if mode != Mode.GITLINK} - known

    def read(self, blob: ObjectId) -> bytes:
        return self._board.read(blob) if blob in self.new else self._of(blob)

    def size(self, blob: ObjectId) -> int:
        return self._board.size(blob) if blob in self.new else len(self._of(blob))


class _Contents:
    """The contents of the result: what patches made, and the rest from the mirror."""

    def __init__(self, given: Ingredients, new: Mapping[ObjectId, bytes]) -> None:
        self._of = given.of.read
        self._new = new

    def read(self, blob: ObjectId) -> bytes:
        return self._new[blob] if blob in self._new else self._of(blob)

    def size(self, blob: ObjectId) -> int:
        return len(self.read(blob))

    def fact(self, entry: Entry) -> FileFact:
        data = self.read(entry.blob)
        return FileFact(*entry, len(data), hashlib.sha256(data).hexdigest())


def _apply(given: Ingredients, board: PatchBoard, patch: PatchFile) -> None:
    files = _read(given, patch)
    before = {entry.path: entry for entry in board.entries()}
    for file in files:
        entry = before.get(RepoPath(file.old)) if file.old is not None else None
        if entry is not None and not board.has(entry.blob):
            board.add(given.of.read(entry.blob))
    anew = _way_to_make_it_anew(given, files)
    ended = board.apply(patch.path, patch.content)
    if ended.status != 0:
        if board.apply(patch.path, patch.content, "--reverse", "--check").status == 0:
            raise _refusal(
                given,
                patch,
                "is applied already: upstream has it",
                [],
                f"take it out of `patches` in {MANIFEST_PATH}",
            )
        raise _refusal(given, patch, "does not apply", last_lines(ended.said), anew)
    after = {entry.path: entry for entry in board.entries()}
    if (odd := _odd(files, before, after)) is not None:
        raise _refusal(given, patch, "is made for other contents", [odd], anew)
    if unnamed := _changed(before, after) - _named(files):
        context = [quote_path(path) for path in sorted(unnamed)]
        raise _refusal(given, patch, "changes what its headers do not name", context, anew)


def _read(given: Ingredients, patch: PatchFile) -> list[FilePatch]:
    if len(patch.content) > _MOST_BYTES:
        raise SelectionError(
            f"{patch.path} is too large for a patch",
            [f"it has {len(patch.content):,} bytes, more than {_MOST_BYTES:,}"],
            reference="patch-too-large",
        )
    most, size = _budget(given).file_bytes, largest_size(patch.content)
    if size > most:
        raise SelectionError(
            f"{patch.path} holds a file that is too large",
            [f"it says {size:,} bytes, more than {most:,}"],
            hint=f"take it out; to copy it all the same: max-file-bytes = {size} "
            f"in [mirrors.{given.of.name}]",
            reference="file-too-large",
        )
    try:
        read_story(patch.content)
        return read_files(patch.content)
    except PatchError as error:
        raise SelectionError(
            f"{patch.path} {error}", hint=error.hint, reference="patch-invalid"
        ) from error


def _odd(
    files: Sequence[FilePatch], before: dict[RepoPath, Entry], after: dict[RepoPath, Entry]
) -> str | None:
    """Which file was not, or is not, what the patch says; None if all are."""
    for file in files:
        for path, there, wanted in (
            (file.old, before, file.before),
            (file.new, after, file.after),
        ):
            if path is None or wanted is None:
                continue
            entry = there.get(RepoPath(path))
            if entry is None or entry.blob != wanted:
                when = "before" if there is before else "after"
                held = "no such file" if entry is None else f"blob {entry.blob}"
                return f"{quote_path(path)} {when} it: {held}, and the patch says {wanted}"
    return None


def _changed(before: dict[RepoPath, Entry], after: dict[RepoPath, Entry]) -> set[bytes]:
    return {entry.path for entry in {*before.values()} ^ {*after.values()}}


def _named(files: Sequence[FilePatch]) -> set[bytes]:
    return {path for file in files for path in (file.old, file.new) if path is not None}


def _way_to_make_it_anew(given: Ingredients, files: Sequence[FilePatch]) -> str:
    """A patch that was made in the host may name files from its root."""
    places = [*given.form.places, *(given.mirror.places if given.mirror else ())]
    inside = (
        f" --relative={shlex.quote(place + '/')}"
        for place in places
        if any(path.startswith(place.encode() + b"/") for path in _named(files))
    )
    return (
        f"make it anew for this tree with `{DIFF}{next(inside, '')}`, or move {given.of.name} back"
    )


def _refusal(
    given: Ingredients,
    patch: PatchFile,
    problem: str,
    context: list[str],
    hint: str,
) -> SelectionError:
    form = given.form
    return SelectionError(
        f"patch {patch.path} of form {form.name} {problem}",
        [*context, f"tree: {given.of.id} of {form.of}"],
        hint=hint,
        reference="patch-does-not-apply",
    )


def _refuse_odd(
    given: Ingredients, entries: Sequence[Entry], contents: _OnBoard | _Contents
) -> None:
    """SelectionError if the result holds what no mirror may."""
    mirror = given.mirror
    if mirror is None or not entries:
        msg = f"form {given.form.name} would be empty"
        raise SelectionError(msg, hint="take patches away", reference="patched-empty")
    judged: Mirror = replace(mirror, name=given.form.name, places=given.form.places)
    tree = hash_tree(entries)
    try:
        refuse_inexact(judged, Holding(tree, tree, tuple(entries), (), ()), contents)
    except SelectionError as error:
        raise SelectionError(
            f"form {given.form.name} would hold what no mirror may",
            [error.message, *error.context],
            hint="mend its patches",
            reference=error.reference,
        ) from error
