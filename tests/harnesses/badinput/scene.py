"""The place where a case is played, copied anew for each case.

It has a host with one good mirror, an upstream, a home and somebody else's files.
"""

import hashlib
import os
import shutil
import stat
import subprocess
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.git import USER_CONFIGURATION, git
from tests.support.hosts import Host, Key, mirror
from tests.support.upstreams import Content, Upstream

File = tuple[int, bytes]
FILE, EXECUTABLE, LINK, TREE, GITLINK = 0o100644, 0o100755, 0o120000, 0o040000, 0o160000
GOOD: Mapping[bytes, File] = {b"a.wit": (FILE, b"a\n"), b"deep/b.wit": (EXECUTABLE, b"b\n")}
_SECOND_RELEASE: dict[str, Content] = {
    "LICENSE": b"licence\n",
    "wit/a.wit": b"a2\n",
    "wit/deep/b.wit": ("100755", b"b2\n"),
}
_CONFIGURATION = f"{USER_CONFIGURATION}\ttemplateDir =\n"


def object_id(kind: str, raw: bytes) -> str:
    return hashlib.sha1(f"{kind} {len(raw)}\0".encode() + raw, usedforsecurity=False).hexdigest()


def line(mode: str, name: bytes, target: str) -> bytes:
    """One entry of a raw tree object, however wrong."""
    return mode.encode() + b" " + name + b"\0" + bytes.fromhex(target)


@dataclass(frozen=True)
class Objects:
    """An object database that takes anything: no check of git is asked."""

    git_directory: Path

    def put(self, kind: str, raw: bytes, *, claim: str | None = None) -> str:
        """Write a loose object; `claim` is an id to lie under."""
        name = claim or object_id(kind, raw)
        self.put_file(name, zlib.compress(f"{kind} {len(raw)}\0".encode() + raw, 1))
        return name

    def put_file(self, name: str, content: bytes) -> None:
        """Write the very file of a loose object."""
        path = self.git_directory / "objects" / name[:2] / name[2:]
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(content)

    def put_pack(self, objects: Iterable[tuple[str, bytes]]) -> None:
        """Write many objects as one pack."""
        path = self.git_directory / "objects/pack/pack-made.pack"
        path.write_bytes(pack_of(objects))
        git(self.git_directory, "index-pack", str(path))

    def put_tree(self, files: Mapping[bytes, File]) -> str:
        """The trees and blobs of these files; the id of the outermost tree."""
        for _, content in files.values():
            self.put("blob", content)
        trees = trees_of(files)
        for raw in trees.values():
            self.put("tree", raw)
        return object_id("tree", trees[b""])

    def ref(self, name: str, target: str) -> None:
        path = self.git_directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{target}\n")


def pack_of(objects: Iterable[tuple[str, bytes]]) -> bytes:
    """A pack of whole objects (gitformat-pack)."""
    kinds = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}
    entries = [_size(kinds[kind], len(raw)) + zlib.compress(raw, 1) for kind, raw in objects]
    pack = b"PACK" + (2).to_bytes(4) + len(entries).to_bytes(4) + b"".join(entries)
    return pack + hashlib.sha1(pack, usedforsecurity=False).digest()


def _size(kind: int, size: int) -> bytes:
    """The head of an object in a pack (gitformat-pack)."""
    head, rest = bytearray(), (kind << 4) | (size & 15)
    size >>= 4
    while size:
        head.append(rest | 0x80)
        rest, size = size & 0x7F, size >> 7
    return bytes([*head, rest])


def trees_of(files: Mapping[bytes, File]) -> dict[bytes, bytes]:
    """The raw tree objects of the directories that files make up.

    They are computed here, not by the program under test.
    """
    below: dict[bytes, dict[bytes, File]] = {}
    lines = []
    for path, file in files.items():
        first, slash, rest = path.partition(b"/")
        if slash:
            below.setdefault(first, {})[rest] = file
        else:
            lines.append((path, line(f"{file[0]:o}", path, object_id("blob", file[1]))))
    trees: dict[bytes, bytes] = {}
    for name, inner in below.items():
        made = trees_of(inner)
        trees |= {name + b"/" + path if path else name: raw for path, raw in made.items()}
        lines.append((name + b"/", line("40000", name, object_id("tree", made[b""]))))
    return {b"": b"".join(raw for _, raw in sorted(lines)), **trees}


def commit_of(tree: str, *, time: str = "1700000000 +0000", message: str = "m\n") -> bytes:
    return f"tree {tree}\nauthor A <a@b> {time}\ncommitter A <a@b> {time}\n\n{message}".encode()


def tag_of(target: str, name: str, kind: str = "commit") -> bytes:
    return (
        f"object {target}\ntype {kind}\ntag {name}\ntagger A <a@b> 1700000000 +0000\n\nm\n".encode()
    )


@dataclass
class Scene:
    """One case's own copy of everything.

    `host` has the mirror `up`, and may want the mirror `bad` of `upstream`.
    """

    top: Path
    taken: Mapping[bytes, File] | None = None
    """What the mirror `bad` has to hold if it is accepted."""
    licenses: Mapping[bytes, File] = field(default_factory=dict)
    """What has to be kept beside it."""
    into: str = "bad"
    mounts: list[Path] = field(default_factory=list)

    @property
    def host(self) -> Host:
        return Host(self.top / "host")

    @property
    def home(self) -> Path:
        return self.top / "home"

    @property
    def outside(self) -> Path:
        """Somebody else's directory, which planted links lead to."""
        return self.top / "outside"

    @property
    def third_party(self) -> Path:
        return self.host.third_party

    @property
    def record(self) -> Path:
        return self.third_party / "provenance/up.json"

    @property
    def upstream(self) -> Objects:
        return Objects(self.top / "upstream")

    def release(self, files: Mapping[bytes, File]) -> None:
        """Tag these files as `bad`, and want them."""
        self.release_tree(self.upstream.put_tree(files))
        self.taken = files

    def release_tree(self, tree: str) -> None:
        self.release_object(self.upstream.put("commit", commit_of(tree)))

    def release_object(self, name: str) -> None:
        self.upstream.ref("refs/tags/bad", name)
        self.want()

    def want(self, **keys: Key | None) -> None:
        """Add the mirror `bad` to the manifest, or give it further keys; None takes one away."""
        values = {"url": "../upstream", "tag": "bad", "local": True, **keys}
        kept = {key: value for key, value in values.items() if value is not None}
        self.into = str(kept.get("into", "bad"))
        manifest = self.third_party / "mirrors.toml"
        good = manifest.read_text().partition('[mirrors."bad"]')[0]
        manifest.write_text(good + mirror("bad", str(kept.pop("url")), **kept))

    def mount(self, place: Path, *arguments: str) -> None:
        """Mount something; PermissionError where that is not allowed."""
        if (
            subprocess.run(
                ["mount", *arguments, str(place)], capture_output=True, check=False
            ).returncode
            != 0
        ):
            raise PermissionError(str(place))
        self.mounts.insert(0, place)

    def clear(self) -> None:
        for place in self.mounts:
            subprocess.run(["umount", "--lazy", str(place)], check=False, capture_output=True)
        subprocess.run(
            ["rm", "-rf", str(self.top)], check=True
        )  # Python's own gives up on what is too deep


def make_template(top: Path) -> None:
    """The scene that every case begins with: the mirror `up` is synced and committed."""
    (top / "home").mkdir(parents=True)
    (top / "home/.gitconfig").write_text(_CONFIGURATION)
    (top / "outside").mkdir()
    (top / "outside/precious").write_bytes(b"somebody's\n")
    upstream = Upstream.create(top / "upstream")
    for name in ("hooks", "info", "branches"):
        shutil.rmtree(upstream.path / name, ignore_errors=True)
    first: dict[str, Content] = {
        f"wit/{path.decode()}": (f"{mode:o}", content) for path, (mode, content) in GOOD.items()
    }
    upstream.release("v1", {**first, "LICENSE": b"licence\n"})
    upstream.release("v2", _SECOND_RELEASE)
    host = Host.create(top / "host")
    (host.path / "mine.txt").write_bytes(b"mine\n")
    (host.path / ".git/hooks").mkdir(exist_ok=True)
    host.manifest(mirror("up", "../upstream", tag="v1", from_="wit", local=True))
    host.sync()
    host.git("add", "-A")
    host.git("commit", "--quiet", "-m", "mirror")
    shutil.rmtree(top / "home/.cache")


def fresh(template: Path, top: Path) -> Scene:
    shutil.copytree(template, top, symlinks=True)
    return Scene(top)


Seen = dict[bytes, tuple[int, int | bytes]]
_LARGE = 1 << 20


def look_at(top: Path) -> Seen:
    """Everything below a directory: the mode, and the content, or the target of a link.

    A large file has its size in place of its content. Nothing is opened that could block.
    """
    seen: Seen = {}
    for directory, directories, files, descriptor in os.fwalk(os.fsencode(top)):
        for name in directories + files:
            status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            path = os.path.join(directory, name)[len(os.fsencode(top)) + 1 :]
            seen[path] = status.st_mode, _content(name, descriptor, status)
    return seen


def _content(name: bytes, directory: int, status: os.stat_result) -> int | bytes:
    if stat.S_ISLNK(status.st_mode):
        return os.readlink(name, dir_fd=directory)
    if not stat.S_ISREG(status.st_mode):
        return 0
    if status.st_size > _LARGE:
        return status.st_size
    with open(os.open(name, os.O_RDONLY, dir_fd=directory), "rb") as file:
        return file.read()
