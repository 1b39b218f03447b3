"""Begins to ask upstreams while the program is still loading; `sync` checks this guess."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from sync.errors import RecordError, VerbatimError
from sync.host.find import find_plain
from sync.host.scan import read_file
from sync.layout import MANIFEST_PATH, record_path
from sync.limits import MANIFEST_BYTES, RECORD_BYTES
from sync.manifest.choosing import choose, with_fed
from sync.manifest.read import parse_manifest
from sync.model.mirrors import Mirror
from sync.record.json_file import parse_record
from sync.record.record import Record
from sync.upstream.parallel import Options

if TYPE_CHECKING:
    from sync.upstream.fetch import Fetching


def ask_ahead(start: Path, patterns: Sequence[str], options: Options) -> "Fetching | None":
    """Begin to ask for the chosen mirrors that no record answers; None if that cannot be told.

    Upstreams are asked only if the manifest is valid. Whoever takes up the result fetches again if
    it is not what has to be asked for.
    """
    place = find_plain(start)
    if place is None or options.offline:
        return None
    try:
        asked = list(_asked(place.root, patterns))
        if not asked:
            return None
        from sync.upstream.fetch import Fetching, wants_of  # what has nothing to ask saves 20 ms

        fetching = Fetching(wants_of(asked), replace(options, root=place.root))
    except (VerbatimError, OSError):
        return None  # the run finds this again, and reports it
    fetching.await_start()
    return fetching


def _asked(root: Path, patterns: Sequence[str]) -> Iterator[Mirror]:
    mirrors = parse_manifest(read_file(root, MANIFEST_PATH, MANIFEST_BYTES) or b"").mirrors
    record_of = cache(partial(_record, root))

    def has_moved(mirror: Mirror) -> bool:
        record = record_of(mirror.name)
        return isinstance(record, Record) and not record.answers_pin_of(mirror)

    chosen = choose(patterns, list(mirrors))
    for name in with_fed(chosen, mirrors, has_moved) if patterns else chosen:
        if record_of(name) is None or has_moved(mirrors[name]):
            yield mirrors[name]


def _record(root: Path, name: str) -> Record | RecordError | None:
    data = read_file(root, record_path(name), RECORD_BYTES)
    try:
        return None if data is None else parse_record(data, name)
    except RecordError as error:
        return error  # this stops the run, so nothing needs to be asked
