"""Where git looks for hooks."""

from pathlib import Path

from sync.git.process import run_git


def hooks_directory(directory: Path | None) -> Path:
    """The directory where git looks for hooks here.

    `core.hooksPath`, linked worktrees and submodules are taken into account.
    """
    said = run_git(directory, "rev-parse", "--git-path", "hooks").stdout
    return (
        (directory or Path.cwd()) / said.decode("utf-8", "surrogateescape").rstrip("\n")
    ).absolute()
