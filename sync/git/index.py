"""Entries in a git index, by blob id: nothing is read from files, nothing filtered."""

import os
from collections.abc import Iterable

from pygit2.enums import FileMode

from sync.git.libgit2 import pygit2
from sync.model import Entry

_FILE_MODES = {mode.value: mode for mode in (FileMode.BLOB, FileMode.BLOB_EXECUTABLE, FileMode.LINK, FileMode.COMMIT)}


def edit_index(index: pygit2.Index, directories: Iterable[bytes], wanted: Iterable[Entry]) -> bool:
    """Make what is staged in (or at) `directories` exactly `wanted`, by blob id; whether anything changed."""
    inside = tuple(os.fsdecode(d) + "/" for d in directories)
    names = {directory[:-1] for directory in inside}
    goal = {os.fsdecode(e.path): e for e in wanted}
    staged = {e.path: (int(e.mode), str(e.id)) for e in index if e.path in names or e.path.startswith(inside)}
    conflicted = _conflicted_paths(index, names, inside)
    surplus = staged.keys() - goal.keys()
    missing = [e for p, e in goal.items() if staged.get(p) != (e.mode, e.blob) or p in conflicted]
    for path in conflicted:
        del index.conflicts[path]
    for path in surplus - conflicted:
        index.remove(path)
    for entry in sorted(missing):
        index.add(pygit2.IndexEntry(os.fsdecode(entry.path), pygit2.Oid(hex=entry.blob), _FILE_MODES[entry.mode]))
    return bool(conflicted or surplus or missing)


def _conflicted_paths(index: pygit2.Index, names: set[str], inside: tuple[str, ...]) -> set[str]:
    if index.conflicts is None:
        return set()
    paths = {side.path for conflict in index.conflicts for side in conflict if side is not None}
    return {path for path in paths if path in names or path.startswith(inside)}
