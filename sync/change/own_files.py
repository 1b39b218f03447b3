"""Finds what third_party/ holds already, and writes the patterns that declare it the host's own."""

import json
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sync.layout import (
    ATTRIBUTES_PATH,
    IGNORE_PATH,
    LICENSES,
    MANIFEST_PATH,
    PROVENANCE,
    THIRD_PARTY,
    WORKSPACE,
    above,
)
from sync.limits import ENTRIES
from sync.manifest.host_table import named_path, reached_place
from sync.quoting import printable
from sync.selection.patterns import literal
from sync.wording import count

_OURS = frozenset({ATTRIBUTES_PATH, IGNORE_PATH, LICENSES, MANIFEST_PATH, PROVENANCE, WORKSPACE})


@dataclass(frozen=True, slots=True)
class OwnFiles:
    """Something in third_party/ that is there before the tool is."""

    pattern: str
    """The gitignore pattern, from the host's root, of just this."""
    seen: str
    """What it is, in words."""


def own_files_in(root: Path) -> list[OwnFiles]:
    """What third_party/ holds beside the tool's own files, sorted by name.

    What is in no UTF-8 is left out, since a manifest cannot name it.
    """
    top = root / THIRD_PARTY
    names = sorted(os.listdir(top)) if top.is_dir() and not top.is_symlink() else []
    paths = (f"{THIRD_PARTY}/{name}" for name in names)
    return [
        OwnFiles(_pattern(path, is_directory=_is_directory(root / path)), _seen(root / path))
        for path in paths
        if path not in _OURS and path.isprintable()
    ]


def host_table(own: Sequence[OwnFiles]) -> str:
    """The manifest's table that declares these files the host's own; empty without any."""
    if not own:
        return ""
    # A TOML string has JSON's escapes.
    patterns = (json.dumps(one.pattern, ensure_ascii=False) for one in own)
    lines = (
        f"    {text},  # {printable(one.seen)}\n" for text, one in zip(patterns, own, strict=True)
    )
    return (
        "\n# What was here before: the host's own files, which no mirror accounts for.\n"
        "[host]\nown = [\n" + "".join(lines) + "]\n"
    )


def narrowed(pattern: str, places: Sequence[str]) -> str | None:
    """The pattern of own files, so that it does not reach into these places.

    One that names a directory above a place gets to name all that lies in that directory: this has
    no effect in the place. None for one that names a place, or something in it.
    """
    named = named_path(pattern)
    if named is None or reached_place(pattern, places) is None:
        return pattern
    is_above = any(named in above(place) for place in places)
    return f"/{named}/*" if is_above else None


def _pattern(path: str, *, is_directory: bool) -> str:
    return f"/{literal(path)}/" if is_directory else f"/{literal(path)}"


def _is_directory(path: Path) -> bool:
    """Whether it is a directory, and no submodule, which git takes for one entry."""
    return path.is_dir() and not path.is_symlink() and not os.path.lexists(path / ".git")


def _seen(path: Path) -> str:
    if path.is_symlink():
        return f"a symlink to {os.readlink(path)}"
    if os.path.lexists(path / ".git"):
        return "a repository of its own"
    if stat.S_ISDIR(os.lstat(path).st_mode):
        return count(_files_below(path), "file")
    return "a file"


def _files_below(path: Path) -> int:
    number = 0
    for _, _, files in os.walk(path):
        number += len(files)
        if number > ENTRIES:
            break
    return number
