"""Finds the host: the directory that holds third_party/, and its git repository, if any."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sync.errors import HostError
from sync.layout import MANIFEST_PATH

if TYPE_CHECKING:
    from sync.git.repository import Repository

# These variables make git or libgit2 look for a repository elsewhere than upwards.
_LEADING = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_COMMON_DIR",
    "GIT_CEILING_DIRECTORIES",
)
_POINTER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Host:
    """The host; `root` is the directory that holds third_party/.

    An unpacked tarball has no repository, and a bare repository has no root.
    """

    root: Path | None
    repository: "Repository | None"

    def require_root(self) -> Path:
        """The root; HostError where there is none."""
        if self.root is None and self.repository is None:
            raise HostError(
                "this is no git repository, and there is no third_party/mirrors.toml here or above",
                [f"directory: {Path.cwd()}"],
                hint="run the command in a clone or an unpacked release "
                "of a project that has mirrors",
                reference="host-missing",
            )
        if self.root is None:
            raise HostError(
                "this is a bare repository: it has no working tree",
                hint="name what to look at with `--rev REV`, "
                "such as `git verbatim verify --rev HEAD`",
                reference="host-bare",
            )
        return self.root

    def require_repository(self) -> "Repository":
        """The repository; HostError outside of git."""
        if self.repository is None:
            raise HostError(
                "this is not a git repository",
                [f"directory: {self.root or Path.cwd()}"],
                hint="run the command in a clone of the project, or `git init` first",
                reference="host-not-git",
            )
        return self.repository

    def require_work_tree(self) -> "tuple[Path, Repository]":
        """Root and repository; HostError in a tarball or a bare repository.

        Commands that change files need both.
        """
        repository = self.require_repository()
        if self.root is None:
            raise HostError(
                "this is a bare repository: it has no working tree to change",
                [f"repository: {repository.git_directory}"],
                hint="run the command in a clone of it",
                reference="host-bare",
            )
        return self.root, repository


def find_host(start: Path) -> Host:
    """The host of `start`: the nearest directory upwards with a manifest, or git's top directory.

    A manifest nearer than the repository's top is that of a tarball unpacked inside somebody else's
    repository. No manifest counts if the environment or `core.worktree` says that the repository's
    files are elsewhere.
    """
    from sync.git.repository import Repository  # loads libgit2, which `find_plain` does without

    repository = Repository.discover(start)
    top = repository.work_tree.resolve() if repository and repository.work_tree else None
    here = start.resolve()
    if "GIT_DIR" in os.environ if top is None else not here.is_relative_to(top):
        return Host(top, repository)
    for directory in (here, *here.parents):
        if directory == top:
            return Host(top, repository)
        if (directory / MANIFEST_PATH).is_file():
            return Host(directory, None)
    return Host(top, repository)


def find_host_here() -> Host:
    """The host of the current directory, for the program itself, not for users of the packages.

    The process's environment is changed, so that libgit2 and every git that is started from now on
    find the repository that git itself finds here.
    """
    from sync.git.environment import lead_to, settle

    here = Path.cwd()
    settle(here)
    host = find_host(here)
    if host.repository is not None:
        lead_to(host.repository.git_directory, host.repository.work_tree)
    return host


@dataclass(frozen=True, slots=True)
class Plain:
    """A guess at where the host is, made without libgit2; nothing may be decided by it alone."""

    root: Path
    git_directory: Path

    @property
    def common_directory(self) -> Path:
        """The git directory that all linked worktrees share."""
        shared = _pointed(self.git_directory / "commondir", b"")
        return self.git_directory if shared is None else shared

    def is_of(self, host: Host) -> bool:
        """Whether the guess agrees with the host that was found."""
        repository = host.repository
        if repository is None or host.root != self.root:
            return False
        return repository.git_directory.samefile(self.git_directory)


def find_plain(start: Path) -> Plain | None:
    """Guess that the host is the nearest directory upwards that has a `.git`.

    None if the environment points elsewhere, or if a manifest or a mount is nearer.
    """
    if any(name in os.environ for name in _LEADING):
        return None
    here = start.resolve()
    for directory in (here, *here.parents):
        git = directory / ".git"
        if os.path.lexists(git):
            found = git if git.is_dir() else _pointed(git, b"gitdir: ")
            is_mounted = os.lstat(here).st_dev != os.lstat(directory).st_dev
            return None if found is None or is_mounted else Plain(directory, found)
        if os.path.lexists(directory / MANIFEST_PATH):
            return None
    return None


def _pointed(file: Path, prefix: bytes) -> Path | None:
    """The directory that one of git's files names, relative to the file; None if it names none."""
    if not file.is_file():
        return None
    with open(file, "rb") as pointer:
        said = pointer.read(_POINTER_BYTES)
    if not said.startswith(prefix):
        return None
    return file.parent / os.fsdecode(said.removeprefix(prefix).rstrip(b"\n"))
