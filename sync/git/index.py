"""Reads and writes the index by git, which alone knows its formats.

Entries are written by blob id, under git's own lock.
"""

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sync.errors import HostError
from sync.git.process import Completed, judging_environment, run_git
from sync.ids import EMPTY_TREE, ObjectId, RepoPath
from sync.model.values import Entry

_WAIT_SECONDS = 3.0
_LOOK_SECONDS = 0.05
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK})
_GONE = b"0 " + b"0" * 40 + b"\t"
_EMPTY_BLOB = ObjectId("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")
_INTENDED = 0
"""The mode of a path that `git add -N` only announced: no commit would have it."""
_TOKEN, _COPY = "git-verbatim.index-token", "git-verbatim.index"
LEFTOVERS = (_TOKEN, _COPY, f"{_COPY}.lock")
"""The files that a killed run may leave beside the index."""

Staged = Sequence[tuple[int, ObjectId, int]]
"""Mode, blob id and stage of each entry of a path: one of stage 0, or the sides of a conflict."""


@dataclass(frozen=True, slots=True)
class IndexFile:
    """A file in git's index format, which git uses in place of the repository's index."""

    work_tree: Path
    path: Path

    def staged(self, directories: Iterable[bytes]) -> Mapping[bytes, Staged]:
        """The entries at or below these paths, by path from the top."""
        if not (asked := sorted({os.fsdecode(directory) for directory in directories})):
            return {}
        found: dict[bytes, list[tuple[int, ObjectId, int]]] = {}
        for _, mode, blob, stage, path in self.listed(asked):
            found.setdefault(path, []).append((mode, blob, stage))
        return found | self._intended(asked, found)

    def listed(self, asked: Sequence[str]) -> Iterator[tuple[bytes, int, ObjectId, int, bytes]]:
        """Tag, mode, blob id, stage and path from the top of each entry at or below these paths.

        The tag is that of `git ls-files -t` (git-ls-files(1)).
        """
        with tempfile.TemporaryFile() as listing:
            self._run("ls-files", "-t", "--stage", "-z", "--", *asked, output=listing)
            listing.seek(0)
            lines = listing.read().split(b"\0")[:-1]
        for line in lines:
            facts, _, path = line.partition(b"\t")
            tag, mode, blob, stage = facts.split(b" ")
            yield tag, int(mode, 8), ObjectId(blob.decode()), int(stage), path

    def _intended(self, asked: Sequence[str], found: Mapping[bytes, Staged]) -> dict[bytes, Staged]:
        """The paths that `git add -N` only announced.

        They name the empty blob, as a staged empty file does.
        """
        empty = {path for path, sides in found.items() if sides[0][1:] == (_EMPTY_BLOB, 0)}
        if not empty:
            return {}
        listing = (
            "--cached",
            "--ita-invisible-in-index",
            "--no-renames",
            "--name-only",
            "-z",
            EMPTY_TREE,
        )
        staged = self._git("diff-index", *listing, "--", *asked).split(b"\0")
        return {path: [(_INTENDED, _EMPTY_BLOB, 0)] for path in empty.difference(staged)}

    def put(self, paths: Iterable[bytes], wanted: Iterable[Entry]) -> bool:
        """Make what is staged at or below `paths` exactly `wanted`; True if anything changed.

        Entries that are already right keep what git remembers of their files.
        """
        names = {*paths}
        goal = {entry.path: entry for entry in wanted}
        there = self.staged(_tops(names))
        inside = tuple(name + b"/" for name in names)
        surplus = [p for p in there if p not in goal and (p in names or p.startswith(inside))]
        missing = [e for p, e in goal.items() if there.get(p) != [(e.mode, e.blob, 0)]]
        lines = [_GONE + path + b"\0" for path in sorted(surplus)]
        lines += [b"%o %s\t%s\0" % (e.mode, e.blob.encode(), e.path) for e in sorted(missing)]
        if lines:
            self._git("update-index", "-z", "--index-info", stdin=b"".join(lines))
        return bool(lines)

    def refresh(self, paths: Iterable[bytes]) -> None:
        """Have git note the size and times of these files, so that it need not read them again.

        This saves time and decides nothing: git compares the files that it cannot note.
        """
        if names := sorted(os.fsdecode(top) for top in _tops(paths)):
            self._run("add", "--refresh", "--", *names, check=False)

    def read_tree(self, commit: ObjectId | None) -> None:
        """Make the file the index of a commit; None makes an empty index."""
        self._git("read-tree", *([commit] if commit else ["--empty"]))

    def remove(self) -> None:
        """Remove the file, and the lock that a killed git left on it."""
        for left in (self.path, _lock_of(self.path)):
            left.unlink(missing_ok=True)

    def _git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        return self._run(*arguments, stdin=stdin).stdout

    def _run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        output: IO[bytes] | None = None,
        check: bool = True,
    ) -> Completed:
        environment = {**judging_environment(), "GIT_INDEX_FILE": str(self.path)}
        try:
            return run_git(
                self.work_tree,
                *arguments,
                options=_OPTIONS,
                stdin=stdin,
                environment=environment,
                output=output,
                check=check,
            )
        except HostError as error:
            error.hint = error.hint or "look with `git status`, and mend what it says"
            raise


# The hook post-index-change is for the repository's own index. Replacement refs are ignored: the
# next commit is made on a commit itself, not on its replacement.
_OPTIONS = ("--literal-pathspecs", "--no-replace-objects", "-c", f"core.hooksPath={os.devnull}")


@dataclass(frozen=True, slots=True)
class Index:
    """What is staged in a repository: the index that git itself would read and write here."""

    work_tree: Path
    git_directory: Path

    @property
    def path(self) -> Path:
        """The path of the index: in the git directory, unless GIT_INDEX_FILE says otherwise."""
        named = os.environ.get("GIT_INDEX_FILE")
        return self.work_tree / named if named else self.git_directory / "index"

    @property
    def file(self) -> IndexFile:
        return IndexFile(self.work_tree, self.path)

    def files(self, paths: Iterable[bytes]) -> list[Entry]:
        """The files staged at or below these paths, sorted; each side of a conflict counts."""
        staged = self.file.staged(paths)
        return sorted(
            {
                Entry(RepoPath(path), mode, blob)
                for path, sides in staged.items()
                for mode, blob, _ in sides
            }
        )

    def staged_by_path(self, paths: Iterable[bytes]) -> dict[RepoPath, tuple[int, ObjectId]]:
        """The mode and blob id that is staged of each file at or below these paths.

        A file in conflict has no mode and no single id: its mode is 0, as if it were announced.
        """
        return {
            RepoPath(path): (_INTENDED if stage else mode, blob)
            for path, [(mode, blob, stage), *_] in self.file.staged(paths).items()
        }

    def settled_files(self, paths: Iterable[bytes]) -> list[Entry]:
        """The same files, except those that are in conflict or only announced."""
        return [
            Entry(RepoPath(path), mode, blob)
            for path, [(mode, blob, stage), *_] in self.file.staged(paths).items()
            if not stage and mode != _INTENDED
        ]

    @contextmanager
    def locked(self) -> Iterator["LockedIndex"]:
        """Hold git's lock on the index, so that no `git add` comes between reading and writing it.

        Raises HostError if another process holds the lock for longer than a git command takes.
        """
        from sync.git.libgit2 import attempting  # reading the index needs no libgit2
        from sync.signals import signals_held

        self.discard_leftovers()
        is_held = False
        try:
            with attempting(
                "lock the index",
                f"let yourself write to {self.git_directory}, then run the command again",
            ):
                self._lock()
                is_held = True
            with (
                attempting("copy the index"),
                suppress(FileNotFoundError),  # nothing was ever staged
            ):
                shutil.copy2(self.path, self._copy.path)
            yield LockedIndex(self, self._copy)
        finally:
            with signals_held(), suppress(OSError):  # the next run removes what is left
                if is_held:
                    _lock_of(self.path).unlink(missing_ok=True)
                self.discard_leftovers()

    def discard_leftovers(self) -> None:
        """Remove what a killed run left; only the holder of the host's lock may do so."""
        lock = _lock_of(self.path)
        with suppress(FileNotFoundError):
            if lock.samefile(self._token):
                lock.unlink()
        self._copy.remove()
        self._token.unlink(missing_ok=True)

    def _lock(self) -> None:
        lock, deadline = _lock_of(self.path), time.monotonic() + _WAIT_SECONDS
        self._token.touch()
        while True:
            try:
                self._make(lock)
            except FileExistsError as error:
                if time.monotonic() > deadline:
                    self._token.unlink()
                    raise _locked(lock) from error
                time.sleep(_LOOK_SECONDS)
            else:
                return

    def _make(self, lock: Path) -> None:
        """Make the lock as a second name of a file of our own.

        By that name a later run recognizes a lock that a killed run left.
        """
        try:
            os.link(self._token, lock)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            lock.touch(exist_ok=False)

    @property
    def _token(self) -> Path:
        return self.path.with_name(_TOKEN)

    @property
    def _copy(self) -> IndexFile:
        return IndexFile(self.work_tree, self.path.with_name(_COPY))


@dataclass(frozen=True, slots=True)
class LockedIndex:
    """The index under git's lock: a copy to edit that becomes the index in one step or never."""

    index: Index
    copy: IndexFile

    def publish(self, paths: Iterable[bytes]) -> None:
        """Make the copy the index, after git has noted the files at or below `paths`."""
        from sync.git.libgit2 import attempting

        self.copy.refresh(paths)
        with (
            attempting("write the index"),
            suppress(FileNotFoundError),  # nothing was ever staged
        ):
            self.copy.path.replace(self.index.path)


def _lock_of(index: Path) -> Path:
    return index.with_name(f"{index.name}.lock")


def _locked(lock: Path) -> HostError:
    return HostError(
        "the index is locked by another git process",
        [f"lock: {lock}"],
        hint="wait for it to end; if there is none, remove the lock file",
        reference="index-locked",
    )


def _tops(paths: Iterable[bytes]) -> set[bytes]:
    """The first components of the paths: they are few, and git would take long for each path."""
    return {path.partition(b"/")[0] for path in paths}
