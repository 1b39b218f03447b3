"""Clears the workspace third_party/.git-verbatim/; what somebody changed meanwhile is kept there.

What was replaced is deleted only if it still has the hash that it had when the plan was made.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from sync.errors import HostError
from sync.host.directory import Directory, split
from sync.host.journal import Journal, Kind, Replacement
from sync.host.scan import read_file, scan_directory
from sync.ids import Mode, ObjectId
from sync.layout import WORKSPACE
from sync.model.values import FileFact
from sync.objects.tree import hash_tree, object_id

_RESCUED = b"rescued"


def discard_leftovers(root: Path) -> None:
    """Remove the workspace of a run that stopped before its journal or after its last step."""
    if (root / WORKSPACE).is_dir():
        with suppress(OSError), Directory.open(root) as top:
            remove_workspace(top)


def discard_unfinished(workspace: Directory) -> None:
    """Delete what was staged by a run that stopped before it wrote its journal."""
    for name in workspace.names():
        if name[:1].isdigit():
            workspace.delete(name)


def remove_workspace(top: Directory) -> None:
    with top.descend(WORKSPACE.encode()) as workspace:
        discard_unfinished(workspace)
        if set(workspace.names()) - {b".gitignore"}:
            return  # rescued files are there
        for name in workspace.names():
            workspace.delete(name)
    parent, name = split(WORKSPACE.encode())
    with top.descend(parent) as third_party:
        os.rmdir(name, dir_fd=third_party.descriptor)


def clear_slots(root: Path, workspace: Directory, journal: Journal) -> list[str]:
    """Delete what was replaced; keep what somebody changed, and return the paths of that.

    A file or directory is deleted only if it is what it was when the plan was made.
    """
    rescued: list[str] = []
    for step in journal.replacements:
        expended = b"%d.expended" % step.slot
        if workspace.exists(expended):
            workspace.delete(expended)
        for suffix in ("", ".old", ".changed"):
            slot = f"{step.slot}{suffix}"
            if not workspace.exists(slot.encode()):
                continue
            if suffix == ".old":
                workspace.delete(slot.encode())
            elif _is_expendable(root, slot, step):
                # The name tells the next run that deletion had begun.
                move(workspace, slot.encode(), workspace, expended)
                workspace.delete(expended)
            else:
                rescued.append(_rescue(workspace, slot.encode(), step))
    return rescued


def _is_expendable(root: Path, slot: str, step: Replacement) -> bool:
    try:
        found = id_at(root, f"{WORKSPACE}/{slot}", step.kind)
    except HostError:
        return False  # somebody put something irregular there meanwhile
    return found is not None and found in {step.old, step.new}


def _rescue(workspace: Directory, slot: bytes, step: Replacement) -> str:
    with workspace.descend(_RESCUED, create=True) as rescued:
        number = 1
        plain = step.target.replace("/", "-")
        while rescued.exists(kept := os.fsencode(f"{plain}.{number}")):
            number += 1
        move(workspace, slot, rescued, kept)
    return f"{WORKSPACE}/{_RESCUED.decode()}/{os.fsdecode(kept)}"


def move(one: Directory, one_name: bytes, other: Directory, other_name: bytes) -> None:
    os.rename(one_name, other_name, src_dir_fd=one.descriptor, dst_dir_fd=other.descriptor)


def id_at(root: Path, path: str, kind: Kind) -> ObjectId | None:
    """The id, as by `id_of`, of what lies at a path of the host; None if there is nothing."""
    if kind == "directory" or (root / path).is_symlink():
        return id_of(scan_directory(root, *path.split("/")), kind)
    content = read_file(root, path)
    return None if content is None else object_id("blob", content)


def id_of(present: Sequence[FileFact] | None, kind: Kind) -> ObjectId | None:
    """The id by which a directory or file is known again; None if there is nothing.

    It is that of a regular file's blob, or else of a tree.
    """
    if present is None:
        return None
    if kind == "file" and [one.mode for one in present] != [Mode.SYMLINK]:
        return present[0].blob
    return hash_tree(fact.entry for fact in present)
