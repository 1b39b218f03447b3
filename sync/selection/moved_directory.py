"""Finds where a directory that upstream has moved lies now, by what was recorded of it; pure."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sync.errors import CouldNotCheckError
from sync.ids import Mode, ObjectId, RepoPath
from sync.limits import TREE_BYTES
from sync.model import FileFact, Holding
from sync.objects.tree import MalformedObjectError, TreeEntry, join, parse_tree
from sync.selection.object_reader import ObjectReader

_MOST_DIRECTORIES = 20_000
_HALF = 0.5


class Directory(NamedTuple):
    """A directory of an upstream's tree."""

    path: RepoPath
    tree: ObjectId
    entries: Sequence[TreeEntry]


def directories_of(root: ObjectId, reader: ObjectReader) -> list[Directory]:
    """The directories of a tree, breadth first; fewer if there are very many, or objects lack."""
    found: list[Directory] = []
    level = [(RepoPath(b""), root)]
    while level and len(found) < _MOST_DIRECTORIES:
        here = [
            Directory(path, tree, entries)
            for path, tree in level[: _MOST_DIRECTORIES - len(found)]
            if (entries := _entries(tree, reader)) is not None
        ]
        found += here
        level = [below for directory in here for below in _below(directory)]
    return found


def _below(directory: Directory) -> Iterator[tuple[RepoPath, ObjectId]]:
    for entry in directory.entries:
        if entry.mode == Mode.TREE:
            yield join(directory.path, entry.name), entry.id


def _entries(tree: ObjectId, reader: ObjectReader) -> Sequence[TreeEntry] | None:
    try:
        return parse_tree(reader.read(tree)) if reader.size(tree) <= TREE_BYTES else None
    except (CouldNotCheckError, MalformedObjectError):
        return None


def find_moved(
    source: RepoPath, recorded: Holding[FileFact], there: Sequence[Directory]
) -> RepoPath | None:
    """The directory that is most like what was recorded of `source`; None if none is like it.

    It is the same tree, or has more than half of the names in it; of several such, the one with
    most of them, then with most of the same files, then the one that is called most alike.
    """
    names = {fact.path.partition(b"/")[0] for fact in recorded.files}
    files = {(fact.path, fact.blob) for fact in recorded.files if not fact.path.count(b"/")}
    words = set(source.split(b"/"))

    def likeness(directory: Directory) -> tuple[bool, float, int, int, int]:
        same = {(entry.name, entry.id) for entry in directory.entries} & files
        common = names & {entry.name for entry in directory.entries}
        return (
            directory.tree in {recorded.upstream_tree, recorded.tree},
            len(common) / len(names),
            len(same),
            len(words & set(directory.path.split(b"/"))),
            -len(directory.path),
        )

    best = max(there, key=likeness, default=None)
    if best is None:
        return None
    is_same, in_common, *_ = likeness(best)
    return best.path if is_same or in_common > _HALF else None
