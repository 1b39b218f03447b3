"""Install, remove and look at hook files, and keep those of others."""

import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from policies.hooks.script import Kind, interpreter_of, kind_of, render_script
from sync.errors import HostError, UsageError
from sync.git.hooks import hooks_directory
from sync.git.process import can_import
from sync.host.find import Host
from sync.layout import HOOK_BEFORE

CLIENT_HOOKS = ("pre-commit", "prepare-commit-msg", "commit-msg", "pre-merge-commit", "pre-push")
SERVER_HOOKS = ("pre-receive",)


@dataclass(frozen=True, slots=True)
class HookStatus:
    """How one hook stands."""

    name: str
    path: Path
    kind: Kind
    runs_before: Path | None
    """The hook that was there first and that ours runs; without ours nobody runs it."""
    interpreter: str | None
    """The Python interpreter that our hook starts; None if the hook is not ours."""

    is_executable: bool

    @property
    def is_well(self) -> bool:
        """Whether git would run it, and it would find the program."""
        return self.is_executable and (
            self.kind is Kind.CALLED
            or (self.kind in {Kind.OURS, Kind.EDITED} and self.finds_program)
        )

    @property
    def finds_program(self) -> bool:
        return self.interpreter is not None and os.access(self.interpreter, os.X_OK)


@dataclass(frozen=True, slots=True)
class HooksPlace:
    """The directory in which git looks for hooks, and the names of the hooks that are meant."""

    directory: Path
    names: tuple[str, ...]
    is_private: bool
    """Whether it is inside the git directory, where only git and its tools put files."""


def find_place(host: Host, *, pre_receive: bool) -> HooksPlace:
    """Return the place for the hooks of this repository.

    Raises HostError if hooks there are run for other repositories too or if the place is no
    directory, and UsageError for client hooks in a bare repository.
    """
    repository = host.require_repository()
    if host.root is None and not pre_receive:
        raise UsageError(
            "this is a bare repository: nobody commits here",
            hint="install the server's hook with `--pre-receive`",
            reference="host-bare",
        )
    directory = hooks_directory(host.root or repository.git_directory)
    inside_git = directory.resolve().is_relative_to(repository.common_directory.resolve())
    inside_tree = host.root is not None and directory.resolve().is_relative_to(host.root)
    if not inside_git and not inside_tree:
        raise HostError(
            "core.hooksPath is outside of this repository: hooks there are run for others too",
            [f"directory: {directory}"],
            hint='call `git verbatim hook run NAME "$@"` from the hooks there, '
            "or give this repository hooks of its own: `git config core.hooksPath .git/hooks`",
            reference="hooks-shared",
        )
    if directory.exists() and not directory.is_dir():
        raise HostError(
            "core.hooksPath is no directory", [f"path: {directory}"], reference="hooks-no-directory"
        )
    return HooksPlace(
        directory, SERVER_HOOKS if pre_receive else CLIENT_HOOKS, is_private=inside_git
    )


def install(place: HooksPlace) -> list[HookStatus]:
    """Write all hooks, or none if one cannot be written, and return how they stand.

    A hook that is there already is kept and run before ours. Raises HostError if a hook is in the
    way.
    """
    flags = _flags()
    statuses = read_status(place)
    _refuse_obstacles(place, statuses)
    place.directory.mkdir(parents=True, exist_ok=True)
    for status in statuses:
        if status.kind is Kind.CALLED:
            continue
        if status.kind is Kind.FOREIGN:
            status.path.rename(_before(status.path))
        _write(status.path, render_script(status.name, sys.executable, flags))
    return read_status(place)


def uninstall(place: HooksPlace) -> list[HookStatus]:
    """Remove our hooks, put back what was there before, and return how the hooks stood.

    Raises HostError, and removes nothing, if a hook of ours was changed by hand.
    """
    statuses = [
        status
        for status in read_status(place)
        if status.kind in {Kind.OURS, Kind.EDITED} or status.runs_before
    ]
    if edited := [str(status.path) for status in statuses if status.kind is Kind.EDITED]:
        raise HostError(
            "hooks of ours were changed by hand",
            edited,
            hint="save what you need of them and delete them yourself",
            reference="hook-edited",
        )
    for status in statuses:
        if status.runs_before is not None:
            status.runs_before.replace(status.path)
        else:
            status.path.unlink()
    return statuses


def read_status(place: HooksPlace) -> list[HookStatus]:
    """Return how the hooks of a place stand."""
    return [_status(name, place.directory / name) for name in place.names]


def _status(name: str, path: Path) -> HookStatus:
    text = (
        path.read_text("utf-8", "surrogateescape")
        if path.is_file()
        else ""
        if os.path.lexists(path)
        else None
    )
    kind = kind_of(name, text)
    before = _before(path)
    ours = kind in {Kind.OURS, Kind.EDITED}
    return HookStatus(
        name=name,
        path=path,
        kind=kind,
        runs_before=before
        if kind in {Kind.ABSENT, Kind.OURS, Kind.EDITED} and os.path.lexists(before)
        else None,
        interpreter=interpreter_of(text) if ours and text else None,
        is_executable=os.access(path, os.X_OK),
    )


def _before(path: Path) -> Path:
    return path.with_name(path.name + HOOK_BEFORE)


def _refuse_obstacles(place: HooksPlace, statuses: Sequence[HookStatus]) -> None:
    if edited := [str(status.path) for status in statuses if status.kind is Kind.EDITED]:
        raise HostError(
            "hooks of ours were changed by hand, and would be overwritten",
            edited,
            hint="move your lines into a hook of their own, delete these, and install again",
            reference="hook-edited",
        )
    foreign = [status for status in statuses if status.kind is Kind.FOREIGN]
    in_the_way = [
        status
        for status in foreign
        if not place.is_private or os.path.lexists(_before(status.path)) or status.path.is_dir()
    ]
    if in_the_way:
        lines = [
            f'{status.path}: add `git verbatim hook run {status.name} "$@" || exit $?`'
            for status in in_the_way
        ]
        raise HostError(
            "other programs' hooks are there already, and would be overwritten",
            lines,
            hint="add these lines to them, before anything that reads their input; "
            "nothing was installed",
            reference="hook-foreign",
        )


def _flags() -> tuple[str, ...]:
    """Return the options with which Python finds the program but imports nothing of the host.

    Raises HostError if it does not find the program with any.
    """
    for flags in (("-I",), ("-P",)):
        if can_import("policies.hooks.run", sys.executable, flags):
            return flags
    raise HostError(
        "a hook could not import git-verbatim",
        [f"interpreter: {sys.executable}"],
        hint="install the program, for example with `pipx install git-verbatim`, "
        "and run the command again",
        reference="hook-program",
    )


def _write(path: Path, text: str) -> None:
    # The scratch file has a random name. A branch could have put a symlink at a known name, and the
    # text would be written through it.
    descriptor, scratch = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text.encode("utf-8", "surrogateescape"))
        os.fchmod(descriptor, 0o755)
    os.replace(scratch, path)
