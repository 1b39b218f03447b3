"""Refuses to carry out a plan that would lose local changes or commit half of a change."""

import os
from collections.abc import Collection, Iterable

from sync.change.look import Scene
from sync.change.plan import Plan, refuse_local_changes, refuse_staged_changes, upstreams_files
from sync.errors import HostError, UsageError
from sync.git.committing import read_head, require_identity
from sync.git.listing import committed_files
from sync.layout import THIRD_PARTY, record_path
from sync.model import Entry


def refuse_local(scene: Scene, plan: Plan) -> None:
    """LocalChangesError if the plan would overwrite somebody's changes, on disk or in the index."""
    refuse_local_changes(plan.changes)
    if scene.stage and plan:
        _refuse_staged(scene, plan)


def _refuse_staged(scene: Scene, plan: Plan) -> None:
    known: dict[str, Collection[Entry]] = {}
    for change in plan.changes:
        known |= upstreams_files(change)
    for name in plan.unstaged:
        if record := scene.record(name):
            for place in record.places:
                known[place.directory] = {fact.entry for fact in place.files}
    paths = sorted({THIRD_PARTY, *known})
    staged = scene.repository.index.settled_files(map(os.fsencode, paths))
    root, repository = scene.host.require_work_tree()
    committed = committed_files(repository, read_head(root).commit, paths)
    refuse_staged_changes(known, staged, committed)


def refuse_commit(scene: Scene, plan: Plan, committed: Iterable[str]) -> None:
    """HostError or UsageError if no commit can be made, or if it would hold half of a change.

    Half of a change is a manifest without the files and records that belong to it. `committed` are
    the mirrors of HEAD's manifest.
    """
    if operation := scene.repository.in_progress():
        raise HostError(
            f"a {operation} is in progress: its commit is yours to make",
            hint="run the command without `--commit`, then finish it with git",
            reference="operation-in-progress",
        )
    if plan:
        require_identity(scene.host.require_work_tree()[0])
    synced = {*plan.satisfied, *(change.name for change in plan.changes)}
    for name in committed:
        if (
            name not in {*synced, *scene.manifest.mirrors}
            and scene.state.read(record_path(name)) is not None
        ):
            raise UsageError(
                f"a commit would hold the manifest's removal of {name} "
                "without its files and its record",
                hint=f"take them away first: `git verbatim remove {name}`",
                reference="commit-incomplete",
            )
    for name, mirror in scene.manifest.mirrors.items():
        record = None if name in synced else scene.record(name)
        if name not in synced and (record is None or record.differences(mirror)):
            raise UsageError(
                f"a commit would hold the manifest's change of {name} without its sync",
                hint="sync all that the manifest changes: `git verbatim sync --commit`",
                reference="commit-incomplete",
            )
