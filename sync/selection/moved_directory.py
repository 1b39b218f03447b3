"""Finds where a directory that upstream has moved lies now, by what was recorded of it; pure."""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from sync.errors import CouldNotCheckError
from sync.ids import Mode, ObjectId, RepoPath
from sync.limits import DEPTH, PATHS_BYTES
from sync.model.mirrors import Holding
from sync.model.values import FileFact
from sync.objects.tree import MalformedObjectError, TreeEntry, join, parse_tree
from sync.selection.object_reader import ObjectReader

_MOST_DIRECTORIES = 20_000
_MOST_ENTRIES = 200_000
_MOST_TREE_BYTES = 1 << 20
_HALF = 0.5


class Directory(NamedTuple):
    """A directory of an upstream's tree."""

    path: RepoPath
    tree: ObjectId
    entries: Sequence[TreeEntry]


def directories_of(root: ObjectId, reader: ObjectReader) -> list[Directory]:
    """The directories of a tree, those near the root first.

    They are not all if there are very many, if they are very deep, or if objects lack.
    """
    found: list[Directory] = []
    parsed: dict[ObjectId, Sequence[TreeEntry]] = {}
    waiting = deque([(RepoPath(b""), root)])
    entries_left, bytes_left = _MOST_ENTRIES, PATHS_BYTES
    while waiting and len(found) < _MOST_DIRECTORIES:
        path, tree = waiting.popleft()
        if tree not in parsed:
            parsed[tree] = _entries(tree, reader)
        entries = parsed[tree]
        entries_left -= len(entries)
        bytes_left -= sum(len(path) + len(entry.name) for entry in entries)
        if entries_left < 0 or bytes_left < 0:
            break
        found.append(Directory(path, tree, entries))
        if path.count(b"/") < DEPTH:
            waiting.extend((join(path, e.name), e.id) for e in entries if e.mode == Mode.TREE)
    return found


def _entries(tree: ObjectId, reader: ObjectReader) -> Sequence[TreeEntry]:
    try:
        return parse_tree(reader.read(tree)) if reader.size(tree) <= _MOST_TREE_BYTES else ()
    except (CouldNotCheckError, MalformedObjectError):
        return ()


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
