"""Finds what lies in guarded directories though nothing accounts for it; pure.

Guarded are third_party/ and the directories that the manifest seals.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum, auto
from functools import lru_cache

from sync.errors import HostError
from sync.host.listing import Children
from sync.ids import Mode
from sync.layout import (
    ATTRIBUTES_FILE,
    ATTRIBUTES_PATH,
    DERIVED,
    IGNORE_PATH,
    LICENSES,
    MANIFEST_PATH,
    PROVENANCE,
    THIRD_PARTY,
)
from sync.limits import DEPTH, PATTERN_STEPS
from sync.manifest.paths import is_above, is_mirror_name
from sync.objects.portable import looks_like
from sync.selection.patterns import parse_pattern

_REGULAR = frozenset({Mode.FILE, Mode.EXECUTABLE})
_OWN_FILES = frozenset(name.encode() for name in (MANIFEST_PATH, ATTRIBUTES_PATH, IGNORE_PATH))
_OWN_DIRECTORIES = frozenset(name.encode() for name in (PROVENANCE, DERIVED, LICENSES))
_OF_RECORDS = frozenset(name.encode() for name in (PROVENANCE, DERIVED))
_INSIDE_OWN = tuple(name + b"/" for name in _OWN_DIRECTORIES)
_LETTERS_A_STEP = 64
UNACCOUNTED = "no mirror, record, licence, manifest or `own` pattern accounts for it"
LOOKALIKE = f"some systems take it for a part of {THIRD_PARTY}/, or for {ATTRIBUTES_FILE}"


class Accounted(Enum):
    """How something in a guarded directory is accounted for."""

    OURS = auto()
    """All of it is accounted for, or is judged as the mirror that lies there."""
    ABOVE = auto()
    """A directory that may hold something of ours, and maybe something else."""
    ABOVE_IN_OWN = auto()
    """A directory of the host's own that holds something of ours; the rest is the host's."""
    STRAY = auto()


class Accounts:
    """What accounts for files: mirrors, derived forms, the manifest, and what the host owns."""

    def __init__(
        self,
        places: Iterable[bytes],
        key_files: Iterable[bytes],
        own: Sequence[str] = (),
        sealed: Iterable[str] = (),
    ) -> None:
        """`places` are the directories of copies and licences; paths start at the host's root."""
        self.guarded = [path.encode() for path in (THIRD_PARTY, *sealed)]
        """The directories in which everything has to be accounted for."""
        self._places = frozenset(places)
        self._key_files = frozenset(key_files)
        self._known = sorted(self._places | self._key_files)
        self._own = [(one, pattern) for one in own if (pattern := parse_pattern(one))]
        self._steps = sum(pattern.steps for _, pattern in self._own)
        self._steps_left = PATTERN_STEPS
        self._used: set[str] = set()

    @classmethod
    def of(
        cls, places: list[str], key_files: list[str], own: list[str], sealed: list[str]
    ) -> "Accounts":
        """The accounts for paths as text."""
        return cls(map(os.fsencode, places), map(os.fsencode, key_files), own, sealed)

    @property
    def unused(self) -> list[str]:
        """The patterns that have matched nothing so far, in the manifest's order."""
        return [one for one, _ in self._own if one not in self._used]

    def look_up(self, path: bytes, mode: int, *, in_own: bool = False) -> Accounted:
        """How what lies at a path is accounted for; `mode` is git's mode of it.

        `in_own` says that it lies in a directory of the host's own. Raises HostError if there are
        too many patterns for so many files.
        """
        is_plain = mode in _REGULAR and (path in _OWN_FILES or path in self._key_files)
        if path in self._places or is_plain or _is_record(path):
            return Accounted.OURS
        is_directory = mode == Mode.TREE
        if path in _OWN_DIRECTORIES and is_directory:
            return Accounted.ABOVE
        is_own = not path.startswith(_INSIDE_OWN) and self._is_own(path, mode, in_own=in_own)
        if is_directory and is_above(path, self._known):
            return Accounted.ABOVE_IN_OWN if is_own else Accounted.ABOVE
        if is_own:
            return Accounted.OURS
        # An own pattern may match something deeper inside.
        may_hold_own = is_directory and self._own and not path.startswith(_INSIDE_OWN)
        return Accounted.ABOVE if may_hold_own else Accounted.STRAY

    def _is_own(self, path: bytes, mode: int, *, in_own: bool) -> bool:
        if in_own or not self._own:
            return in_own
        self._steps_left -= self._steps * (1 + len(path) // _LETTERS_A_STEP)
        if self._steps_left < 0:
            raise HostError(
                "`[host] own` has too many patterns for so many files",
                [f"manifest: {MANIFEST_PATH}"],
                hint="name directories, such as /third_party/zlib/, and fewer patterns",
                reference="own-patterns-too-costly",
            )
        is_own = False
        for one, pattern in self._own:
            if pattern.matches(path, is_directory=mode == Mode.TREE):
                self._used.add(one)
                is_own = not pattern.takes_back
        return is_own


def _is_record(path: bytes) -> bool:
    """Whether this is the path of a record; anything else that lies there is a broken record."""
    directory, _, name = path.rpartition(b"/")
    return directory in _OF_RECORDS and recorded_name(name) is not None


@lru_cache(1 << 14)
def is_lookalike(name: bytes) -> bool:
    """Whether some systems take what has this name at the root for ours."""
    return name not in {THIRD_PARTY.encode(), ATTRIBUTES_FILE.encode()} and any(
        looks_like(name, ours) for ours in (THIRD_PARTY, ATTRIBUTES_FILE)
    )


@lru_cache(1 << 14)
def recorded_name(file_name: bytes) -> str | None:
    """The mirror or form whose record has this file name; None if no record can have it."""
    name = file_name.removesuffix(b".json").decode("ascii", "replace")
    return name if file_name.endswith(b".json") and is_mirror_name(name) else None


def find_strays(children: Children, accounts: Accounts) -> Iterator[bytes]:
    """The paths of the files that nothing accounts for, or of directories that cannot be read.

    Raises OSError if a directory that holds something of ours cannot be read.
    """
    pending = [(directory, Accounted.ABOVE) for directory in reversed(accounts.guarded)]
    while pending:
        directory, how = pending.pop()
        try:
            listed = sorted(children(directory))
        except OSError:
            if how is not Accounted.STRAY:
                raise
            yield directory
            continue
        for path, mode in listed:
            accounted = how
            if how is not Accounted.STRAY:
                in_own = how is Accounted.ABOVE_IN_OWN
                accounted = accounts.look_up(path, mode, in_own=in_own)
            if accounted is Accounted.OURS:
                continue
            if mode == Mode.TREE and path.count(b"/") <= DEPTH:
                pending.append((path, accounted))
            elif accounted is Accounted.STRAY:
                yield path
