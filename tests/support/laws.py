"""Says how much of a long table is tried: all of it by `make laws`, a part by the test suite."""

import os
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")
EVERY_ROW = "EVERY_STATE" in os.environ


def each(nth: int, rows: Iterable[T]) -> list[T]:
    """Each nth row from the first on, or all of them if `make laws` asks."""
    return list(rows)[:: 1 if EVERY_ROW else nth]
