"""List the files that attributes must not alter, and those that an archive must not lack; pure."""

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from sync.derived.record import DerivedRecord
from sync.errors import RecordError
from sync.ids import Mode, ObjectId, RepoPath
from sync.layout import (
    ATTRIBUTES_FILE,
    ATTRIBUTES_PATH,
    MANIFEST_PATH,
)
from sync.model.values import Entry, FileFact, path_at
from sync.objects.portable import looks_like
from sync.objects.tree import join
from sync.record.record import Record

_ATTRIBUTES = ATTRIBUTES_FILE.encode()


class Role(Enum):
    """What a file is to a mirror."""

    FILE = auto()
    LICENSE = auto()
    RECORD = auto()
    KEY = auto()
    MANIFEST = auto()
    ATTRIBUTES = auto()


_VERIFIED = frozenset({Role.FILE, Role.LICENSE, Role.RECORD, Role.MANIFEST})


@dataclass(frozen=True, slots=True)
class Guarded:
    """A file whose bytes, or whose meaning, attributes must not change."""

    mirror: str
    """The mirror's name, or the empty string if the file does not belong to a single mirror."""
    role: Role
    path: RepoPath
    """The path from the host's root."""
    blob: ObjectId
    is_link: bool = False
    place: str = ""
    """The directory that a mirror's file or licence is recorded in; empty for other files."""


@dataclass(frozen=True, slots=True)
class GuardedRecord:
    """The record of a mirror or derived form."""

    name: str
    path: str
    """Where the record lies, from the host's root."""
    blob: ObjectId | None
    """None if there is no record."""
    record: Record | DerivedRecord | RecordError | None
    is_checked_in: bool
    """Whether git has what it records; it does not have what the manifest lacks."""


def guarded_files(
    records: Iterable[GuardedRecord],
    own_files: Iterable[Entry],
    attribute_files: Iterable[Entry],
) -> Iterator[Guarded]:
    """Yield records and what they record, then the host's guarded files.

    These are the manifest and the files that it names (`own_files`), and
    third_party/.gitattributes.
    """
    for one in records:
        yield from _of_record(one)
    for entry in own_files:
        yield Guarded(
            "",
            Role.MANIFEST if entry.path == MANIFEST_PATH.encode() else Role.KEY,
            entry.path,
            entry.blob,
        )
    for entry in attribute_files:
        if entry.path == ATTRIBUTES_PATH.encode():
            yield Guarded("", Role.ATTRIBUTES, entry.path, entry.blob)


def _of_record(one: GuardedRecord) -> Iterator[Guarded]:
    if one.blob is not None:
        yield Guarded(one.name, Role.RECORD, RepoPath(os.fsencode(one.path)), one.blob)
    if one.is_checked_in:
        for place, role, files in _places(one.record):
            for fact in files:
                is_link = fact.mode == Mode.SYMLINK
                path = path_at(place, fact.path)
                yield Guarded(one.name, role, path, fact.blob, is_link, place)


def _places(
    record: Record | DerivedRecord | RecordError | None,
) -> Iterator[tuple[str, Role, Iterable[FileFact]]]:
    if isinstance(record, DerivedRecord):
        yield from ((place, Role.FILE, record.outputs) for place in record.places)
    elif isinstance(record, Record):
        for place in record.places:
            role = Role.FILE if place.directory in record.copies else Role.LICENSE
            yield place.directory, role, place.files


def attributes_inside(
    files: Iterable[FileFact], places: Sequence[str]
) -> Iterator[tuple[RepoPath, Entry]]:
    """Yield what git reads as attributes in these places, on some systems by another name.

    Each comes with its path; the entry has the path by which git reads it.
    """
    for fact in files:
        if fact.path and not looks_like(fact.path.rpartition(b"/")[2], ATTRIBUTES_FILE):
            continue
        for place in places:
            path = path_at(place, fact.path)
            directory, _, name = path.rpartition(b"/")
            if looks_like(name, ATTRIBUTES_FILE):
                yield path, Entry(join(directory, _ATTRIBUTES), Mode.FILE, fact.blob)


def above(path: bytes) -> Iterator[bytes]:
    """Yield the directories above a path, outermost first, each with a slash at its end."""
    return (path[: at + 1] for at, byte in enumerate(path) if byte == ord("/"))


def left_out(guarded: Sequence[Guarded], ignored: Collection[bytes]) -> dict[RepoPath, bytes]:
    """Return the files that `git archive` leaves out if it ignores these paths and all below them.

    Each comes with the ignored path that is to blame.
    """
    if not ignored:
        return {}
    blamed = (
        (file.path, next((one for one in (*above(file.path), file.path) if one in ignored), None))
        for file in guarded
    )
    return {path: by for path, by in blamed if by is not None}


def missed(guarded: Sequence[Guarded], lacking: Collection[RepoPath]) -> Iterator[Guarded]:
    """Yield the lacking files without which the rest of an archive does not verify.

    An archive may leave out a place of a mirror whole, and with all its places its licences, as
    distributions do. It may also leave out everything that could be verified. Nothing is missed
    then.
    """
    there = [file for file in guarded if file.path not in lacking]
    held = {(file.mirror, file.role) for file in there}
    places = {file.place for file in there}
    if any(role in _VERIFIED for _, role in held):
        yield from (
            file for file in guarded if file.path in lacking and _is_needed(file, held, places)
        )


def _is_needed(file: Guarded, held: Collection[tuple[str, Role]], places: Collection[str]) -> bool:
    match file.role:
        case Role.FILE:
            return file.place in places
        case Role.LICENSE:
            return (file.mirror, Role.FILE) in held or (file.mirror, Role.LICENSE) in held
        case Role.RECORD | Role.KEY | Role.MANIFEST:
            return True
        case Role.ATTRIBUTES:
            return False
