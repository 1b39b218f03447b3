"""Takes the lock of a file, and says so while another process holds it."""

import time
from collections.abc import Callable
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

_STEP_SECONDS = 1.0


def take_lock(
    path: Path, seconds: float, waits: Callable[[], None], *, silent: float = 0.0
) -> BaseFileLock:
    """The lock of a file, which the caller releases.

    `waits` is called after `silent` seconds, and then each second, while another process holds it.
    Raises filelock's Timeout after `seconds`, and OSError if there can be no such lock.
    """
    lock, end = FileLock(path), time.monotonic() + seconds
    step = min(silent, seconds)
    while not lock.is_locked:
        try:
            lock.acquire(timeout=step)
        except Timeout:
            waits()
            if time.monotonic() >= end:
                raise
            step = max(0.0, min(_STEP_SECONDS, end - time.monotonic()))
    return lock
