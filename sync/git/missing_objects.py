"""Hints for a repository that lacks an object, by the kind of clone that it is."""

from pathlib import Path

from sync.git.process import own_environment, run_git


def completion(git: str, directory: Path) -> str:
    """A hint at how to get what a git directory lacks; `git` is how git is called there."""
    if (directory / "shallow").exists():
        return f"it is a shallow clone: `{git} fetch --unshallow`"
    if any((directory / "objects" / "pack").glob("*.promisor")):
        return f"it is a partial clone: `{git} fetch --refetch --no-filter`"
    return f"`{git} fsck` says more"


def whereabouts(git: str, directory: Path) -> str:
    """A hint at where a commit may be that a git directory lacks."""
    if (directory / "shallow").exists():
        return completion(git, directory)
    if run_git(
        None, f"--git-dir={directory}", "remote", environment=own_environment(), check=False
    ).stdout:
        return f"another remote may have it: `{git} fetch --all`; a fork's is in the fork alone"
    return "it may be a fork's, which is another upstream; look for one that is there"
