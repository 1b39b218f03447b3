"""Reads large mirrors in a second process while this one still loads, and judges the records."""

import marshal
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from sync.beside import Child
from sync.errors import VerbatimError
from sync.host.scan import ScanBudget, read_file, scan_directory
from sync.layout import MANIFEST_PATH, PROVENANCE
from sync.limits import MANIFEST_BYTES
from sync.manifest.choosing import choose
from sync.manifest.load import load_manifest
from sync.manifest.paths import from_root
from sync.model.values import FileFact

# With more bytes of records, which are some four thousand files, a second process pays off.
_LARGE_RECORDS = 1_000_000
_OURS, _OF = 3, 20
_ODD = frozenset({"", ".", ".."})
# Version 2 of the format does not look for values that occur twice: that takes half as long.
_WITHOUT_REFERENCES = 2


@contextmanager
def reading_ahead(start: Path, patterns: Sequence[str]) -> Iterator["ReadAhead | None"]:
    """Read the chosen mirrors of the working tree meanwhile; None if that would not pay.

    Whoever finds that the host is elsewhere ignores what was read.
    """
    ahead = _begin(start, patterns)
    try:
        yield ahead
    finally:
        if ahead is not None:
            ahead.abandon()


def _begin(start: Path, patterns: Sequence[str]) -> "ReadAhead | None":
    here = start.resolve()
    tops = (here, *here.parents)
    root = next((top for top in tops if (top / MANIFEST_PATH).is_file()), None)
    try:
        if root is None or _size_of_records(root) <= _LARGE_RECORDS:
            return None
        places = _places(read_file(root, MANIFEST_PATH, MANIFEST_BYTES) or b"")
        chosen = choose(patterns, list(places))
        return ReadAhead(root, [place for name in chosen for place in places[name]])
    except (VerbatimError, OSError):
        return None  # the command finds this again, and reports it


def _places(manifest: bytes) -> Mapping[str, list[str]]:
    """Where the mirrors seem to lie, by name: the models of the manifest would take 80 ms to load.

    What is read of a wrong place is not asked for; only a place in the host is read at all.
    """
    _, document = load_manifest(manifest)
    mirrors = document.get("mirrors")
    tables = mirrors.items() if isinstance(mirrors, dict) else ()
    written = {name: table.get("into", name) for name, table in tables if isinstance(table, dict)}
    return {
        name: [
            place
            for one in (into if isinstance(into, list) else [into])
            if _ODD.isdisjoint((place := from_root(str(one).rstrip("/"))).split("/"))
        ]
        for name, into in written.items()
    }


def _size_of_records(root: Path) -> int:
    return sum(file.lstat().st_size for file in (root / PROVENANCE).glob("*.json"))


class ReadAhead:
    """Directories of a host that a second process has begun to read.

    It takes most of the names in each, since this process loads the rest of the program and judges
    the records meanwhile. What it does not read is read here when it is asked for.
    """

    def __init__(self, root: Path, directories: Iterable[str]) -> None:
        self.root = root
        self._waiting = {*directories}
        self._child = Child(self._read_theirs)
        self._theirs: dict[str, list[FileFact] | None] | None = None

    def __contains__(self, directory: str) -> bool:
        return directory in self._waiting

    def take(self, directory: str) -> list[FileFact] | None:
        """What `scan_directory` says of a directory; each can be taken once."""
        self._waiting.remove(directory)
        ours = _scan(self.root, directory, is_ours=True)  # before waiting for the child
        if self._theirs is None:
            self._theirs = _loaded(self._child.result())
        if directory in self._theirs:
            theirs = self._theirs.pop(directory)
        else:  # reading here shows why the child could not
            theirs = _scan(self.root, directory, is_ours=False)
        if ours is None or theirs is None or ours == theirs:
            return theirs  # nothing, or one file in place of the directory
        return sorted([*ours, *theirs])

    def abandon(self) -> None:
        """End what still reads; afterwards nothing can be taken."""
        self._waiting.clear()
        self._child.abandon()

    def _read_theirs(self) -> bytes:
        read = {d: _scan(self.root, d, is_ours=False) for d in sorted(self._waiting)}
        plain = {d: None if facts is None else [*map(tuple, facts)] for d, facts in read.items()}
        return marshal.dumps(plain, _WITHOUT_REFERENCES)


def _loaded(given: bytes | None) -> dict[str, list[FileFact] | None]:
    if given is None:
        return {}
    # What our own child wrote is safe to load.
    read = marshal.loads(given)  # noqa: S302
    return {directory: facts and [*map(FileFact._make, facts)] for directory, facts in read.items()}


def _scan(root: Path, directory: str, *, is_ours: bool) -> list[FileFact] | None:
    return scan_directory(
        root,
        *directory.split("/"),
        wanted=lambda name: (zlib.crc32(name) % _OF < _OURS) is is_ours,
        budget=ScanBudget(sizes={}),
    )
