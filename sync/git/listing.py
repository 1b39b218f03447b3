"""Lists the index as git does, whatever its kind, and what a checkout leaves out."""

from pathlib import Path
from typing import NamedTuple

from sync.git.libgit2 import FAILURES
from sync.git.process import run_git
from sync.git.repository import Repository
from sync.ids import Mode, RepoPath
from sync.model import Entry

_HIDDEN = b"S"


class Listed(NamedTuple):
    """One entry of the index; its path starts at the top of the working tree."""

    entry: Entry
    is_hidden: bool
    """Whether git leaves it out of the working tree (skip-worktree), as a sparse checkout does."""


def list_index(repository: Repository, directory: str) -> list[Listed]:
    """The entries at or below a directory; a conflict has one for each side."""
    listed = repository.index.file.listed([directory])
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


def staged_gitlinks(repository: Repository, directory: str) -> frozenset[bytes]:
    """The submodules of the index at or below a directory, by path from the top."""
    return frozenset(
        entry.path for entry, _ in list_index(repository, directory) if entry.mode == Mode.GITLINK
    )


def committed_gitlinks(repository: Repository, directory: bytes) -> frozenset[bytes]:
    """The submodules of HEAD at or below a directory, by path from the top."""
    head = repository.commit_of("HEAD")
    found = repository.entry_at(repository.tree_of(head), directory) if head else None
    if found is None:
        return frozenset()
    mode, tree = found
    if mode == Mode.GITLINK:
        return frozenset({directory})
    files = repository.files_below(tree) if mode == Mode.TREE else ()
    return frozenset(directory + b"/" + file.path for file in files if file.mode == Mode.GITLINK)


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
