"""Sets up libgit2, and turns its failures into errors.

No user configuration is read, ownership is not checked, and little memory is used. User
configuration must not affect content; what concerns the transport is asked of git itself, which
knows every place that configuration comes from. Ownership need not be checked: nothing in a
repository can make libgit2 run code, and git, which could run code, checks by itself.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pygit2
from pygit2.enums import ConfigLevel, ObjectType, RepositoryOpenFlag, RepositoryState

from sync.errors import HostError

for _level in (ConfigLevel.PROGRAMDATA, ConfigLevel.SYSTEM, ConfigLevel.XDG, ConfigLevel.GLOBAL):
    pygit2.settings.search_path[_level] = ""
pygit2.settings.owner_validation = False
# Packs are mapped in small windows: by default up to 8 GiB of them count as our memory.
pygit2.settings.mwindow_size = 4 << 20
pygit2.settings.mwindow_mapped_limit = 16 << 20
# `Repository.read` hashes what it gives with hashlib, which takes a third of the time.
pygit2.settings.enable_strict_hash_verification(False)  # noqa: FBT003
# An object that a partial clone lacks is missing, like any other; otherwise such a clone is read
# like any repository.
pygit2.settings.set_extensions(["partialclone"])

# No other module imports pygit2: two threads that began at different modules of it would each see a
# part of it.
__all__ = [
    "FAILURES",
    "ObjectType",
    "RepositoryOpenFlag",
    "RepositoryState",
    "attempting",
    "foreign",
    "pygit2",
    "words",
]

# Besides its own GitError, pygit2 raises a bare KeyError for a missing object and a plain
# ValueError for a bad id.
FAILURES = (pygit2.GitError, KeyError, ValueError, OSError)


@contextmanager
def attempting(what: str, hint: str | None = None) -> Iterator[None]:
    try:
        yield
    except FAILURES as error:
        raise HostError(
            f"cannot {what}", [words(error)], hint=hint, reference="git-failed"
        ) from error


def words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return (
            f"{os.fsdecode(error.filename)}: {error.strerror.lower()}"
            if error.filename
            else error.strerror.lower()
        )
    # The text of a KeyError is its message in quotes.
    said = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return said.lower() or type(error).__name__


@dataclass(frozen=True, slots=True)
class Foreign:
    """A repository that git can use, and that libgit2 cannot read."""

    why: str
    way_out: str
    """The hint for a host repository of this kind."""


_COPY = "work in a clone of it, made by the git that made it: `git clone . ../COPY`"
_FOREIGN = {
    re.compile(r"object format '?sha256"): Foreign(
        "its object ids are SHA-256, and git-verbatim copies by SHA-1 ids",
        "keep the mirrors in a repository of SHA-1 ids: `git init --object-format=sha1`",
    ),
    re.compile(r"extensions\.refstorage"): Foreign(
        "its refs are in a reftable, which libgit2 does not read",
        "convert them: `git refs migrate --ref-format=files`",
    ),
    re.compile(r"extension name extensions\.\S+"): Foreign(
        "it has an extension of git's format that libgit2 does not read", _COPY
    ),
    re.compile(r"unsupported repository version"): Foreign(
        "its format is newer than libgit2 reads", _COPY
    ),
}


def foreign(error: Exception) -> Foreign | None:
    """Why libgit2 does not read a repository, judged by its message; None for another failure."""
    said = words(error)
    return next((kind for sign, kind in _FOREIGN.items() if sign.search(said)), None)
