"""Asks git where the environment puts the repository, and tells it to every git.

Only the program itself changes its environment: whoever uses the packages does not call this.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from sync.errors import HostError
from sync.git.process import last_lines, run_git

_NAMING = ("GIT_DIR", "GIT_WORK_TREE")
_MOVING = {"GIT_INDEX_FILE": "index", "GIT_OBJECT_DIRECTORY": "objects"}
_LOCATING = (*_NAMING, *_MOVING, "GIT_COMMON_DIR")
_BEFORE_TOP = 4
"""The number of lines that git prints before the working tree's, which a bare repository lacks."""


def settle(directory: Path) -> None:
    """Replace the places that the environment names by git's own answer, as absolute paths.

    git reads some of them from where it was started, and some from the top of the working tree.
    Without GIT_WORK_TREE it takes its directory for the top. libgit2 does none of that, and our git
    processes start in several directories. GIT_NAMESPACE is removed: namespaces are for git's
    servers, and only libgit2 would look for HEAD and all refs in one.
    """
    os.environ.pop("GIT_NAMESPACE", None)
    if not any(name in os.environ for name in _LOCATING):
        return
    moving = [word for path in _MOVING.values() for word in ("--git-path", path)]
    asked = [
        "--absolute-git-dir",
        "--path-format=absolute",
        "--git-common-dir",
        *moving,
        "--show-toplevel",
    ]
    done = run_git(directory, "rev-parse", *asked, check=False)
    lines = done.stdout.decode("utf-8", "surrogateescape").splitlines()
    if len(lines) not in {_BEFORE_TOP, _BEFORE_TOP + 1}:
        if "GIT_DIR" in os.environ:
            raise _no_repository(last_lines(done.stderr))
        return  # git finds no repository; libgit2 finds none either, or one that git may not open
    git_directory, common, *moved = lines[:_BEFORE_TOP]
    _refuse_common_directory(Path(git_directory), Path(common))
    if any(name in os.environ for name in _NAMING):
        _name(git_directory, *lines[_BEFORE_TOP:])
    os.environ.update(
        {name: path for name, path in zip(_MOVING, moved, strict=True) if name in os.environ}
    )


def lead_to(git_directory: Path, work_tree: Path | None) -> None:
    """Make every git that is started from now on use this repository, if it would not find it."""
    if "GIT_DIR" in os.environ or work_tree is None or _leads_to(work_tree, git_directory):
        return
    _name(str(git_directory), str(work_tree))


def _name(git_directory: str, work_tree: str | None = None) -> None:
    os.environ["GIT_DIR"] = git_directory
    if work_tree is not None:
        os.environ["GIT_WORK_TREE"] = work_tree


def _leads_to(work_tree: Path, git_directory: Path) -> bool:
    """Whether a git started at the top of the working tree finds this git directory by itself."""
    pointer = work_tree / ".git"
    try:
        if pointer.is_file():
            pointer = work_tree / os.fsdecode(
                pointer.read_bytes().removeprefix(b"gitdir: ").rstrip(b"\n")
            )
        return pointer.samefile(git_directory)
    except OSError:
        return False


def refuse_moved(git_directory: Path, common_directory: Path) -> None:
    """Raise HostError if the environment moves git's index or objects out of the repository."""
    own = {
        "GIT_INDEX_FILE": git_directory / "index",
        "GIT_OBJECT_DIRECTORY": common_directory / "objects",
    }
    moved = [
        name
        for name, place in own.items()
        if name in os.environ and not _is_same(Path(os.environ[name]), place)
    ]
    if moved:
        raise HostError(
            "the environment has git keep its index or its objects elsewhere, "
            "where this command would not write",
            [f"{name}: {os.environ[name]}" for name in moved],
            hint=f"run it without: `{_unset(moved)} git verbatim …`; "
            "it does not belong into a hook",
            reference="environment-moved",
        )


def _refuse_common_directory(git_directory: Path, common: Path) -> None:
    if "GIT_COMMON_DIR" not in os.environ:
        return
    pointer = git_directory / "commondir"
    own = git_directory / pointer.read_text().strip() if pointer.is_file() else git_directory
    if not _is_same(own, common):
        raise HostError(
            "GIT_COMMON_DIR names another repository than this one belongs to",
            [f"GIT_COMMON_DIR: {common}", f"repository: {git_directory}"],
            hint=f"run the command without it: `{_unset(['GIT_COMMON_DIR'])} git verbatim …`",
            reference="environment-moved",
        )


def _no_repository(said: list[str]) -> HostError:
    return HostError(
        "GIT_DIR names no repository that git can use",
        [f"GIT_DIR: {os.environ['GIT_DIR']}", *said],
        hint=f"name a git directory, or look at where you are: `{_unset(_NAMING)} git verbatim …`",
        reference="environment-no-repository",
    )


def _unset(names: Sequence[str]) -> str:
    return " ".join(["env", *(f"-u {name}" for name in names)])


def _is_same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
