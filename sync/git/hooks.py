"""Where git looks for hooks."""

from pathlib import Path
from typing import TYPE_CHECKING

from sync.git.process import run_git

if TYPE_CHECKING:  # what only walks needs no libgit2
    pass


def hooks_directory(directory: Path | None) -> Path:
    """Where git looks for hooks here: `core.hooksPath`, linked worktrees and submodules included."""
    said = run_git(directory, "rev-parse", "--git-path", "hooks").stdout
    return (
        (directory or Path.cwd()) / said.decode("utf-8", "surrogateescape").rstrip("\n")
    ).absolute()
