"""Finds what is wrong with a state beside the mirrors' own files: strays, attributes, upstreams.

These are the rules of `check --all` that are not about one mirror's files and record.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import TypeVar

from sync.derived.record import DerivedRecord
from sync.errors import RecordError
from sync.host.state import State
from sync.host.work_tree import WorkTree
from sync.ids import Mode, ObjectId, RepoPath
from sync.judgement.allowed_upstreams import upstreams_not_allowed
from sync.judgement.attributes import AlteringAttributes
from sync.judgement.findings import (
    FORM_NOT_CHECKED_IN,
    NOT_CHECKED_IN,
    Difference,
    Finding,
    Rule,
    path_of,
)
from sync.judgement.guarded import (
    Guarded,
    GuardedRecord,
    attributes_inside,
    guarded_files,
)
from sync.judgement.strays import LOOKALIKE, UNACCOUNTED, Accounts, find_strays, is_lookalike
from sync.layout import (
    ATTRIBUTES_FILE,
    MANIFEST_PATH,
    PROVENANCE,
    above,
    derived_record_path,
    is_in_third_party,
    license_directory,
    record_path,
)
from sync.manifest.read import Manifest
from sync.manifest.url_patterns import is_allowed
from sync.model.mirrors import Form, Mirror, is_checked_in
from sync.model.values import Entry, FileFact, path_at
from sync.objects.tree import object_id
from sync.quoting import quote_path
from sync.record.record import Record

Records = Mapping[str, Record | RecordError | None]
"""The records of all mirrors of the manifest and of all others that have one, by name."""

FormRecords = Mapping[str, DerivedRecord | RecordError | None]
"""The records of all forms of the manifest and of all others that have one, by name."""

_R = TypeVar("_R", Record, DerivedRecord)
_MOST_STRAYS = 1_000


@dataclass(frozen=True, slots=True)
class HostFindings:
    """What was found out about a state as a whole."""

    findings: tuple[Finding, ...] = ()
    notices: tuple[str, ...] = ()
    """What somebody should know, though it is nothing wrong."""

    @property
    def is_nothing(self) -> bool:
        return not self.findings and not self.notices


NOTHING_FOUND = HostFindings()


def judge_host(
    state: State, manifest: Manifest, records: Records, forms: FormRecords
) -> HostFindings:
    """Judge a state as a whole; CouldNotCheckError if git takes too long with its attributes."""
    accounts = accounts_of(state, manifest, records, forms)
    strays = list(islice(find_strays(state.children(accounts.guarded), accounts), _MOST_STRAYS))
    ignored = state.ignored(strays) if isinstance(state, WorkTree) else frozenset()
    findings = [
        *(_stray(path, UNACCOUNTED) for path in strays if path not in ignored),
        *(_stray(name, LOOKALIKE) for name, _ in sorted(state.root()) if is_lookalike(name)),
        *(_tracked(state, manifest, records, forms) if isinstance(state, WorkTree) else ()),
        *_origins(manifest, records),
        *_altered(state, manifest, records, forms),
    ]
    notices = [
        f"{quote_path(path)} is accounted for by nothing, but git ignores it"
        for path in strays
        if path in ignored
    ]
    notices += [f"`[host] own` has `{one}`, which matches nothing" for one in accounts.unused]
    notices += [
        f"`[host] sealed` has `/{directory}`, where nothing is"
        for directory in manifest.sealed
        if not list(state.children([directory.encode()])(directory.encode()))
    ]
    return HostFindings(tuple(findings), tuple(notices))


def accounts_of(state: State, manifest: Manifest, records: Records, forms: FormRecords) -> Accounts:
    """What accounts for files in a state with this manifest and these records."""
    names = {*manifest.mirrors, *records}
    places = {place for one in manifest.mirrors.values() for place in one.places}
    places |= {p for one in records.values() if isinstance(one, Record) for p in one.copies}
    places |= {place for one in manifest.forms.values() for place in one.places}
    places |= {p for one in forms.values() if isinstance(one, DerivedRecord) for p in one.places}
    directories = sorted({*places, *map(license_directory, names)})
    what = directories, [*manifest.named_files], [*manifest.own], [*manifest.sealed]
    if isinstance(state, WorkTree) and state.inputs is not None:
        state.inputs.accounts = what
    return Accounts.of(*what)


def _stray(path: bytes, message: str) -> Finding:
    return Finding(Rule.UNRECORDED_FILE, "", message, quote_path(path), Difference.EXTRA)


def _tracked(
    state: WorkTree, manifest: Manifest, records: Records, forms: FormRecords
) -> Iterator[Finding]:
    """The recorded files that git tracks, of mirrors and forms that are not checked in."""
    rule, words = Rule.MIRROR_DIFFERS_FROM_RECORD, NOT_CHECKED_IN
    for record in _recorded(records, manifest.mirrors, checked_in=False):
        for place in record.places:
            for fact in _tracked_in(state, place.directory, place.files):
                yield _extra(rule, record.mirror, words, place.directory, fact)
    rule, words = Rule.DERIVED_DIFFERS_FROM_RECORD, FORM_NOT_CHECKED_IN
    for made in _recorded(forms, manifest.forms, checked_in=False):
        for directory in made.places:
            for fact in _tracked_in(state, directory, made.outputs):
                yield _extra(rule, made.name, words, directory, fact)


def _tracked_in(state: WorkTree, place: str, facts: Iterable[FileFact]) -> Iterator[FileFact]:
    return (fact for fact in facts if state.tracks(os.fsdecode(path_at(place, fact.path))))


def _extra(rule: Rule, name: str, message: str, place: str, fact: FileFact) -> Finding:
    return Finding(rule, name, message, path_of(place, fact.path), Difference.EXTRA, found=fact)


def _origins(manifest: Manifest, records: Records) -> Iterator[Finding]:
    allows = partial(is_allowed, patterns=manifest.allowed_upstreams)
    for name in dict.fromkeys([*manifest.mirrors, *records]):
        mirror, record = manifest.mirrors.get(name), records.get(name)
        yield from upstreams_not_allowed(name, mirror, record, allows)


def _altered(
    state: State, manifest: Manifest, records: Records, form_records: FormRecords
) -> Iterator[Finding]:
    if not state.is_in_git:
        return  # nothing converts what is unpacked already
    contents = _Contents(state)
    guarded_records = [
        GuardedRecord(name, path, contents.blob_at(path), record, is_checked_in(wanted.get(name)))
        for path_of_record, wanted, each in (
            (record_path, manifest.mirrors, records),
            (derived_record_path, manifest.forms, form_records),
        )
        for name, record in each.items()
        for path in [path_of_record(name)]
    ]
    own = contents.files([MANIFEST_PATH, *manifest.named_files])
    attribute_files = contents.files(_attribute_files_above(manifest, records, form_records))
    checked_in = _recorded(records, manifest.mirrors), _recorded(form_records, manifest.forms)
    inside = (
        *(attributes_inside(one.files, one.copies) for one in checked_in[0]),
        *(attributes_inside(one.outputs, one.places) for one in checked_in[1]),
    )
    for at, entry in chain.from_iterable(inside):
        contents.noting(at, entry.blob)
        attribute_files.append(entry)

    def guarded() -> Iterator[Guarded]:
        for file in guarded_files(guarded_records, own, attribute_files):
            contents.noting(file.path, file.blob)
            yield file

    attributes = AlteringAttributes(contents.read, contents.size)
    places = [place for one in checked_in[0] for place in one.copies]
    places += [place for one in checked_in[1] for place in one.places]
    every = (*places, *manifest.named_files)
    outside = tuple(path for path in every if not is_in_third_party(path))
    for one in attributes.altered_files(attribute_files, guarded, outside):
        yield Finding(Rule.ATTRIBUTES_ALTER_BYTES, one.mirror, one.how, quote_path(one.path))


def _recorded(
    records: Mapping[str, _R | RecordError | None],
    wanted: Mapping[str, Mirror] | Mapping[str, Form],
    *,
    checked_in: bool = True,
) -> list[_R]:
    """The records that can be read, of what the manifest has, and has or has not checked in."""
    return [
        record
        for name, record in records.items()
        if record is not None and not isinstance(record, RecordError)
        if (one := wanted.get(name)) is not None and one.checked_in is checked_in
    ]


def _attribute_files_above(manifest: Manifest, records: Records, forms: FormRecords) -> list[str]:
    """The `.gitattributes` that may lie in or above directories with guarded files."""
    directories = {PROVENANCE, *(path.rpartition("/")[0] for path in manifest.named_files)}
    for form in _recorded(forms, manifest.forms):
        directories |= {place.rpartition("/")[0] for place in form.places}
    for record in _recorded(records, manifest.mirrors):
        directories |= {*record.copies, license_directory(record.mirror)}
    every = {one for directory in directories for one in [*above(directory), directory]}
    inside = {place for one in _recorded(records, manifest.mirrors) for place in one.copies}
    paths = [f"{directory}/{ATTRIBUTES_FILE}" for directory in sorted(every - inside - {""})]
    return [ATTRIBUTES_FILE, *paths]


class _Contents:
    """What files of a state hold, by the ids that git would give their contents."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._held: dict[ObjectId, bytes] = {}
        self._paths: dict[ObjectId, bytes] = {}

    def blob_at(self, path: str) -> ObjectId | None:
        content = self._state.blob(path)
        if content is None:
            return None
        blob = object_id("blob", content)
        self._held[blob] = content
        return blob

    def files(self, paths: Iterable[str]) -> list[Entry]:
        """Those of these files that are there."""
        return [
            Entry(RepoPath(os.fsencode(path)), Mode.FILE, blob)
            for path in paths
            if (blob := self.blob_at(path)) is not None
        ]

    def noting(self, path: bytes, blob: ObjectId) -> None:
        """Note where a content is found if it is asked for."""
        self._paths.setdefault(blob, path)

    def read(self, blob: ObjectId) -> bytes:
        if blob not in self._held:
            path = os.fsdecode(self._paths[blob])
            self._held[blob] = self._state.blob(path) or b""
        return self._held[blob]

    def size(self, blob: ObjectId) -> int:
        return len(self.read(blob))
