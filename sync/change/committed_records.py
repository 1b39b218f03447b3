"""Reads the records that commits have, of mirrors and of derived forms alike."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from sync.derived.json_file import parse_derived
from sync.errors import RecordError
from sync.git.repository import Repository
from sync.host.work_tree import WorkTree
from sync.ids import Mode, ObjectId
from sync.judgement.strays import recorded_name
from sync.layout import DERIVED, PROVENANCE
from sync.limits import RECORD_BYTES
from sync.model.values import FileFact
from sync.record.json_file import parse_record

_R = TypeVar("_R")


class Listed(NamedTuple):
    """What a record lists: its places, and the files in each of them."""

    places: tuple[str, ...] = ()
    files: tuple[FileFact, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordKind:
    """The records of mirrors, or those of derived forms."""

    directory: str
    parse: Callable[[bytes, str], Listed]
    """What the record of a name lists; RecordError for one that cannot be read."""

    def path(self, name: str) -> str:
        return f"{self.directory}/{name}.json"


def _of_mirror(data: bytes, name: str) -> Listed:
    record = parse_record(data, name)
    return Listed(record.copies, record.files)


def _of_form(data: bytes, name: str) -> Listed:
    record = parse_derived(data, name)
    return Listed(record.places, record.outputs)


OF_MIRRORS = RecordKind(PROVENANCE, _of_mirror)
OF_FORMS = RecordKind(DERIVED, _of_form)


def changed_since_head(
    repository: Repository, state: WorkTree, kind: RecordKind
) -> Mapping[str, Listed | None]:
    """HEAD's records that are not here as they are there, by name; None for one of no use."""
    paths = {name: kind.path(name) for name in committed_names(repository, kind)}
    return {
        name: listed_in_head(repository, kind, name)
        for name, path in paths.items()
        if in_commit(repository, path) != state.read(path, RECORD_BYTES)
    }


def committed_names(repository: Repository, kind: RecordKind) -> list[str]:
    """The names of the records that HEAD has."""
    head = repository.commit_of("HEAD")
    if head is None:
        return []
    found = repository.entry_at(repository.tree_of(head), kind.directory.encode())
    if found is None or found[0] != Mode.TREE:
        return []
    entries = repository.tree_entries(found[1])
    return [name for entry in entries if (name := recorded_name(entry.name))]


def listed_in_head(repository: Repository, kind: RecordKind, name: str) -> Listed | None:
    """What HEAD's record lists; None if it has none of use."""
    return committed_record(repository, kind.path(name), lambda data: kind.parse(data, name))


def committed_record(
    repository: Repository,
    where: str,
    parse: Callable[[bytes], _R],
    commit: ObjectId | None = None,
) -> _R | None:
    """The record that a commit, or else HEAD, has at `where`; None if it has none of use."""
    data = in_commit(repository, where, commit)
    try:
        return None if data is None else parse(data)
    except RecordError:
        return None


def in_commit(repository: Repository, where: str, commit: ObjectId | None = None) -> bytes | None:
    """What a commit, or else HEAD, has at the path of a record; None for nothing, or far more."""
    commit = commit or repository.commit_of("HEAD")
    if commit is None:
        return None
    entry = repository.entry_at(repository.tree_of(commit), where.encode())
    return repository.read_up_to(entry[1], RECORD_BYTES) if entry else None
