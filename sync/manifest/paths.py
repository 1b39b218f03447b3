"""Judge the paths that manifest and records name below third_party/ and in an upstream tree."""

import re
from bisect import bisect_left
from collections.abc import Container, Sequence
from functools import lru_cache
from typing import AnyStr

from sync.ids import RepoPath
from sync.layout import ATTRIBUTES_FILE, IGNORE_FILE, LICENSES, MANIFEST, PROVENANCE, WORKSPACE
from sync.objects.portable import folded, looks_like, misnamed
from sync.objects.tree import judge_path
from sync.quoting import quote_path

_RESERVED = (PROVENANCE, LICENSES, MANIFEST, ATTRIBUTES_FILE, IGNORE_FILE, WORKSPACE)
# PATH_MAX is 4096 bytes. The path of the host and the paths inside the mirror need a part of them.
_MAX_BYTES = 2000
_MAX_DEPTH = 100

_MIRROR_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@-]{0,99}")


@lru_cache(1024)
def is_mirror_name(name: str) -> bool:
    """Whether a mirror may have this name, which becomes part of paths, refs and trailers."""
    is_plain = _MIRROR_NAME.fullmatch(name) is not None and not name.endswith(".lock")
    return is_plain and next(misnamed([RepoPath(name.encode())]), None) is None


def path_problem(path: str) -> str | None:
    """Return why a path is not a plain relative path, or None if it is one.

    The answer is a phrase that follows the name of the manifest's key.
    """
    if path.startswith("/") or re.match(r"[A-Za-z]:", path):
        return f"is absolute: `{path}`"
    components = path.split("/")
    if ".." in components:
        return f"leaves its directory: `{path}` holds `..`"
    if "" in components or "." in components or "\\" in path:
        return f"is no plain path: `{path}`"
    return None


def into_problem(into: str) -> str | None:
    """Return why no mirror may lie at a plain path below third_party/, or None if one may.

    The answer is a phrase that follows the name of the manifest's key.
    """
    first = into.split("/", maxsplit=1)[0]
    if first.startswith(".") or any(looks_like(first.encode(), name) for name in _RESERVED):
        return f"is reserved for the tool: `{into}`"
    if len(into.encode()) > _MAX_BYTES:
        return f"has more than {_MAX_BYTES:,} bytes"
    if into.count("/") >= _MAX_DEPTH:
        return f"is deeper than {_MAX_DEPTH} directories"
    reference = judge_path(into.encode())
    if reference == "name-dot-git":
        return f"names a git directory: `{into}`"
    return (
        f"is a path that git or a file system would not take ({reference}): `{into}`"
        if reference
        else None
    )


def unportable(path: str, allow: Container[str] | None = None) -> str | None:
    """Return why Windows could not hold a path, or None if it could.

    The answer is a phrase that follows the name of the manifest's key. A rule whose reference is
    in `allow` is not applied; `allow` is None where the manifest cannot allow exceptions.
    """
    for found in misnamed([RepoPath(path.encode())], allow or ()):
        name = quote_path(found.path.rpartition(b"/")[2])
        instead = (
            f'; to use it all the same: allow = ["{found.reference}"]' if allow is not None else ""
        )
        return f"names `{name}`, which Windows cannot hold{instead}"
    return None


def key_file_problem(path: str) -> str | None:
    """Return why no key file may lie at a path below third_party/, or None if one may.

    The answer is a phrase that follows the name of the manifest's key.
    """
    return path_problem(path) or into_problem(path) or unportable(path)


def is_above(path: AnyStr, known: Sequence[AnyStr]) -> bool:
    """Whether one of the `known` paths, which are sorted, lies below this one.

    All directories above the known paths might be more than memory holds, so none is listed.
    """
    below = path + ("/" if isinstance(path, str) else b"/")
    at = bisect_left(known, below)
    return at < len(known) and known[at].startswith(below)


def overlaps(one: str, other: str) -> bool:
    """Whether the paths are equal or one lies in the other, where `WASI` and `wasi` are one."""
    first, second = (folded(f"{path}/".encode()) for path in (one, other))
    return first.startswith(second) or second.startswith(first)
