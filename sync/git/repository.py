"""A repository opened with libgit2: objects, refs, trees and the index, as plain types."""

import os
import shutil
import zlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Self

from pygit2.enums import ObjectType, RepositoryOpenFlag, RepositoryState

from sync.errors import CouldNotCheckError, HostError
from sync.git.index import edit_index
from sync.git.libgit2 import pygit2
from sync.git.process import Packing, pack_objects, read_objects
from sync.model import Entry, Mode, ObjectId, RepoPath
from sync.tree import TreeEntry, parse_tree
from sync.tree import object_id as hash_object

# pygit2 raises a bare KeyError for a missing object and a plain ValueError for a bad id, beside its own GitError
_FAILURES = (pygit2.GitError, KeyError, ValueError, OSError)

# like git's own fetch.unpackLimit: below it loose objects, above it one pack
_UNPACK_LIMIT = 100
_PROBES = 64
_PART = 1 << 16

_KINDS = {kind.value: kind.name.lower() for kind in (ObjectType.COMMIT, ObjectType.TREE, ObjectType.BLOB, ObjectType.TAG)}

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


@contextmanager
def _attempting(what: str, hint: str | None = None) -> Iterator[None]:
    try:
        yield
    except _FAILURES as error:
        raise HostError(f"cannot {what}", [_words(error)], hint=hint, reference="git-failed") from error


def _words(error: Exception) -> str:
    return str(error).strip("'\"").lower() or type(error).__name__


class Copying:
    """Objects on their way into a repository."""

    def __init__(self, packing: Packing | None) -> None:
        self._packing = packing

    def finish(self) -> None:
        """Wait until they are there; HostError if they could not be brought."""
        if self._packing is not None:
            self._packing.finish()


class Repository:
    """One repository. Also an `ObjectReader`: `read` and `size` raise CouldNotCheckError for what is not there."""

    def __init__(self, repository: pygit2.Repository, hint: str | None = None) -> None:
        self._repository = repository
        self._hint = hint

    @classmethod
    def discover(cls, directory: Path) -> Self | None:
        """The repository that `directory` belongs to, or that GIT_DIR names; None if there is none."""
        if work_tree := os.environ.get("GIT_WORK_TREE"):
            os.environ["GIT_WORK_TREE"] = os.path.abspath(work_tree)  # libgit2 reads a relative one from the git directory
        flags = RepositoryOpenFlag.FROM_ENV if "GIT_DIR" in os.environ else RepositoryOpenFlag.DEFAULT
        try:
            found = cls(pygit2.Repository(str(directory), flags))
            found._see_pushed_objects()
            return found  # noqa: TRY300
        except KeyError:
            return None
        except _FAILURES as error:
            if "not find repository" in str(error) or "repository not found" in str(error).lower():
                return None
            raise HostError(
                "cannot open the git repository here",
                [f"directory: {directory}", _words(error)],
                hint="libgit2 cannot read SHA-256 repositories, reftables, split or sparse indexes",
                reference="repository-unsupported",
            ) from error

    def _see_pushed_objects(self) -> None:
        """Look into the quarantine of a push too (git-receive-pack); libgit2 reads no path there that holds a colon or a quote."""
        if quarantine := os.environ.get("GIT_QUARANTINE_PATH"):
            for objects in (quarantine, str(self.common_directory / "objects")):
                self._repository.odb.add_disk_alternate(objects)

    @classmethod
    def open(cls, path: Path) -> Self:
        """The repository at `path`, a git directory or a working tree."""
        with _attempting(f"open the git repository {path}"):
            return cls(pygit2.Repository(str(path), RepositoryOpenFlag.NO_SEARCH))

    @classmethod
    def open_or_create_bare(cls, path: Path, hint: str | None = None) -> Self:
        """The bare repository at `path`, made if there is none; `hint` is what to do when objects in it cannot be read."""
        with _attempting(f"make the git repository {path}", hint):
            path.parent.mkdir(parents=True, exist_ok=True)
            return cls(pygit2.init_repository(str(path), bare=True, template_path=None), hint)

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
        return (self.git_directory / pointer.read_text().strip()).resolve()

    @property
    def raw(self) -> pygit2.Repository:
        """libgit2's own object, for the modules of this package."""
        return self._repository

    @property
    def is_shallow(self) -> bool:
        return bool(self._repository.is_shallow)

    def in_progress(self) -> str | None:
        """The merge, rebase or the like that is not finished."""
        return _IN_PROGRESS.get(RepositoryState(self._repository.state()))

    # objects

    def has(self, object_id: ObjectId) -> bool:
        return self._repository.odb.exists(pygit2.Oid(hex=object_id))

    def read(self, object_id: ObjectId) -> bytes:
        return self.read_typed(object_id)[1]

    def read_typed(self, object_id: ObjectId) -> tuple[str, bytes]:
        """The kind (`commit`, `tree`, `blob`, `tag`) and raw content of an object, which hash to its id."""
        number, content = self._read(object_id)
        kind = _KINDS[number]
        if hash_object(kind, content) != object_id:
            raise self._missing(object_id, ValueError("its content does not hash to its id"))
        return kind, content

    def contents(self, objects: Sequence[ObjectId]) -> Generator[bytes, None, None]:
        """The contents of many objects, in this order, unverified: for who hashes them anyway."""
        if len(objects) < _UNPACK_LIMIT:
            return (self._read(object_id)[1] for object_id in objects)
        return read_objects(self.git_directory, objects)

    def _read(self, object_id: ObjectId) -> tuple[int, bytes]:
        self._refuse_cut_off(object_id)
        try:
            number, content = self._repository.odb.read(pygit2.Oid(hex=object_id))
        except _FAILURES as error:
            raise self._missing(object_id, error) from error
        return number, content

    def _refuse_cut_off(self, object_id: ObjectId) -> None:
        """libgit2 never returns from a loose object that is cut off; CouldNotCheckError instead."""
        if object_id[:2] not in self._loose:
            return
        with suppress(FileNotFoundError), open(self.common_directory / "objects" / object_id[:2] / object_id[2:], "rb") as file:
            inflating = zlib.decompressobj()
            try:
                while not inflating.eof and (part := file.read(_PART)):
                    inflating.decompress(part)
            except zlib.error as error:
                raise self._missing(object_id, error) from error
            if not inflating.eof:
                raise self._missing(object_id, ValueError("it is cut off"))

    @cached_property
    def _loose(self) -> frozenset[str]:
        """How the ids of loose objects begin."""
        return frozenset(name for name in os.listdir(self.common_directory / "objects") if len(name) == 2)  # noqa: PLR2004

    def size(self, object_id: ObjectId) -> int:
        self._refuse_cut_off(object_id)
        try:
            size: int = self._repository.odb.read_header(pygit2.Oid(hex=object_id))[1]
        except _FAILURES as error:
            raise self._missing(object_id, error) from error
        return size

    def _missing(self, object_id: ObjectId, error: Exception) -> CouldNotCheckError:
        return CouldNotCheckError(
            f"object {object_id} cannot be read from {self.git_directory}",
            [_words(error)],
            hint=self._hint or self._fetch_hint,
            reference="object-missing",
        )

    @property
    def _fetch_hint(self) -> str:
        if self.is_shallow:
            return "this clone is shallow and may lack it: `git fetch --unshallow`"
        return "a partial clone may lack it: `git fetch --refetch --no-filter`"

    def write_blob(self, content: bytes) -> ObjectId:
        """Store bytes as a blob: no filter, no conversion."""
        with _attempting("write to the object database"):
            return ObjectId(str(self._repository.create_blob(content)))

    # refs and commits

    def ref_target(self, name: str) -> ObjectId | None:
        """The id that a ref names, without peeling."""
        try:
            return ObjectId(str(self._repository.references[name].resolve().target))
        except _FAILURES:
            return None

    def set_ref(self, name: str, target: ObjectId | None) -> None:
        """Point a ref at an object, or delete it."""
        with _attempting(f"write the ref {name}"):
            if target is not None:
                self._repository.references.create(name, pygit2.Oid(hex=target), force=True)
            elif name in self._repository.references:
                self._repository.references.delete(name)

    def refs(self) -> dict[str, ObjectId]:
        """All refs with the ids they name, unpeeled."""
        return {name: target for name in self._repository.references if (target := self.ref_target(name))}

    def commit_of(self, revision: str) -> ObjectId | None:
        """The commit that a revision, in git's syntax, names."""
        try:
            return ObjectId(str(self._repository.revparse_single(revision).peel(pygit2.Commit).id))
        except _FAILURES:
            return None

    def tree_of(self, commit: ObjectId) -> ObjectId:
        with _attempting(f"read commit {commit}"):
            return ObjectId(str(self._repository[commit].peel(pygit2.Tree).id))

    def is_reached(self, commit: ObjectId, prefixes: tuple[str, ...]) -> bool:
        """Whether a ref below one of the prefixes reaches the commit."""
        walker = self._repository.walk(None)
        for name in self._repository.references:
            if name.startswith(prefixes):
                try:
                    walker.push(self._repository.references[name].peel(pygit2.Commit).id)
                except _FAILURES:
                    continue  # a tag of a tree or blob reaches no commit
        return any(str(found.id) == commit for found in walker)

    # trees

    def entry_at(self, tree: ObjectId, path: bytes) -> tuple[int, ObjectId] | None:
        """Mode and id of what lies at `path` in a tree."""
        mode, found = int(Mode.TREE), tree
        for component in path.split(b"/") if path else ():
            if mode != Mode.TREE:
                return None
            entry = next((e for e in self._entries(self.read(found)) if e.name == component), None)
            if entry is None:
                return None
            mode, found = entry.mode, entry.id
        return mode, found

    def _entries(self, raw: bytes) -> list[TreeEntry]:
        with _attempting("read a tree of the repository"):
            return parse_tree(raw)

    def files_below(self, tree: ObjectId, prefix: bytes = b"") -> Iterator[Entry]:
        """Every file, link and submodule of a tree, by path."""
        for entry in self._entries(self.read(tree)):
            path = RepoPath(prefix + entry.name)
            if entry.mode == Mode.TREE:
                yield from self.files_below(entry.id, path + b"/")
            else:
                yield Entry(path, entry.mode, entry.id)

    # the index

    def index_is_locked(self) -> bool:
        """Whether another process writes the index; a lock that a killed run of ours left is removed."""
        lock = self.git_directory / "index.lock"
        with suppress(FileNotFoundError):
            if lock.samefile(self._scratch_index):
                lock.unlink()
        return lock.exists()

    def locked(self) -> HostError:
        """The error that says so."""
        return HostError(
            "the index is locked by another git process",
            [f"lock: {self.git_directory / 'index.lock'}"],
            hint="wait for it to end; if there is none, remove the lock file",
            reference="index-locked",
        )

    @property
    def _scratch_index(self) -> Path:
        return self.git_directory / "git-verbatim.index"

    def index_files(self, directory: bytes) -> list[Entry]:
        """What is staged below `directory`, with paths relative to it. Conflicts count with each side."""
        prefix = os.fsdecode(directory) + "/"
        with _attempting("read the index"):
            self._repository.index.read(force=False)
            staged = [(e.path, int(e.mode), str(e.id)) for e in self._repository.index if e.path.startswith(prefix)]
        below = (Entry(RepoPath(os.fsencode(p[len(prefix) :])), mode, ObjectId(blob)) for p, mode, blob in staged)
        return sorted(below)

    def update_index(self, directories: Iterable[bytes], wanted: Iterable[Entry]) -> bool:
        """Make what is staged in (or at) `directories` exactly `wanted`, by blob id; whether anything changed.

        Entries that are right already keep what git remembers of their files. The new index is built aside and
        becomes the index by git's own protocol; its lock is a second name of our file, so a killed run is known by it.
        """
        scratch, place = self._scratch_index, self.git_directory / "index"
        if self.index_is_locked():
            raise self.locked()
        with _attempting("update the index"):
            for left in (scratch, scratch.with_name(f"{scratch.name}.lock")):
                left.unlink(missing_ok=True)
            if place.exists():
                shutil.copy2(place, scratch)
            index = pygit2.Index(str(scratch))
            if not edit_index(index, directories, wanted):
                scratch.unlink(missing_ok=True)
                return False
            index.write()
            if place.exists():
                # entries that were too young to be trusted by their time alone stay so (git's "racy" problem)
                os.utime(scratch, ns=(place.stat().st_atime_ns, place.stat().st_mtime_ns))
        self._replace_index(scratch, place)
        return True

    def _replace_index(self, scratch: Path, place: Path) -> None:
        lock = self.git_directory / "index.lock"
        with _attempting("update the index"):
            try:
                os.link(scratch, lock)
            except FileExistsError as error:
                raise self.locked() from error
            os.replace(lock, place)
            scratch.unlink()


def copy_objects(source: Repository, target: Repository, objects: Iterable[ObjectId]) -> Copying:
    """Begin to bring objects that `target` lacks from `source`: one pack if they are many, written by a process of its own."""
    lacking = _lacking(target, list(dict.fromkeys(objects)))
    if len(lacking) >= _UNPACK_LIMIT:
        return Copying(pack_objects(source.git_directory, target.common_directory, lacking))
    for object_id in lacking:
        kind, content = source.read_typed(object_id)
        with _attempting("write to the object database"):
            target.raw.odb.write(ObjectType[kind.upper()], content)
    return Copying(None)


def _lacking(target: Repository, objects: list[ObjectId]) -> list[ObjectId]:
    # asking libgit2 for an object that is not there is slow; who has none of the first has none most likely,
    # and an object that is packed twice does no harm
    if len(objects) > _UNPACK_LIMIT and not any(map(target.has, objects[:_PROBES])):
        return objects
    return [object_id for object_id in objects if not target.has(object_id)]
