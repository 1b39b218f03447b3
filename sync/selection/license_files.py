"""Which files of an upstream tree are licence texts or notices, and which cover a mirror."""

import re
from collections.abc import Iterable

from sync.ids import BLOB_MODES, Mode, ObjectId, RepoPath
from sync.model.values import Entry
from sync.objects.tree import join, judge_name, parse_tree_at

_LICENSE_NAME = re.compile(
    rb"(licen[cs]es?|copying|copyright|notice|unlicense)([._-].*)?", re.IGNORECASE | re.DOTALL
)


def is_license_name(name: bytes) -> bool:
    """Whether a file of this name is by convention a licence text or notice."""
    return _LICENSE_NAME.fullmatch(name) is not None


def covering_licenses(
    source: RepoPath, directories: Iterable[tuple[RepoPath, ObjectId, bytes]], taken: list[Entry]
) -> tuple[Entry, ...]:
    """Return the licence files above `source` and in it, less those that are `taken` there."""
    mirrored = {entry.path for entry in taken}
    found: list[Entry] = []
    for directory, _, raw in directories:
        for entry in parse_tree_at(raw, directory):
            is_license = entry.mode in BLOB_MODES - {Mode.SYMLINK} and is_license_name(entry.name)
            is_mirrored = directory == source and entry.name in mirrored
            if is_license and not is_mirrored and judge_name(entry.name) is None:
                found.append(Entry(join(directory, entry.name), entry.mode, entry.id))
    return tuple(sorted(found))
