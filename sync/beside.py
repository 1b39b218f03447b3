"""Work that runs at the same time, in a copy of this process or in a thread."""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, NoReturn, TypeVar

from sync.errors import VerbatimError


class Child:
    """Work that a copy of this process does meanwhile, on a second processor if there is one."""

    def __init__(self, work: Callable[[], bytes]) -> None:
        self._is_awaited = False
        self._reading, writing = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            os.close(self._reading)  # so that writing fails when nobody reads any more
            _work_and_exit(work, writing)
        os.close(writing)

    def result(self) -> bytes | None:
        """The result of the work, or None if it failed: doing the work here then shows why."""
        self._is_awaited = True
        with os.fdopen(self._reading, "rb") as pipe:
            given = pipe.read()
        _, status = os.waitpid(self._process, 0)
        return given if status == 0 else None

    def abandon(self) -> None:
        """End the work, if its result was not asked for."""
        if not self._is_awaited:
            self._is_awaited = True
            os.close(self._reading)
            with suppress(OSError):
                os.kill(self._process, signal.SIGKILL)
                os.waitpid(self._process, 0)


def _work_and_exit(work: Callable[[], bytes], writing: int) -> NoReturn:
    status = 1
    try:
        given = work()
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(given)
        status = 0
    finally:
        os._exit(status)


_T = TypeVar("_T")


class Begun(Generic[_T]):
    """Work that runs in a thread while the caller does other things, such as waiting for git."""

    def __init__(self, work: Callable[[], _T]) -> None:
        self._given: _T | None = None
        self._thread = threading.Thread(target=self._do, args=[work], daemon=True)
        self._thread.start()

    def _do(self, work: Callable[[], _T]) -> None:
        with suppress(VerbatimError, OSError):
            self._given = work()

    def result(self) -> _T | None:
        """The result of the work, or None if it failed: doing the work again then shows why."""
        self._thread.join()
        return self._given
