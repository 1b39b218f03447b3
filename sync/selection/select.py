"""Selects what a mirror takes of an upstream tree, and the licence files that cover it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sync.ids import Mode, ObjectId, RepoPath
from sync.limits import DEPTH, ENTRIES, PATH_BYTES, PATHS_BYTES, PATTERN_STEPS
from sync.model.mirrors import Holding, Selection
from sync.model.values import Entry
from sync.objects.tree import (
    MalformedObjectError,
    TreeEntry,
    hash_tree,
    join,
    object_id,
    parse_tree_at,
)
from sync.selection.license_files import covering_licenses
from sync.selection.patterns import Pattern, last_match, parse_pattern

_RECENT_TREES = 64

ReadTree = Callable[[ObjectId], bytes]
"""Gives the raw content of a tree object by its id; its errors pass through."""


@dataclass(frozen=True, slots=True)
class Selected:
    """What a selection takes of an upstream tree."""

    holding: Holding[Entry]
    unused: tuple[tuple[str, str], ...]
    """Patterns that match nothing, as (key, pattern)."""


class SourceError(Exception):
    """The upstream tree has no directory at `source`."""

    def __init__(self, path: bytes, entry: TreeEntry | None, siblings: list[TreeEntry]) -> None:
        super().__init__(path)
        self.path = path
        self.is_file = entry is not None
        self.siblings = siblings


def select(
    root: ObjectId,
    selection: Selection,
    read_tree: ReadTree,
    known: tuple[ObjectId, tuple[Entry, ...]] | None = None,
) -> Selected:
    """What the selection takes of the upstream tree `root`.

    `known` is the id of a tree, and its files by path. If this is the tree at `selection.source`
    and nothing is left out, no walk is needed.

    Raises SourceError if there is no such directory, and MalformedObjectError for trees that cannot
    be copied.
    """
    source = selection.source
    ancestors, source_tree = _descend(root, source, read_tree)
    walk = _Walk(selection, read_tree)
    if known is not None and known[0] == source_tree and selection.is_everything:
        walk.entries.extend(known[1])
    else:
        walk.directory(source_tree, RepoPath(b""), included=False)
    proof = {tree: raw for _, tree, raw in ancestors} | walk.incomplete
    if source_tree in walk.incomplete:
        ancestors.append((source, source_tree, walk.incomplete[source_tree]))
    holding = Holding(
        upstream_tree=source_tree,
        tree=hash_tree(walk.entries) if walk.incomplete else source_tree,
        files=tuple(sorted(walk.entries)),
        licenses=covering_licenses(source, ancestors, walk.entries),
        proof_trees=tuple(proof[tree] for tree in sorted(proof)),
    )
    return Selected(holding, walk.unused)


Ancestors = list[tuple[RepoPath, ObjectId, bytes]]


def _descend(root: ObjectId, source: RepoPath, read_tree: ReadTree) -> tuple[Ancestors, ObjectId]:
    """The directories above `source`, outermost first, and the tree id of `source` itself.

    Each directory is given as (path, id, raw tree).
    """
    ancestors: Ancestors = []
    tree, walked = root, RepoPath(b"")
    for component in source.split(b"/") if source else ():
        raw = _read(read_tree, tree, walked)
        ancestors.append((walked, tree, raw))
        entries = parse_tree_at(raw, walked)
        entry = next((e for e in entries if e.name == component), None)
        walked = join(walked, component)
        if entry is None or entry.mode != Mode.TREE:
            raise SourceError(walked, entry, entries)
        tree = entry.id
    return ancestors, tree


class _Walk:
    """One walk over a tree; collects what is selected, and the trees that this cannot rebuild."""

    def __init__(self, selection: Selection, read_tree: ReadTree) -> None:
        self.entries: list[Entry] = []
        self.incomplete: dict[ObjectId, bytes] = {}
        self._read_tree = read_tree
        self._entries_left = ENTRIES
        self._bytes_left = PATHS_BYTES
        self._steps_left = PATTERN_STEPS
        self._recent: dict[ObjectId, tuple[bytes, list[TreeEntry]]] = {}
        self._takes_everything = selection.is_everything
        self._include = _parse_all(selection.include)
        self._exclude = _parse_all(selection.exclude)
        self._unused = list(_single_patterns(selection))
        self._steps = sum(pattern.steps for pattern in (*self._include, *self._exclude))

    @property
    def unused(self) -> tuple[tuple[str, str], ...]:
        return tuple((key, line) for key, line, _ in self._unused)

    def directory(self, tree: ObjectId, path: RepoPath, *, included: bool) -> bool:
        """Walk one directory; True if what is taken of it is enough to rebuild its tree."""
        if path.count(b"/") >= DEPTH:
            raise MalformedObjectError(
                "tree-too-deep", f"it is deeper than {DEPTH} directories", path
            )
        raw, entries = self._read(tree, path)
        if not entries and path:
            raise MalformedObjectError(
                "empty-directory", "it is a directory without files, which no disk copy shows", path
            )
        self._entries_left -= len(entries)
        if self._entries_left < 0:
            raise MalformedObjectError(
                "tree-too-large", f"it has more than {ENTRIES} entries", path
            )
        before, whole = len(self.entries), True
        for entry in entries:
            whole &= self._entry(entry, join(path, entry.name), included=included)
        whole &= len(self.entries) > before
        if not whole:
            self.incomplete[tree] = raw
        return whole

    def _read(self, tree: ObjectId, path: RepoPath) -> tuple[bytes, list[TreeEntry]]:
        """A tree, remembered while it recurs: a few objects can name millions of paths."""
        if tree not in self._recent:
            if len(self._recent) >= _RECENT_TREES:
                self._recent.clear()
            raw = _read(self._read_tree, tree, path)
            self._recent[tree] = raw, parse_tree_at(raw, path)
        return self._recent[tree]

    def _entry(self, entry: TreeEntry, path: RepoPath, *, included: bool) -> bool:
        """Walk one entry; True if what is taken of it is enough to rebuild it."""
        is_directory = entry.mode == Mode.TREE
        if self._takes_everything:
            included = True
        elif self._leaves_out(path, is_directory=is_directory):
            return False
        else:
            included = (
                included
                or not self._include
                or last_match(self._include, path, is_directory=is_directory)
            )
        if is_directory:
            return self.directory(entry.id, path, included=included)
        if included:
            self._take(Entry(path, entry.mode, entry.id))
        return included

    def _take(self, entry: Entry) -> None:
        directory = RepoPath(entry.path.rpartition(b"/")[0])
        if len(entry.path) > PATH_BYTES:
            raise MalformedObjectError(
                "path-too-long", f"it has paths longer than {PATH_BYTES} bytes", directory
            )
        self._bytes_left -= len(entry.path)
        if self._bytes_left < 0:
            raise MalformedObjectError(
                "tree-too-large",
                f"its paths together have more than {PATHS_BYTES} bytes",
                directory,
            )
        self.entries.append(entry)

    def _leaves_out(self, path: RepoPath, *, is_directory: bool) -> bool:
        self._steps_left -= self._steps * (1 + len(path) // 64)
        if self._steps_left < 0:
            directory = RepoPath(path.rpartition(b"/")[0])
            raise MalformedObjectError(
                "patterns-too-many", "there are too many patterns for so many entries", directory
            )
        self._unused = [
            use for use in self._unused if not use[2].matches(path, is_directory=is_directory)
        ]
        return last_match(self._exclude, path, is_directory=is_directory)


def _read(read_tree: ReadTree, tree: ObjectId, path: RepoPath) -> bytes:
    """The raw tree of this id; MalformedObjectError if the object is of another kind.

    A blob whose content reads like a tree is no tree: its id is a blob's.
    """
    raw = read_tree(tree)
    if object_id("tree", raw) != tree:
        raise MalformedObjectError("object-wrong-kind", "it is no tree object", path)
    return raw


def _parse_all(lines: tuple[str, ...]) -> tuple[Pattern, ...]:
    return tuple(pattern for pattern in map(parse_pattern, lines) if pattern is not None)


def _single_patterns(selection: Selection) -> Iterator[tuple[str, str, Pattern]]:
    for key, lines in (("include", selection.include), ("exclude", selection.exclude)):
        yield from (
            (key, line, pattern) for line in lines if (pattern := parse_pattern(line)) is not None
        )
