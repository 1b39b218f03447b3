"""libgit2 as this program sets it up, and its failures made errors: no user configuration, no ownership check, little memory.

User configuration must not reach content, and what concerns the transport is asked of git itself (`git.process`), which
knows every place that configuration comes from. The ownership check is off for the same reason: nothing in a repository
can make libgit2 run code, and git, which could, checks by itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pygit2
from pygit2.enums import ConfigLevel

from sync.errors import HostError

for _level in (ConfigLevel.PROGRAMDATA, ConfigLevel.SYSTEM, ConfigLevel.XDG, ConfigLevel.GLOBAL):
    pygit2.settings.search_path[_level] = ""
pygit2.settings.owner_validation = False
# packs are mapped in small windows: by default up to 8 GiB of them count as this process's memory
pygit2.settings.mwindow_size = 4 << 20
pygit2.settings.mwindow_mapped_limit = 16 << 20
# `Repository.read` hashes what it gives, with hashlib, in a third of the time
pygit2.settings.enable_strict_hash_verification(False)  # noqa: FBT003

__all__ = ["FAILURES", "attempting", "pygit2", "words"]

# pygit2 raises a bare KeyError for a missing object and a plain ValueError for a bad id, beside its own GitError
FAILURES = (pygit2.GitError, KeyError, ValueError, OSError)


@contextmanager
def attempting(what: str, hint: str | None = None) -> Iterator[None]:
    try:
        yield
    except FAILURES as error:
        raise HostError(f"cannot {what}", [words(error)], hint=hint, reference="git-failed") from error


def words(error: Exception) -> str:
    return str(error).strip("'\"").lower() or type(error).__name__
