"""Submodules as git has them: entries of an index or a tree that name a commit of another repository."""

from pathlib import Path

from sync.git.process import judging_environment, run_git
from sync.git.repository import Repository
from sync.model import Mode


def staged_gitlinks(work_tree: Path, directory: str) -> frozenset[bytes]:
    """Those of the index at or below a directory, by path from the top; asked of git, which reads every kind of index."""
    environment = judging_environment()
    listed = run_git(work_tree, "ls-files", "--stage", "-z", "--", directory, environment=environment).stdout
    entries = (line.partition(b"\t") for line in listed.split(b"\0") if line)
    return frozenset(path for facts, _, path in entries if int(facts.split(b" ")[0], 8) == Mode.GITLINK)


def committed_gitlinks(repository: Repository, directory: bytes) -> frozenset[bytes]:
    """Those of HEAD at or below a directory."""
    head = repository.commit_of("HEAD")
    found = repository.entry_at(repository.tree_of(head), directory) if head else None
    if found is None:
        return frozenset()
    mode, tree = found
    if mode == Mode.GITLINK:
        return frozenset({directory})
    files = repository.files_below(tree) if mode == Mode.TREE else ()
    return frozenset(directory + b"/" + file.path for file in files if file.mode == Mode.GITLINK)
