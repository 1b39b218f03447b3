"""The index: read, and written by blob id under git's own lock; nothing is read from files, nothing filtered."""

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from pygit2.enums import FileMode

from sync.errors import HostError
from sync.git.libgit2 import attempting, pygit2
from sync.model import Entry, ObjectId, RepoPath

_FILE_MODES = {mode.value: mode for mode in (FileMode.BLOB, FileMode.BLOB_EXECUTABLE, FileMode.LINK, FileMode.COMMIT)}


class Index:
    """What is staged in a repository."""

    def __init__(self, repository: pygit2.Repository) -> None:
        self._repository = repository

    @property
    def _git_directory(self) -> Path:
        return Path(self._repository.path)

    def is_locked(self) -> bool:
        """Whether another process writes the index; a lock that a killed run of ours left is removed."""
        lock = self._git_directory / "index.lock"
        with suppress(FileNotFoundError):
            if lock.samefile(self._scratch):
                lock.unlink()
        return lock.exists()

    def locked(self) -> HostError:
        """The error that says so."""
        return HostError(
            "the index is locked by another git process",
            [f"lock: {self._git_directory / 'index.lock'}"],
            hint="wait for it to end; if there is none, remove the lock file",
            reference="index-locked",
        )

    @property
    def _scratch(self) -> Path:
        return self._git_directory / "git-verbatim.index"

    def files(self, directory: bytes) -> list[Entry]:
        """What is staged below `directory`, with paths relative to it. Conflicts count with each side."""
        prefix = os.fsdecode(directory) + "/"
        with attempting("read the index"):
            self._repository.index.read(force=False)
            staged = [(e.path, int(e.mode), str(e.id)) for e in self._repository.index if e.path.startswith(prefix)]
        below = (Entry(RepoPath(os.fsencode(p[len(prefix) :])), mode, ObjectId(blob)) for p, mode, blob in staged)
        return sorted(below)

    def update(self, directories: Iterable[bytes], wanted: Iterable[Entry]) -> bool:
        """Make what is staged in (or at) `directories` exactly `wanted`, by blob id; whether anything changed.

        Entries that are right already keep what git remembers of their files. The new index is built aside and
        becomes the index by git's own protocol; its lock is a second name of our file, so a killed run is known by it.
        """
        scratch, place = self._scratch, self._git_directory / "index"
        if self.is_locked():
            raise self.locked()
        with attempting("update the index"):
            for left in (scratch, scratch.with_name(f"{scratch.name}.lock")):
                left.unlink(missing_ok=True)
            if place.exists():
                shutil.copy2(place, scratch)
            index = pygit2.Index(str(scratch))
            if not _edit(index, directories, wanted):
                scratch.unlink(missing_ok=True)
                return False
            index.write()
            if place.exists():
                # entries that were too young to be trusted by their time alone stay so (git's "racy" problem)
                os.utime(scratch, ns=(place.stat().st_atime_ns, place.stat().st_mtime_ns))
        self._replace(scratch, place)
        return True

    def _replace(self, scratch: Path, place: Path) -> None:
        lock = self._git_directory / "index.lock"
        with attempting("update the index"):
            try:
                os.link(scratch, lock)
            except FileExistsError as error:
                raise self.locked() from error
            os.replace(lock, place)
            scratch.unlink()


def _edit(index: pygit2.Index, directories: Iterable[bytes], wanted: Iterable[Entry]) -> bool:
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
