"""What somebody has planted where the program reads or writes, at each level of the destination."""

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.harnesses.badinput.case import ACCEPTED, Case
from tests.harnesses.badinput.scene import FILE, GOOD, Scene

_Plant = Callable[[Scene, Path], None]


def _away(scene: Scene, place: Path) -> Path:
    """Move what is at a place to somebody else's directory.

    If nothing is there, make a directory with somebody else's file in it.
    """
    outside = scene.outside / "planted"
    if place.is_dir() and not place.is_symlink():
        shutil.move(place, outside)
    else:
        outside.mkdir()
    (outside / "precious").write_bytes(b"somebody's\n")
    return outside


def _free(place: Path) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    return place


def _symlink(scene: Scene, place: Path) -> None:
    outside = _away(scene, place)
    _free(place).symlink_to(outside)


def _relative_symlink(scene: Scene, place: Path) -> None:
    outside = _away(scene, place)
    _free(place).symlink_to(os.path.relpath(outside, place.parent))


def _symlink_to_git(scene: Scene, place: Path) -> None:
    _free(place).symlink_to(scene.host.path / ".git")


def _dangling_symlink(scene: Scene, place: Path) -> None:
    _free(place).symlink_to(scene.outside / "nowhere")


def _symlink_loop(_: Scene, place: Path) -> None:
    _free(place).symlink_to(place.name)


def _file(_: Scene, place: Path) -> None:
    _free(place).write_bytes(b"somebody's\n")


def _hard_link(scene: Scene, place: Path) -> None:
    os.link(scene.outside / "precious", _free(place))


def _fifo(_: Scene, place: Path) -> None:
    os.mkfifo(_free(place))


def _socket(_: Scene, place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        descriptor = os.open(_free(place).parent, os.O_RDONLY)
        server.bind(
            f"/proc/self/fd/{descriptor}/{place.name}"
        )  # the path itself may be too long for a socket
        os.close(descriptor)


def _directory(_: Scene, place: Path) -> None:
    (_free(place) / "inner").mkdir(parents=True)
    (place / "inner/precious").write_bytes(b"somebody's\n")


_KINDS: dict[str, _Plant] = {
    "symlink": _symlink,
    "relative-symlink": _relative_symlink,
    "symlink-to-git": _symlink_to_git,
    "dangling-symlink": _dangling_symlink,
    "symlink-loop": _symlink_loop,
    "file": _file,
    "hard-link": _hard_link,
    "fifo": _fifo,
    "socket": _socket,
}


def _wanted(scene: Scene) -> None:
    """A second mirror two directories down, with a licence beside it."""
    scene.want(tag="v1", from_="wit", into="group/bad")
    scene.taken, scene.licenses = GOOD, {b"LICENSE": (FILE, b"licence\n")}


def planted(place: str, plant: _Plant) -> Callable[[Scene], None]:
    def build(scene: Scene) -> None:
        _wanted(scene)
        plant(scene, scene.host.path / place)

    return build


def _mounted(place: str, *arguments: str) -> Callable[[Scene], None]:
    def build(scene: Scene) -> None:
        _wanted(scene)
        target = scene.host.path / place
        content = scene.outside / "mounted"
        target.mkdir(parents=True, exist_ok=True)
        shutil.copytree(target, content, symlinks=True)
        scene.mount(target, "-t", "tmpfs", *arguments, "tmpfs")
        shutil.copytree(content, target, symlinks=True, dirs_exist_ok=True)

    return build


def _read_only(place: str) -> Callable[[Scene], None]:
    def build(scene: Scene) -> None:
        _wanted(scene)
        target = scene.host.path / place
        target.mkdir(parents=True, exist_ok=True)
        scene.mount(target, "--bind", str(target))
        scene.mount(target, "-o", "remount,ro,bind")
        scene.mounts.pop(0)

    return build


_LEVELS = {
    "third-party": "third_party",
    "parent": "third_party/group",
    "mirror": "third_party/group/bad",
    "provenance": "third_party/provenance",
    "licenses": "third_party/licenses",
    "mirrors-licenses": "third_party/licenses/bad",
    "workspace": "third_party/.git-verbatim",
}
_FILES = {
    "record": "third_party/provenance/bad.json",
    "another-record": "third_party/provenance/up.json",
    "manifest": "third_party/mirrors.toml",
}
_INSIDE = {
    "file": "third_party/up/a.wit",
    "directory": "third_party/up/deep",
    "mirror": "third_party/up",
}


def _cases() -> Iterator[Case]:
    for level, place in {**_LEVELS, **_FILES}.items():
        for kind, plant in _KINDS.items():
            expected = _expected(level, kind)
            yield Case(
                f"{level}-is-a-{kind}",
                expected,
                planted(place, plant),
                hint=expected != "manifest-syntax",
            )
    for level, place in _FILES.items():
        yield Case(f"{level}-is-a-directory", "irregular-file", planted(place, _directory))
    yield Case(
        "mirror-is-a-directory", "local-changes", planted("third_party/group/bad", _directory)
    )
    yield Case(
        "mirrors-licenses-is-a-directory",
        "local-changes",
        planted("third_party/licenses/bad", _directory),
    )
    for level, place in _LEVELS.items():
        yield Case(f"{level}-is-mounted", _MOUNTED.get(level, ACCEPTED), _mounted(place))
        yield Case(
            f"{level}-is-read-only", _READ_ONLY.get(level, "place-foreign"), _read_only(place)
        )
    yield Case("disk-full", "file-system-enospc", _full)
    for name, place in _INSIDE.items():
        for kind, plant in _KINDS.items():
            yield _inside(f"mirrored-{name}-is-a-{kind}", place, kind, plant)
    for level in ("parent", "mirror", "licenses", "mirrors-licenses"):
        for kind in ("symlink", "symlink-to-git", "symlink-loop", "file", "hard-link"):
            build = planted(_LEVELS[level], _KINDS[kind])
            yield Case(
                f"{level}-is-a-{kind}-to-discard",
                "place-foreign",
                build,
                command=("sync", "--discard-local"),
            )


def _expected(level: str, kind: str) -> str:
    """How the program refuses what lies at a level.

    It is somebody's file, or it is no file at all, or it is no directory.
    """
    is_link = "symlink" in kind
    if level == "third-party":
        return (
            "file-unreadable"
            if kind in {"symlink", "relative-symlink", "symlink-loop"}
            else "place-foreign"
        )
    if level == "workspace":
        return "file-system-enotdir"
    if level == "provenance":
        return "place-foreign"
    if kind in {"fifo", "socket"}:
        return "irregular-file"
    if level in _FILES:
        return (
            "irregular-file"
            if is_link
            else "manifest-syntax"
            if level == "manifest"
            else "record-unreadable"
        )
    return "place-foreign"


# the workspace is on another file system than what it replaces;
# all of third_party/ may be mounted
_MOUNTED = {level: "place-foreign" for level in _LEVELS if level != "third-party"} | {
    "workspace": "file-system-exdev"
}
_READ_ONLY = {"third-party": "file-system-erofs", "workspace": "file-system-erofs"}


def _full(scene: Scene) -> None:
    scene.release({b"%d" % number: (FILE, os.urandom(4096)) for number in range(64)})
    kept = scene.outside / "kept"
    shutil.copytree(scene.third_party, kept, symlinks=True)
    scene.mount(scene.third_party, "-t", "tmpfs", "-o", "size=128k", "tmpfs")
    shutil.copytree(kept, scene.third_party, symlinks=True, dirs_exist_ok=True)


def _inside(name: str, place: str, kind: str, plant: _Plant) -> Case:
    """In a mirror whose pin has moved, so that its files are to be replaced."""

    def build(scene: Scene) -> None:
        manifest = scene.third_party / "mirrors.toml"
        manifest.write_text(manifest.read_text().replace('"v1"', '"v2"'))
        plant(scene, scene.host.path / place)

    no_directory = "place-foreign" if place == _INSIDE["mirror"] else "local-changes"
    return Case(name, "irregular-file" if kind in {"fifo", "socket"} else no_directory, build)


CASES = tuple(_cases())
