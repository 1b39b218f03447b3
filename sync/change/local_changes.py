"""Finds what somebody changed and a plan would overwrite, on disk and in the index; pure."""

import os
from collections.abc import Collection, Iterable, Mapping, Sequence

from sync.change.plan import Touching
from sync.errors import LocalChangesError
from sync.ids import RepoPath
from sync.model.values import Entry
from sync.quoting import quote_path


def refuse_local_changes(changes: Sequence[Touching], committed: Collection[Entry] = ()) -> None:
    """LocalChangesError that lists each file that is neither as recorded nor as it will be.

    What is `committed`, by paths from the host's root, is no local change where something takes its
    place.
    """
    local = [path for change in changes for path in local_changes(change, committed)]
    if local:
        raise LocalChangesError(
            "local changes would be lost",
            local,
            hint="keep them elsewhere, or give them up by repeating the command "
            "with `--discard-local`",
            reference="local-changes",
        )


def local_changes(change: Touching, committed: Collection[Entry] = ()) -> list[str]:
    """The files on disk, from the host's root, that are neither recorded nor upstream's.

    Those in places that are left come last. A place may lie in one that is left, or the other way
    round.
    """
    known = {one.directory: one.upstreams for one in change.places if one.shared_place is None}
    return [
        quote_path(place.below(fact.path))
        for place in sorted(change.places, key=lambda one: one.wanted is None)
        for inside in [
            [(b"", place.upstreams)] if place.shared_place else _inside(place.directory, known)
        ]
        for fact in place.present or ()
        if not any(_is_known(fact.entry, prefix, files) for prefix, files in inside)
        and (
            place.wanted is None
            or fact.entry._replace(path=place.below(fact.path)) not in committed
        )
    ]


def _inside(
    directory: str, known: Mapping[str, Collection[Entry]]
) -> list[tuple[bytes, Collection[Entry]]]:
    """What is known in a directory and in others below it, each with its path from there."""
    below = f"{directory}/"
    return [
        (os.fsencode(f"{other}/"[len(below) :]), files)
        for other, files in known.items()
        if f"{other}/".startswith(below)
    ]


def _is_known(entry: Entry, prefix: bytes, files: Collection[Entry]) -> bool:
    path = b"" if entry.path + b"/" == prefix else entry.path.removeprefix(prefix)
    return _is_in(entry, prefix) and entry._replace(path=RepoPath(path)) in files


def _is_in(entry: Entry, prefix: bytes) -> bool:
    """Whether an entry lies in a place, or at it; the prefix of a place ends with a slash."""
    return (entry.path + b"/").startswith(prefix)


def refuse_staged_changes(
    known: Mapping[str, Collection[Entry]],
    staged: Iterable[Entry],
    committed: Collection[Entry],
    files: Mapping[bytes, Collection[Entry]] | None = None,
) -> None:
    """LocalChangesError that lists each staged file that would be lost, and is nowhere else.

    `known` has the files that may lie in each directory, by their path in it. What counts is staged
    at, below or on the way to one of these directories. `files` are single ones, and what each may
    be. `staged`, `committed` and `files` have paths from the host's root.
    """
    prefixed = {os.fsencode(f"{directory}/"): entries for directory, entries in known.items()}
    lost = [
        entry.path
        for entry in staged
        if entry not in committed
        and (
            entry not in files[entry.path]
            if files and entry.path in files
            else _is_lost(entry, prefixed)
        )
    ]
    if lost:
        raise LocalChangesError(
            "what is staged and is neither committed nor on disk would be lost",
            list(map(quote_path, lost)),
            hint="commit it, or give it up by repeating the command with `--discard-local`",
            reference="local-changes",
        )


def _is_lost(entry: Entry, known: Mapping[bytes, Collection[Entry]]) -> bool:
    """Whether an entry is on the way to a directory, or in one and known in none that it is in."""
    around = [prefix for prefix in known if _is_in(entry, prefix)]
    if around:
        return not any(_is_known(entry, prefix, known[prefix]) for prefix in around)
    return any(prefix.startswith(entry.path + b"/") for prefix in known)


def upstreams_files(change: Touching) -> dict[str, set[Entry]]:
    """The entries of the record and of the new copy, for each directory that a change touches.

    What moves to another directory may be staged in the one that it leaves.
    """
    whole = [place for place in change.places if place.shared_place is None]
    files = {place.directory: place.upstreams for place in whole}
    of_copies = {entry for directory in change.copies for entry in files.get(directory, ())}
    for place in whole:
        if place.wanted is None:
            files[place.directory] |= of_copies
    return files


def single_files(change: Touching) -> dict[bytes, set[Entry]]:
    """What each file may be that goes alone, by its path from the host's root."""
    single = (place for place in change.places if place.shared_place is not None)
    return {
        path: {entry._replace(path=RepoPath(path)) for entry in place.upstreams}
        for place in single
        for path in [os.fsencode(place.directory)]
    }
