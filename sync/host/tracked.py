"""Says which entries an index or a commit needs for a mirror, or for a derived form."""

import os
from collections.abc import Mapping

from sync.derived.json_file import dump_derived
from sync.derived.record import DerivedRecord
from sync.ids import Mode, ObjectId, RepoPath
from sync.layout import license_directory, record_path
from sync.model.mirrors import Form, Mirror
from sync.model.values import Entry, path_at
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


def form_entries(form: Form, record: DerivedRecord) -> dict[RepoPath, Entry]:
    """The entries of a derived form and of its record, by path from the host's root.

    A form that is not checked in has only its record.
    """
    entries = [
        Entry(path_at(place, fact.path), fact.mode, fact.blob)
        for place in form.places
        for fact in (record.outputs if form.checked_in else ())
    ]
    path = RepoPath(form.record_path.encode())
    entries.append(Entry(path, Mode.FILE, object_id("blob", dump_derived(record))))
    return {entry.path: entry for entry in entries}


def is_form_staged(
    staged: Mapping[RepoPath, tuple[int, ObjectId]], form: Form, record: DerivedRecord
) -> bool:
    """Whether the index has exactly what a form needs; `staged` is by path from the root."""
    exact = {form.record_path.encode(), *map(os.fsencode, form.places)}
    below = tuple(f"{place}/".encode() for place in form.places)
    there = {
        path: entry for path, entry in staged.items() if path in exact or path.startswith(below)
    }
    return there == {path: (e.mode, e.blob) for path, e in form_entries(form, record).items()}


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
