"""Puts in place what was staged; a killed run leaves a journal, by which the next run finishes.

Until the journal is written, nothing that counts has changed. What is done already is found out by
hashing what is there, never by trusting a flag.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from sync.change.workspace import clear_slots, id_at, move, remove_workspace
from sync.errors import HostError
from sync.git.index import LockedIndex
from sync.git.repository import Repository
from sync.host.directory import Directory, exchange, explaining, make_durable, rename_new, split
from sync.host.journal import Journal, Outcome, Replacement
from sync.host.scan import scan_directory
from sync.ids import Mode, RepoPath
from sync.layout import JOURNAL, WORKSPACE
from sync.model.values import Entry, FileFact


@contextmanager
def holding_index(repository: Repository, stage: bool) -> Iterator[LockedIndex | None]:
    """Hold the lock of the index; None if nothing is to be staged."""
    if not stage:
        yield None
        return
    with repository.index.locked() as index:
        yield index


def finish(
    root: Path,
    repository: Repository,
    journal: Journal,
    index: LockedIndex | None,
    *,
    resumed: bool = False,
) -> Outcome:
    """Carry out a journal; afterwards the new state is complete.

    `index` has the new entries already, unless another run wrote the journal (`resumed`): then they
    are added here.
    """
    with Directory.open(root) as top:
        with top.descend(WORKSPACE.encode()) as workspace:
            for replacement in journal.replacements:
                _replace(root, top, workspace, replacement, resumed=resumed)
            make_durable(workspace)
            if index is not None and resumed:
                edit_index(
                    index,
                    journal,
                    lambda target: [fact.entry for fact in _facts(root, target)],
                )
            # The slots are cleared first: a file that loses its second name gets a new ctime,
            # which git would take for a change.
            rescued = clear_slots(root, workspace, journal)
            if index is not None:
                index.publish(_indexed_paths(journal))
        (repository.git_directory / JOURNAL).unlink()
        remove_workspace(top)
    return Outcome(tuple(rescued))


def edit_index(
    index: LockedIndex, journal: Journal, entries_of: Callable[[str], Sequence[Entry]]
) -> None:
    """Put the entries that a journal calls for into the held index.

    `entries_of` gives the files that a directory will have.
    """
    wanted = [entry for step in journal.replacements for entry in _entries_after(step, entries_of)]
    paths = [os.fsencode(step.target) for step in journal.replacements if step.index != "apart"]
    there = index.copy.staged(edit.path.encode() for edit in journal.own)
    for edit in journal.own:
        path = edit.path.encode()
        if [blob for _, blob, _ in there.get(path, ())] == ([edit.before] if edit.before else []):
            paths.append(path)
            wanted += [Entry(RepoPath(path), Mode.FILE, edit.after)] if edit.after else []
    index.copy.put(paths, wanted)


def _entries_after(step: Replacement, entries_of: Callable[[str], Sequence[Entry]]) -> list[Entry]:
    if step.new is None or step.index != "same":
        return []
    path = os.fsencode(step.target)
    if step.kind == "file":
        return [Entry(RepoPath(path), Mode.FILE, step.new)]
    return [
        Entry(RepoPath(path + b"/" + below), mode, blob)
        for below, mode, blob in entries_of(step.target)
    ]


def _indexed_paths(journal: Journal) -> list[bytes]:
    return [
        os.fsencode(step.target)
        for step in journal.replacements
        if step.new is not None and step.index == "same"
    ]


def _replace(
    root: Path, top: Directory, workspace: Directory, step: Replacement, *, resumed: bool
) -> None:
    """Bring one target to its new state, unless it has it already."""
    if step.new == step.old:
        return
    if resumed and id_at(root, step.target, step.kind) == step.new:
        if step.new is None:
            _remove_empty_parents(
                top, split(os.fsencode(step.target))[0]
            )  # the interrupted run may have stopped before this
        return
    slot = b"%d" % step.slot
    if (
        resumed
        and step.new is not None
        and id_at(root, f"{WORKSPACE}/{step.slot}", step.kind) != step.new
    ):
        raise HostError(
            f"an interrupted run cannot be finished: {step.target} "
            "and what was staged for it both changed",
            [f"staged: {WORKSPACE}/{step.slot}"],
            hint=f"remove {JOURNAL} from the git directory and {WORKSPACE}/, "
            "then run `git verbatim sync`",
            reference="journal-torn",
        )
    parent_path, name = split(os.fsencode(step.target))
    with (
        explaining(f"replace {step.target}"),
        top.descend(parent_path, create=True) as parent,
    ):
        if not parent.exists(name):
            moved = step.new is None or rename_new(workspace, slot, parent, name)
        elif step.new is None:
            moved = rename_new(parent, name, workspace, slot)
        else:
            moved = exchange(workspace, slot, parent, name)
        if not moved:
            _replace_in_place(root, workspace, parent, name, step)
    if step.new is None:
        _remove_empty_parents(top, parent_path)


def _replace_in_place(
    root: Path, workspace: Directory, parent: Directory, name: bytes, step: Replacement
) -> None:
    """Replace a target in several steps, where one rename cannot do it.

    Overlayfs, for one, does not rename a directory of a lower layer. Files are moved one by one,
    and the journal lets the next run finish. The staged files stay where they are until the end, so
    that a killed run can be resumed.
    """
    slot = b"%d" % step.slot
    aside_name = slot + (
        b".old" if id_at(root, step.target, step.kind) == step.old else b".changed"
    )
    if workspace.exists(slot + b".old"):
        aside_name = slot + b".old"
    if step.kind == "file":
        if parent.exists(name):
            move(parent, name, workspace, aside_name)
        if step.new is not None:
            move(workspace, slot, parent, name)
        return
    wanted = (
        {fact.path: fact.entry for fact in _facts(root, f"{WORKSPACE}/{step.slot}")}
        if step.new
        else {}
    )
    with (
        parent.descend(name, create=True) as target,
        workspace.descend(aside_name, create=True) as aside,
    ):
        for fact in _facts(root, step.target):
            if wanted.get(fact.path) != fact.entry:
                _move_path(target, aside, fact.path)
        target.remove_empty_directories()
        present = {fact.path for fact in _facts(root, step.target)}
        for path in sorted(wanted.keys() - present):
            with workspace.descend(slot) as staged:
                _copy_path(staged, target, path, wanted[path].mode)
    if step.new is None:
        os.rmdir(name, dir_fd=parent.descriptor)


def _facts(root: Path, path: str) -> list[FileFact]:
    return scan_directory(root, *path.split("/")) or []


def _move_path(one: Directory, other: Directory, path: RepoPath) -> None:
    directory, name = split(path)
    with one.descend(directory) as here, other.descend(directory, create=True) as there:
        move(here, name, there, name)


def _copy_path(one: Directory, other: Directory, path: RepoPath, mode: int) -> None:
    directory, name = split(path)
    with one.descend(directory) as here, other.descend(directory, create=True) as there:
        if here.link(name, there, name):
            return
        draft = b".git-verbatim-" + name[:200]
        with suppress(FileNotFoundError):
            os.unlink(draft, dir_fd=there.descriptor)
        there.write(draft, mode, here.read(name, mode))
        move(there, draft, there, name)


def _remove_empty_parents(top: Directory, path: bytes) -> None:
    while path:
        parent, name = split(path)
        try:
            with top.descend(parent) as directory:
                os.rmdir(name, dir_fd=directory.descriptor)
        except FileNotFoundError:
            pass  # an interrupted run came so far
        except OSError:
            return  # not empty
        path = parent
