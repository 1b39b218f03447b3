"""All of git: every libgit2 call and every process that the program starts is in this package, and nowhere else.

Plain types come out, absent is None, and each failure names what was attempted. libgit2 reads no user
configuration here: it must not reach content, and what concerns the transport is asked of git itself
(`git.process`), which knows every place that configuration comes from. For the same reason libgit2's
ownership check is off: nothing in a repository can make libgit2 run code, and git, which could, checks by itself.
"""

import pygit2
from pygit2.enums import ConfigLevel

for _level in (ConfigLevel.PROGRAMDATA, ConfigLevel.SYSTEM, ConfigLevel.XDG, ConfigLevel.GLOBAL):
    pygit2.settings.search_path[_level] = ""
pygit2.settings.owner_validation = False
