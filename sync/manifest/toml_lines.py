"""In which line of a TOML file a key or a table stands, which tomllib does not say; pure."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache


def find_line(text: str, location: tuple[str, ...]) -> tuple[int | None, tuple[str, ...]]:
    """The 1-based line of a key or table, and how much of the location was found there.

    tomllib keeps no positions. Each line that looks like a header or an assignment is parsed by itself, so
    quoting is read as TOML reads it; the longest part of the location that has a line wins.
    """
    lines = _first_lines(text, len(location))
    found = next(
        (location[:end] for end in range(len(location), 0, -1) if location[:end] in lines), ()
    )
    return lines[found] if found else None, found


@lru_cache(4)
def _first_lines(text: str, parts: int) -> Mapping[tuple[str, ...], int]:
    """The first line of each key, of a longer one of its first parts: kept, since many findings ask for lines of one file."""
    lines: dict[tuple[str, ...], int] = {}
    for number, path in keys_by_line(text):
        lines.setdefault(path[:parts], number)
    return lines


def keys_by_line(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The 1-based lines of table headers and assignments, each with its full key path."""
    table: tuple[str, ...] = ()
    for number, line in enumerate(toml_lines(text), 1):
        stripped = line.strip()
        if stripped.startswith("["):
            header = _key_path(stripped)
            table = header if header is not None else table
            yield number, table
        elif "=" in stripped and (key := _key_path(stripped.partition("=")[0] + "= 0")):
            yield number, table + key


def toml_lines(text: str) -> list[str]:
    """The lines with their ends; of all that Python takes for the end of a line only that which ends one in TOML and in editors."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _key_path(line: str) -> tuple[str, ...] | None:
    try:
        value = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return None
    path: list[str] = []
    while isinstance(value, dict) and len(value) == 1:
        ((key, value),) = value.items()
        path.append(key)
    return tuple(path)
