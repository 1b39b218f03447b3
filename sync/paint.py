"""Colours for a terminal, or none."""

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Paint:
    """Colours, or none."""

    on: bool = False

    def __call__(self, text: str, code: int) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.on and text else text

    def good(self, text: str) -> str:
        return self(text, 32)

    def bad(self, text: str) -> str:
        return self(text, 31)

    def change(self, text: str) -> str:
        return self(text, 33)

    def strong(self, text: str) -> str:
        return self(text, 1)

    def faint(self, text: str) -> str:
        return self(text, 2)


def paint_for(stream: object) -> Paint:
    """Colours on a terminal, but none in a pipe or where NO_COLOR is set (no-color.org)."""
    return Paint(
        on=bool(getattr(stream, "isatty", bool)())
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") != "dumb"
    )
