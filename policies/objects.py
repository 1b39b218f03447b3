"""Read objects by id within bounds: the repository's, and trees that only an index implies."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import groupby

from sync.errors import HostError
from sync.git.repository import Repository
from sync.ids import EMPTY_TREE, Mode, ObjectId, RepoPath
from sync.judgement.findings import ReadFile
from sync.limits import ENTRIES, EXPLAINED_BYTES, OWN_FILE_BYTES, PATH_BYTES, TREE_BYTES
from sync.model.values import Entry, FileFact, path_at
from sync.objects.tree import (
    Directories,
    MalformedObjectError,
    TreeEntry,
    dump_tree,
    object_id,
    parse_tree,
)

_KEPT_TREES = 4096
_KEPT_TEXTS = 4


class Objects:
    """The objects of a repository, and trees built beside it.

    An object with a given id never changes, so it is kept for a while.
    """

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self._built: dict[ObjectId, bytes] = {EMPTY_TREE: b""}
        self._parsed: dict[ObjectId, Mapping[bytes, TreeEntry]] = {}
        self._kept_entries = 0
        self.digest: Callable[[ObjectId], tuple[int, str]] = lru_cache(_KEPT_TREES)(
            repository.digest
        )
        self._encoded = lru_cache(_KEPT_TEXTS)(lambda paths: tuple(map(os.fsencode, paths)))
        self._at_each = lru_cache(_KEPT_TREES)(self._look_up)
        self.text: Callable[[ObjectId], str] = lru_cache(_KEPT_TEXTS)(self._text)

    def overlay(self, entries: Iterable[TreeEntry], changes: Iterable[Entry]) -> ObjectId:
        """Return the id of the tree of these entries after these changes of files in it.

        A change of mode 0 removes the file. The tree can be read from now on. Only the trees above
        changed files are read, however much lies beside them.
        """
        trees = {b"": {entry.name: entry for entry in entries}}
        directories = Directories()
        for path, mode, blob in changes:
            for directory in reversed(_bounded(directories.above, path)):
                parent, _, name = directory.rpartition(b"/")
                entry = trees[parent].get(name)
                trees[directory] = (
                    dict(self._entries(entry.id)) if entry and entry.mode == Mode.TREE else {}
                )
            parent, _, name = path.rpartition(b"/")
            trees[parent].pop(name, None)
            if mode:
                trees[parent][name] = TreeEntry(name, mode, blob)
        return self._fold(trees)

    def _fold(self, trees: dict[bytes, dict[bytes, TreeEntry]]) -> ObjectId:
        """Build the trees, innermost first, and return the id of the root.

        A directory without files is removed. A directory with files takes the place of a file.
        """
        for directory in sorted(
            trees, key=lambda path: path.count(b"/") + bool(path), reverse=True
        ):
            raw = dump_tree(trees[directory].values())
            tree = object_id("tree", raw)
            self._built[tree] = raw
            parent, _, name = directory.rpartition(b"/")
            if directory and raw:
                trees[parent][name] = TreeEntry(name, Mode.TREE, tree)
            elif directory and (old := trees[parent].get(name)) and old.mode == Mode.TREE:
                del trees[parent][name]
        return tree

    def read(self, object_id: ObjectId) -> bytes:
        """Return an object's raw content; CouldNotCheckError if it is not there."""
        built = self._built.get(object_id)
        return self.repository.read(object_id) if built is None else built

    def read_up_to(self, blob: ObjectId, limit: int) -> bytes | None:
        """Return a blob's content, or None if it is larger than `limit` bytes."""
        return self.repository.read_up_to(blob, limit)

    def explaining(self, blob: ObjectId | None) -> bytes | None:
        """Return a blob's content, if there is one that a finding can be explained by."""
        return None if blob is None else self.read_up_to(blob, EXPLAINED_BYTES)

    def explaining_what(self, held: Mapping[str, Sequence[FileFact]]) -> ReadFile:
        """Return what reads, by paths from the host's root, the files that places hold."""
        # Nobody asks for them where nothing is wrong.
        blobs = cache(
            lambda: {
                path_at(place, fact.path): fact.blob
                for place, facts in held.items()
                for fact in facts
            }
        )
        return lambda path: self.explaining(blobs().get(path_at(path, b"")))

    def _text(self, blob: ObjectId) -> str:
        return (self.read_up_to(blob, OWN_FILE_BYTES) or b"").decode("utf-8", "replace")

    def tree(self, tree: ObjectId) -> Collection[TreeEntry]:
        """Return the entries of a tree, in its order."""
        return self._entries(tree).values()

    def _entries(self, tree: ObjectId) -> Mapping[bytes, TreeEntry]:
        found = self._parsed.get(tree)
        if found is None:
            found = {entry.name: entry for entry in self._parse(tree)}
            self._kept_entries += len(found)
            if self._kept_entries > ENTRIES or len(self._parsed) >= _KEPT_TREES:
                self._parsed.clear()
                self._kept_entries = len(found)
            self._parsed[tree] = found
        return found

    def _parse(self, tree: ObjectId) -> list[TreeEntry]:
        raw = self._built.get(tree)
        try:
            return parse_tree(self.repository.read_within(tree, TREE_BYTES) if raw is None else raw)
        except MalformedObjectError as error:
            raise HostError(
                f"tree {tree} is none that git would write", [str(error)], reference=error.reference
            ) from error

    def entry(self, tree: ObjectId, name: bytes) -> TreeEntry | None:
        return self._entries(tree).get(name)

    def at(self, tree: ObjectId, path: bytes) -> TreeEntry | None:
        """Return the entry at a path of one component or more, or None."""
        *parents, last = path.split(b"/")
        for component in parents:
            entry = self.entry(tree, component)
            if entry is None or entry.mode != Mode.TREE:
                return None
            tree = entry.id
        return self.entry(tree, last)

    def at_each(self, tree: ObjectId, paths: tuple[str, ...]) -> tuple[TreeEntry | None, ...]:
        """Return the entry at each of these paths, or None; sorted paths cost least.

        A tree in which the same paths were looked up before is not looked into again.
        """
        return self._at_each(tree, self._encoded(paths))

    def _look_up(self, tree: ObjectId, paths: tuple[bytes, ...]) -> tuple[TreeEntry | None, ...]:
        found: list[TreeEntry | None] = []
        for name, below in _by_directory(paths):
            entry = self.entry(tree, name)
            if not below:
                found.append(entry)
            elif entry is None or entry.mode != Mode.TREE:
                found += [None] * len(below)
            else:
                found += self._at_each(entry.id, below)
        return tuple(found)

    def below(self, entry: TreeEntry | None, path: bytes) -> TreeEntry | None:
        """Return the entry at a path below an entry, or None.

        At the empty path it is the entry itself.
        """
        if entry is None or not path:
            return entry
        return self.at(entry.id, path) if entry.mode == Mode.TREE else None

    def files(self, entry: TreeEntry, path: bytes = b"") -> Iterator[Entry]:
        """Yield the files below an entry, or the entry itself if it is a file.

        Everything but a directory is a file, and so is a directory that is empty or too deep. There
        is no end of files in a tree that names few others many times, so the caller takes only as
        many as it can use.
        """
        if entry.mode != Mode.TREE:
            yield Entry(RepoPath(path), entry.mode, entry.id)
            return
        pending = [(path, entry.id)]
        while pending:
            directory, tree = pending.pop()
            children = self.tree(tree)
            if not children or len(directory) > PATH_BYTES:
                yield Entry(RepoPath(directory), Mode.TREE, tree)
                continue
            for child in children:
                below = directory + b"/" + child.name if directory else child.name
                if child.mode == Mode.TREE:
                    pending.append((below, child.id))
                else:
                    yield Entry(RepoPath(below), child.mode, child.id)

    def changed(
        self, here: TreeEntry | None, there: Sequence[TreeEntry | None], *, gone: bool
    ) -> Iterator[tuple[bytes, TreeEntry | None]]:
        """Yield the files below an entry that none of the other entries has with that mode and id.

        With `gone`, also yield, as None, the files that all the others have and this entry lacks.
        Directories with equal ids are not looked into. A directory that is empty or too deep counts
        as a file. After very many entries the remaining directories count as files too, since trees
        that name few others many times never come to an end.
        """
        left = 2 * ENTRIES
        pending = [(b"", here, tuple(there))]
        while pending:
            path, here, there = pending.pop()
            if any(_is_same(here, one) for one in there) or (here is None and not there):
                continue
            below = self._children(here, path)
            lost = (
                self._children(there[0], path)
                if gone and there and (here is None or here.mode == Mode.TREE)
                else {}
            )
            if not below and (here is not None or not lost):
                yield path, here
            others = [self._children(one, path) for one in there] if below or lost else []
            left -= sum(map(len, (below, *others)))
            if left < 0:
                yield path, here
                continue
            for name in sorted(below.keys() | lost.keys(), reverse=True):
                at = path + b"/" + name if path else name
                pending.append((at, below.get(name), tuple(other.get(name) for other in others)))

    def _children(self, entry: TreeEntry | None, path: bytes) -> Mapping[bytes, TreeEntry]:
        if entry is None or entry.mode != Mode.TREE or len(path) > PATH_BYTES:
            return {}
        return self._entries(entry.id)


@lru_cache(_KEPT_TREES)
def _by_directory(paths: tuple[bytes, ...]) -> tuple[tuple[bytes, tuple[bytes, ...]], ...]:
    """Return the first component of paths, each with the rest of those below it, in their order."""
    split = [path.partition(b"/") for path in paths]
    return tuple(
        (name, tuple(rest for _, _, rest in those) if slash else ())
        for (name, slash), those in groupby(split, key=lambda parts: parts[:2])
    )


def _is_same(one: TreeEntry | None, other: TreeEntry | None) -> bool:
    """Whether two entries are the same file or directory, whatever they are called."""
    return (
        one == other
        if one is None or other is None
        else (one.mode, one.id) == (other.mode, other.id)
    )


def _bounded(above: Callable[[bytes], list[bytes]], path: bytes) -> list[bytes]:
    try:
        return above(path)
    except MalformedObjectError as error:
        raise HostError(
            "what is staged changes more directories than are judged",
            [str(error)],
            hint="look at `git diff --cached --stat`",
            reference=error.reference,
        ) from error
