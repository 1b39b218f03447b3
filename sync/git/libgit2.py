"""libgit2 as this program sets it up: no user configuration, no ownership check, little memory.

User configuration must not reach content, and what concerns the transport is asked of git itself (`git.process`), which
knows every place that configuration comes from. The ownership check is off for the same reason: nothing in a repository
can make libgit2 run code, and git, which could, checks by itself.
"""

import pygit2
from pygit2.enums import ConfigLevel

for _level in (ConfigLevel.PROGRAMDATA, ConfigLevel.SYSTEM, ConfigLevel.XDG, ConfigLevel.GLOBAL):
    pygit2.settings.search_path[_level] = ""
pygit2.settings.owner_validation = False
# packs are mapped in small windows: by default up to 8 GiB of them count as this process's memory
pygit2.settings.mwindow_size = 4 << 20
pygit2.settings.mwindow_mapped_limit = 16 << 20
# `Repository.read` hashes what it gives, with hashlib, in a third of the time
pygit2.settings.enable_strict_hash_verification(False)  # noqa: FBT003

__all__ = ["pygit2"]
