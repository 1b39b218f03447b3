"""Laws that git itself judges.

Each takes bytes and an empty repository, and starts git for every input that the program accepts.
"""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from policies.trailers import Trailer, parse_trailers
from sync.errors import SelectionError
from sync.ids import BLOB_MODES, EMPTY_TREE, Mode, ObjectId, RepoPath
from sync.model.mirrors import Holding, Mirror, Selection
from sync.model.values import Entry, Pin, PinKind
from sync.objects.portable import COLLIDES, TRAILING, WINDOWS_CHARACTER, WINDOWS_RESERVED
from sync.objects.tree import MalformedObjectError, object_id, parse_tree
from sync.selection.inexact import refuse_inexact
from sync.selection.patterns import last_match, parse_pattern
from sync.urls import REMOTE_SCHEMES, url_problem

_ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "LC_ALL": "C",
}
_MIRROR = Mirror(
    "up",
    "https://example.org/up",
    Pin(PinKind.TAG, "v1"),
    ("third_party/up",),
    Selection(),
    allow=frozenset({"name-not-utf8", WINDOWS_RESERVED, WINDOWS_CHARACTER, TRAILING, COLLIDES}),
)


def new_repository(path: Path) -> Path:
    """An empty repository, to be asked."""
    _git(path, "init", "--quiet", "--bare", ".")
    return path


def _git(
    repository: Path,
    *arguments: str,
    stdin: bytes = b"",
    may_fail: bool = False,
    **environment: str,
) -> bytes:
    """What git prints; its stderr too where it may fail."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=repository,
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if may_fail else subprocess.PIPE,
        env=_ENVIRONMENT | environment,
        check=False,
    )
    assert may_fail or done.returncode == 0, done.stderr.decode()
    return done.stdout


class _Links:
    """Whatever is read is the target of a harmless symlink."""

    def read(self, _: ObjectId) -> bytes:
        return b"x"

    def size(self, _: ObjectId) -> int:
        return 1


def tree(repository: Path, data: bytes) -> None:
    """What we accept, git lists alike, writes alike and finds nothing wrong with."""
    try:
        entries = parse_tree(data)
        modes = {
            entry.name: entry.mode if entry.mode in BLOB_MODES else Mode.FILE for entry in entries
        }
        files = tuple(Entry(RepoPath(name), modes[name], id_) for name, _, id_ in entries)
        refuse_inexact(_MIRROR, Holding(EMPTY_TREE, EMPTY_TREE, files, (), ()), _Links())
    except (MalformedObjectError, SelectionError):
        return
    name = (
        _git(repository, "hash-object", "-t", "tree", "-w", "--stdin", "--literally", stdin=data)
        .decode()
        .strip()
    )
    try:
        assert name == object_id("tree", data)
        listed = _git(repository, "ls-tree", "-z", name)
        kinds = {Mode.TREE: b"tree", Mode.GITLINK: b"commit"}
        ours = [
            b"%06o %s %s\t%s" % (mode, kinds.get(mode, b"blob"), id_.encode(), name)
            for name, mode, id_ in entries
        ]
        assert listed.split(b"\0")[:-1] == ours
        assert _git(repository, "mktree", "-z", "--missing", stdin=listed).decode().strip() == name
        said = _git(repository, "fsck", "--strict", may_fail=True)
        # no object hashes to the null id: whoever reads it finds it missing
        assert {*re.findall(rb"error in tree \w+: (\w+):", said)} <= {b"nullSha1"}, said
    finally:
        (repository / "objects" / name[:2] / name[2:]).unlink()


def message(repository: Path, data: bytes) -> None:
    """A trailer that git reads in a line as we write it, we read; one that git adds, both read."""
    data = data.replace(b"\0", b"").removesuffix(b"\n") + b"\n"
    for line in _git(
        repository, "interpret-trailers", "--parse", "--no-divider", stdin=data
    ).splitlines():
        read = re.fullmatch(rb"Mirror-Sync: (\S+) (\S+) ([0-9a-f]{40})", line)
        if read is not None and line in data.splitlines():
            assert Trailer(
                *(field.decode("utf-8", "replace") for field in read.groups())
            ) in parse_trailers(data)
    ours = Trailer("fuzz", "v1", "3" * 40)
    added = _git(repository, "interpret-trailers", "--no-divider", f"--trailer={ours}", stdin=data)
    assert parse_trailers(added) >= {*parse_trailers(data), ours}
    assert (
        f"{ours}".encode()
        in _git(
            repository, "interpret-trailers", "--parse", "--no-divider", stdin=added
        ).splitlines()
    )


def url(repository: Path, data: bytes) -> None:
    """Git takes an allowed URL over an allowed transport, if it takes it at all.

    It does not read the URL as an option.
    """
    text = data.decode("utf-8", "surrogateescape")
    if url_problem(text, local=True):
        return
    said = _git(repository, "ls-remote", text, may_fail=True, GIT_ALLOW_PROTOCOL="none").decode(
        "utf-8", "replace"
    )
    assert "usage:" not in said
    transport = re.match("fatal: transport '(.*)' not allowed", said)
    allowed = {*REMOTE_SCHEMES, "file"} if url_problem(text, local=False) else REMOTE_SCHEMES
    assert transport is None or transport[1] in allowed, said


def pattern(repository: Path, data: bytes) -> None:
    """A pattern names what git ignores for it: level by level, the path as a file."""
    line, _, path = data.decode("utf-8", "replace").partition("\n")
    path = re.sub(r"[\n\r\0]", "", path)
    components = path.split("/")
    if (
        "" in components
        or "." in components
        or ".." in components
        or re.search(r"^!|//|[\n\r\0]|^\ufeff", line)
    ):
        return
    assert we_say(line, path) == git_says(repository, line, path)


def git_says(repository: Path, line: str, path: str) -> bool:
    """Whether git ignores the path for this one pattern."""
    (repository / "info" / "exclude").write_bytes(line.encode() + b"\n")
    command = (
        "-c",
        "core.ignoreCase=false",
        f"--work-tree={repository}",
        "check-ignore",
        "--no-index",
        "-z",
        "--stdin",
    )
    asked = b"./%s\0" % path.encode()
    said = _git(repository, *command, stdin=asked, may_fail=True)
    assert said in {b"", asked}, said
    return said == asked


def we_say(line: str, path: str) -> bool:
    parsed = parse_pattern(line)
    parts = path.encode().split(b"/")
    levels = [b"/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
    return parsed is not None and any(
        last_match((parsed,), level, is_directory=depth < len(levels))
        for depth, level in enumerate(levels, 1)
    )


WITH_GIT = "-and-git"
AGAINST_GIT: dict[str, Callable[[Path, bytes], None]] = {
    f"tree{WITH_GIT}": tree,
    f"message{WITH_GIT}": message,
    f"url{WITH_GIT}": url,
    f"pattern{WITH_GIT}": pattern,
}
"""Named after the targets whose inputs they take."""
