"""The law: for every tree and selection, three ids are equal.

They are git's id of the mirror, the record's, and the one that git computes from upstream.
"""

import contextlib
import itertools
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sync.change.commands import synchronize
from sync.change.run import SyncOptions
from sync.errors import SelectionError
from sync.host.find import find_host
from sync.quoting import unquote_path
from sync.upstream.parallel import Options
from tests.support.git import git, git_bytes
from tests.support.hosts import Host, mirror
from tests.support.upstreams import Upstream

NAMES = st.sampled_from(
    [
        "a.wit",
        "b",
        "deps",
        "x y",
        "é",
        ".gitattributes",
        ".gitignore",
        "LICENSE",
        "#",
        "con",
        "-",
        "[a]",
    ]
)
CONTENTS = st.sampled_from(
    [
        b"",
        b"a\n",
        b"a\r\n",
        b"no newline",
        b"\xef\xbb\xbfbom\n",
        b"$Id$\n",
        b"* text eol=crlf ident\n",
        b"*\n",
        b"\0\xff",
        b"\xff\xfeu\0\n\0",
    ]
)
FILES = st.one_of(
    CONTENTS.map(lambda content: ("100644", content)),
    CONTENTS.map(lambda content: ("100755", content)),
    st.sampled_from([b"a.wit", b"./deps", b"loop"]).map(lambda target: ("120000", target)),
)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
PATTERNS = st.sampled_from(
    ["deps/", "*.wit", "/b", "!a.wit", "**/é", "x*", ".git*", "?", "LICENSE"]
)
Files = dict[str, tuple[str, bytes]]


def _possible(files: Files) -> Files:
    directories = {path[:at] for path in files for at, c in enumerate(path) if c == "/"}
    return {path: value for path, value in files.items() if path not in directories}


TREES = st.dictionaries(PATHS, FILES, min_size=1, max_size=8).map(_possible).filter(bool)


class Quiet:
    """Told everything, says nothing."""

    def progress(self, url: str, progress: object) -> None: ...

    def finished(self, url: str) -> None: ...

    def waiting(self, urls: object) -> None: ...

    def notice(self, message: str) -> None: ...

    def paused(self) -> None: ...

    def planned(self, plan: object) -> None: ...


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> tuple[Upstream, Host]:
    """One upstream, and one host that would convert every byte if anybody let it."""
    directory = tmp_path_factory.mktemp("law")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{name}_NAME", "Tester")
            patch.setenv(f"GIT_{name}_EMAIL", "tester@example.org")
        upstream, host = Upstream.create(directory / "upstream"), Host.create(directory / "host")
    host.git("config", "core.autocrlf", "true")
    (host.path / ".gitattributes").write_text(
        "* text=auto ident eol=crlf working-tree-encoding=UTF-16\n"
    )
    (host.path / ".gitignore").write_text("*.wit\ndeps/\n")
    return upstream, host


COUNT = itertools.count()


def _sync(host: Host) -> None:
    found = find_host(host.path)
    synchronize(found, [], SyncOptions(Options(root=host.path), discard_local=True), Quiet())


def _tree_by_git(repository: Path, tree: str, paths: list[bytes]) -> str:
    """The id that git itself gives to these files of a tree of the upstream."""
    index = {"GIT_INDEX_FILE": str(repository / "law-index")}
    git(repository, "read-tree", "--empty", **index)
    listed = [
        line
        for line in git_bytes(repository, "ls-tree", "-r", "-z", tree).split(b"\0")
        if line.partition(b"\t")[2] in set(paths)
    ]
    git(
        repository,
        "update-index",
        "-z",
        "--index-info",
        stdin=b"".join(line + b"\0" for line in listed),
        **index,
    )
    return git(repository, "write-tree", **index)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    files=TREES,
    below=st.sampled_from(["", "sub", "sub/deeper"]),
    include=st.lists(PATTERNS, max_size=2, unique=True),
    exclude=st.lists(PATTERNS, max_size=2, unique=True),
)
@example(
    files={"a.wit": ("100644", b"a\r\n"), ".gitattributes": ("100644", b"* text eol=lf\n")},
    below="",
    include=[],
    exclude=[],
)
@example(
    files={"a.wit": ("100755", b"a"), "deps/b": ("120000", b"../a.wit")},
    below="sub",
    include=[],
    exclude=["*.wit"],
)
@example(
    files={"LICENSE": ("100644", b"l\r\n"), "b": ("100644", b"")},
    below="sub",
    include=[],
    exclude=["LICENSE"],
)
def test_the_mirrors_tree_is_the_records_and_upstreams(
    repositories: tuple[Upstream, Host],
    files: Files,
    below: str,
    include: list[str],
    exclude: list[str],
) -> None:
    upstream, host = repositories
    tag = f"v{next(COUNT)}"
    prefix = f"{below}/" if below else ""
    upstream.release(
        tag, {"NOTICE": b"beside\r\n", **{prefix + path: value for path, value in files.items()}}
    )
    keys = {
        "include": include,
        "exclude": exclude,
        "allow": ["name-windows-character", "name-windows-reserved"],
    }
    host.manifest(
        mirror(
            "up", upstream.url, tag=tag, **({"from_": below} if below else {}), local=True, **keys
        )
    )
    try:
        _sync(host)
    except SelectionError as refusal:
        assert refusal.reference in {"pattern-unused", "selection-empty", "symlink-escapes"}
        return

    source = git(upstream.path, "rev-parse", f"{tag}:{below}")
    record = host.record("up")
    recorded = [unquote_path(file["path"]) for file in record["files"]]
    assert record["upstream_tree"] == source
    assert record["tree"] == _tree_by_git(upstream.path, source, recorded)
    assert host.git("write-tree", "--prefix=third_party/up/") == record["tree"]
    assert _tree_on_disk(host) == record["tree"]
    if not include and not exclude:
        assert record["tree"] == source


def _tree_on_disk(host: Host) -> str:
    """The tree that git writes for the files as they lie there, taken byte by byte."""
    lines = []
    root = os.fsencode(host.third_party / "up")
    for directory, _, names in os.walk(root):
        for name in names + [
            n
            for n in os.listdir(directory)
            if os.path.islink(os.path.join(directory, n)) and n not in names
        ]:
            path = os.path.join(directory, name)
            link = os.path.islink(path)
            content = os.readlink(path) if link else Path(os.fsdecode(path)).read_bytes()
            mode = "120000" if link else "100755" if os.access(path, os.X_OK) else "100644"
            blob = git(host.path, "hash-object", "-w", "--no-filters", "--stdin", stdin=content)
            lines.append(f"{mode} {blob}\t".encode() + os.path.relpath(path, root) + b"\0")
    index = {"GIT_INDEX_FILE": str(host.path / ".git" / "law-index")}
    with contextlib.suppress(FileNotFoundError):
        (host.path / ".git" / "law-index").unlink()
    git(host.path, "update-index", "-z", "--index-info", stdin=b"".join(lines), **index)
    return git(host.path, "write-tree", **index)


@pytest.mark.parametrize("setting", ["true", "input", "false"])
def test_a_committed_mirror_has_upstreams_tree_whatever_autocrlf_says(
    host: Host, upstream: Upstream, setting: str
) -> None:
    host.git("config", "core.autocrlf", setting)
    upstream.release(
        "v1",
        {
            "a": b"a\r\n",
            "b": b"b\n",
            ".gitattributes": b"* text eol=crlf\n",
            ".gitignore": b"*\n",
            "x": ("100755", b"x\r"),
        },
    )
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    host.sync("--commit")
    assert (
        host.git("rev-parse", "HEAD:third_party/up")
        == git(upstream.path, "rev-parse", "v1^{tree}")
        == host.record("up")["tree"]
    )


def test_names_that_are_not_utf8_are_copied_where_allowed(host: Host, upstream: Upstream) -> None:
    upstream.release("v1", {b"\xff": b"1", b"\xc3\xa4/\xe4": b"2", b"plain": b"3"})
    host.manifest(mirror("up", upstream.url, tag="v1", local=True, allow=["name-not-utf8"]))
    host.sync("--commit")
    assert host.git("rev-parse", "HEAD:third_party/up") == git(
        upstream.path, "rev-parse", "v1^{tree}"
    )
    assert [file["path"] for file in host.record("up")["files"]] == [
        "plain",
        '"\\303\\244/\\344"',
        '"\\377"',
    ]
