"""Reads the record of a mirror or form that a run builds on, or says which command leads on."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Protocol, TypeVar

from sync.change.left import LeftPlaces
from sync.change.lock import Notifier
from sync.errors import NewerRecordError, RecordError
from sync.git.repository import Repository
from sync.host.work_tree import WorkTree
from sync.ids import Mode, ObjectId
from sync.judgement.strays import recorded_name
from sync.limits import RECORD_BYTES

_R = TypeVar("_R")


class Scene(Protocol):
    """What reading a record needs to know of a run."""

    @property
    def state(self) -> WorkTree: ...
    @property
    def repository(self) -> Repository: ...
    @property
    def reporter(self) -> Notifier: ...
    @property
    def left_places(self) -> LeftPlaces: ...
    def gives_up(self, name: str) -> bool: ...


def usable_record(scene: Scene, name: str, where: str, parse: Callable[[bytes], _R]) -> _R | None:
    """The record of `name` that lies at `where`; None if there is none.

    Raises RecordError for a record that cannot be used. With `--discard-local` such a record counts
    as none, unless it is of a newer schema.
    """
    data = scene.state.read(where, RECORD_BYTES)
    if data is None:
        return None
    try:
        return parse(data)
    except RecordError as error:
        # The sides of a conflict are committed, so that nothing is lost.
        is_git_s = error.reference == "record-conflict" and scene.repository.in_progress()
        if isinstance(error, NewerRecordError):
            raise
        if not (scene.gives_up(name) or is_git_s):
            if error.reference != "record-line-endings":
                is_there = committed_record(scene.repository, where, parse) is not None
                error.hint = _way_on(name, where if is_there else None)
            raise
        scene.reporter.notice(f"making the record of {name} anew: {error.message}")
        return None


def _way_on(name: str, where: str | None) -> str:
    anew = f"make it anew with `git verbatim sync --discard-local {name}`"
    if where is None:
        return anew
    put_back = f"put the committed one back with `git checkout HEAD -- {where}`"
    return f"{put_back}, then run the command again; or {anew}"


def sides(scene: Scene, where: str, parse: Callable[[bytes], _R]) -> Iterator[tuple[ObjectId, _R]]:
    """The record in each commit that git is bringing together, if it has one of use.

    Where git does not, it is HEAD's, if that is another one than lies here.
    """
    repository, at_work = scene.repository, scene.left_places.at_work
    head = repository.commit_of("HEAD")
    for commit in at_work or ([head] if head else []):
        data = in_commit(repository, where, commit)
        if data is None or (not at_work and data == scene.state.read(where, RECORD_BYTES)):
            continue
        with suppress(RecordError):
            yield commit, parse(data)


def changed_records(repository: Repository, state: WorkTree, directory: str) -> list[str]:
    """The names of HEAD's records in a directory of them that are not here as they are there."""
    where = ((name, f"{directory}/{name}.json") for name in committed_names(repository, directory))
    return [
        name
        for name, path in where
        if in_commit(repository, path) != state.read(path, RECORD_BYTES)
    ]


def committed_names(repository: Repository, directory: str) -> list[str]:
    """The names of the records that HEAD has in a directory of them."""
    head = repository.commit_of("HEAD")
    mode, tree = (
        (0, None)
        if head is None
        else (repository.entry_at(repository.tree_of(head), directory.encode()) or (0, None))
    )
    entries = repository.tree_entries(tree) if tree and mode == Mode.TREE else ()
    return [name for entry in entries if (name := recorded_name(entry.name))]


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
