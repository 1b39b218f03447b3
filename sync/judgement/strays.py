"""Finds what lies in third_party/ though nothing accounts for it."""

import os
from collections.abc import Iterable, Iterator
from enum import Enum, auto
from pathlib import Path

from sync.ids import Mode
from sync.layout import (
    ATTRIBUTES_FILE,
    IGNORE_FILE,
    LICENSES,
    MANIFEST,
    PROVENANCE,
)
from sync.limits import DEPTH
from sync.manifest.paths import is_above, is_mirror_name

_REGULAR = frozenset({Mode.FILE, Mode.EXECUTABLE})
_OWN_FILES = frozenset(name.encode() for name in (MANIFEST, ATTRIBUTES_FILE, IGNORE_FILE))
_OWN_DIRECTORIES = frozenset(name.encode() for name in (PROVENANCE, LICENSES))


class Accounted(Enum):
    """How something below third_party/ is accounted for."""

    OURS = auto()
    """All of it is accounted for, or is judged as the mirror that lies there."""
    ABOVE = auto()
    """A directory that holds something of ours, and maybe something else."""
    STRAY = auto()


class Accounts:
    """What accounts for files: mirrors, the manifest, and the key files that it names."""

    def __init__(self, places: Iterable[bytes], key_files: Iterable[bytes]) -> None:
        """`places` are the directories of copies and licences; all paths are below third_party/."""
        self._places = frozenset(places)
        self._key_files = frozenset(key_files)
        self._known = sorted(self._places | self._key_files)

    def look_up(self, path: bytes, mode: int) -> Accounted:
        """How what lies at a path is accounted for; `mode` is git's mode of it."""
        is_own = mode in _REGULAR and (path in _OWN_FILES or path in self._key_files)
        if path in self._places or is_own or _is_record(path):
            return Accounted.OURS
        if mode == Mode.TREE and (path in _OWN_DIRECTORIES or is_above(path, self._known)):
            return Accounted.ABOVE
        return Accounted.STRAY


def _is_record(path: bytes) -> bool:
    """Whether this is the path of a record; anything else that lies there is a broken record."""
    directory, _, name = path.rpartition(b"/")
    return directory == PROVENANCE.encode() and recorded_mirror(name) is not None


def recorded_mirror(file_name: bytes) -> str | None:
    """The mirror whose record has this file name; None if no record can have it."""
    name = file_name.removesuffix(b".json").decode("ascii", "replace")
    return name if file_name.endswith(b".json") and is_mirror_name(name) else None


def strays_on_disk(third_party: Path, accounts: Accounts) -> Iterator[bytes]:
    """The paths of strays below third_party/; for a stray directory, one file in it.

    Raises OSError if a directory that holds something of ours cannot be read.
    """
    pending = [b""]
    while pending:
        for path, mode in _listed(third_party, pending.pop()):
            accounted = accounts.look_up(path, mode)
            if accounted is Accounted.ABOVE:
                pending.append(path)
            elif accounted is Accounted.STRAY and (file := _first_file(third_party, path, mode)):
                yield file


def _listed(third_party: Path, directory: bytes) -> list[tuple[bytes, int]]:
    """What lies in a directory: each path below third_party/ with its mode, sorted.

    The modes only tell files, links and directories apart.
    """
    with os.scandir(os.path.join(os.fsencode(third_party), directory)) as listing:
        return sorted((os.path.join(directory, entry.name), _mode(entry)) for entry in listing)


def _mode(entry: "os.DirEntry[bytes]") -> int:
    if entry.is_symlink():
        return Mode.SYMLINK
    return Mode.TREE if entry.is_dir() else Mode.FILE


def _first_file(third_party: Path, path: bytes, mode: int) -> bytes | None:
    """A file at or below a stray, or a directory that cannot be looked into; None for neither."""
    waiting = [(path, mode)]
    while waiting:
        path, mode = waiting.pop()
        if mode != Mode.TREE or path.count(b"/") > DEPTH:
            return path
        try:
            waiting += _listed(third_party, path)
        except OSError:
            return path
    return None
