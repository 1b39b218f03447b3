"""Fills in what a working tree does not show: hidden files, modes the disk cannot hold; pure."""

import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sync.ids import Mode, RepoPath
from sync.model.values import Entry, FileFact

_REGULAR = frozenset({Mode.FILE, Mode.EXECUTABLE})


@dataclass(frozen=True, slots=True)
class Unseen:
    """How many files of a mirror the disk did not show as they are."""

    hidden: int = 0
    """The files that git leaves out of the working tree; they are judged as the index has them."""
    modes: int = 0
    """The files whose modes nothing here can tell; their modes are not judged."""
    way_back: str | None = None
    """The command that brings hidden files back."""


ALL_SEEN = Unseen()


@dataclass(frozen=True, slots=True)
class Disk:
    """What modes on this disk can tell."""

    tells_executable: bool = True
    tells_links: bool = True
    """False if a symlink is a plain file that holds its target (git's `core.symlinks`)."""


def with_hidden(
    facts: Sequence[FileFact], recorded: Sequence[FileFact], hidden: Iterable[Entry]
) -> list[FileFact]:
    """The facts, together with those of hidden files as the index has them.

    A hidden file that is as recorded has the record's fact. The size and SHA-256 of any other are
    not read: it is enough to say that it differs.
    """
    known = {fact.entry: fact for fact in recorded}
    return sorted([*facts, *(known.get(entry) or FileFact.unread(entry) for entry in hidden)])


def with_told_modes(
    facts: Sequence[FileFact],
    recorded: Sequence[FileFact],
    staged: Mapping[RepoPath, int],
    disk: Disk,
) -> tuple[list[FileFact], frozenset[RepoPath]]:
    """The facts with the modes that git sees, and the paths of files whose modes nobody can judge.

    A mode that the disk cannot tell is taken from the index, as git does, or else from the record.
    Nobody can judge the latter.
    """
    expected = {fact.path: fact for fact in recorded}
    told: list[FileFact] = []
    unjudged: set[RepoPath] = set()
    for fact in facts:
        wanted = expected.get(fact.path)
        mode = (
            fact.mode
            if wanted is None or wanted.mode == fact.mode
            else _mode(fact, wanted, staged.get(fact.path), disk)
        )
        told.append(fact._replace(mode=mode))
        if mode != fact.mode and fact.path not in staged:
            unjudged.add(fact.path)
    return told, frozenset(unjudged)


def _mode(fact: FileFact, wanted: FileFact, staged: int | None, disk: Disk) -> int:
    permissions = stat.S_IMODE(fact.mode) & ~0o777
    plain = fact.mode & ~permissions
    if plain not in _REGULAR:
        return fact.mode
    source = (
        staged
        if staged is not None
        else wanted.mode
        if wanted.blob == fact.blob or wanted.mode in _REGULAR
        else plain
    )
    if source == Mode.SYMLINK:
        return fact.mode if disk.tells_links else source
    return fact.mode if disk.tells_executable or source not in _REGULAR else source | permissions
