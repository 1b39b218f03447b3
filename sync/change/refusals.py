"""Refuses to carry out a plan that would lose local changes, or whose commit cannot be made."""

import os
from collections.abc import Collection
from pathlib import Path

from sync.change.local_changes import (
    refuse_local_changes,
    refuse_staged_changes,
    single_files,
    upstreams_files,
)
from sync.change.look import Scene
from sync.change.plan import Plan
from sync.derived.record import DerivedRecord
from sync.errors import HostError
from sync.git.committing import read_head, require_identity
from sync.git.listing import committed_files
from sync.git.operation import commits_at_work
from sync.git.repository import Repository
from sync.host.attributes_and_ignores import of_version
from sync.host.state import read_form_records
from sync.ids import Mode, RepoPath
from sync.layout import THIRD_PARTY
from sync.model.values import Entry
from sync.objects.tree import object_id


def refuse_local(scene: Scene, plan: Plan, named: Collection[str]) -> None:
    """LocalChangesError if the plan would overwrite somebody's changes, on disk or in the index.

    `named` are the files that the manifest names and that will be staged as they are on disk. What
    git brings from commits, in a merge or the like, is nobody's change.
    """
    if not plan and not named:
        return
    repository = scene.repository
    changing = [*plan.directories(scene.manifest), *plan.files(scene.manifest)]
    paths = sorted({THIRD_PARTY, *changing, *named})
    brought = {
        entry
        for commit in commits_at_work(repository)
        for entry in committed_files(repository, commit, paths).values()
    }
    refuse_local_changes(plan.all_changes, brought)
    if scene.stage:
        _refuse_staged(scene, plan, named, brought)


def _refuse_staged(
    scene: Scene, plan: Plan, named: Collection[str], brought: Collection[Entry]
) -> None:
    known: dict[str, Collection[Entry]] = {path: _as_a_file(scene, path) for path in named}
    files: dict[bytes, Collection[Entry]] = {}
    for change in plan.all_changes:
        known |= upstreams_files(change)
        files |= single_files(change)
    for name in plan.unstaged:
        if record := scene.record(name):
            for place in record.places:
                known[place.directory] = {fact.entry for fact in place.files}
    for form in map(scene.manifest.forms.__getitem__, plan.unstaged_forms):
        made = read_form_records(scene.state, [form.name])[form.name]
        outputs = made.outputs if isinstance(made, DerivedRecord) else ()
        known |= {directory: {fact.entry for fact in outputs} for directory in form.places}
    paths = sorted({THIRD_PARTY, *known, *plan.directories(scene.manifest)})
    staged = scene.repository.index.settled_files(map(os.fsencode, paths))
    root, repository = scene.host.require_work_tree()
    head = committed_files(repository, read_head(root).commit, paths)
    committed = {*head.values(), *brought}
    refuse_staged_changes(known, staged, committed, files)


def _as_a_file(scene: Scene, path: str) -> Collection[Entry]:
    """What the index may have of a file that lies on disk."""
    content = scene.state.read(path)
    if content is None:
        return ()
    blob = object_id("blob", content)
    return [Entry(RepoPath(b""), mode, blob) for mode in (Mode.FILE, Mode.EXECUTABLE)]


def _refuse_broken_blocks(scene: Scene, root: Path, repository: Repository) -> None:
    """HostError if a commit cannot have our edits of files that people edit too.

    The version on disk is asked first: if that is broken too, it is to be mended first.
    """
    there = committed_files(repository, read_head(root).commit, scene.own_edits)
    for path, edit in scene.own_edits.items():
        edit(scene.state.read(path))
        entry = there.get(RepoPath(os.fsencode(path)))
        with of_version(path, "HEAD", f"`git verbatim sync && git add {path} && git commit`"):
            edit(None if entry is None else repository.read(entry.blob))


def refuse_commit(scene: Scene, plan: Plan) -> None:
    """HostError if no commit can be made."""
    if operation := scene.repository.in_progress():
        raise HostError(
            f"a {operation} is in progress: its commit is yours to make",
            hint="run the command without `--commit`, then finish it with git",
            reference="operation-in-progress",
        )
    root, repository = scene.host.require_work_tree()
    if plan:
        require_identity(root)
    _refuse_broken_blocks(scene, root, repository)
