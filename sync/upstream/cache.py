"""The cache: a bare repository for each upstream, under a lock, in the XDG cache directory.

It can be deleted at any time.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import Timeout

from sync.errors import BlockedCacheError, HostError
from sync.host.locks import take_lock

_FILES = {
    "config": "[core]\n\trepositoryformatversion = 0\n\tbare = true\n",
    "HEAD": "ref: refs/heads/none\n",
}


def cache_root() -> Path:
    """`$XDG_CACHE_HOME/git-verbatim`, by default in ~/.cache (XDG Base Directory Specification)."""
    configured = os.environ.get("XDG_CACHE_HOME", "")
    base = configured if os.path.isabs(configured) else os.path.expanduser("~/.cache")
    if not os.path.isabs(base):  # `~` stays as it is without HOME and an entry in passwd
        raise HostError(
            "no home directory is known for the cache",
            [f"HOME: {os.environ.get('HOME') or 'not set'}"],
            hint="set HOME, or XDG_CACHE_HOME, to a directory that can be written",
            reference="cache-unusable",
        )
    return Path(base) / "git-verbatim"


def cache_path(key: str) -> Path:
    """The path of the cache for a key.

    Its name is a readable form of the key's first line, made unique by a hash of the whole key. The
    hash also covers the word `git`: it keeps these caches apart from those of earlier layouts,
    which held what libgit2 had fetched, some of it in parts.
    """
    url = key.partition("\n")[0]
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", url.partition("://")[2] or url).strip("-.")[-60:]
    digest = hashlib.sha256(f"git\n{key}".encode("utf-8", "surrogateescape")).hexdigest()
    return cache_root() / f"{name}-{digest[:16]}.git"


@contextmanager
def locked_cache(
    key: str, wait_seconds: float, *, waits: Callable[[], None] = lambda: None, anew: bool = False
) -> Iterator[Path]:
    """The upstream's cache: a bare repository that this process alone holds.

    What a killed fetch left is removed first. `waits` is called each second while another process
    holds the cache. With `anew` the cache is made again from nothing, because it was found to be
    damaged. Raises HostError if the cache stays held or cannot be used.
    """
    path = cache_path(key)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = take_lock(path.with_suffix(".lock"), wait_seconds, waits, silent=1.0)
        try:
            if anew:
                remove(path)
            _require(path)
            remove(aside_of(path))
            sweep(path)
            yield path
        finally:
            lock.release()
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


def _require(path: Path) -> None:
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise BlockedCacheError(
            f"{path} is {'a symlink' if path.is_symlink() else 'no directory'}",
            hint=f"remove {path}: it is a cache, and will be fetched again",
            reference="cache-damaged",
        )
    make_bare(path)


def make_bare(path: Path) -> None:
    """Make an empty bare repository, or give the one that is there our own HEAD and configuration.

    It has just what git needs to recognize a repository; nobody's template is used.
    """
    for directory in ("objects/pack", "refs"):
        (path / directory).mkdir(parents=True, exist_ok=True)
    for name, content in _FILES.items():
        (path / name).unlink(missing_ok=True)  # the old one may be a symlink, or cut off
        (path / name).write_text(content)


def aside_of(path: Path) -> Path:
    """The path of a repository that may become the cache; only the holder of the lock uses it."""
    return path.with_suffix(".aside")


def is_empty(path: Path) -> bool:
    """Whether nothing has been fetched yet, so that nothing is known about the upstream."""
    return not any((path / "objects" / "pack").glob("*.pack"))


def is_partial(path: Path) -> bool:
    """Whether the upstream was asked for only a part of its objects.

    Then the upstream is large, and any blob may be missing from the cache.
    """
    return any((path / "objects" / "pack").glob("*.promisor"))


def remove(path: Path) -> None:
    """Remove a cache, or whatever lies at its path."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sweep(path: Path) -> None:
    """Remove the temporary files of a killed fetch; only the holder of the lock may do so."""
    unfinished = (
        *(path / "objects").rglob("tmp_*"),
        *(path / "objects").glob("pack/*.keep"),
        *path.glob("*.lock"),
        *(path / "refs").rglob("*.lock"),
    )
    for left in unfinished:
        left.unlink(missing_ok=True)
