"""Reads manifest, records and files alike from the working tree, the index or a commit."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from typing import Protocol

from sync.errors import CouldNotCheckError, ManifestError, RecordError, UsageError
from sync.git.naming import named_commit
from sync.git.repository import Repository
from sync.host.find import Host
from sync.host.reading_ahead import ReadAhead
from sync.host.work_tree import WorkTree, record_names_in
from sync.ids import Mode, ObjectId, RepoPath
from sync.layout import MANIFEST, MANIFEST_PATH, PROVENANCE, THIRD_PARTY
from sync.limits import LARGEST_READ, MANIFEST_BYTES, RECORD_BYTES
from sync.manifest.read import Manifest, parse_manifest
from sync.model import Entry, FileFact
from sync.record.json_file import parse_record
from sync.record.record import Record


class State(Protocol):
    """One state of third_party/; all paths are below it."""

    @property
    def label(self) -> str:
        """What messages call this state."""
        ...

    @property
    def is_work_tree(self) -> bool:
        """Whether files that are not checked in may be here."""
        ...

    def read(self, path: str, limit: int | None = None) -> bytes | None:
        """The content of a file, at most `limit` + 1 bytes of it; None if there is none."""
        ...

    def record_names(self) -> list[str]:
        """The mirrors that have a record file."""
        ...

    def files(
        self, directory: str, recorded: Sequence[FileFact] | None = None
    ) -> list[FileFact] | None:
        """Every file below a directory, with paths relative to it; None if there is nothing.

        A file or link in place of the directory, or of a directory above it, is the only fact and
        has an empty path. A file that cannot be as `recorded` may be left unread, and then has no
        SHA-256. What a disk does not show is taken from the index, or else, for files that are
        `recorded`, from the record.
        """
        ...


class _GitState:
    """A state whose files are blobs."""

    is_work_tree = False

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def read(self, path: str, limit: int | None = None) -> bytes | None:
        entry = next((e for e in self._below(path.encode()) if e.path == path.encode()), None)
        if entry is None or entry.mode not in {Mode.FILE, Mode.EXECUTABLE}:
            return None
        if limit is not None and self._repository.size(entry.blob) > limit:
            return bytes(limit + 1)  # the caller looks only at the length, and refuses it
        return self._repository.read_within(entry.blob, LARGEST_READ)

    def record_names(self) -> list[str]:
        return sorted(
            record_names_in(
                e.path.decode("utf-8", "replace") for e in self._below(f"{PROVENANCE}/".encode())
            )
        )

    def files(
        self, directory: str, recorded: Sequence[FileFact] | None = None
    ) -> list[FileFact] | None:
        prefix = directory.encode() + b"/"
        below = [
            Entry(RepoPath(e.path[len(prefix) :]), e.mode, e.blob) for e in self._below(prefix)
        ]
        above = (prefix[:end] for end in range(len(prefix)) if prefix[end : end + 1] == b"/")
        in_its_place = [
            Entry(RepoPath(b""), e.mode, e.blob)
            for path in above
            for e in self._below(path)
            if e.path == path
        ]
        known = {fact.entry: fact for fact in recorded or ()}
        return [
            self._fact(entry, known, all_read=recorded is None) for entry in in_its_place or below
        ] or None

    def _below(self, prefix: bytes) -> Iterator[Entry]:
        """The entries whose paths begin with `prefix`; `_entries` is sorted by path."""
        for at in range(
            bisect_left(self._entries, prefix, key=lambda entry: entry.path), len(self._entries)
        ):
            if not self._entries[at].path.startswith(prefix):
                return
            yield self._entries[at]

    @property
    def _entries(self) -> list[Entry]:
        raise NotImplementedError

    def _fact(self, entry: Entry, known: Mapping[Entry, FileFact], *, all_read: bool) -> FileFact:
        if entry.mode == Mode.GITLINK:
            return FileFact.unread(entry)
        if not all_read and (
            entry not in known or self._repository.size(entry.blob) != known[entry].size
        ):
            return FileFact.unread(entry, self._repository.size(entry.blob))
        return FileFact(*entry, *self._digest(entry.blob))

    @cached_property
    def _digest(self) -> Callable[[ObjectId], tuple[int, str]]:
        """Gives size and SHA-256 of a blob; a blob with many names is read only once."""
        return cache(self._repository.digest)


class StagedState(_GitState):
    """third_party/ as it is staged."""

    label = "the index"

    @cached_property
    def _entries(self) -> list[Entry]:
        return self._repository.index.files(THIRD_PARTY.encode())


class CommittedState(_GitState):
    """third_party/ in a commit."""

    def __init__(self, repository: Repository, revision: str) -> None:
        super().__init__(repository)
        commit = named_commit(repository, revision)
        if commit is None:
            hint = (
                "in a shallow clone the commit may be missing: `git fetch --unshallow`"
                if repository.is_shallow
                else None
            )
            kind = CouldNotCheckError if repository.is_shallow else UsageError
            raise kind(f"there is no commit {revision}", hint=hint, reference="revision-unknown")
        self.commit = commit
        self.label = f"commit {commit[:12]}"

    @cached_property
    def _entries(self) -> list[Entry]:
        found = self._repository.entry_at(
            self._repository.tree_of(self.commit), THIRD_PARTY.encode()
        )
        return (
            [] if found is None or found[0] != Mode.TREE else self._repository.files_below(found[1])
        )


def open_state(
    host: Host,
    *,
    index: bool = False,
    revision: str | None = None,
    ahead: ReadAhead | None = None,
) -> State:
    """The state that a command looks at; UsageError if two are asked for.

    `ahead` has begun to read the working tree.
    """
    if index and revision is not None:
        raise UsageError("`--index` and `--rev` are two different states", hint="give one of them")
    if revision is not None:
        return CommittedState(host.require_repository(), revision)
    if index:
        return StagedState(host.require_work_tree()[1])
    return WorkTree(host.third_party, host.repository, ahead=ahead)


def read_manifest(state: State) -> Manifest:
    """The state's manifest; ManifestError if it has none."""
    data = state.read(MANIFEST, MANIFEST_BYTES)
    if data is None:
        if isinstance(state, WorkTree) and (error := state.deleted_error(MANIFEST)):
            raise error
        raise ManifestError(
            f"there is no {MANIFEST_PATH} in {state.label}",
            hint="make one with `git verbatim init`",
            reference="manifest-missing",
        )
    return parse_manifest(data)


def read_records(state: State, names: Iterable[str]) -> Mapping[str, Record | RecordError | None]:
    """The records by mirror; None where there is none, an error where one cannot be used."""
    return dict(_records(state, names))


def _records(
    state: State, names: Iterable[str]
) -> Iterator[tuple[str, Record | RecordError | None]]:
    for name in names:
        data = state.read(f"{PROVENANCE}/{name}.json", RECORD_BYTES)
        try:
            yield name, None if data is None else parse_record(data, name)
        except RecordError as error:
            yield name, error
