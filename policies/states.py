"""Read what policies look at in a commit or index, by object ids: mirrors, records, stray files."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from policies.objects import Objects
from sync.errors import HostError, ManifestError, RecordError
from sync.ids import BLOB_MODES, Mode, ObjectId, RepoPath
from sync.judgement.strays import Accounted, Accounts, recorded_mirror
from sync.layout import (
    ATTRIBUTES_FILE,
    MANIFEST,
    MANIFEST_PATH,
    PROVENANCE,
    THIRD_PARTY,
    license_directory,
    record_path,
)
from sync.limits import MANIFEST_BYTES, RECORD_BYTES, RECORDS, RECORDS_KEPT_BYTES
from sync.manifest.read import Manifest, parse_manifest
from sync.model import Entry, Mirror
from sync.objects.portable import looks_like
from sync.objects.tree import TreeEntry, join
from sync.record.json_file import parse_record
from sync.record.record import Record

_TOP = THIRD_PARTY.encode()
_ATTRIBUTES = ATTRIBUTES_FILE.encode()
_REGULAR = frozenset({Mode.FILE, Mode.EXECUTABLE})
# On checkout git reads attributes from the index, whether they are a plain file or a symlink there.
_BLOBS = BLOB_MODES
_KEPT_STATES = 64


@dataclass(frozen=True, slots=True)
class Root:
    """The part of a root tree that policies depend on; equal roots have equal findings."""

    third_party: TreeEntry | None = None
    attributes: TreeEntry | None = None
    """The `.gitattributes` of the root."""
    lookalikes: tuple[TreeEntry, ...] = ()
    """The entries that some file systems take for third_party/ or the root's `.gitattributes`."""


@dataclass(frozen=True, slots=True)
class MirrorFacts:
    """All that the findings about one mirror depend on; equal facts have equal findings."""

    name: str
    mirror: Mirror | None
    """The mirror as the manifest has it; None if the manifest does not have it."""
    record_entry: TreeEntry | None
    files: TreeEntry | None
    """The entry at the mirror's place according to the record, or else to the manifest."""
    licenses: TreeEntry | None
    elsewhere: TreeEntry | None
    """The entry at the manifest's place, if the record names another one."""
    record: Record | RecordError | None = field(compare=False)

    @property
    def places(self) -> tuple[str, ...]:
        """The paths below third_party/ of the copy: the record's place, then the manifest's."""
        recorded = [self.record.into] if isinstance(self.record, Record) else []
        return tuple(dict.fromkeys([*recorded, *([self.mirror.into] if self.mirror else [])]))

    @property
    def content(self) -> tuple[TreeEntry | None, ...]:
        """The entries of which a commit changes at least one if it changes the mirror."""
        return self.record_entry, self.files, self.licenses


@dataclass(frozen=True, slots=True)
class PolicedState:
    """What policies look at in one commit or index."""

    root: Root
    mirrors: Mapping[str, MirrorFacts]
    has_manifest: bool
    stray: tuple[Entry, ...]
    """The entries that nothing accounts for, with their paths from the host's root.

    A directory stands for all that it holds if nothing in it is accounted for.
    """
    attribute_files: tuple[Entry, ...]
    """The `.gitattributes` that may apply to mirrored files, with paths from the host's root."""
    own_files: tuple[Entry, ...] = ()
    """The manifest and the key files that it names, with paths from the host's root."""
    allowed_upstreams: tuple[str, ...] | None = None
    """The manifest's patterns of the URLs that mirrors may have; None allows all."""

    @property
    def under_attributes(self) -> tuple[object, ...]:
        """All that decides whether attributes alter bytes."""
        return (
            self.attribute_files,
            self.own_files,
            {facts.name: facts.content for facts in self.mirrors.values()},
        )

    @property
    def is_governed(self) -> bool:
        """Whether there is a manifest or a record, which say what third_party/ should hold.

        Without them the repository may hold there what it likes.
        """
        return self.has_manifest or bool(self.mirrors)


@dataclass(frozen=True, slots=True)
class Case:
    """What is judged: a state, its parents' states, and the commit's message if there is one.

    The first commit has no parents.
    """

    state: PolicedState
    parents: tuple[PolicedState, ...]
    message: bytes | None = None


def read_root(objects: Objects, tree: ObjectId) -> Root:
    """Return the part of a root tree that policies depend on."""
    entries = objects.tree(tree)
    return Root(
        next((entry for entry in entries if entry.name == _TOP), None),
        next((entry for entry in entries if entry.name == _ATTRIBUTES), None),
        tuple(entry for entry in entries if _is_lookalike(entry.name)),
    )


@lru_cache(1 << 14)
def _is_lookalike(name: bytes) -> bool:
    return name not in {_TOP, _ATTRIBUTES} and any(
        looks_like(name, ours) for ours in (THIRD_PARTY, ATTRIBUTES_FILE)
    )


class States:
    """The states of one repository by their roots, each read once and kept for a while."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self.read = lru_cache(_KEPT_STATES)(self._read)
        self._record = lru_cache(_KEPT_STATES)(self._read_record)
        self._attributes_inside = lru_cache(_KEPT_STATES)(self._read_attributes_inside)
        self._manifest = lru_cache(_KEPT_STATES)(self._read_manifest)
        self._kept_bytes = 0

    def read_if_possible(self, root: Root) -> PolicedState:
        """Return the state at a parent's `root`, which has no mirrors if its manifest is broken."""
        try:
            return self.read(root)
        except ManifestError:
            return self._ungoverned(root)

    def _read(self, root: Root) -> PolicedState:
        """Return the state at `root`; ManifestError if its manifest cannot be used."""
        top = root.third_party
        if top is None or top.mode != Mode.TREE:
            return self._ungoverned(root)
        manifest = self._manifest(self.objects.entry(top.id, MANIFEST.encode()))
        entries = dict(self._record_entries(top.id))
        if manifest is None and not entries:
            return self._ungoverned(root)
        wanted = manifest.mirrors if manifest else {}
        mirrors = {
            name: self._facts(top.id, name, wanted.get(name), entries.get(name))
            for name in [*wanted, *(entries.keys() - wanted.keys())]
        }
        key_files = set(_key_files(mirrors))
        stray, attribute_files = _survey(
            self.objects, top.id, Accounts(_places(mirrors), key_files)
        )
        return PolicedState(
            root=root,
            mirrors=mirrors,
            has_manifest=manifest is not None,
            stray=(*_lookalikes(root), *stray),
            attribute_files=(
                *_root_attributes(root),
                *attribute_files,
                *self._mirrored_attributes(mirrors),
            ),
            own_files=tuple(self._plain_files(top.id, [MANIFEST.encode(), *sorted(key_files)])),
            allowed_upstreams=manifest.allowed_upstreams if manifest else None,
        )

    def _keep(self, size: int) -> None:
        """Make room for a record of `size` bytes.

        If all kept records are too large together, they and the states are forgotten.
        """
        self._kept_bytes += size
        if self._kept_bytes > RECORDS_KEPT_BYTES:
            self.read.cache_clear()
            self._record.cache_clear()
            self._kept_bytes = size

    def _plain_files(self, third_party: ObjectId, paths: Iterable[bytes]) -> Iterator[Entry]:
        for path in paths:
            entry = self.objects.at(third_party, path)
            if entry is not None and entry.mode in _REGULAR:
                yield Entry(RepoPath(_TOP + b"/" + path), Mode.FILE, entry.id)

    def _ungoverned(self, root: Root) -> PolicedState:
        top = root.third_party
        if top is None or top.mode != Mode.TREE:
            stray = [Entry(RepoPath(top.name), top.mode, top.id)] if top else []
        else:
            stray, _ = _survey(self.objects, top.id, Accounts((), ()))
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

    def _record_entries(self, third_party: ObjectId) -> Iterator[tuple[str, TreeEntry]]:
        directory = self.objects.entry(third_party, PROVENANCE.encode())
        entries = (
            self.objects.tree(directory.id) if directory and directory.mode == Mode.TREE else ()
        )
        if len(entries) > RECORDS:
            message = f"{THIRD_PARTY}/{PROVENANCE} holds more than {RECORDS:,} records"
            raise HostError(
                message, hint="take away what is no mirror's record", reference="records-too-many"
            )
        for entry in entries:
            if name := recorded_mirror(entry.name):
                yield name, entry

    def _facts(
        self, third_party: ObjectId, name: str, mirror: Mirror | None, entry: TreeEntry | None
    ) -> MirrorFacts:
        record = self._record(name, entry) if entry else None
        recorded = record.into if isinstance(record, Record) else None
        wanted = mirror.into if mirror else None
        files, elsewhere = (
            self.objects.at(third_party, place.encode()) if place else None
            for place in (recorded or wanted, wanted if recorded and wanted != recorded else None)
        )
        return MirrorFacts(
            name=name,
            mirror=mirror,
            record_entry=entry,
            files=files,
            licenses=self.objects.at(third_party, license_directory(name).encode()),
            elsewhere=elsewhere,
            record=record,
        )

    def _mirrored_attributes(self, mirrors: Mapping[str, MirrorFacts]) -> Iterator[Entry]:
        for facts in mirrors.values():
            if (
                facts.record_entry is not None
                and facts.mirror is not None
                and facts.mirror.checked_in
            ):
                yield from self._attributes_inside(facts.name, facts.record_entry)

    def _read_attributes_inside(self, name: str, entry: TreeEntry) -> tuple[Entry, ...]:
        record = self._record(name, entry)
        return _attributes_inside(record) if isinstance(record, Record) else ()

    def _read_record(self, name: str, entry: TreeEntry) -> Record | RecordError:
        where = f"{THIRD_PARTY}/{record_path(name)}"
        if entry.mode != Mode.FILE:
            return RecordError(
                f"{where} is no plain file (mode {entry.mode:o})", reference="record-unreadable"
            )
        data = self.objects.read_up_to(entry.id, RECORD_BYTES)
        if data is None:
            return RecordError(f"{where} is too large for a record", reference="record-unreadable")
        self._keep(len(data))
        try:
            return parse_record(data, name)
        except RecordError as error:
            return error


def _lookalikes(root: Root) -> tuple[Entry, ...]:
    return tuple(Entry(RepoPath(entry.name), entry.mode, entry.id) for entry in root.lookalikes)


def _root_attributes(root: Root) -> Iterator[Entry]:
    if root.attributes is not None and root.attributes.mode in _BLOBS:
        yield Entry(RepoPath(_ATTRIBUTES), Mode.FILE, root.attributes.id)


def _attributes_inside(record: Record) -> tuple[Entry, ...]:
    """Return the recorded files that git reads as attributes, on some systems by another name."""
    directory = f"{THIRD_PARTY}/{record.into}/".encode()
    return tuple(
        Entry(
            RepoPath(directory + join(fact.path.rpartition(b"/")[0], _ATTRIBUTES)),
            Mode.FILE,
            fact.blob,
        )
        for fact in record.files
        if looks_like(fact.path.rpartition(b"/")[2], ATTRIBUTES_FILE)
    )


def _places(mirrors: Mapping[str, MirrorFacts]) -> Iterator[bytes]:
    """Yield the directories of mirrors and of their licences, below third_party/."""
    for facts in mirrors.values():
        yield license_directory(facts.name).encode()
        yield from (place.encode() for place in facts.places)


def _key_files(mirrors: Mapping[str, MirrorFacts]) -> Iterator[bytes]:
    """Yield the key files that the manifest names, below third_party/."""
    for facts in mirrors.values():
        for path in facts.mirror.key_files if facts.mirror is not None else ():
            yield path.encode()


def _survey(
    objects: Objects, third_party: ObjectId, accounts: Accounts
) -> tuple[list[Entry], list[Entry]]:
    """Return the stray entries, and the attribute files in directories above and beside mirrors."""
    stray: list[Entry] = []
    attribute_files: list[Entry] = []
    pending = [(b"", third_party)]
    while pending:
        directory, tree = pending.pop()
        for entry in objects.tree(tree):
            path = directory + entry.name
            found = Entry(RepoPath(_TOP + b"/" + path), entry.mode, entry.id)
            if entry.name == _ATTRIBUTES and entry.mode in _BLOBS:
                attribute_files.append(found._replace(mode=Mode.FILE))
            accounted = accounts.look_up(path, entry.mode)
            if accounted is Accounted.ABOVE:
                pending.append((path + b"/", entry.id))
            elif accounted is Accounted.STRAY:
                stray.append(found)
    return sorted(stray), attribute_files
