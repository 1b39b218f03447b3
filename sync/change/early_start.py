"""Begins to ask upstreams while the program is still loading; `sync` checks this guess."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sync.errors import RecordError, VerbatimError
from sync.host.find import find_plain
from sync.host.scan import read_file
from sync.layout import MANIFEST, THIRD_PARTY, record_path
from sync.limits import MANIFEST_BYTES, RECORD_BYTES
from sync.manifest.choosing import choose, with_fed
from sync.manifest.read import parse_manifest
from sync.model import Mirror
from sync.record.json_file import parse_record
from sync.upstream.fetch import Fetching, wants_of
from sync.upstream.parallel import Options


def ask_ahead(start: Path, patterns: Sequence[str], options: Options) -> Fetching | None:
    """Begin to ask for the chosen mirrors that no record answers; None if that cannot be told.

    Upstreams are asked only if the manifest is valid. Whoever takes up the result fetches again if
    it is not what has to be asked for.
    """
    place = find_plain(start)
    if place is None or options.offline:
        return None
    third_party = place.root / THIRD_PARTY
    try:
        mirrors = parse_manifest(read_file(third_party, MANIFEST, MANIFEST_BYTES) or b"").mirrors
        asked = [
            mirrors[name]
            for name in _chosen(third_party, patterns, mirrors)
            if not _is_answered(third_party, mirrors[name])
        ]
        if not asked:
            return None
        fetching = Fetching(wants_of(asked), replace(options, root=place.root))
    except (VerbatimError, OSError):
        return None  # the run finds this again, and reports it
    fetching.await_start()
    return fetching


def _chosen(
    third_party: Path, patterns: Sequence[str], mirrors: Mapping[str, Mirror]
) -> Sequence[str]:
    names = choose(patterns, list(mirrors))
    if not patterns:
        return names

    def has_moved(mirror: Mirror) -> bool:
        has_record = read_file(third_party, record_path(mirror.name), RECORD_BYTES) is not None
        return has_record and not _is_answered(third_party, mirror)

    return with_fed(names, mirrors, has_moved)


def _is_answered(third_party: Path, mirror: Mirror) -> bool:
    data = read_file(third_party, record_path(mirror.name), RECORD_BYTES)
    try:
        return data is not None and parse_record(data, mirror.name).answers_pin_of(mirror)
    except RecordError:
        return True  # this stops the run, so nothing needs to be asked
