"""Finds the records that a mirrored project keeps of its own copies, if it uses git-verbatim too.

Each record is compared with the copy and with its own proof. All functions are pure.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sync.errors import RecordError
from sync.ids import Mode, ObjectId, RepoPath
from sync.layout import PROVENANCE, license_directory
from sync.manifest.paths import is_mirror_name
from sync.model.values import FileFact
from sync.objects.tree import build_trees, join
from sync.record.json_file import parse_record
from sync.record.record import Record
from sync.report.facts import Recorded

_RECORD_FILE = re.compile(rb"(?:(.*)/)?%s/([^/]{1,110})\.json" % PROVENANCE.encode(), re.DOTALL)
# No known project has more records or larger ones. A project with too many invalid records is not
# believed any further.
_MAX_RECORDS = 100
_MAX_RECORD_BYTES = 4 << 20
_MAX_MATCHES = 1_000_000
_MOST_UNSOUND = 4

ReadFile = Callable[[FileFact], bytes]
"""Returns the content of a file of the mirror, after comparing it with the mirror's own record."""


@dataclass(frozen=True, slots=True)
class Inner:
    """The valid records inside a mirror, and the copies that they describe."""

    copies: Mapping[RepoPath, Recorded]
    """The path of a copy inside the mirror → what is recorded about it."""
    accounted: frozenset[RepoPath]
    """The paths of these records inside the mirror, and of the licence files that they list."""


NOTHING_INSIDE = Inner({}, frozenset())


def inner_records(record: Record, read: ReadFile) -> Inner:
    """Return the records inside a mirror that are valid.

    The proof of such a record holds, and its copy has exactly the recorded tree.
    """
    files = {fact.path: fact for fact in record.files}
    trees = {
        path: tree.id for path, tree in build_trees(fact.entry for fact in record.files).items()
    }
    copies: dict[RepoPath, Recorded] = {}
    accounted: set[RepoPath] = set()
    unsound = 0
    for directory, name, fact in list(_record_files(record))[:_MAX_RECORDS]:
        inner = _parsed(read(fact), name) if unsound < _MOST_UNSOUND else None
        places = _copies_of(inner, record, directory, trees) if inner else []
        if inner is None or not places:
            continue
        if inner.problems():
            unsound += 1
            continue
        recorded = Recorded(
            record.mirror, inner.mirror, inner.url, inner.pin, inner.upstream.commit, inner.source
        )
        copies |= dict.fromkeys(places, recorded)
        accounted |= {fact.path, *_licenses(record, directory, inner, files)}
    return Inner(copies, frozenset(accounted))


def _copies_of(
    inner: Record, record: Record, top: RepoPath, trees: Mapping[bytes, ObjectId]
) -> list[RepoPath]:
    """Return where the copies of a record inside a mirror are, if they have the recorded tree."""
    inside = (_inside(record, join(top, one.encode())) for one in inner.copies)
    return [p for p in inside if p is not None and trees.get(p) == inner.holding.tree]


def _record_files(record: Record) -> Iterator[tuple[RepoPath, str, FileFact]]:
    """Find the files that lie where records lie.

    Yields the path in the upstream's tree of the host that contains the file, the name of the
    mirror that the record is about, and the file.
    """
    for fact in record.files:
        match = _RECORD_FILE.fullmatch(join(record.source, fact.path))
        name = match[2].decode("utf-8", "replace") if match else ""
        if (
            match
            and fact.mode == Mode.FILE
            and fact.size <= _MAX_RECORD_BYTES
            and is_mirror_name(name)
        ):
            yield RepoPath(match[1] or b""), name, fact


def _parsed(data: bytes, name: str) -> Record | None:
    """Parse the record in a file; None if it is not a record or would take too long to evaluate."""
    try:
        record = parse_record(data, name)
    except RecordError:
        return None
    patterns = len(record.selection.include) + len(record.selection.exclude)
    return record if patterns * len(record.files) <= _MAX_MATCHES else None


def _inside(record: Record, path: bytes) -> RepoPath | None:
    """Translate a path in the upstream's tree into one inside the mirror; None if it is outside."""
    if not record.source:
        return RepoPath(path)
    above = record.source + b"/"
    return RepoPath(path[len(above) :]) if path.startswith(above) else None


def _licenses(
    record: Record, directory: RepoPath, inner: Record, files: Mapping[RepoPath, FileFact]
) -> Iterator[RepoPath]:
    for fact in inner.licenses:
        path = _inside(
            record, join(directory, license_directory(inner.mirror).encode() + b"/" + fact.path)
        )
        found = files.get(path) if path is not None else None
        if path is not None and found is not None and _content(found) == _content(fact):
            yield path


def _content(fact: FileFact) -> tuple[int, ObjectId]:
    return fact.mode, fact.blob
