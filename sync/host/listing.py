"""Lists what lies in directories of a host, alike on disk and among the files of a state."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from sync.ids import Mode

Children = Callable[[bytes], Iterable[tuple[bytes, int]]]
"""Gives what lies in a directory: each path from the host's root, with git's mode of it.

The modes need only tell files, links, submodules and directories apart. It raises OSError for what
cannot be listed, and gives nothing for what is not there.
"""


def on_disk(root: Path) -> Children:
    """What lies in directories of a host on disk; a link is never followed."""
    top = os.fsencode(root)

    def children(directory: bytes) -> list[tuple[bytes, int]]:
        try:
            with os.scandir(os.path.join(top, directory)) as listing:
                return [(os.path.join(directory, one.name), _mode(one)) for one in listing]
        except (FileNotFoundError, NotADirectoryError):
            return []

    return children


def _mode(entry: "os.DirEntry[bytes]") -> int:
    if entry.is_symlink():
        return Mode.SYMLINK
    return Mode.TREE if entry.is_dir() else Mode.FILE


def among(files: Iterable[tuple[bytes, int]]) -> Children:
    """What lies in directories of a state whose files are these, by path and mode."""
    below: dict[bytes, dict[bytes, int]] = {}
    for file, file_mode in files:
        path, mode = file, file_mode
        while path:
            directory = path.rpartition(b"/")[0]
            there = below.setdefault(directory, {})
            if there.get(path) == mode:
                break  # so are all the directories above it
            there[path] = mode
            path, mode = directory, Mode.TREE
    return lambda directory: list(below.get(directory, {}).items())
