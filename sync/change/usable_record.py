"""Reads the record of a mirror or form that a run builds on, or says which command leads on."""

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from sync.change.committed_records import committed_record, in_commit
from sync.change.left import LeftPlaces
from sync.change.lock import Notifier
from sync.errors import NewerRecordError, RecordError
from sync.git.repository import Repository
from sync.host.work_tree import WorkTree
from sync.ids import ObjectId
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


def sides(scene: Scene, where: str, parse: Callable[[bytes], _R]) -> Mapping[ObjectId, _R]:
    """The record in each commit that git is bringing together, if it has one of use.

    Where git does not, it is HEAD's, if that is another one than lies here.
    """
    repository, at_work = scene.repository, scene.left_places.at_work
    if at_work:
        commits = at_work
    else:
        head = repository.commit_of("HEAD")
        is_same = in_commit(repository, where, head) == scene.state.read(where, RECORD_BYTES)
        commits = [] if head is None or is_same else [head]
    found = ((commit, committed_record(repository, where, parse, commit)) for commit in commits)
    return {commit: record for commit, record in found if record is not None}
