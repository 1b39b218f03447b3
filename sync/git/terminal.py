"""The terminal, where one git at a time may ask a question.

The git that asks is in the foreground; the others wait for their turn.
"""

import os
import signal
import termios
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

_STEP_SECONDS = 0.05
_LOCAL_FLAGS = 3  # the index of the local flags in what tcgetattr gives


class Cancelled(Exception):  # noqa: N818 - not an error: the caller asked for it
    """The caller cancelled the git."""


@dataclass(frozen=True, slots=True)
class Attention:
    """What the caller hears of a git at work, and how the caller cancels it."""

    heard: Callable[[str], None] = lambda _: None
    """It gets each line of stderr, progress too; an exception that it raises ends the git."""
    asks: Callable[[], None] = lambda: None
    """It is called when a question comes to the terminal; it returns when there is room for it."""
    answered: Callable[[], None] = lambda: None
    began: Callable[[], None] = lambda: None
    cancelled: Callable[[], bool] = lambda: False


class Terminal:
    """The controlling terminal, on which one git at a time may ask.

    Inside `with terminal`, while gits that might ask are at work, the terminal also stops
    background processes that write to it.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._turn = threading.Lock()
        self._users = 0
        self._counting = threading.Lock()
        self._before = termios.tcgetattr(descriptor)
        self._was_silent = False

    def __enter__(self) -> None:
        with self._counting:
            self._users += 1
            if self._users == 1:
                self._before = termios.tcgetattr(self._descriptor)
                self._set_flags(self._before[_LOCAL_FLAGS] | termios.TOSTOP)

    def __exit__(self, *_: object) -> None:
        with self._counting:
            self._users -= 1
            if self._users == 0:
                self._set_flags(self._before[_LOCAL_FLAGS])

    def _set_flags(self, flags: int) -> None:
        with suppress(termios.error):
            now = termios.tcgetattr(self._descriptor)
            now[_LOCAL_FLAGS] = flags
            termios.tcsetattr(self._descriptor, termios.TCSANOW, now)

    def is_answered(self) -> bool:
        """Whether a secret was asked for and typed: the terminal shows again what is typed."""
        is_silent = not termios.tcgetattr(self._descriptor)[_LOCAL_FLAGS] & termios.ECHO
        answered = self._was_silent and not is_silent
        self._was_silent = is_silent
        return answered

    def hand_over(self, group: int, attention: Attention) -> None:
        """Wait for the turn, then let a stopped process group ask; raises Cancelled."""
        while not self._turn.acquire(timeout=_STEP_SECONDS):
            if attention.cancelled():
                raise Cancelled
        try:
            attention.asks()
        except BaseException:
            self._turn.release()
            raise
        self._give(group)
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGCONT)

    def take_back(self, attention: Attention) -> None:
        """Return to the terminal's foreground, and let the next git ask."""
        self._give(os.getpgrp())
        self._turn.release()
        attention.answered()

    def _give(self, group: int) -> None:
        # A background process that changes the foreground process group is stopped by SIGTTOU,
        # unless it blocks that signal.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
        try:
            with suppress(OSError):
                os.tcsetpgrp(self._descriptor, group)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@cache
def terminal() -> Terminal | None:
    """The terminal; None unless this process is in its foreground and stderr is a terminal."""
    if not os.isatty(2):
        return None
    with suppress(OSError):
        descriptor = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
        if os.tcgetpgrp(descriptor) == os.getpgrp():
            return Terminal(descriptor)
        os.close(descriptor)
    return None
