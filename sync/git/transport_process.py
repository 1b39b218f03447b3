"""Runs a git that talks to an upstream, within limits, and ends it with all that it started."""

import os
import re
import select
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

from sync.git.terminal import Attention, Cancelled, Terminal
from sync.git.terminal import terminal as find_terminal

# This limits the objects that git holds while it resolves deltas. 64 MB are enough for the largest
# repositories at depth 1.
_DATA_BYTES = 200 << 20
# No repository has a commit as large; without a limit a server could fill the disk.
_MOST_BYTES = 8 << 30
# Progress takes kilobytes; this is megabytes of messages.
_MOST_WORDS_BYTES = 8 << 20
# Half a million refs take this much.
_MOST_OUTPUT_BYTES = 32 << 20
_KEPT_LINES = 40
_STEP_SECONDS = 0.05
# Nobody types a secret this fast, or notices so short a wait for a git that is not urgent.
_SHORT_STEP_SECONDS = 0.01
_GRACE_SECONDS = 1.0
_BLOCK = 1 << 16
# The kernel enforces the limits for git and for whatever git starts; a lower limit that is there
# already stays. A process beside git reads a line from this program. If there is none, this program
# was killed and nobody is left to end a git that hangs, so the process kills the whole group. It is
# not a child of git, since some programs that stand in for git wait for all their children.
_SCRIPT = """
trap "" XFSZ
{ ulimit -S -c 0; ulimit -S -d "$1"; ulimit -S -f "$2"; } 2>/dev/null
given=$3
shift 3
exec 3<&0
( { read -r _ <&3 || kill -KILL 0; } >/dev/null 2>&1 & )
exec "$@" <"$given" 3<&-
"""
_A_WORD = b"\n"
_PROGRESS = re.compile(r"(?:^|remote: )[A-Z][a-z]+ [a-z]+: +[0-9]+")
_NICE = ("nice", "-n", "10")
# The units of sh's ulimit: POSIX says that of -f, and custom that of -d.
_FILE_UNIT_BYTES, _DATA_UNIT_BYTES = 512, 1024


class TooManyWordsError(Exception):
    """Git, or a server through it, says more than anybody reads."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a git ended; a negative status is a signal's number, negated."""

    status: int
    output: bytes
    said: tuple[str, ...]
    """The first and the last lines of stderr that are not progress."""


def attend(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    directory: Path | None,
    stdin: bytes,
    attention: Attention,
    is_urgent: bool = True,
) -> Ended:
    """Run the command to its end, in a process group of its own.

    Raises what `attention` raises, Cancelled, and TooManyWordsError. Whatever ends this call early
    ends the whole group. A command that is not urgent leaves processors and the terminal to others.
    """
    terminal = find_terminal() if is_urgent else None
    with (
        tempfile.NamedTemporaryFile() as given,
        tempfile.TemporaryFile() as output,
        terminal or nullcontext(),
    ):
        given.write(stdin)
        given.flush()
        process = subprocess.Popen(  # noqa: S603
            _limited(command, given.name, is_urgent=is_urgent),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.PIPE,
            env={**environment, **({} if terminal else {"GIT_TERMINAL_PROMPT": "0"})},
            cwd=directory,
            # Without a terminal of ours no child may find one: ssh would look for it by itself.
            start_new_session=terminal is None,
            process_group=None if terminal is None else 0,
        )
        attention.began()
        attended = _Attended(
            process, attention, terminal, _STEP_SECONDS if is_urgent else _SHORT_STEP_SECONDS
        )
        try:
            attended.listen(output.fileno())
        finally:
            attended.end()
        output.seek(0)
        return Ended(process.returncode, output.read(), attended.said)


def _limited(command: Sequence[str], given: str, *, is_urgent: bool) -> list[str]:
    """The command line that runs `command` within the limits; its stdin is the file `given`."""
    limits = [str(_DATA_BYTES // _DATA_UNIT_BYTES), str(_MOST_BYTES // _FILE_UNIT_BYTES)]
    nice = () if is_urgent else _NICE
    return ["/bin/sh", "-c", _SCRIPT, "sh", *limits, given, *nice, *command]


@dataclass
class _Attended:
    process: "subprocess.Popen[bytes]"
    attention: Attention
    terminal: Terminal | None
    step: float
    _first: list[str] = field(default_factory=list)
    _last: list[str] = field(default_factory=list)
    _asks: bool = False

    @property
    def said(self) -> tuple[str, ...]:
        return (*self._first, *self._last)

    def listen(self, output: int) -> None:
        """Pass on what git says until git ends.

        A process that git left behind may hold stderr open for longer.
        """
        said, left = 0, b""
        for piece in self._pieces():
            said += len(piece)
            if said > _MOST_WORDS_BYTES or os.fstat(output).st_size > _MOST_OUTPUT_BYTES:
                raise TooManyWordsError
            *lines, left = re.split(rb"[\r\n]", left + piece)
            left = left[-_BLOCK:]
            for line in lines:
                self._hear(line)
        self._hear(left)

    def _pieces(self) -> Iterator[bytes]:
        """The pieces of stderr until git ends; a piece is empty if git was silent for a while."""
        stream = self.process.stderr
        while stream is not None and self.process.poll() is None:
            ready, _, _ = select.select(
                [stream], [], [], _SHORT_STEP_SECONDS if self._asks else self.step
            )
            if self.attention.cancelled():
                raise Cancelled
            piece = os.read(stream.fileno(), _BLOCK) if ready else b""
            if piece:
                self._answered()
            else:
                self._let_ask()
            if ready and not piece:
                break
            yield piece
        yield from self._rest()

    def _rest(self) -> Iterator[bytes]:
        """The pieces of stderr that are left once git has closed it, or has ended."""
        while self.process.poll() is None:
            if self.attention.cancelled():
                raise Cancelled
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(_STEP_SECONDS)
            self._let_ask()
        stream = self.process.stderr
        while (
            stream is not None
            and select.select([stream], [], [], 0)[0]
            and (piece := os.read(stream.fileno(), _BLOCK))
        ):
            yield piece
        yield b""

    def _hear(self, raw: bytes) -> None:
        line = raw.decode("utf-8", "replace").expandtabs(2).rstrip()
        if not line:
            return
        self.attention.heard(line)
        if not _PROGRESS.search(line):
            if len(self._first) < _KEPT_LINES:
                self._first.append(line)
            else:
                self._last = [*self._last[1 - _KEPT_LINES :], line]

    def _let_ask(self) -> None:
        """Hand the terminal to git in its turn.

        That is needed if git was stopped because it asks from the background.
        """
        if self.terminal is None:
            return
        if self._asks and self.terminal.is_answered():
            self._answered()
        if not self._was_stopped():
            return
        if self._asks:
            # The user stopped git, but would get no shell, since the shell waits for this process.
            os.killpg(self.process.pid, signal.SIGCONT)
        else:
            self.terminal.hand_over(self.process.pid, self.attention)
            self._asks = True

    def _was_stopped(self) -> bool:
        """Whether git was stopped since the last call.

        os.waitid would not reap it, but macOS has that only from Python 3.13 on.
        """
        if self.process.returncode is not None:
            return False
        found, status = os.waitpid(self.process.pid, os.WUNTRACED | os.WNOHANG)
        if found and not os.WIFSTOPPED(status):
            self.process.returncode = os.waitstatus_to_exitcode(status)
            return False
        return found != 0

    def _answered(self) -> None:
        if self._asks and self.terminal is not None:
            self._asks = False
            self.terminal.take_back(self.attention)

    def end(self) -> None:
        """End git and whatever it started."""
        self._answered()
        if self.process.poll() is None:
            for number in (signal.SIGTERM, signal.SIGCONT, signal.SIGKILL):
                with suppress(ProcessLookupError):
                    os.killpg(self.process.pid, number)
                if number == signal.SIGCONT:
                    with suppress(subprocess.TimeoutExpired):
                        self.process.wait(_GRACE_SECONDS)
        self.process.wait()
        if self.process.stdin is not None:
            with suppress(BrokenPipeError), self.process.stdin as line:
                line.write(_A_WORD)
        if self.process.stderr is not None:
            self.process.stderr.close()
        if self.process.returncode == -signal.SIGINT and not self.attention.cancelled():
            # Ctrl-C was pressed while the terminal was git's, so this process did not get it.
            os.kill(os.getpid(), signal.SIGINT)
