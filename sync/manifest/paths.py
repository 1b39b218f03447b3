"""Judge the paths that manifest and records name in the host and in an upstream tree."""

import os
import re
from bisect import bisect_left
from collections.abc import Container, Sequence
from functools import lru_cache
from typing import AnyStr

from sync.ids import RepoPath
from sync.layout import (
    ATTRIBUTES_FILE,
    ATTRIBUTES_PATH,
    IGNORE_FILE,
    IGNORE_PATH,
    LICENSES,
    MANIFEST_PATH,
    PROVENANCE,
    THIRD_PARTY,
    WORKSPACE,
)
from sync.objects.portable import folded, looks_like, misnamed
from sync.objects.tree import judge_path
from sync.quoting import quote_path

_RESERVED = tuple(
    path.removeprefix(f"{THIRD_PARTY}/")
    for path in (PROVENANCE, LICENSES, MANIFEST_PATH, ATTRIBUTES_PATH, IGNORE_PATH, WORKSPACE)
)
_GITS = (ATTRIBUTES_FILE, IGNORE_FILE, ".gitmodules")
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


def from_root(written: str) -> str:
    """A path of the manifest from the host's root: a slash in front means that root itself."""
    return written[1:] if written.startswith("/") else f"{THIRD_PARTY}/{written}"


def as_written(path: str) -> str:
    """The inverse of `from_root`."""
    below = path.removeprefix(f"{THIRD_PARTY}/")
    return f"/{path}" if below == path else below


def written_problem(written: str) -> str | None:
    """Return why the manifest may not name a path of the host like this, or None if it may.

    The answer is a phrase that follows the name of the manifest's key.
    """
    plain = written.removeprefix("/")
    if not plain:
        return "names the host's root"
    if problem := path_problem(plain):
        return problem
    top, _, below = plain.partition("/")
    if written.startswith("/") and top == THIRD_PARTY:
        return f"begins in {THIRD_PARTY}/ without a slash in front: write `{below or '.'}`"
    return place_problem(from_root(written))


def place_problem(path: str) -> str | None:
    """Return why no mirror may lie at a plain path from the host's root, or None if one may.

    The answer is a phrase that follows the name of the manifest's key.
    """
    shown = as_written(path)
    top, _, below = path.partition("/")
    if top == THIRD_PARTY:
        first = below.partition("/")[0]
        reserved = first.startswith(".") or any(
            looks_like(first.encode(), name) for name in _RESERVED
        )
    else:
        reserved = looks_like(top.encode(), THIRD_PARTY) or any(
            looks_like(name.encode(), one) for name in path.split("/") for one in _GITS
        )
    if reserved:
        return f"is reserved for the tool: `{shown}`"
    if len(path.encode()) > _MAX_BYTES:
        return f"has more than {_MAX_BYTES:,} bytes"
    if path.count("/") >= _MAX_DEPTH:
        return f"is deeper than {_MAX_DEPTH} directories"
    reference = judge_path(path.encode())
    if reference == "name-dot-git":
        return f"names a git directory: `{shown}`"
    return (
        f"is a path that git or a file system would not take ({reference}): `{shown}`"
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


def key_file_problem(written: str) -> str | None:
    """Return why the manifest may not name a key file like this, or None if it may.

    The answer is a phrase that follows the name of the manifest's key.
    """
    return written_problem(written) or unportable(from_root(written))


def is_above(path: AnyStr, known: Sequence[AnyStr]) -> bool:
    """Whether one of the `known` paths, which are sorted, lies below this one.

    All directories above the known paths might be more than memory holds, so none is listed.
    """
    below = path + ("/" if isinstance(path, str) else b"/")
    at = bisect_left(known, below)
    return at < len(known) and known[at].startswith(below)


def overlaps(one: str, other: str) -> bool:
    """Whether the paths are equal or one lies in the other, where `WASI` and `wasi` are one."""
    first, second = (folded(os.fsencode(f"{path}/")) for path in (one, other))
    return first.startswith(second) or second.startswith(first)
