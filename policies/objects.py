"""Objects by id as policies read them: the repository's, and trees that only an index implies; within bounds."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from sync.errors import HostError
from sync.git.repository import Repository
from sync.model import EMPTY_TREE, Entry, Mode, ObjectId, RepoPath
from sync.tree import MalformedObjectError, Tree, TreeEntry, build_trees, parse_tree

_MAX_PATH_BYTES = 4096
_PARSED_TREES = 4096


class Objects:
    """The objects of a repository, and trees built beside it. What is read by its id never changes, so it is kept for a while."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self._built: dict[ObjectId, bytes] = {EMPTY_TREE: b""}
        self.tree = lru_cache(_PARSED_TREES)(self._tree)

    def build(self, entries: Iterable[Entry]) -> ObjectId:
        """The id of the tree of these files, which can be read from now on."""
        trees: dict[bytes, Tree] = build_trees(entries)
        self._built |= {tree.id: tree.raw for tree in trees.values()}
        return trees[b""].id

    def read(self, object_id: ObjectId) -> bytes:
        """An object's raw content; CouldNotCheckError if it is not there."""
        built = self._built.get(object_id)
        return self.repository.read(object_id) if built is None else built

    def read_up_to(self, blob: ObjectId, limit: int) -> bytes | None:
        """A blob's content; None if it is larger than `limit` bytes."""
        return self.read(blob) if self.repository.size(blob) <= limit else None

    def _tree(self, object_id: ObjectId) -> tuple[TreeEntry, ...]:
        try:
            return tuple(parse_tree(self.read(object_id)))
        except MalformedObjectError as error:
            raise HostError(f"tree {object_id} is none that git would write", [str(error)], reference=error.reference) from error

    def entry(self, tree: ObjectId, name: bytes) -> TreeEntry | None:
        return next((entry for entry in self.tree(tree) if entry.name == name), None)

    def at(self, tree: ObjectId, path: bytes) -> TreeEntry | None:
        """What lies at a path of one component or more."""
        *parents, last = path.split(b"/")
        for component in parents:
            entry = self.entry(tree, component)
            if entry is None or entry.mode != Mode.TREE:
                return None
            tree = entry.id
        return self.entry(tree, last)

    def below(self, entry: TreeEntry | None, path: bytes) -> TreeEntry | None:
        """What lies at a path below an entry; the entry itself at the empty path."""
        if entry is None or not path:
            return entry
        return self.at(entry.id, path) if entry.mode == Mode.TREE else None

    def files(self, entry: TreeEntry, path: bytes = b"") -> Iterator[Entry]:
        """What lies below an entry, or is it: everything but directories, and directories that are empty or too deep."""
        if entry.mode != Mode.TREE:
            yield Entry(RepoPath(path), entry.mode, entry.id)
            return
        pending = [(path, entry.id)]
        while pending:
            directory, tree = pending.pop()
            children = self.tree(tree)
            if not children or len(directory) > _MAX_PATH_BYTES:
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
        """The files below an entry that none of the others has so; with `gone`, as None, what all of them have and this has not.

        What is equal by its id is not looked into. Directories that are empty or too deep count as files.
        """
        pending = [(b"", here, tuple(there))]
        while pending:
            path, here, there = pending.pop()
            if any(_is_same(here, one) for one in there) or (here is None and not there):
                continue
            below = self._children(here, path)
            lost = self._children(there[0], path) if gone and there and (here is None or here.mode == Mode.TREE) else {}
            if not below and (here is not None or not lost):
                yield path, here
            others = [self._children(one, path) for one in there] if below or lost else []
            for name in sorted(below | lost, reverse=True):
                at = path + b"/" + name if path else name
                pending.append((at, below.get(name), tuple(other.get(name) for other in others)))

    def _children(self, entry: TreeEntry | None, path: bytes) -> dict[bytes, TreeEntry]:
        if entry is None or entry.mode != Mode.TREE or len(path) > _MAX_PATH_BYTES:
            return {}
        return {child.name: child for child in self.tree(entry.id)}


def _is_same(one: TreeEntry | None, other: TreeEntry | None) -> bool:
    """Whether two entries are the same file or directory, whatever they are called."""
    return one == other if one is None or other is None else (one.mode, one.id) == (other.mode, other.id)
