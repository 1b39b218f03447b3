"""Lists the index as git does, whatever its kind, and what a checkout leaves out."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from sync.git.libgit2 import FAILURES
from sync.git.process import run_git
from sync.git.repository import Repository
from sync.ids import Mode, ObjectId, RepoPath
from sync.layout import above
from sync.model.values import Entry

_HIDDEN = b"S"


class Listed(NamedTuple):
    """One entry of the index; its path starts at the top of the working tree."""

    entry: Entry
    is_hidden: bool
    """Whether git leaves it out of the working tree (skip-worktree), as a sparse checkout does."""


def list_index(repository: Repository, *paths: str) -> list[Listed]:
    """The entries at or below these paths; a conflict has one for each side."""
    listed = repository.index.file.listed(paths)
    return [
        Listed(Entry(RepoPath(path), mode, blob), tag == _HIDDEN)
        for tag, mode, blob, _, path in listed
    ]


def is_tracked(repository: Repository, path: str) -> bool:
    """Whether the index has a file; True also if libgit2 cannot tell."""
    try:
        return path in repository.raw.index
    except FAILURES:
        return True


def committed_files(
    repository: Repository, commit: ObjectId | None, paths: Iterable[str]
) -> dict[RepoPath, Entry]:
    """A commit's files at or below these paths, by path from the top; none without a commit."""
    if commit is None:
        return {}
    tree = repository.tree_of(commit)
    found: dict[RepoPath, Entry] = {}
    for path in map(os.fsencode, paths):
        mode, below = repository.entry_at(tree, path) or (0, None)
        if below is None:
            continue
        if mode != Mode.TREE:
            found[RepoPath(path)] = Entry(RepoPath(path), mode, below)
            continue
        for entry in repository.files_below(below):
            there = RepoPath(path + b"/" + entry.path)
            found[there] = entry._replace(path=there)
    return found


def staged_gitlinks(repository: Repository, paths: Iterable[str]) -> frozenset[bytes]:
    """The submodules of the index at, below or above these paths, by path from the top."""
    asked = list(paths)
    parents = {directory for one in asked for directory in above(one)}
    there = [one for one in parents if is_tracked(repository, one)]
    listed = list_index(repository, *asked, *there) if asked else []
    return frozenset(entry.path for entry, _ in listed if entry.mode == Mode.GITLINK)


def committed_gitlinks(repository: Repository, paths: Iterable[str]) -> frozenset[bytes]:
    """The submodules of HEAD at, below or above these paths, by path from the top."""
    head = repository.commit_of("HEAD")
    if head is None:
        return frozenset()
    tree = repository.tree_of(head)
    return frozenset(
        link for path in paths for link in _gitlinks_at(repository, tree, os.fsencode(path))
    )


def _gitlinks_at(repository: Repository, tree: ObjectId, path: bytes) -> Iterator[bytes]:
    for end in (at for at, sign in enumerate(path) if sign == ord("/")):
        found = repository.entry_at(tree, path[:end])
        if found is not None and found[0] == Mode.GITLINK:
            yield path[:end]
    mode, below = repository.entry_at(tree, path) or (0, tree)
    if mode == Mode.GITLINK:
        yield path
    for file in repository.files_below(below) if mode == Mode.TREE else ():
        if file.mode == Mode.GITLINK:
            yield path + b"/" + file.path


def ignored_paths(work_tree: Path, paths: Iterable[bytes]) -> frozenset[bytes]:
    """Those of these paths that git does not track and ignores."""
    asked = b"".join(path + b"\0" for path in paths)
    told = run_git(work_tree, "check-ignore", "-z", "--stdin", stdin=asked, check=False)
    return frozenset(told.stdout.split(b"\0")[:-1])


def core_switches(work_tree: Path) -> dict[str, bool]:
    """Git's switches for file modes, symlinks and sparse checkouts, without `core.` in their names.

    They are `filemode`, `symlinks`, `sparsecheckout` and `sparsecheckoutcone`. A switch that no
    configuration in force has is left out.
    """
    pattern = r"^core\.(filemode|symlinks|sparsecheckout|sparsecheckoutcone)$"
    said = run_git(
        work_tree, "config", "--type=bool", "--get-regexp", pattern, check=False
    ).stdout.decode()
    return {
        key.removeprefix("core."): value == "true"
        for key, _, value in (line.partition(" ") for line in said.splitlines())
    }
