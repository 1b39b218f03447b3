"""What third_party/ holds in the working tree, in the index or in a commit: manifest, records and files, read alike."""

import marshal
import zlib
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Protocol

from sync.errors import CouldNotCheckError, ManifestError, RecordError, UsageError
from sync.git.naming import named_commit
from sync.git.process import Child
from sync.git.repository import Repository
from sync.host import Host
from sync.limits import LARGEST_READ, MANIFEST_BYTES, RECORD_BYTES
from sync.manifest import MANIFEST_PATH, Manifest, parse_manifest
from sync.model import MANIFEST, PROVENANCE, THIRD_PARTY, Entry, FileFact, Mode, ObjectId, RepoPath
from sync.provenance import Record
from sync.record_json import parse_record
from sync.scan import NOT_READ, ScanBudget, read_file, scan_directory


class State(Protocol):
    """One state of third_party/; all paths are below it."""

    @property
    def label(self) -> str:
        """What people call this state."""
        ...

    @property
    def is_work_tree(self) -> bool:
        """Whether files that are not checked in may be here."""
        ...

    def read(self, path: str, limit: int | None = None) -> bytes | None:
        """The content of a file, of more than `limit` bytes one more than those; None if there is none."""
        ...

    def record_names(self) -> list[str]:
        """The mirrors that have a record file."""
        ...

    def files(self, directory: str, recorded: Sequence[FileFact] | None = None) -> list[FileFact] | None:
        """Every file below a directory, with paths relative to it; None if there is nothing.

        A file or link in place of the directory, or of one above it, is the only fact, with an empty path.
        What is not as `recorded` differs whatever it holds: content may be left unread, and has no SHA-256 then.
        """
        ...


class WorkTree:
    """third_party/ on disk, inside git or not."""

    label = "the working tree"
    is_work_tree = True

    def __init__(self, third_party: Path) -> None:
        self._third_party = third_party
        self._ahead: Child | None = None
        self._scanned: dict[str, list[FileFact] | None] = {}

    def read_ahead(self, directories: Sequence[str]) -> None:
        """Begin to read two thirds of these directories in a second process, while this one reads records.

        Worth it where they hold thousands of files and there is a second processor.
        """
        self._ahead = Child(lambda: marshal.dumps([(d, self._plain_facts(d)) for d in directories]))

    def read(self, path: str, limit: int | None = None) -> bytes | None:
        return read_file(self._third_party, path, limit)

    def record_names(self) -> list[str]:
        return sorted(p.stem for p in (self._third_party / PROVENANCE).glob("*.json"))

    def files(self, directory: str, recorded: Sequence[FileFact] | None = None) -> list[FileFact] | None:
        if self._ahead is not None:
            ours = self._scan(directory, _is_ours)  # before waiting for the child
            given, self._ahead = self._ahead.result(), None
            # a child's failure is passed over: reading here tells what it was
            for read, facts in marshal.loads(given) if given is not None else ():  # noqa: S302 - from our own child
                self._scanned[read] = _merged(ours if read == directory else self._scan(read, _is_ours), facts)
        if directory in self._scanned:
            facts = self._scanned.pop(directory)
            if not any(fact.blob == NOT_READ and _may_be(fact, recorded) for fact in facts or ()):
                return facts
        return self._scan(directory, budget=ScanBudget.of(recorded))

    def _plain_facts(self, directory: str) -> list[tuple[object, ...]] | None:
        facts = self._scan(directory, lambda name: not _is_ours(name))
        return None if facts is None else [tuple(fact) for fact in facts]

    def _scan(
        self, directory: str, wanted: Callable[[bytes], bool] | None = None, budget: ScanBudget | None = None
    ) -> list[FileFact] | None:
        return scan_directory(self._third_party, *directory.split("/"), wanted=wanted, budget=budget or ScanBudget(sizes={}))


def _may_be(fact: FileFact, recorded: Sequence[FileFact] | None) -> bool:
    """Whether a large file that was left unread may be as recorded."""
    return recorded is None or any(fact.path == one.path and fact.size == one.size for one in recorded)


def _is_ours(name: bytes) -> bool:
    """Whether this process reads what lies under a name, not its child: a third, since it also reads records."""
    return zlib.crc32(name) % 3 == 0


def _merged(ours: list[FileFact] | None, childs: list[tuple[RepoPath, int, ObjectId, int, str]] | None) -> list[FileFact] | None:
    if ours is None or childs is None:
        return ours if childs is None else None
    merged = {fact.path: fact for fact in (*ours, *map(FileFact._make, childs))}
    return [merged[path] for path in sorted(merged)]


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
            return bytes(limit + 1)  # nobody looks at what is too large
        return self._repository.read_within(entry.blob, LARGEST_READ)

    def record_names(self) -> list[str]:
        prefix = f"{PROVENANCE}/"
        paths = [e.path.decode("utf-8", "replace") for e in self._below(prefix.encode())]
        return sorted(p[len(prefix) : -len(".json")] for p in paths if p.endswith(".json") and "/" not in p[len(prefix) :])

    def files(self, directory: str, recorded: Sequence[FileFact] | None = None) -> list[FileFact] | None:
        prefix = directory.encode() + b"/"
        below = [Entry(RepoPath(e.path[len(prefix) :]), e.mode, e.blob) for e in self._below(prefix)]
        above = (prefix[:end] for end in range(len(prefix)) if prefix[end : end + 1] == b"/")
        in_its_place = [Entry(RepoPath(b""), e.mode, e.blob) for path in above for e in self._below(path) if e.path == path]
        known = {fact.entry: fact for fact in recorded or ()}
        return [self._fact(entry, known, all_read=recorded is None) for entry in in_its_place or below] or None

    def _below(self, prefix: bytes) -> Iterator[Entry]:
        """The entries whose paths begin so; they are sorted by path."""
        for at in range(bisect_left(self._entries, prefix, key=lambda entry: entry.path), len(self._entries)):
            if not self._entries[at].path.startswith(prefix):
                return
            yield self._entries[at]

    @property
    def _entries(self) -> list[Entry]:
        raise NotImplementedError

    def _fact(self, entry: Entry, known: Mapping[Entry, FileFact], *, all_read: bool) -> FileFact:
        if entry.mode == Mode.GITLINK:
            return FileFact(*entry, 0, "")
        if not all_read and (entry not in known or self._repository.size(entry.blob) != known[entry].size):
            return FileFact(*entry, self._repository.size(entry.blob), "")
        return FileFact(*entry, *self._digest(entry.blob))

    @cached_property
    def _digest(self) -> Callable[[ObjectId], tuple[int, str]]:
        """Asked once for a blob, which may have many names."""
        return cache(self._repository.digest)


class Index(_GitState):
    """third_party/ as it is staged."""

    label = "the index"

    @cached_property
    def _entries(self) -> list[Entry]:
        return self._repository.index.files(THIRD_PARTY.encode())


class Commit(_GitState):
    """third_party/ in a commit."""

    def __init__(self, repository: Repository, revision: str) -> None:
        super().__init__(repository)
        commit = named_commit(repository, revision)
        if commit is None:
            hint = "in a shallow clone the commit may be missing: `git fetch --unshallow`" if repository.is_shallow else None
            kind = CouldNotCheckError if repository.is_shallow else UsageError
            raise kind(f"there is no commit {revision}", hint=hint, reference="revision-unknown")
        self.commit = commit
        self.label = f"commit {commit[:12]}"

    @cached_property
    def _entries(self) -> list[Entry]:
        found = self._repository.entry_at(self._repository.tree_of(self.commit), THIRD_PARTY.encode())
        return [] if found is None or found[0] != Mode.TREE else self._repository.files_below(found[1])


def open_state(host: Host, *, index: bool = False, revision: str | None = None) -> State:
    """The state that a command is about."""
    if index and revision is not None:
        raise UsageError("`--index` and `--rev` are two different states", hint="give one of them")
    if revision is not None:
        return Commit(host.require_repository(), revision)
    if index:
        return Index(host.require_work_tree()[1])
    return WorkTree(host.third_party)


def read_manifest(state: State) -> Manifest:
    """The state's manifest; ManifestError if it has none."""
    data = state.read(MANIFEST, MANIFEST_BYTES)
    if data is None:
        raise ManifestError(
            f"there is no {MANIFEST_PATH} in {state.label}",
            hint="make one with `git verbatim init`",
            reference="manifest-missing",
        )
    return parse_manifest(data)


def read_records(state: State, names: Iterable[str]) -> Mapping[str, Record | RecordError | None]:
    """The records of the named mirrors; an error in place of one that cannot be used, None where there is none."""
    return dict(_records(state, names))


def _records(state: State, names: Iterable[str]) -> Iterator[tuple[str, Record | RecordError | None]]:
    for name in names:
        data = state.read(f"{PROVENANCE}/{name}.json", RECORD_BYTES)
        try:
            yield name, None if data is None else parse_record(data, name)
        except RecordError as error:
            yield name, error
