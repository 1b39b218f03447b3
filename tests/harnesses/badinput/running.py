"""Runs of the program, each a copy of this process, which has imported everything already.

Each run is watched for time, memory and references.
"""

import fcntl
import gc
import importlib
import os
import pkgutil
import pty
import resource
import select
import signal
import sys
import tempfile
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import policies
import sync

SECONDS = 10.0
_STEP_SECONDS = 0.003
_NO_REFERENCE = "usage"  # what the command line's own parser refuses has none


@dataclass(frozen=True)
class Ran:
    """A finished run."""

    arguments: tuple[str, ...]
    status: int
    out: bytes
    err: bytes
    """Empty for a run on a terminal, where both are one."""
    reference: str
    """Of the last error that was said; empty if none was."""
    seconds: float
    kib: int
    """The most memory that it, or a process it started, had."""
    on_terminal: bool = False

    @property
    def hung(self) -> bool:
        return self.seconds >= SECONDS


def load() -> None:
    """Import all of the program, so that no run has to."""
    for package in (sync, policies):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    gc.freeze()  # so that no copy writes to what it shares with this process


def run(
    directory: Path,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    umask: int = 0o022,
    anew: bool = False,
    on_terminal: bool = False,
) -> Ran:
    """Run the program in `directory`.

    A run that takes longer than allowed is killed, with all that it started.
    """
    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        tempfile.TemporaryFile() as note,
    ):
        master, slave = pty.openpty() if on_terminal else (-1, -1)
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            streams = (slave, slave) if on_terminal else (out.fileno(), err.fileno())
            _become(directory, arguments, environment, umask, streams, note.fileno(), anew=anew)
        if on_terminal:
            os.close(slave)
        status, usage, screen = _wait(child, began, master)
        seconds = time.monotonic() - began
        contents = []
        for file in (out, err, note):
            file.seek(0)
            contents.append(file.read())
    return Ran(
        arguments=tuple(arguments),
        status=os.waitstatus_to_exitcode(status),
        out=screen if on_terminal else contents[0],
        err=contents[1],
        reference=contents[2].decode().split("\n")[-2:][0]
        or (_NO_REFERENCE if b"Usage: " in contents[1] else ""),
        seconds=seconds,
        kib=usage.ru_maxrss,
        on_terminal=on_terminal,
    )


def _wait(child: int, began: float, master: int) -> tuple[int, resource.struct_rusage, bytes]:
    screen = bytearray()
    while True:
        if master >= 0:
            _read_screen(master, screen)
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() - began > SECONDS:
            os.killpg(child, signal.SIGKILL)
            _, status, usage = os.wait4(child, 0)
            break
        if master < 0:
            time.sleep(_STEP_SECONDS)
    if master >= 0:
        _read_screen(master, screen)
        os.close(master)
    return status, usage, bytes(screen)


def _read_screen(master: int, screen: bytearray) -> None:
    while select.select([master], [], [], _STEP_SECONDS)[0]:
        try:
            read = os.read(master, 1 << 16)
        except OSError:  # EIO: nobody has the other end open any more
            return
        if not read:
            return
        screen += read


def _become(
    directory: Path,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    umask: int,
    streams: tuple[int, int],
    note: int,
    *,
    anew: bool,
) -> None:
    try:
        os.setsid()
        if os.isatty(streams[0]):
            fcntl.ioctl(streams[0], termios.TIOCSCTTY, 0)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(streams[0], 1)
        os.dup2(streams[1], 2)
        os.umask(umask)
        os.environ.update(environment)
        os.chdir(directory)
        if anew:
            os.execv(sys.executable, [sys.executable, "-m", "sync", *arguments])
        sys.argv = ["git-verbatim", *arguments]
        # they live as long as the process
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(  # noqa: SIM115
            2, "w", encoding="utf-8", errors="backslashreplace", closefd=False
        )
        _note_references(note)
        _draw_nothing()
        importlib.import_module("sync.__main__").main()
    finally:
        os._exit(99)


def _draw_nothing() -> None:
    """Have a terminal get only words, however long a run takes.

    A picture of the progress would move the cursor.
    """
    vars(importlib.import_module("sync.cli.progress"))["_SHORT_SECONDS"] = SECONDS


def _note_references(note: int) -> None:
    """Write down the reference of each error that is said: of most, text shows none."""
    words = vars(importlib.import_module("sync.cli.text"))
    render_error = words["render_error"]

    def noting(error: object, paint: object) -> str:
        os.write(note, f"{getattr(error, 'reference', '')}\n".encode())
        return render_error(error, paint)

    words["render_error"] = noting
