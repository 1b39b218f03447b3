"""Applies patches to the index of a bare scratch repository, where nobody's settings count."""

import os
from collections.abc import Iterable
from pathlib import Path

from sync.errors import CouldNotCheckError, HostError
from sync.git.limited_process import Ended, Limits, run_limited
from sync.git.process import last_lines, program
from sync.git.repository import Repository
from sync.ids import ObjectId, RepoPath
from sync.model.values import Entry

_OUT_OF_MEMORY = (b"fatal: Out of memory", b"fatal: mmap failed", b"fatal: unable to mmap")


def _limits(file_bytes: int) -> Limits:
    # git holds two contents and two changes of a file at once, and the patch.
    return Limits(seconds=60, memory_bytes=(1 << 30) + 4 * file_bytes, file_bytes=4 << 30)


class PatchBoard:
    """The files that patches are applied to, one patch after the other."""

    def __init__(self, directory: Path, entries: Iterable[Entry], file_bytes: int) -> None:
        """Begin with these entries in an empty `directory`; only `add` brings contents.

        Files have up to `file_bytes`.
        """
        self._directory = directory
        self._limits = _limits(file_bytes)
        self._repository = Repository.open_or_create_bare(directory / "scratch.git", "the patch")
        listed = (b"%o %s\t%s\0" % (mode, blob.encode(), path) for path, mode, blob in entries)
        self._git("update-index", "-z", "--index-info", stdin=b"".join(listed))

    def add(self, content: bytes) -> ObjectId:
        """Add the content of a file that a patch changes."""
        return self._repository.write_blob(content)

    def apply(self, name: str, patch: bytes, *options: str) -> Ended:
        """Have git apply a patch to the index alone; nothing changes if it does not fit.

        CouldNotCheckError, with the name of the patch, if that takes too much.
        """
        arguments = ("apply", "--cached", "--whitespace=nowarn", *options, "-")
        return self._run(*arguments, stdin=patch, over=name)

    def entries(self) -> list[Entry]:
        """The files as they are by now, sorted by path."""
        listed = self._git("ls-files", "-z", "--stage").split(b"\0")
        found = []
        for line in filter(None, listed):
            facts, _, path = line.partition(b"\t")
            mode, blob, _ = facts.split()
            found.append(Entry(RepoPath(path), int(mode, 8), ObjectId(blob.decode())))
        return sorted(found)

    def read(self, blob: ObjectId) -> bytes:
        return self._repository.read(blob)

    def size(self, blob: ObjectId) -> int:
        return self._repository.size(blob)

    def has(self, blob: ObjectId) -> bool:
        return self._repository.has(blob)

    def _git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        ended = self._run(*arguments, stdin=stdin)
        if ended.status != 0:
            raise HostError(
                f"git {arguments[0]} failed", last_lines(ended.said), reference="git-failed"
            )
        return ended.output

    def _run(self, *arguments: str, stdin: bytes, over: str = "a patch") -> Ended:
        environment = {
            "GIT_DIR": str(self._directory / "scratch.git"),
            "GIT_INDEX_FILE": str(self._directory / "index"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "HOME": str(self._directory),
            "LC_ALL": "C",
        }
        ended = run_limited(
            [program(), *arguments],
            self._directory,
            self._limits,
            environment=environment,
            stdin=stdin,
        )
        is_too_much = ended.is_too_much or ended.said.startswith(_OUT_OF_MEMORY)
        if ended.is_late or is_too_much:
            raise CouldNotCheckError(
                f"git {arguments[0]} takes too {'long' if ended.is_late else 'much'} over {over}",
                hint="look at what the patch holds, and split it if that is meant",
                reference="git-too-slow",
            )
        return ended
