"""Find the line of a TOML file in which a key or a table stands: tomli does not tell; pure."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

import tomli


def find_line(text: str, location: tuple[str, ...]) -> tuple[int | None, tuple[str, ...]]:
    """Return the 1-based line of a key or table, and how much of the location was found there.

    tomli keeps no positions. So each line that looks like a header or an assignment is parsed by
    itself, with TOML's own rules of quoting. The longest part of the location that has a line wins.
    If no part has one, the answer is None and an empty location.
    """
    lines = _first_lines(text, len(location))
    found = next(
        (location[:end] for end in range(len(location), 0, -1) if location[:end] in lines), ()
    )
    return lines[found] if found else None, found


@lru_cache(4)
def _first_lines(text: str, parts: int) -> Mapping[tuple[str, ...], int]:
    """Return the first line of each key path, of which only the first `parts` parts count.

    The answer is cached, since many findings ask for lines of the same file.
    """
    lines: dict[tuple[str, ...], int] = {}
    for number, path in keys_by_line(text):
        lines.setdefault(path[:parts], number)
    return lines


def keys_by_line(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield the 1-based lines of table headers and assignments, each with its full key path."""
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
    """Return the lines with their ends, where only LF ends a line, as in TOML and in editors.

    Python's `splitlines` would break lines at other characters too.
    """
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _key_path(line: str) -> tuple[str, ...] | None:
    try:
        value = tomli.loads(line)
    except tomli.TOMLDecodeError:
        return None
    path: list[str] = []
    while isinstance(value, dict) and len(value) == 1:
        ((key, value),) = value.items()
        path.append(key)
    return tuple(path)
