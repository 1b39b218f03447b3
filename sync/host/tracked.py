"""Says which entries an index or a commit needs for a mirror."""

from collections.abc import Mapping

from sync.ids import Mode, ObjectId, RepoPath
from sync.layout import license_directory, record_path
from sync.model import Entry, Mirror
from sync.objects.tree import object_id
from sync.record.json_file import dump_record
from sync.record.places import places_of
from sync.record.record import Record


def tracked_entries(mirror: Mirror, record: Record) -> dict[RepoPath, Entry]:
    """The entries of a mirror, its licences and its record, by path from the host's root.

    A mirror that is not checked in has only its record.
    """
    entries = [
        Entry(RepoPath(f"{directory}/".encode() + fact.path), fact.mode, fact.blob)
        for directory, _, facts in places_of(mirror.places, mirror.name, record.holding)
        for fact in (facts if mirror.checked_in else ())
    ]
    path = RepoPath(record_path(mirror.name).encode())
    entries.append(Entry(path, Mode.FILE, object_id("blob", dump_record(record))))
    return {entry.path: entry for entry in entries}


def is_staged(
    staged: Mapping[RepoPath, tuple[int, ObjectId]], mirror: Mirror, record: Record
) -> bool:
    """Whether the index has exactly what a mirror needs; `staged` is by path from the root."""
    directories = (*mirror.places, license_directory(mirror.name))
    prefixes = tuple(f"{directory}/".encode() for directory in directories)
    there = {
        path: entry
        for path, entry in staged.items()
        if path.startswith(prefixes) or path == record_path(mirror.name).encode()
    }
    return there == {path: (e.mode, e.blob) for path, e in tracked_entries(mirror, record).items()}
