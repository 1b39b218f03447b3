"""The cache: bare repositories under the XDG cache directory, one for each upstream asked, each under its lock, safe to delete."""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from sync.errors import HostError
from sync.git.repository import Repository


def cache_root() -> Path:
    """`$XDG_CACHE_HOME/git-verbatim`, by default below ~/.cache (XDG Base Directory Specification)."""
    configured = os.environ.get("XDG_CACHE_HOME", "")
    base = configured if os.path.isabs(configured) else os.path.expanduser("~/.cache")
    if not os.path.isabs(base):  # without HOME and an entry in passwd `~` stays as it is
        raise HostError(
            "no home directory is known for the cache",
            [f"HOME: {os.environ.get('HOME') or 'not set'}"],
            hint="set HOME, or XDG_CACHE_HOME, to a directory that can be written",
            reference="cache-unusable",
        )
    return Path(base) / "git-verbatim"


def cache_path(key: str) -> Path:
    """Where the objects of who was asked are kept: a readable name of the key's first line, made unique by a hash of all.

    Caches of the first layout went by what the manifest wrote, whoever had answered; `asked` tells these from them.
    """
    url = key.partition("\n")[0]
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", url.partition("://")[2] or url).strip("-.")[-60:]
    digest = hashlib.sha256(f"asked\n{key}".encode("utf-8", "surrogateescape")).hexdigest()
    return cache_root() / f"{name}-{digest[:16]}.git"


@contextmanager
def locked_cache(key: str, wait_seconds: float, *, anew: bool = False) -> Iterator[Repository]:
    """The upstream's cache, held by this process alone; what a killed fetch left behind is swept away first.

    With `anew` it is made again from nothing, because it was found to be damaged.
    """
    path = cache_path(key)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_suffix(".lock"), timeout=wait_seconds)
        with lock:
            if anew:
                _remove(path)
            repository = _opened(path)
            sweep(path)
            yield repository
    except Timeout as error:
        raise HostError(
            "another git-verbatim holds the cache of this upstream",
            [f"cache: {path}", f"waited: {wait_seconds:g} s"],
            hint="wait for it to end, then run the command again",
            reference="cache-locked",
        ) from error
    except OSError as error:
        raise HostError(
            f"cannot use the cache {path}",
            [(error.strerror or str(error)).lower()],
            hint="set XDG_CACHE_HOME to a directory that can be written",
            reference="cache-unusable",
        ) from error


def _opened(path: Path) -> Repository:
    there = path.exists()
    remedy = f"remove {path}: it is a cache, and will be fetched again"
    try:
        if path.is_symlink():
            raise HostError(f"{path} is a symlink", hint=remedy)
        if there:
            return Repository.open_or_create_bare(path, "the cache", remedy)
        return Repository.open_or_create_bare(path, "what the upstream sent", "mirror from a repository that has everything")
    except HostError as error:
        error.reference = "cache-damaged"
        raise


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sweep(path: Path) -> None:
    """Remove the temporary files of a fetch that was killed; only for whoever holds the lock."""
    packs = path / "objects" / "pack"
    for pattern in ("pack_*", "tmp_*"):
        for left in packs.glob(pattern):
            left.unlink(missing_ok=True)
    for left in (*path.glob("*.lock"), *(path / "refs").rglob("*.lock")):
        left.unlink(missing_ok=True)
