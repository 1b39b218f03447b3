"""Runs the program on a terminal of its own, at whose other end a test reads and types."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.project import ROOT

_SECONDS = 20.0
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# a session's first terminal is the one that its leader opens first
_ON_TERMINAL = 'exec "$@" <"$0" >"$0" 2>&1'


@dataclass
class Terminal:
    """The program, what it showed, and what is typed."""

    process: "subprocess.Popen[bytes]"
    _master: int
    _slave: int
    shown: str = ""
    _read: int = 0
    """How much of what was shown has been looked at."""

    def wait_for(self, *words: str) -> str:
        """Wait until one of these appears after what was looked at before; says which one.

        All up to it counts as looked at.
        """
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end:
            ahead = self.shown[self._read :]
            found = [(ahead.index(word) + len(word), word) for word in words if word in ahead]
            if found:
                self._read += min(found)[0]
                return min(found)[1]
            if not self._look() and self.process.poll() is not None:
                break
        raise AssertionError(f"none of {words} was shown, but:\n{self.shown}")

    def _look(self, seconds: float = 0.05) -> bool:
        """Take what is shown; whether there was something."""
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        self.shown += os.read(self._master, 1 << 16).decode("utf-8", "replace")
        return True

    @property
    def unread(self) -> str:
        """What is shown by now beyond what was looked at."""
        while self._look():
            pass
        return self.shown[self._read :]

    @property
    def words(self) -> str:
        """What was shown, without its colours."""
        return _COLOUR.sub("", self.shown)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    @property
    def echoes(self) -> bool:
        """Whether what is typed is shown: not while a password is."""
        return bool(termios.tcgetattr(self._slave)[3] & termios.ECHO)

    @property
    def modes(self) -> list[int]:
        """How the terminal is set."""
        return termios.tcgetattr(self._slave)[:4]

    def end(self, seconds: float = _SECONDS) -> int:
        """Wait for the program's end; its exit status."""
        limit = time.monotonic() + seconds
        while self.process.poll() is None:
            self._look()
            assert time.monotonic() < limit, f"still running, having shown:\n{self.shown}"
        while self._look():
            pass
        return self.process.wait()


@contextmanager
def on_terminal(directory: Path, *arguments: str, **environment: str) -> Iterator[Terminal]:
    """Run the program so; whatever of it is left at the end is killed."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "sync", *arguments]
    process = subprocess.Popen(
        ["sh", "-c", _ON_TERMINAL, os.ttyname(slave), *command],
        cwd=directory,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TERM": "xterm",
            "COLUMNS": "200",
            **environment,
        },
        start_new_session=True,
    )
    try:
        yield Terminal(process, master, slave)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(slave)
        os.close(master)
