"""Waiting for what is to come about, instead of for a time."""

import time
from collections.abc import Callable

_STEP_SECONDS = 0.02


def comes_true(condition: Callable[[], object], seconds: float = 20) -> bool:
    """Whether the condition holds within these seconds; it returns as soon as it does."""
    end = time.monotonic() + seconds
    while not (held := bool(condition())) and time.monotonic() < end:
        time.sleep(_STEP_SECONDS)
    return held
