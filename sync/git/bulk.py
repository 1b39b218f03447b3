"""Reads, hashes and packs many or large objects by git processes of their own."""

import hashlib
import subprocess
import tempfile
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sync.errors import HostError, UnreadableObjectError
from sync.git.process import last_lines, own_environment, program
from sync.ids import ObjectId


def read_objects(repository: Path, objects: Sequence[ObjectId]) -> Generator[bytes, None, None]:
    """The contents of objects of a git directory, in this order, unverified.

    A git process reads ahead. Raises HostError at the first object that cannot be read.
    """
    with tempfile.TemporaryFile() as names:
        names.write("".join(f"{object_id}\n" for object_id in objects).encode())
        names.seek(0)
        command = [program(), f"--git-dir={repository}", "cat-file", "--batch", "--buffer"]
        with subprocess.Popen(  # noqa: S603
            command,
            stdin=names,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=own_environment(),
        ) as process:
            try:
                yield from _batch(process.stdout, objects)
            finally:
                process.kill()


def digest_blob(repository: Path, blob: ObjectId) -> tuple[int, str]:
    """The size in bytes and the SHA-256 of a blob of a git directory.

    The blob is read in pieces. Raises HostError if it cannot be read whole.
    """
    size, digest = 0, hashlib.sha256()
    command = [
        program(),
        f"--git-dir={repository}",
        "-c",
        "core.bigFileThreshold=1m",
        "cat-file",
        "blob",
        blob,
    ]
    with subprocess.Popen(  # noqa: S603
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=own_environment()
    ) as process:
        while process.stdout is not None and (piece := process.stdout.read(1 << 20)):
            size += len(piece)
            digest.update(piece)
    if process.returncode != 0:
        raise UnreadableObjectError(f"object {blob} cannot be read", reference="object-missing")
    return size, digest.hexdigest()


def _batch(output: IO[bytes] | None, objects: Sequence[ObjectId]) -> Iterator[bytes]:
    for object_id in objects:
        header = output.readline().split() if output is not None else []
        if output is None or len(header) != 3:  # noqa: PLR2004 - id, kind and size; else it is missing
            raise UnreadableObjectError(
                f"object {object_id} cannot be read", reference="object-missing"
            )
        yield output.read(int(header[2]) + 1)[:-1]


@dataclass(frozen=True, slots=True)
class Packing:
    """A `git pack-objects` at work."""

    process: subprocess.Popen[bytes]

    def finish(self) -> None:
        """Wait for it; HostError with git's words if it failed."""
        _, said = self.process.communicate()
        if self.process.returncode != 0:
            raise HostError(
                "cannot write to the object database", last_lines(said), reference="git-failed"
            )


def pack_objects(source: Path, target: Path, objects: Iterable[ObjectId]) -> Packing:
    """Begin to write objects of the git directory `source` as one pack into the one at `target`.

    git copies packed objects as they are. libgit2 would compress all of them anew, which takes 20
    times as long.
    """
    environment = {
        **own_environment(),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": _quoted(str(source / "objects")),
    }
    # A blob above the threshold is copied in pieces, however large it is.
    git = [program(), "--git-dir=.", "-c", "core.bigFileThreshold=1m"]
    command = [
        *git,
        "pack-objects",
        "--quiet",
        "--window=0",
        str(target / "objects" / "pack" / "pack"),
    ]
    process = subprocess.Popen(  # noqa: S603
        command,
        cwd=target,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    if process.stdin is not None:
        with suppress(BrokenPipeError), process.stdin as names:
            names.write("".join(f"{object_id}\n" for object_id in objects).encode())
        process.stdin = None
    return Packing(process)


def _quoted(path: str) -> str:
    # Unquoted, a colon in the path would end it.
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'
