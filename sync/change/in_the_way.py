"""Refuses what no mirror may replace: links, submodules, nested repositories and mounts."""

import os
import shlex
import stat
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from sync.errors import HostError
from sync.git.listing import committed_gitlinks, staged_gitlinks
from sync.host.directory import mount_points
from sync.host.find import Host
from sync.layout import THIRD_PARTY, is_in_third_party
from sync.quoting import quote_path

_GIT = b".git"


def refuse_foreign(host: Host, directories: Iterable[str], files: Iterable[str]) -> None:
    """HostError if something that is not ours is in the way of these paths of the host.

    A path is refused if it is, holds or lies in a submodule, another repository or a mount, and if
    anything but a directory lies where one has to be. third_party/ as a whole may be a mount, since
    files are staged within it.
    """
    root, repository = host.require_work_tree()
    places = [os.fsencode(directory) for directory in directories]
    paths = sorted({*places, *map(os.fsencode, files)})
    asked = {THIRD_PARTY, *map(os.fsdecode, paths)}
    for gitlinks, tracked in (
        (staged_gitlinks(repository, asked), True),
        (committed_gitlinks(repository, asked), False),
    ):
        if (met := next(_met(gitlinks, paths), None)) is not None:
            raise _submodule(root, met, staged=tracked)
    if (odd := next(_no_directories(root, {*places, *_above(paths)}), None)) is not None:
        raise _no_directory(root, odd)
    if (nested := next(_nested(root, paths), None)) is not None:
        raise _refusal(
            f"{quote_path(nested)} is a git repository of its own", nested, "move it away"
        )
    mounted = {os.path.relpath(point, os.fsencode(root)) for point in mount_points()}
    outside = [place for place in map(os.fsdecode, places) if not is_in_third_party(place)]
    if THIRD_PARTY.encode() in mounted and outside:
        raise HostError(
            f"{THIRD_PARTY} is mounted, and {outside[0]} is not in it",
            ["nothing can be exchanged between two file systems in one step"],
            hint=f"unmount it: `umount {THIRD_PARTY}`; or give the mirror another `into`",
            reference="place-foreign",
        )
    mounted.discard(THIRD_PARTY.encode())
    if (met := next(_met(mounted, paths), None)) is not None:
        raise _refusal(
            f"something is mounted at {quote_path(met)}", met, f"unmount it: `umount {_shell(met)}`"
        )


def _above(paths: Iterable[bytes]) -> set[bytes]:
    return {path[:at] for path in paths for at, sign in enumerate(path) if sign == ord("/")}


def _no_directories(root: Path, directories: Iterable[bytes]) -> Iterator[bytes]:
    """Those that exist and are something else, such as a link to a directory; outermost first."""
    for directory in sorted(directories):
        try:
            mode = os.lstat(os.path.join(os.fsencode(root), directory)).st_mode
        except (FileNotFoundError, NotADirectoryError):
            continue
        if not stat.S_ISDIR(mode):
            yield directory


def _no_directory(root: Path, path: bytes) -> HostError:
    is_link = os.path.islink(os.path.join(os.fsencode(root), path))
    message = f"{quote_path(path)} is {'a symlink' if is_link else 'no directory'}"
    return _refusal(message, path, f"move it away: `mv {_shell(path)} {_shell(path + b'.old')}`")


def _met(places: Collection[bytes], paths: Collection[bytes]) -> Iterator[bytes]:
    """The places that are one of the paths, lie below one, or hold one."""
    for place in sorted(places):
        if any(_is_at_or_in(place, path) or _is_at_or_in(path, place) for path in paths):
            yield place


def _nested(root: Path, paths: Sequence[bytes]) -> Iterator[bytes]:
    """The directories above, at and below the paths that have a `.git`, of whatever kind."""
    top = os.fsencode(root)
    for directory in sorted(_above(paths)):
        if os.path.lexists(os.path.join(top, directory, _GIT)):
            yield directory
    for path in paths:
        for directory, directories, files in os.walk(os.path.join(top, path)):
            if any(name.lower() == _GIT for name in (*directories, *files)):
                yield os.path.relpath(directory, top)


def _is_at_or_in(path: bytes, directory: bytes) -> bool:
    return path == directory or path.startswith(directory + b"/")


def _submodule(root: Path, path: bytes, *, staged: bool) -> HostError:
    modules = root / ".gitmodules"
    is_declared = modules.is_file() and path in modules.read_bytes()
    remove = f"git rm {'' if is_declared else '--cached '}{_shell(path)} && " if staged else ""
    where = "the index" if staged else "HEAD, if not in the index"
    return _refusal(
        f"{quote_path(path)} is a submodule",
        path,
        f"to have plain files there: `{remove}git commit`",
        f"git has it in {where}",
    )


def _refusal(message: str, path: bytes, way_out: str, *context: str) -> HostError:
    elsewhere = "" if path == THIRD_PARTY.encode() else "; or give the mirror another `into`"
    why = "a mirror replaces what lies in its place, and that is not this repository's"
    return HostError(message, [*context, why], hint=way_out + elsewhere, reference="place-foreign")


def _shell(path: bytes) -> str:
    return shlex.quote(os.fsdecode(path))
