"""Read what policies look at in a commit or index, by object ids: mirrors, records, stray files."""

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar

from policies.facts import FormFacts, MirrorFacts, PolicedState, Root
from policies.git.history import Commit, read_commit
from policies.objects import Objects
from sync.derived.record import DerivedRecord
from sync.errors import HostError, ManifestError, RecordError
from sync.ids import BLOB_MODES, Mode, ObjectId, RepoPath
from sync.judgement.guarded import attributes_inside
from sync.judgement.strays import Accounted, Accounts, is_lookalike, recorded_name
from sync.layout import (
    ATTRIBUTES_FILE,
    DERIVED,
    MANIFEST_PATH,
    PROVENANCE,
    THIRD_PARTY,
    derived_record_path,
    is_in_third_party,
    license_directory,
    record_path,
)
from sync.limits import ENTRIES, MANIFEST_BYTES, RECORD_BYTES, RECORDS, RECORDS_KEPT_BYTES
from sync.manifest.outside import paths_outside, with_attributes_above
from sync.manifest.read import Manifest, parse_manifest
from sync.model.mirrors import Form, Mirror
from sync.model.values import Entry
from sync.objects.tree import TreeEntry
from sync.record.json_file import parse_record
from sync.record.record import Record

_TOP = THIRD_PARTY.encode()
_ATTRIBUTES = ATTRIBUTES_FILE.encode()
_REGULAR = frozenset({Mode.FILE, Mode.EXECUTABLE})
# On checkout git reads attributes from the index, whether they are a plain file or a symlink there.
_BLOBS = BLOB_MODES
_R = TypeVar("_R", Record, DerivedRecord)
_KEPT_COMMITS = 8  # Each may be large.
_KEPT_STATES = 64
_KEPT_PLACES = 10_000
_KEPT_ROOTS = 1024


class States:
    """The states of one repository by their roots, each read once and kept for a while."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self.root = lru_cache(_KEPT_ROOTS)(self._read_root)
        """The part of a root tree that policies depend on, by the tree's id."""
        self.commit = lru_cache(_KEPT_COMMITS)(self._read_commit)
        """The commit with an id."""
        self._state = lru_cache(_KEPT_STATES)(self._read)
        self._outside = lru_cache(_KEPT_ROOTS)(self._paths_outside)
        self._record = lru_cache(_KEPT_ROOTS)(self._read_record)
        self._form_record = lru_cache(_KEPT_ROOTS)(self._read_form_record)
        self._form_recorded_outside = lru_cache(_KEPT_PLACES)(self._read_form_recorded_outside)
        self._recorded_outside = lru_cache(_KEPT_PLACES)(self._read_recorded_outside)
        self._attributes_inside = lru_cache(_KEPT_STATES)(self._read_attributes_inside)
        self._attributes_inside_form = lru_cache(_KEPT_STATES)(self._read_attributes_inside_form)
        self._manifest = lru_cache(_KEPT_STATES)(self._read_manifest)
        self._named = lru_cache(_KEPT_ROOTS)(self._read_named)
        self._known: dict[str, MirrorFacts] = {}
        """The facts that were read last of each mirror: what equals them is the same object."""
        self._kept_bytes = 0

    def read(self, root: Root) -> PolicedState:
        """Return the state at `root`; ManifestError if its manifest cannot be used."""
        state = self._state(root)
        return state if state.root.tree == root.tree else replace(state, root=root)

    def read_if_possible(self, root: Root) -> PolicedState:
        """Return the state at a parent's `root`, which has no mirrors if its manifest is broken."""
        try:
            return self.read(root)
        except ManifestError:
            return self._ungoverned(root)

    def root_of(self, commit: ObjectId) -> Root:
        """Return the part of a commit's root tree that policies depend on."""
        return self.root(self.commit(commit).tree)

    def of(self, commit: ObjectId) -> PolicedState:
        """Return the state of a commit, which has no mirrors if its manifest is broken."""
        return self.read_if_possible(self.root_of(commit))

    def of_all(self, commits: Iterable[ObjectId]) -> tuple[PolicedState, ...]:
        """Return the state of each commit."""
        return tuple(map(self.of, commits))

    def at(self, state: PolicedState, path: str) -> TreeEntry | None:
        """Return what lies at a path of a state's root tree; None if nothing does."""
        return self.objects.at(state.root.tree, os.fsencode(path))

    def _read_commit(self, commit: ObjectId) -> Commit:
        return read_commit(self.objects.repository, commit)

    def _read_root(self, tree: ObjectId) -> Root:
        entries = self.objects.tree(tree)
        third_party = next((entry for entry in entries if entry.name == _TOP), None)
        paths = self._outside(third_party) if third_party else ()
        return Root(
            third_party,
            next((entry for entry in entries if entry.name == _ATTRIBUTES), None),
            tuple(entry for entry in entries if is_lookalike(entry.name)),
            paths,
            self.objects.at_each(tree, paths),
            tree,
        )

    def _paths_outside(self, third_party: TreeEntry) -> tuple[str, ...]:
        """Return the paths outside third_party/ on which findings depend, sorted."""
        if third_party.mode != Mode.TREE:
            return ()
        named = {*self.named_outside(third_party)}
        for name, entry in self._record_entries(third_party.id, PROVENANCE):
            named.update(self._recorded_outside(name, entry))
        for name, entry in self._record_entries(third_party.id, DERIVED):
            named.update(self._form_recorded_outside(name, entry))
        return with_attributes_above(tuple(sorted(named)))

    def _read_recorded_outside(self, name: str, entry: TreeEntry) -> tuple[str, ...]:
        record = self._record(name, entry)
        copies = record.copies if isinstance(record, Record) else ()
        return tuple(place for place in copies if not is_in_third_party(place))

    def _read_form_recorded_outside(self, name: str, entry: TreeEntry) -> tuple[str, ...]:
        record = self._form_record(name, entry)
        if not isinstance(record, DerivedRecord):
            return ()
        named = (*record.places, *(patch.path for patch in record.patches))
        return tuple(path for path in named if not is_in_third_party(path))

    def named_outside(self, third_party: TreeEntry | None) -> tuple[str, ...]:
        """Return the paths outside third_party/ that the manifest in it names, sorted."""
        below = MANIFEST_PATH.encode()[len(_TOP) + 1 :]
        entry = self.objects.below(third_party, below)
        if entry is None or entry.mode not in _REGULAR:
            return ()
        return self._named(entry.id)

    def _read_named(self, blob: ObjectId) -> tuple[str, ...]:
        return paths_outside(self.objects.read_up_to(blob, MANIFEST_BYTES) or b"")

    def _read(self, root: Root) -> PolicedState:
        top = root.third_party
        if top is None or top.mode != Mode.TREE:
            return self._ungoverned(root)
        manifest = self._manifest(self.objects.at(root.tree, MANIFEST_PATH.encode()))
        entries = dict(self._record_entries(top.id, PROVENANCE))
        made = dict(self._record_entries(top.id, DERIVED))
        if manifest is None and not entries and not made:
            return self._ungoverned(root)
        wanted = manifest.mirrors if manifest else {}
        mirrors = self._mirrors(root.tree, wanted, entries)
        forms = self._forms(root.tree, manifest.forms if manifest else {}, made, mirrors)
        named = {path.encode() for path in manifest.named_files} if manifest else set[bytes]()
        own, sealed = (manifest.own, manifest.sealed) if manifest else ((), ())
        places = [*_places(mirrors), *_places_of_forms(forms)]
        accounts = Accounts(places, named, own, sealed)
        stray, attribute_files = _survey(self.objects, root.tree, accounts)
        attribute_files |= _attributes_outside(root)
        return PolicedState(
            root=root,
            mirrors=mirrors,
            has_manifest=manifest is not None,
            stray=(*_lookalikes(root), *stray),
            attribute_files=(
                *_root_attributes(root),
                *sorted(attribute_files),
                *self._attributes_within(mirrors, forms),
            ),
            own_files=tuple(self._plain_files(root.tree, [MANIFEST_PATH.encode(), *sorted(named)])),
            allowed_upstreams=manifest.allowed_upstreams if manifest else None,
            own=own,
            sealed=sealed,
            forms=forms,
        )

    def _forms(
        self,
        tree: ObjectId,
        wanted: Mapping[str, Form],
        made: Mapping[str, TreeEntry],
        mirrors: Mapping[str, MirrorFacts],
    ) -> Mapping[str, FormFacts]:
        records = {name: self._form_record(name, entry) for name, entry in made.items()}
        ids = {
            **{name: _tree_of(facts) for name, facts in mirrors.items()},
            **{name: _id_of(record) for name, record in records.items()},
        }

        def lying(paths: Iterable[str]) -> tuple[tuple[str, TreeEntry | None], ...]:
            return tuple((path, self.objects.at(tree, os.fsencode(path))) for path in paths)

        found = {}
        for name in dict.fromkeys([*wanted, *made]):
            form, record = wanted.get(name), records.get(name)
            known = record if isinstance(record, DerivedRecord) else None
            patches = lying(one.path for one in known.patches) if known else ()
            found[name] = FormFacts(
                name,
                form,
                made.get(name),
                lying(known.places if known else form.places if form else ()),
                tuple((one.name, ids.get(one.name)) for one in known.inputs) if known else (),
                tuple((path, _blob_of(entry)) for path, entry in patches),
                record,
            )
        sources: Mapping[str, MirrorFacts | FormFacts] = {**mirrors, **found}
        return {
            name: replace(facts, source=sources.get(facts.form.of)) if facts.form else facts
            for name, facts in found.items()
        }

    def _keep(self, size: int) -> None:
        """Make room for a record of `size` bytes.

        If all kept records are too large together, they and the states are forgotten.
        """
        self._kept_bytes += size
        if self._kept_bytes > RECORDS_KEPT_BYTES:
            self._state.cache_clear()
            self._record.cache_clear()
            self._form_record.cache_clear()
            self._known.clear()
            self._kept_bytes = size

    def _plain_files(self, tree: ObjectId, paths: Iterable[bytes]) -> Iterator[Entry]:
        for path in paths:
            entry = self.objects.at(tree, path)
            if entry is not None and entry.mode in _REGULAR:
                yield Entry(RepoPath(path), Mode.FILE, entry.id)

    def _ungoverned(self, root: Root) -> PolicedState:
        top = root.third_party
        if top is None or top.mode != Mode.TREE:
            stray = [Entry(RepoPath(top.name), top.mode, top.id)] if top else []
        else:
            stray, _ = _survey(self.objects, root.tree, Accounts((), ()))
        return PolicedState(
            root, {}, has_manifest=False, stray=(*_lookalikes(root), *stray), attribute_files=()
        )

    def _read_manifest(self, entry: TreeEntry | None) -> Manifest | None:
        if entry is None:
            return None
        data = self.objects.read_up_to(entry.id, MANIFEST_BYTES) if entry.mode in _REGULAR else None
        if data is None:
            raise ManifestError(
                f"{MANIFEST_PATH} is no plain file, or too large", reference="manifest-invalid"
            )
        return parse_manifest(data)

    def _record_entries(
        self, third_party: ObjectId, records: str
    ) -> Iterator[tuple[str, TreeEntry]]:
        """Yield the records in a directory of them, by name."""
        directory = self.objects.at(third_party, records.encode()[len(_TOP) + 1 :])
        entries = (
            self.objects.tree(directory.id) if directory and directory.mode == Mode.TREE else ()
        )
        if len(entries) > RECORDS:
            message = f"{records} holds more than {RECORDS:,} records"
            raise HostError(
                message, hint="take away what is no mirror's record", reference="records-too-many"
            )
        for entry in entries:
            if name := recorded_name(entry.name):
                yield name, entry

    def _mirrors(
        self, tree: ObjectId, wanted: Mapping[str, Mirror], entries: Mapping[str, TreeEntry]
    ) -> Mapping[str, MirrorFacts]:
        names = [*wanted, *(entries.keys() - wanted.keys())]
        records = {name: self._record(name, entry) for name, entry in entries.items()}
        copies = {
            name: record.copies for name, record in records.items() if isinstance(record, Record)
        }
        places = {name: wanted[name].places for name in wanted}
        named = itertools.chain(map(license_directory, names), *copies.values(), *places.values())
        paths = tuple(sorted({*named}))
        lying = dict(zip(paths, self.objects.at_each(tree, paths), strict=True))

        def facts(name: str) -> MirrorFacts:
            meant = places.get(name, ())
            recorded = copies.get(name, meant)
            found = MirrorFacts(
                name=name,
                mirror=wanted.get(name),
                record_entry=entries.get(name),
                copies=tuple((place, lying[place]) for place in recorded),
                licenses=lying[license_directory(name)],
                elsewhere=tuple((place, lying[place]) for place in meant if place not in recorded),
                record=records.get(name),
            )
            known = self._known.get(name)
            if known == found:
                return known
            self._known[name] = found
            return found

        return {name: facts(name) for name in names}

    def _attributes_within(
        self, mirrors: Mapping[str, MirrorFacts], forms: Mapping[str, FormFacts]
    ) -> Iterator[Entry]:
        """Yield the attribute files among the recorded files that are checked in."""
        for one in mirrors.values():
            if one.record_entry is not None and one.is_checked_in:
                yield from self._attributes_inside(one.name, one.record_entry)
        for form in forms.values():
            if form.record_entry is not None and form.is_checked_in:
                yield from self._attributes_inside_form(form.name, form.record_entry)

    def _read_attributes_inside(self, name: str, entry: TreeEntry) -> tuple[Entry, ...]:
        record = self._record(name, entry)
        if not isinstance(record, Record):
            return ()
        return tuple(entry for _, entry in attributes_inside(record.files, record.copies))

    def _read_attributes_inside_form(self, name: str, entry: TreeEntry) -> tuple[Entry, ...]:
        record = self._form_record(name, entry)
        if not isinstance(record, DerivedRecord):
            return ()
        return tuple(entry for _, entry in attributes_inside(record.outputs, record.places))

    def _read_record(self, name: str, entry: TreeEntry) -> Record | RecordError:
        return self._parsed(entry, record_path(name), lambda data: parse_record(data, name))

    def _read_form_record(self, name: str, entry: TreeEntry) -> DerivedRecord | RecordError:
        # Its models take 6 ms, which a hook of a host without forms does not spend.
        from sync.derived.json_file import parse_derived

        where = derived_record_path(name)
        return self._parsed(entry, where, lambda data: parse_derived(data, name))

    def _parsed(
        self, entry: TreeEntry, where: str, parse: Callable[[bytes], _R]
    ) -> _R | RecordError:
        if entry.mode != Mode.FILE:
            return RecordError(
                f"{where} is no plain file (mode {entry.mode:o})", reference="record-unreadable"
            )
        data = self.objects.read_up_to(entry.id, RECORD_BYTES)
        if data is None:
            return RecordError(f"{where} is too large for a record", reference="record-unreadable")
        self._keep(len(data))
        try:
            return parse(data)
        except RecordError as error:
            return error


def _lookalikes(root: Root) -> tuple[Entry, ...]:
    return tuple(Entry(RepoPath(entry.name), entry.mode, entry.id) for entry in root.lookalikes)


def _root_attributes(root: Root) -> Iterator[Entry]:
    if root.attributes is not None and root.attributes.mode in _BLOBS:
        yield Entry(RepoPath(_ATTRIBUTES), Mode.FILE, root.attributes.id)


def _attributes_outside(root: Root) -> set[Entry]:
    """Return the attribute files above places outside third_party/, but for the root's."""
    return {
        Entry(RepoPath(os.fsencode(path)), Mode.FILE, entry.id)
        for path, entry in root.outside
        if entry is not None and path.endswith(f"/{ATTRIBUTES_FILE}") and entry.mode in _BLOBS
    }


def _places(mirrors: Mapping[str, MirrorFacts]) -> Iterator[bytes]:
    """Yield the directories of mirrors and of their licences."""
    for facts in mirrors.values():
        yield license_directory(facts.name).encode()
        yield from map(os.fsencode, facts.places)


def _places_of_forms(forms: Mapping[str, FormFacts]) -> Iterator[bytes]:
    """Yield the places of derived forms, by the manifest and by records."""
    for facts in forms.values():
        yield from map(os.fsencode, facts.places)
        yield from map(os.fsencode, facts.form.places if facts.form is not None else ())


def _tree_of(facts: MirrorFacts) -> ObjectId | None:
    return facts.record.holding.tree if isinstance(facts.record, Record) else None


def _id_of(record: DerivedRecord | RecordError) -> ObjectId | None:
    return record.id if isinstance(record, DerivedRecord) else None


def _blob_of(entry: TreeEntry | None) -> ObjectId | None:
    return entry.id if entry is not None and entry.mode in _REGULAR else None


def _survey(objects: Objects, root: ObjectId, accounts: Accounts) -> tuple[list[Entry], set[Entry]]:
    """Return the stray entries, and the attribute files in directories above and beside mirrors.

    A stray directory is one entry. After very many entries the remaining directories are strays as
    a whole, since trees that name few others many times never come to an end.
    """
    stray: list[Entry] = []
    attribute_files: set[Entry] = set()
    left = ENTRIES
    pending = [
        (directory + b"/", entry.id, Accounted.ABOVE)
        for directory in accounts.guarded
        if (entry := objects.at(root, directory)) is not None and entry.mode == Mode.TREE
    ]
    while pending:
        directory, tree, how = pending.pop()
        for entry in objects.tree(tree):
            path = directory + entry.name
            found = Entry(RepoPath(path), entry.mode, entry.id)
            if entry.name == _ATTRIBUTES and entry.mode in _BLOBS:
                attribute_files.add(found._replace(mode=Mode.FILE))
            left -= 1
            accounted = accounts.look_up(path, entry.mode, in_own=how is Accounted.ABOVE_IN_OWN)
            if accounted is Accounted.STRAY or (left < 0 and accounted is not Accounted.OURS):
                stray.append(found)
            elif accounted is not Accounted.OURS:
                pending.append((path + b"/", entry.id, accounted))
    return sorted(stray), attribute_files
