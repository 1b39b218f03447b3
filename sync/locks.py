"""Takes the lock of a file, and says so while another process holds it."""

import time
from collections.abc import Callable
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

_STEP_SECONDS = 1.0


def take_lock(path: Path, seconds: float, waits: Callable[[], None]) -> BaseFileLock:
    """The lock of a file, which the caller releases.

    `waits` is called at once, and then each second, while another process holds it. Raises
    filelock's Timeout after `seconds`, and OSError if there can be no such lock.
    """
    lock, end = FileLock(path), time.monotonic() + seconds
    step = 0.0
    while not lock.is_locked:
        try:
            lock.acquire(timeout=step)
        except Timeout:
            if time.monotonic() >= end:
                raise
            waits()
            step = max(0.0, min(_STEP_SECONDS, end - time.monotonic()))
    return lock
