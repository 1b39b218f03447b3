"""What a working tree does not show of a mirror: files that a sparse checkout hides, modes that the disk cannot hold; pure."""

import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sync.ids import Mode, RepoPath
from sync.model import Entry, FileFact

_REGULAR = frozenset({Mode.FILE, Mode.EXECUTABLE})


@dataclass(frozen=True, slots=True)
class Unseen:
    """How many files of a mirror the disk did not show as they are."""

    hidden: int = 0
    """Those that git leaves out of the working tree: they are judged as the index has them."""
    modes: int = 0
    """Those whose modes nothing here tells: their modes are not judged."""
    way_back: str | None = None
    """The command that brings hidden files back."""


ALL_SEEN = Unseen()


@dataclass(frozen=True, slots=True)
class Disk:
    """What modes on this disk say."""

    tells_executable: bool = True
    tells_links: bool = True
    """False where a symlink is a plain file that holds its target (git's `core.symlinks`)."""


def with_hidden(
    facts: Sequence[FileFact], recorded: Sequence[FileFact], hidden: Iterable[Entry]
) -> list[FileFact]:
    """The facts with those of hidden files, as the index has them: of one that is as recorded the record's own.

    Size and SHA-256 of others are not read: that they are others is enough to say.
    """
    known = {fact.entry: fact for fact in recorded}
    return sorted([*facts, *(known.get(entry) or FileFact(*entry, 0, "") for entry in hidden)])


def with_told_modes(
    facts: Sequence[FileFact],
    recorded: Sequence[FileFact],
    staged: Mapping[RepoPath, int],
    disk: Disk,
) -> tuple[list[FileFact], frozenset[RepoPath]]:
    """The facts with modes that the disk cannot tell taken from the index, as git does; else from the record.

    Also the paths of the latter, whose modes nobody can judge.
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
