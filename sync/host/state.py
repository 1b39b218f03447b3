"""Reads manifest, records and files alike from the working tree, the index or a commit."""

import os
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from itertools import islice, takewhile
from typing import Protocol

from sync.derived.json_file import parse_derived
from sync.derived.record import DerivedRecord
from sync.errors import CouldNotCheckError, ManifestError, RecordError, UsageError
from sync.git.listing import is_tracked
from sync.git.naming import named_commit
from sync.git.repository import Repository
from sync.host.find import Host
from sync.host.listing import Children, among
from sync.host.reading_ahead import ReadAhead
from sync.host.work_tree import WorkTree, is_one_file, names_in
from sync.ids import BLOB_MODES, Mode, ObjectId, RepoPath
from sync.layout import (
    DERIVED,
    MANIFEST_PATH,
    PROVENANCE,
    THIRD_PARTY,
    above,
    derived_record_path,
    is_in_third_party,
    record_path,
)
from sync.limits import LARGEST_READ, MANIFEST_BYTES, RECORD_BYTES
from sync.manifest.read import Manifest, parse_manifest
from sync.model.values import Entry, FileFact
from sync.record.json_file import parse_record
from sync.record.record import Record


class State(Protocol):
    """One state of a host; all paths start at its root."""

    @property
    def label(self) -> str:
        """What messages call this state."""
        ...

    @property
    def is_work_tree(self) -> bool:
        """Whether files that are not checked in may be here."""
        ...

    @property
    def is_in_git(self) -> bool:
        """Whether this is a state of a git repository."""
        ...

    def read(self, path: str, limit: int | None = None) -> bytes | None:
        """The content of a file, at most `limit` + 1 bytes of it; None if there is none."""
        ...

    def blob(self, path: str) -> bytes | None:
        """The content that git has for a path, of a symlink its target; None for a directory."""
        ...

    def root(self) -> Iterable[tuple[bytes, int]]:
        """What lies in the host's root: each name, with git's mode of it."""
        ...

    def children(self, directories: Iterable[bytes]) -> Children:
        """Gives what lies in each directory at or below these."""
        ...

    def record_names(self) -> list[str]:
        """The mirrors that have a record file."""
        ...

    def form_names(self) -> list[str]:
        """The derived forms that have a record file."""
        ...

    def files(
        self, directory: str, recorded: Sequence[FileFact] | None = None
    ) -> list[FileFact] | None:
        """Every file below a directory, with paths relative to it; None if there is nothing.

        A file or link in place of the directory, or of a directory above it, is the only fact and
        has an empty path; where one file is `recorded`, only what lies there itself counts. A file
        that cannot be as `recorded` may be left unread, and then has no SHA-256. What a disk does
        not show is taken from the index, or else, for files that are `recorded`, from the record.
        """
        ...


class _GitState:
    """A state whose files are blobs."""

    is_work_tree = False
    is_in_git = True

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def read(self, path: str, limit: int | None = None) -> bytes | None:
        entry = self._entry(path)
        if entry is None or entry.mode not in {Mode.FILE, Mode.EXECUTABLE}:
            return None
        if limit is not None and self._repository.size(entry.blob) > limit:
            return bytes(limit + 1)  # the caller looks only at the length, and refuses it
        return self._repository.read_within(entry.blob, LARGEST_READ)

    def blob(self, path: str) -> bytes | None:
        entry = self._entry(path)
        if entry is None or entry.mode not in BLOB_MODES:
            return None
        return self._repository.read_within(entry.blob, LARGEST_READ)

    def children(self, directories: Iterable[bytes]) -> Children:
        below = (self._below(os.fsdecode(directory)) for directory in directories)
        return among((entry.path, entry.mode) for entries in below for entry in entries)

    def record_names(self) -> list[str]:
        return self._names_in(PROVENANCE)

    def form_names(self) -> list[str]:
        return self._names_in(DERIVED)

    def _names_in(self, directory: str) -> list[str]:
        there = (e.path.decode("utf-8", "replace") for e in self._below(directory))
        return sorted(names_in(directory, there))

    def files(
        self, directory: str, recorded: Sequence[FileFact] | None = None
    ) -> list[FileFact] | None:
        prefix = len(os.fsencode(directory)) + 1
        below = [e._replace(path=RepoPath(e.path[prefix:])) for e in self._below(directory)]
        in_its_place = [
            entry._replace(path=RepoPath(b""))
            for path in [*([] if is_one_file(recorded) else above(directory)), directory]
            if (entry := self._entry(path))
        ]
        known = {fact.entry: fact for fact in recorded or ()}
        return [
            self._fact(entry, known, all_read=recorded is None) for entry in in_its_place or below
        ] or None

    def _below(self, directory: str) -> list[Entry]:
        """The entries below a directory, sorted; all in third_party/ are listed only once."""
        if not is_in_third_party(directory):
            return self._listed(directory)
        prefix = os.fsencode(f"{directory}/")
        start = bisect_left(self._third_party, prefix, key=lambda entry: entry.path)
        rest = islice(self._third_party, start, None)
        return list(takewhile(lambda entry: entry.path.startswith(prefix), rest))

    def _entry(self, path: str) -> Entry | None:
        """The entry of a file; None if there is none."""
        if not is_in_third_party(path):
            return self._entry_outside(path)
        raw, there = os.fsencode(path), self._third_party
        at = bisect_left(there, raw, key=lambda entry: entry.path)
        return there[at] if at < len(there) and there[at].path == raw else None

    @cached_property
    def _third_party(self) -> list[Entry]:
        return self._listed(THIRD_PARTY)

    def _listed(self, directory: str) -> list[Entry]:
        """The entries below a directory, sorted."""
        raise NotImplementedError

    def _entry_outside(self, path: str) -> Entry | None:
        """The entry of a file outside third_party/; None if there is none."""
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
    """The host as it is staged."""

    label = "the index"

    def root(self) -> Iterable[tuple[bytes, int]]:
        files = self._repository.index.files([b"."])
        return among((entry.path, entry.mode) for entry in files)(b"")

    def _listed(self, directory: str) -> list[Entry]:
        return self._repository.index.files([os.fsencode(directory)])

    def _entry_outside(self, path: str) -> Entry | None:
        if not is_tracked(self._repository, path):
            return None
        return next(iter(self._repository.index.files([os.fsencode(path)])), None)


class CommittedState(_GitState):
    """The host in a commit."""

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

    def root(self) -> Iterable[tuple[bytes, int]]:
        tree = self._repository.tree_of(self.commit)
        return [(entry.name, entry.mode) for entry in self._repository.tree_entries(tree)]

    def _listed(self, directory: str) -> list[Entry]:
        mode, tree = self._found(directory) or (0, None)
        prefix = os.fsencode(f"{directory}/")
        return [
            entry._replace(path=RepoPath(prefix + entry.path))
            for entry in (self._repository.files_below(tree) if tree and mode == Mode.TREE else ())
        ]

    def _entry_outside(self, path: str) -> Entry | None:
        found = self._found(path)
        if found is None or found[0] == Mode.TREE:
            return None
        return Entry(RepoPath(os.fsencode(path)), *found)

    def _found(self, path: str) -> tuple[int, ObjectId] | None:
        return self._repository.entry_at(self._repository.tree_of(self.commit), os.fsencode(path))


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
    return WorkTree(host.require_root(), host.repository, ahead=ahead)


def read_manifest(state: State) -> Manifest:
    """The state's manifest; ManifestError if it has none."""
    data = state.read(MANIFEST_PATH, MANIFEST_BYTES)
    if data is None:
        if isinstance(state, WorkTree) and (error := state.deleted_error(MANIFEST_PATH)):
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
        data = state.read(record_path(name), RECORD_BYTES)
        try:
            yield name, None if data is None else parse_record(data, name)
        except RecordError as error:
            yield name, error


def read_form_records(
    state: State, names: Iterable[str]
) -> Mapping[str, DerivedRecord | RecordError | None]:
    """The records by form; None where there is none, an error where one cannot be used."""
    return {name: _form_record(state, name) for name in names}


def _form_record(state: State, name: str) -> DerivedRecord | RecordError | None:
    data = state.read(derived_record_path(name), RECORD_BYTES)
    try:
        return None if data is None else parse_derived(data, name)
    except RecordError as error:
        return error
