"""Finds directories of the host that hold what a mirror holds without being one of its places."""

import os
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from sync.host.scan import ScanBudget, scan_directory
from sync.layout import WORKSPACE
from sync.manifest.paths import as_written
from sync.record.record import Record

_MOST_DIRECTORIES = 200_000


class SameDirectory(NamedTuple):
    """A directory, from the host's root, that nobody has declared, and the mirror that it is."""

    directory: str
    mirror: str

    @property
    def entry(self) -> str:
        """What the manifest's `into` would have to name."""
        return as_written(self.directory)


def same_directories(
    root: Path, records: Sequence[Record], places: Collection[str]
) -> list[SameDirectory]:
    """Find them by name first, and then by content, in a host of any kind, sorted.

    `places` are all that the manifest names; what lies in them is not looked at. After very many
    directories the search ends.
    """
    names = [(_names(record), record) for record in records if record.files]
    found = []
    for directory, there in _directories(root, {*places, WORKSPACE}):
        for wanted, record in names:
            if wanted == there and _holds(root, directory, record):
                found.append(SameDirectory(directory, record.mirror))
    return sorted(found)


def _names(record: Record) -> frozenset[bytes]:
    """The names at the top of a mirror."""
    return frozenset(fact.path.partition(b"/")[0] for fact in record.files)


def _directories(root: Path, left_out: Collection[str]) -> Iterator[tuple[str, frozenset[bytes]]]:
    """Each directory of the host with the names in it."""
    top = os.fsencode(root)
    for path, directories, files in islice(os.walk(top), _MOST_DIRECTORIES):
        here = os.fsdecode(os.path.relpath(path, top))
        inside = "" if here == os.curdir else f"{here}/"
        directories[:] = sorted(
            name
            for name in directories
            if name != b".git" and f"{inside}{os.fsdecode(name)}" not in left_out
        )
        if inside:
            yield here, frozenset([*directories, *files])


def _holds(root: Path, directory: str, record: Record) -> bool:
    budget = ScanBudget.of(record.files)
    facts = scan_directory(root, *directory.split("/"), budget=budget) or []
    return [fact.entry for fact in facts] == [fact.entry for fact in record.files]
