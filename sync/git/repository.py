"""A repository opened with libgit2: objects, refs, trees and the index, as plain types."""

import hashlib
import os
import shlex
import zlib
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Self, TypeVar

from sync.errors import BlockedCacheError, HostError, MissingObjectError
from sync.git.bulk import digest_blob, read_objects
from sync.git.environment import refuse_moved
from sync.git.index import Index
from sync.git.libgit2 import (
    FAILURES,
    ObjectType,
    RepositoryOpenFlag,
    RepositoryState,
    attempting,
    foreign,
    pygit2,
    words,
)
from sync.git.loose import LooseObjects
from sync.git.missing_objects import completion
from sync.git.process import is_reached, resolve_commit
from sync.ids import Mode, ObjectId, RepoPath
from sync.limits import DEPTH, ENTRIES, PATHS_BYTES, TREE_BYTES
from sync.model.values import Entry
from sync.objects.commits import commit_tree
from sync.objects.tree import TreeEntry, parse_tree
from sync.objects.tree import object_id as hash_object

# As with git's own fetch.unpackLimit, fewer objects become loose ones, and more become one pack.
UNPACK_LIMIT = 100
_T = TypeVar("_T")
# A loose object begins with its kind and size (gitformat-loose).
_HEADER_BYTES = 64
_LARGE_BYTES = 8 << 20
_KEPT_TREES, _KEPT_ENTRIES = 32, 1000

_KINDS = {
    kind.value: kind.name.lower()
    for kind in (ObjectType.COMMIT, ObjectType.TREE, ObjectType.BLOB, ObjectType.TAG)
}

_IN_PROGRESS = {
    RepositoryState.MERGE: "merge",
    RepositoryState.REVERT: "revert",
    RepositoryState.REVERT_SEQUENCE: "revert",
    RepositoryState.CHERRYPICK: "cherry-pick",
    RepositoryState.CHERRYPICK_SEQUENCE: "cherry-pick",
    RepositoryState.REBASE: "rebase",
    RepositoryState.REBASE_INTERACTIVE: "rebase",
    RepositoryState.REBASE_MERGE: "rebase",
    RepositoryState.APPLY_MAILBOX: "git am",
    RepositoryState.APPLY_MAILBOX_OR_REBASE: "rebase",
}


_HOSTS = "this repository"


class Repository:
    """A git repository, which is an `ObjectReader` too.

    `read` and `size` raise CouldNotCheckError for an object that is not there.
    """

    def __init__(
        self, repository: pygit2.Repository, whose: str = _HOSTS, hint: str | None = None
    ) -> None:
        self._repository = repository
        self._whose = whose
        self.hint = hint
        """What to do about objects that cannot be read here."""
        self._looked_in: dict[ObjectId, Mapping[bytes, TreeEntry]] = {}
        self._loose = LooseObjects(self.common_directory / "objects")

    @classmethod
    def discover(cls, directory: Path) -> Self | None:
        """The repository of `directory` or of the environment; None if there is none.

        Raises HostError if libgit2 cannot open it.
        """
        flags = RepositoryOpenFlag.FROM_ENV
        named = os.environ.get("GIT_DIR")
        if named is not None:
            flags |= RepositoryOpenFlag.NO_SEARCH | RepositoryOpenFlag.NO_DOTGIT
        try:
            opened = pygit2.Repository(named or str(directory), flags)
            if "GIT_WORK_TREE" in os.environ:
                # For a bare repository libgit2 itself ignores this variable.
                opened.workdir = os.environ["GIT_WORK_TREE"]
        except KeyError:
            return None
        except FAILURES as error:
            if "not find repository" in str(error) or "repository not found" in str(error).lower():
                return None
            kind = foreign(error)
            raise HostError(
                f"this git repository cannot be used: {kind.why}"
                if kind
                else "cannot open the git repository here",
                [f"directory: {directory}", words(error)],
                hint=kind.way_out if kind else "`git status` may say more",
                reference="repository-unsupported",
            ) from error
        found = cls(opened)
        found._see_pushed_objects()
        return found

    def refuse_moved(self) -> None:
        """Raise HostError if the environment moves git's index or objects out of the repository."""
        refuse_moved(self.git_directory, self.common_directory)

    def _see_pushed_objects(self) -> None:
        """Also look into the quarantine of a push (git-receive-pack).

        By itself libgit2 reads no path there that holds a colon or a quote.
        """
        if quarantine := os.environ.get("GIT_QUARANTINE_PATH"):
            for objects in (quarantine, str(self.common_directory / "objects")):
                self._repository.odb.add_disk_alternate(objects)

    @classmethod
    def open_cache(cls, path: Path) -> Self:
        """The bare repository that git has fetched into.

        Raises HostError with the reference `cache-damaged` if there is none.
        """
        try:
            remedy = "mirror from a repository that has everything"
            return cls(
                pygit2.Repository(str(path), RepositoryOpenFlag.NO_SEARCH),
                "what the upstream sent",
                remedy,
            )
        except FAILURES as error:
            hint = f"remove {path}: it is a cache, and will be fetched again"
            raise BlockedCacheError(
                f"cannot open the cache {path}", [words(error)], hint, reference="cache-damaged"
            ) from error

    @classmethod
    def open_or_create_bare(
        cls, path: Path, whose: str = "the upstream", hint: str | None = None
    ) -> Self:
        """The bare repository at `path`, which is made if there is none.

        `hint` is what to do when objects in it cannot be read.
        """
        with attempting(f"make the git repository {path}", hint):
            path.parent.mkdir(parents=True, exist_ok=True)
            return cls(
                pygit2.init_repository(str(path), bare=True, template_path=None), whose, hint
            )

    @property
    def work_tree(self) -> Path | None:
        """The directory that is checked out; None for a bare repository."""
        return Path(self._repository.workdir) if self._repository.workdir else None

    @property
    def git_directory(self) -> Path:
        return Path(self._repository.path)

    @property
    def common_directory(self) -> Path:
        """The git directory that all linked worktrees share."""
        pointer = self.git_directory / "commondir"
        if not pointer.is_file():
            return self.git_directory
        return (self.git_directory / os.fsdecode(pointer.read_bytes().strip())).resolve()

    @cached_property
    def index(self) -> Index:
        """What is staged."""
        return Index(self.work_tree or self.git_directory, self.git_directory)

    @property
    def raw(self) -> pygit2.Repository:
        """libgit2's own object, for the modules of this package."""
        return self._repository

    @property
    def is_shallow(self) -> bool:
        return bool(self._repository.is_shallow)

    def in_progress(self) -> str | None:
        """The merge, rebase or the like that is not finished; None if there is none."""
        return _IN_PROGRESS.get(RepositoryState(self._repository.state()))

    # objects

    def has(self, object_id: ObjectId) -> bool:
        return self._repository.odb.exists(pygit2.Oid(hex=object_id))

    def read(self, object_id: ObjectId) -> bytes:
        return self.read_typed(object_id)[1]

    def read_up_to(self, object_id: ObjectId, limit: int) -> bytes | None:
        """The content of an object; None if it has more than `limit` bytes."""
        loose = self._inflate(object_id, limit + _HEADER_BYTES)
        if loose is None:
            return self.read(object_id) if self.size(object_id) <= limit else None
        kind, size, content = self._parted(object_id, loose)
        return self._verified(object_id, kind, content)[1] if size <= limit else None

    def read_within(self, object_id: ObjectId, limit: int) -> bytes:
        """An object of at most `limit` bytes; HostError for a larger one, which is not read."""
        if (content := self.read_up_to(object_id, limit)) is None:
            raise HostError(
                f"object {object_id} is too large to be judged",
                [f"it has {self.size(object_id):,} bytes, more than {limit:,}"],
                hint="look at where it comes from: no project has a tree or a commit of this size",
                reference="object-too-large",
            )
        return content

    def read_typed(self, object_id: ObjectId) -> tuple[str, bytes]:
        """The kind (`commit`, `tree`, `blob`, `tag`) and raw content, which hash to the id."""
        loose = self._inflate(object_id)
        if loose is None:
            number, content = self._look_up(object_id, self._repository.odb.read)
            return self._verified(object_id, _KINDS[number], content)
        kind, _, content = self._parted(object_id, loose)
        return self._verified(object_id, kind, content)

    def _verified(self, object_id: ObjectId, kind: str, content: bytes) -> tuple[str, bytes]:
        if hash_object(kind, content) != object_id:
            raise self._missing(object_id, ValueError("its content does not hash to its id"))
        return kind, content

    def contents(self, objects: Sequence[ObjectId]) -> Generator[bytes, None, None]:
        """The contents of many objects, in this order, unverified: the caller hashes them."""
        if len(objects) < UNPACK_LIMIT:
            return (self.read(object_id) for object_id in objects)
        return read_objects(self.git_directory, objects)

    def size(self, object_id: ObjectId) -> int:
        return self.header(object_id)[1]

    def header(self, object_id: ObjectId) -> tuple[str, int]:
        """The kind of an object and its size in bytes; its content is not read."""
        loose = self._inflate(object_id, _HEADER_BYTES)
        if loose is None:
            number, size = self._look_up(object_id, self._repository.odb.read_header)
            return _KINDS[number], size
        return self._parted(object_id, loose)[:2]

    def _parted(self, object_id: ObjectId, loose: bytes) -> tuple[str, int, bytes]:
        """The kind and the size that a loose object gives, and what there is of its content."""
        header, _, content = loose.partition(b"\0")
        kind, _, digits = header.partition(b" ")
        try:
            return kind.decode("ascii", "replace"), int(digits), content
        except ValueError as error:
            raise self._missing(object_id, error) from error

    def digest(self, blob: ObjectId) -> tuple[int, str]:
        """The size in bytes and the SHA-256 of a blob, which need not fit into memory."""
        content = self.read_up_to(blob, _LARGE_BYTES)
        if content is None:
            return digest_blob(self.git_directory, blob)
        return len(content), hashlib.sha256(content).hexdigest()

    def _look_up(
        self, object_id: ObjectId, ask: Callable[[pygit2.Oid], tuple[int, _T]]
    ) -> tuple[int, _T]:
        try:
            return ask(pygit2.Oid(hex=object_id))
        except FAILURES as error:
            raise self._missing(object_id, error) from error

    def _inflate(self, object_id: ObjectId, most: int = 0) -> bytes | None:
        try:
            return self._loose.inflate(object_id, most)
        except (zlib.error, OSError) as error:
            raise self._missing(object_id, error) from error

    def _missing(self, object_id: ObjectId, error: Exception) -> MissingObjectError:
        if self.has(object_id):
            message, context = f"object {object_id} of {self._whose} cannot be read", [words(error)]
        else:
            message, context = f"{self._whose} lacks object {object_id}", []
        return MissingObjectError(
            message,
            [f"repository: {self.git_directory}", *context],
            hint=self.hint or completion(self._git, self.common_directory),
            reference="object-missing",
        )

    @property
    def _git(self) -> str:
        return (
            "git"
            if self._whose == _HOSTS
            else f"git -C {shlex.quote(str(self.work_tree or self.git_directory))}"
        )

    def write_blob(self, content: bytes) -> ObjectId:
        """Store bytes as a blob, without filters and conversion."""
        with attempting("write to the object database"):
            return ObjectId(str(self._repository.create_blob(content)))

    # refs and commits

    def ref_target(self, name: str) -> ObjectId | None:
        """The id that a ref names, without peeling; None if there is no such ref."""
        try:
            return ObjectId(str(self._repository.references[name].resolve().target))
        except FAILURES:
            return None

    def set_ref(self, name: str, target: ObjectId | None) -> None:
        """Point a ref at an object, or delete it."""
        with attempting(f"write the ref {name}"):
            if target is not None:
                self._repository.references.create(name, pygit2.Oid(hex=target), force=True)
            elif name in self._repository.references:
                self._repository.references.delete(name)

    def commit_of(self, revision: str) -> ObjectId | None:
        """The commit that a revision, in git's syntax, names; None if there is none."""
        if revision == "HEAD":
            return self.ref_target(revision)
        return resolve_commit(self.git_directory, revision)

    def tree_of(self, commit: ObjectId) -> ObjectId:
        with attempting(f"read commit {commit}"):
            return commit_tree(self.read(commit))

    def is_reached(self, commit: ObjectId, prefixes: Sequence[str]) -> bool:
        """Whether a ref below one of the prefixes reaches the commit."""
        return self.has(commit) and is_reached(self.git_directory, commit, prefixes)

    # trees

    def entry_at(self, tree: ObjectId, path: bytes) -> tuple[int, ObjectId] | None:
        """Mode and id of what lies at `path` in a tree; None if nothing lies there."""
        mode, found = int(Mode.TREE), tree
        for component in path.split(b"/") if path else ():
            if mode != Mode.TREE:
                return None
            entry = self._named_in(found).get(component)
            if entry is None:
                return None
            mode, found = entry.mode, entry.id
        return mode, found

    def _named_in(self, tree: ObjectId) -> Mapping[bytes, TreeEntry]:
        """The entries of a tree by name; kept, since paths that are looked up lie side by side."""
        named = self._looked_in.get(tree)
        if named is None:
            named = {entry.name: entry for entry in self.tree_entries(tree)}
            if len(self._looked_in) >= _KEPT_TREES:
                self._looked_in.clear()
            if len(named) <= _KEPT_ENTRIES:
                self._looked_in[tree] = named
        return named

    def tree_entries(self, tree: ObjectId) -> list[TreeEntry]:
        """The entries of a tree, in its order."""
        with attempting("read a tree of the repository"):
            return parse_tree(self.read_within(tree, TREE_BYTES))

    def files_below(self, tree: ObjectId) -> list[Entry]:
        """Every file, symlink and submodule of a tree, by path; HostError if there are too many."""
        found: list[Entry] = []
        entries_left, bytes_left = ENTRIES, PATHS_BYTES
        pending = [(b"", tree)]
        while pending:
            prefix, below = pending.pop()
            children = self.tree_entries(below)
            entries_left -= 1 + len(children)
            bytes_left -= len(prefix) * len(children)
            if entries_left < 0 or bytes_left < 0 or prefix.count(b"/") > DEPTH:
                raise _too_large(tree)
            for name, mode, target in children:
                if mode == Mode.TREE:
                    pending.append((prefix + name + b"/", target))
                else:
                    found.append(Entry(RepoPath(prefix + name), mode, target))
        return sorted(found)


def _too_large(tree: ObjectId) -> HostError:
    return HostError(
        f"tree {tree} of the repository is larger than any project's",
        [
            (
                f"it has more than {ENTRIES:,} entries, {DEPTH} directories one inside the other, "
                f"or {PATHS_BYTES:,} bytes of paths"
            )
        ],
        hint="`git verbatim check --all` says what nothing accounts for",
        reference="tree-too-large",
    )
