"""What in the way of a mirror is not this repository's to replace: submodules, nested repositories, mounts; refused first."""

import os
import shlex
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from sync.errors import HostError
from sync.files import mount_points
from sync.git.listing import committed_gitlinks, staged_gitlinks
from sync.host import Host
from sync.model import THIRD_PARTY
from sync.names import quote_path

_GIT = b".git"


def refuse_foreign(host: Host, targets: Iterable[str]) -> None:
    """HostError where a target below third_party/ is, lies in, or holds what belongs to another repository or file system.

    All of third_party/ may be mounted: what is staged is staged within it.
    """
    root, repository = host.require_work_tree()
    paths = sorted({f"{THIRD_PARTY}/{target}".encode() for target in targets})
    staged = staged_gitlinks(root, THIRD_PARTY)
    for gitlinks, tracked in ((staged, True), (committed_gitlinks(repository, THIRD_PARTY.encode()), False)):
        if (met := next(_met(gitlinks, paths), None)) is not None:
            raise _submodule(root, met, staged=tracked)
    if (nested := next(_nested(root, paths), None)) is not None:
        raise _refusal(f"{quote_path(nested)} is a git repository of its own", nested, "move it away")
    mounted = {os.path.relpath(point, os.fsencode(root)) for point in mount_points()} - {THIRD_PARTY.encode()}
    if (met := next(_met(mounted, paths), None)) is not None:
        raise _refusal(f"something is mounted at {quote_path(met)}", met, f"unmount it: `umount {_shell(met)}`")


def _met(places: Collection[bytes], paths: Collection[bytes]) -> Iterator[bytes]:
    """Those of the places on the way to the paths, or below them."""
    for place in sorted(places):
        if any(_is_at_or_in(place, path) or _is_at_or_in(path, place) for path in paths):
            yield place


def _nested(root: Path, paths: Iterable[bytes]) -> Iterator[bytes]:
    """The directories on the way to the paths, and below them, that have a `.git`, of whatever kind."""
    top = os.fsencode(root)
    above = {path[:at] for path in paths for at, sign in enumerate(path) if sign == ord("/")}
    for directory in sorted(above):
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
        f"{quote_path(path)} is a submodule", path, f"to have plain files there: `{remove}git commit`", f"git has it in {where}"
    )


def _refusal(message: str, path: bytes, way_out: str, *context: str) -> HostError:
    elsewhere = "" if path == THIRD_PARTY.encode() else "; or give the mirror another `into`"
    why = "a mirror replaces what lies in its place, and that is not this repository's"
    return HostError(message, [*context, why], hint=way_out + elsewhere, reference="place-foreign")


def _shell(path: bytes) -> str:
    return shlex.quote(os.fsdecode(path))
