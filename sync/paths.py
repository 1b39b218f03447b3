"""Which paths manifest and records may name below third_party/ and in an upstream tree."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import AnyStr

from sync.model import LICENSES, MANIFEST, PROVENANCE
from sync.tree import judge_path

_RESERVED = frozenset({PROVENANCE, LICENSES, MANIFEST})
_MAX_BYTES = 2000  # PATH_MAX is 4096, of which the host's own path and those inside the mirror need some
_MAX_DEPTH = 100

_MIRROR_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@-]{0,99}")


def is_mirror_name(name: str) -> bool:
    """Whether a mirror may be called so: its name becomes part of paths, refs and trailers."""
    return _MIRROR_NAME.fullmatch(name) is not None and not name.endswith(".lock")


def path_problem(path: str) -> str | None:
    """Why this is no plain relative path, in words that follow the key's name; None if it is one."""
    if path.startswith("/") or re.match(r"[A-Za-z]:", path):
        return f"is absolute: `{path}`"
    components = path.split("/")
    if ".." in components:
        return f"leaves its directory: `{path}` holds `..`"
    if "" in components or "." in components or "\\" in path:
        return f"is no plain path: `{path}`"
    return None


def into_problem(into: str) -> str | None:
    """Why no mirror may lie at this plain path below third_party/, in words that follow the key's name; None if one may."""
    first = into.split("/", maxsplit=1)[0].casefold()
    if first in _RESERVED or first.startswith("."):
        return f"is reserved for the tool: `{into}`"
    if len(into.encode()) > _MAX_BYTES:
        return f"has more than {_MAX_BYTES:,} bytes"
    if into.count("/") >= _MAX_DEPTH:
        return f"is deeper than {_MAX_DEPTH} directories"
    reference = judge_path(into.encode())
    if reference == "name-dot-git":
        return f"names a git directory: `{into}`"
    return f"is a path that git or a file system would not take ({reference}): `{into}`" if reference else None


def key_file_problem(path: str) -> str | None:
    """Why no file of keys may lie at this path below third_party/, in words that follow the key's name; None if one may."""
    return path_problem(path) or into_problem(path)


def is_above(path: AnyStr, known: Sequence[AnyStr]) -> bool:
    """Whether one of the paths, which are sorted, lies below; all that lie above them might be more than memory holds."""
    below = path + ("/" if isinstance(path, str) else b"/")
    at = bisect_left(known, below)
    return at < len(known) and known[at].startswith(below)


def overlaps(one: str, other: str) -> bool:
    """Whether one path is the other or lies in it; without case, since on Windows and macOS `WASI` and `wasi` are one."""
    first, second = f"{one.casefold()}/", f"{other.casefold()}/"
    return first.startswith(second) or second.startswith(first)
