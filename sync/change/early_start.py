"""Has git ask upstreams while the rest of the program is still being loaded: a start by a guess, which `sync` checks."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sync.errors import RecordError, VerbatimError
from sync.host.find import find_plain
from sync.host.scan import read_file
from sync.layout import MANIFEST, THIRD_PARTY, record_path
from sync.limits import MANIFEST_BYTES, RECORD_BYTES
from sync.manifest.choosing import choose
from sync.manifest.manifest import parse_manifest
from sync.model import Mirror
from sync.record.json_file import parse_record
from sync.upstream.fetch import Fetching, wants_of
from sync.upstream.parallel import Options


def ask_ahead(start: Path, patterns: Sequence[str], options: Options) -> Fetching | None:
    """Begin to ask for the chosen mirrors that no record answers; None where that is not plain to see.

    Nobody is asked but by a manifest that is valid. Whoever takes this up fetches anew if it is not what has to be asked.
    """
    place = find_plain(start)
    if place is None or options.offline:
        return None
    third_party = place.root / THIRD_PARTY
    try:
        mirrors = parse_manifest(read_file(third_party, MANIFEST, MANIFEST_BYTES) or b"").mirrors
        asked = [
            mirrors[name]
            for name in choose(patterns, list(mirrors))
            if not _is_answered(third_party, mirrors[name])
        ]
        if not asked:
            return None
        fetching = Fetching(wants_of(asked), replace(options, root=place.root))
    except (VerbatimError, OSError):
        return None  # which will be found again, and said
    fetching.await_start()
    return fetching


def _is_answered(third_party: Path, mirror: Mirror) -> bool:
    data = read_file(third_party, record_path(mirror.name), RECORD_BYTES)
    try:
        return data is not None and parse_record(data, mirror.name).answers_pin_of(mirror)
    except RecordError:
        return True  # it stops the run
