"""Runs a program in a directory of its own, within limits of time, memory and output."""

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# The kernel enforces the limits, for the program and for whatever it starts. Some systems do not
# know all of them.
_SCRIPT = """
{ ulimit -S -c 0; ulimit -S -f "$1"; ulimit -S -v "$2"; } 2>/dev/null
shift 2
exec "$@"
"""
# The units of sh's ulimit: POSIX says that of -f, and custom that of -v.
_FILE_UNIT_BYTES, _MEMORY_UNIT_BYTES = 512, 1024
_SAID_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a program may take."""

    seconds: float
    memory_bytes: int
    file_bytes: int
    """The size of each file that it writes, and of what it prints."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended; a negative status is a signal's number, negated."""

    status: int
    output: bytes
    said: bytes
    """The beginning of what it wrote to stderr."""
    is_late: bool = False
    """Whether it was stopped, since it took too long."""
    is_too_much: bool = False
    """Whether it was stopped, since it wrote too much."""


def run_limited(
    command: Sequence[str],
    directory: Path,
    limits: Limits,
    *,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
) -> Ended:
    """Run the command, by its absolute path, to its end; its environment is empty by default.

    Whatever it started ends with it. Raises OSError if it cannot be started.
    """
    sizes = [
        str(limits.file_bytes // _FILE_UNIT_BYTES),
        str(limits.memory_bytes // _MEMORY_UNIT_BYTES),
    ]
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as said,
    ):
        given.write(stdin)
        given.seek(0)
        process = subprocess.Popen(  # noqa: S603
            ["/bin/sh", "-c", _SCRIPT, "sh", *sizes, *command],
            cwd=directory,
            env={**(environment or {})},
            stdin=given,
            stdout=output,
            stderr=said,
            start_new_session=True,
        )
        is_late = _await(process, limits.seconds)
        for stream in (output, said):
            stream.seek(0)
        return Ended(
            process.returncode,
            output.read(limits.file_bytes),
            said.read(_SAID_BYTES),
            is_late,
            is_too_much=process.returncode == -signal.SIGXFSZ,
        )


def _await(process: "subprocess.Popen[bytes]", seconds: float) -> bool:
    """Wait for the end of a program and of whatever it started; whether they had to be stopped."""
    late = threading.Event()

    def stop() -> None:
        late.set()
        _kill_all(process)

    # A wait with a time limit would poll, with pauses as long as a short run.
    stopping = threading.Timer(seconds, stop)
    stopping.start()
    try:
        process.wait()
    finally:
        stopping.cancel()
        _kill_all(process)
        process.wait()
    return late.is_set()


def _kill_all(process: "subprocess.Popen[bytes]") -> None:
    """Kill a program and whatever it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
