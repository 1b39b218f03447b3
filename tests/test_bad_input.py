"""Bad input, class by class: one clear error, the right exit status, no traceback.

Nothing changes in the host. Every case runs the program as a process of its own, in a host with one
good mirror.
"""

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support.git import git
from tests.support.hosts import Host, Key, mirror
from tests.support.program import Ran, run_tool
from tests.support.upstreams import Upstream

TROUBLE, COULD_NOT_CHECK = 2, 3


@dataclass(frozen=True)
class World:
    """An upstream with tag v1, and a host where mirror `up` of it is synced and committed."""

    upstream: Upstream
    host: Host

    @property
    def good(self) -> str:
        return mirror("up", self.upstream.url, tag="v1", from_="wit", local=True)

    @property
    def mirrored(self) -> Path:
        return self.host.third_party / "up"

    @property
    def record(self) -> Path:
        return self.host.third_party / "provenance" / "up.json"

    def also(self, **keys: Key | None) -> None:
        """Add a second mirror to the manifest; `keys` on top of good ones, None takes one away."""
        values: dict[str, Key | None] = {
            "url": self.upstream.url,
            "tag": "v1",
            "from_": "wit",
            "local": True,
            **keys,
        }
        url = str(values.pop("url"))
        self.host.manifest(
            self.good
            + "\n"
            + mirror("second", url, **{k: v for k, v in values.items() if v is not None})
        )


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Made once; each test works on a copy of the host."""
    directory = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{name}_NAME", "Tester")
            patch.setenv(f"GIT_{name}_EMAIL", "tester@example.org")
        patch.setenv("HOME", str(directory))
        upstream = Upstream.create(directory / "upstream")
        sub = upstream.commit({"x": b"x"}, branch=None)
        upstream.release(
            "v1",
            {
                "wit/a.wit": b"a\n",
                "wit/deep/b.wit": b"b\n",
                "doc/c.md": b"c\n",
                "LICENSE": b"licence\n",
            },
        )
        upstream.tag("v1.0.1", "v1")
        upstream.release(
            "v2", {"wit/a.wit": b"a2\n", "wit/deep/b.wit": b"b\n", "LICENSE": b"licence\n"}
        )
        upstream.release("odd", {"wit/a.wit": b"a\n", "wit/sub": ("160000", sub.encode())})
        upstream.release(
            "lfs",
            {"wit/a.wit": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"},
        )
        upstream.release("link", {"wit/a.wit": ("120000", b"../../../etc/passwd")})
        upstream.release("control", {"wit/\x1b[31mred": b"a\n"})
        upstream.release("bytes", {b"wit/\xff": b"a\n"})
        git(upstream.path, "tag", "tree", "v1^{tree}")
        host = Host.create(directory / "host")
        host.manifest(mirror("up", upstream.url, tag="v1", from_="wit", local=True))
        host.sync()
        host.git("add", "-A")
        host.git("commit", "--quiet", "-m", "mirror")
        yield World(upstream, host)


@pytest.fixture
def world(template: World, tmp_path: Path) -> World:
    shutil.copytree(template.host.path, tmp_path / "host", symlinks=True)
    return World(template.upstream, Host(tmp_path / "host"))


def _state(host: Host) -> object:
    """Everything that a refused command has to leave as it was.

    These are files, directories, the index, HEAD and the refs.
    """
    names = sorted(
        str(path)
        for path in host.path.rglob("*")
        if ".git" not in path.relative_to(host.path).parts[:1]
    )
    kept = [
        host.path / ".git" / "index",
        host.path / ".git" / "HEAD",
        *sorted((host.path / ".git" / "refs").rglob("*")),
    ]
    return names, host.snapshot(), [(path, path.read_bytes()) for path in kept if path.is_file()]


def _assert_one_error(ran: Ran, status: int, *words: str) -> None:
    lines = ran.err.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    assert len(errors) == 1, ran.err
    assert lines[0] == errors[0], ran.err
    assert "this is a bug" not in ran.err, ran.err
    assert not errors[0].endswith("."), ran.err
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", ran.err) is None, ran.err
    for word in words:
        assert word in ran.err, ran.err
    assert ran.status == status, ran.err


def _refused(
    host: Host, status: int, *words: str, command: tuple[str, ...] = ("sync",), **environment: str
) -> None:
    """The command fails with one error that holds `words`, and changes nothing."""
    before = _state(host)
    _assert_one_error(host.run(*command, **environment), status, *words)
    assert _state(host) == before


# the manifest

MANIFESTS: dict[str, tuple[dict[str, Key | None], tuple[str, ...]]] = {
    "an unknown key": (
        {"tga": "v1"},
        ("unknown key `tga`", "mirrors.toml:12: mirrors.second.tga", "hint: did you mean tag"),
    ),
    "a wrong type": ({"include": "a.wit"}, ("`include` is wrong", "mirrors.second.include")),
    "neither tag nor commit": ({"tag": None}, ("neither `tag` nor `commit`", "hint: ")),
    "both tag and commit": ({"commit": "0" * 40}, ("either `tag` or `commit`, not both", "hint: ")),
    "a short commit id": (
        {"tag": None, "commit": "0" * 39},
        ("no full commit id", "hint: write all 40"),
    ),
    "a commit id in capitals": ({"tag": None, "commit": "A" * 40}, ("no full commit id",)),
    "an into that overlaps": ({"into": "up/deep"}, ("overlaps mirror up", "mirrors.second.into")),
    "an into that overlaps but for case": ({"into": "UP"}, ("overlaps mirror up",)),
    "an into of the root": ({"into": "/"}, ("`into` names the host's root",)),
    "an into of third_party from the root": (
        {"into": "/third_party/x"},
        ("begins in third_party/ without a slash in front: write `x`",),
    ),
    "an into of the root's attributes": ({"into": "/.gitattributes"}, ("`into` is reserved",)),
    "an empty list of places": ({"into": []}, ("`into` is a path, or a list of at least one",)),
    "a place twice": ({"into": ["a", "a/"]}, ("`into` names `a` twice",)),
    "a place in another": ({"into": ["/a", "/a/b"]}, ("two places of mirror second overlap",)),
    "an into with a drive": ({"into": "C:/x"}, ("`into` is absolute",)),
    "an into with ..": ({"into": "a/../../b"}, ("`into` leaves its directory",)),
    "an into of the tool's own": ({"into": "provenance/x"}, ("`into` is reserved",)),
    "an into of git's": ({"into": "a/.git/hooks"}, ("`into` names a git directory",)),
    "a from with ..": ({"from_": "../wit"}, ("`from` leaves its directory",)),
    "credentials in the url": (
        {"url": "https://me:secret@example.org/x", "local": None},
        ("it holds credentials", "second.url"),
    ),
    "a token in the url": (
        {"url": "https://token@example.org/x", "local": None},
        ("it holds credentials",),
    ),
    "a remote helper": (
        {"url": "ext::sh -c touch% /tmp/x", "local": None},
        ("which git would execute",),
    ),
    "a remote helper, local": ({"url": "ext::sh -c touch% /tmp/x"}, ("which git would execute",)),
    "an option as url": ({"url": "--upload-pack=touch x", "local": None}, ("begins with a dash",)),
    "an unknown scheme": (
        {"url": "ftp://example.org/x", "local": None},
        ("its scheme is none of",),
    ),
    "a path that is not said to be local": ({"local": None}, ("say `local = true`",)),
    "a tag like a refspec": ({"tag": "v1:refs/heads/main"}, ("is no tag name",)),
    "a tag like an option": ({"tag": "-v1"}, ("is no tag name",)),
    "a pattern that is a comment": ({"exclude": ["# deps"]}, ("a comment or blank",)),
    "an unknown allow": (
        {"allow": ["everything"]},
        (
            "`allow` does not know",
            "hint: it knows: name-collides, name-not-utf8, name-trailing-dot-or-blank, name-windows-character",
        ),
    ),
}


@pytest.mark.parametrize(("keys", "words"), MANIFESTS.values(), ids=MANIFESTS)
def test_a_bad_manifest_is_refused(
    world: World, keys: dict[str, Key | None], words: tuple[str, ...]
) -> None:
    world.also(**keys)
    _refused(world.host, TROUBLE, *words)


MANIFEST_BYTES: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "not TOML": (b"[mirrors.up\n", ("is not valid TOML", "third_party/mirrors.toml:1")),
    "not UTF-8": (b"[mirrors]\n# \xff\n", ("is not UTF-8", "third_party/mirrors.toml:2")),
    "a byte order mark": (b"\xef\xbb\xbf[mirrors]\n", ("byte order mark", "hint: save the file")),
    "a merge conflict": (
        b"<<<<<<< HEAD\n=======\n>>>>>>> other\n",
        ("unresolved merge conflict", "mirrors.toml:1"),
    ),
    "a control character in a value": (
        b'[mirrors.up]\nurl = "a\\u001b[31m"\ntag = "v1"\n',
        ("`url` holds control characters",),
    ),
    "a control character in a name": (
        b'[mirrors."\\u001b[31m"]\nurl = "a"\ntag = "v1"\nlocal = true\n',
        ("is no mirror name", "\\x1b[31m"),
    ),
    "a mirror that is no table": (b"mirrors = 3\n", ("mirrors.toml:1", "is wrong")),
}


@pytest.mark.parametrize(("manifest", "words"), MANIFEST_BYTES.values(), ids=MANIFEST_BYTES)
def test_a_manifest_that_cannot_be_read_is_refused(
    world: World, manifest: bytes, words: tuple[str, ...]
) -> None:
    (world.host.third_party / "mirrors.toml").write_bytes(manifest)
    _refused(world.host, TROUBLE, *words)


def test_a_missing_manifest_is_named(world: World) -> None:
    world.host.git("rm", "--quiet", "--force", "third_party/mirrors.toml")
    _refused(
        world.host,
        TROUBLE,
        "there is no third_party/mirrors.toml",
        "hint: make one with `git verbatim init`",
    )


def test_a_manifest_that_is_a_directory_is_refused(world: World) -> None:
    (world.host.third_party / "mirrors.toml").unlink()
    (world.host.third_party / "mirrors.toml").mkdir()
    _refused(world.host, TROUBLE, "third_party/mirrors.toml")


def test_a_mistyped_mirror_gets_the_nearest_name(world: World) -> None:
    _refused(
        world.host,
        TROUBLE,
        "there is no mirror upp",
        "hint: did you mean up?",
        command=("sync", "upp"),
    )


# the upstream

UPSTREAMS: dict[str, tuple[dict[str, Key | None], int, tuple[str, ...]]] = {
    "nothing at the path": ({"url": "nowhere"}, COULD_NOT_CHECK, ("nowhere", "hint: ")),
    "a path that is no repository": ({"url": "third_party"}, COULD_NOT_CHECK, ("third_party",)),
    "no such tag": ({"tag": "v1.0.2"}, TROUBLE, ("has no tag v1.0.2", "hint: did you mean v1.0.1")),
    "no such commit": ({"tag": None, "commit": "1" * 40}, COULD_NOT_CHECK, ("1" * 40, "hint: ")),
    "a tag of a tree": ({"tag": "tree"}, TROUBLE, ("does not lead to a commit",)),
    "no such from": (
        {"from_": "wti"},
        TROUBLE,
        ("`from` of mirror second does not exist", "hint: did you mean wit"),
    ),
    "a from below a missing one": (
        {"from_": "doc/x/y"},
        TROUBLE,
        ("does not exist", "path: doc/x"),
    ),
    "a from that is a file": ({"from_": "LICENSE"}, TROUBLE, ("is a file, not a directory",)),
    "a pattern that matches nothing": (
        {"exclude": ["deps/"]},
        TROUBLE,
        ("the pattern `deps/` in `exclude`", "matches nothing"),
    ),
    "an include that matches nothing": (
        {"include": ["*.md"]},
        TROUBLE,
        ("the pattern `*.md` in `include`", "matches nothing"),
    ),
    "an empty selection": (
        {"exclude": ["*"]},
        TROUBLE,
        ("the selection of mirror second is empty",),
    ),
    "a submodule": (
        {"tag": "odd"},
        TROUBLE,
        ("cannot copy sub exactly", "it is a submodule", "hint: leave it out with `exclude`"),
    ),
    "a Git LFS pointer": (
        {"tag": "lfs"},
        TROUBLE,
        ("cannot copy a.wit exactly", "it is a Git LFS pointer"),
    ),
    "a symlink that leaves the mirror": (
        {"tag": "link"},
        TROUBLE,
        ("cannot copy a.wit exactly", "points out of the mirror"),
    ),
    "a name with an escape sequence": (
        {"tag": "control"},
        TROUBLE,
        ("cannot copy", "control or invisible characters"),
    ),
    "a name that is not UTF-8": (
        {"tag": "bytes"},
        TROUBLE,
        ("its name is not UTF-8", 'allow = ["name-not-utf8"]'),
    ),
}


@pytest.mark.parametrize(("keys", "status", "words"), UPSTREAMS.values(), ids=UPSTREAMS)
def test_an_upstream_that_cannot_be_copied_is_refused(
    world: World, keys: dict[str, Key | None], status: int, words: tuple[str, ...]
) -> None:
    world.also(**keys)
    _refused(world.host, status, *words)


class _NotFound(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def web() -> Iterator[str]:
    """A server that has no repository."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _NotFound)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_url_without_a_repository_could_not_be_checked(world: World, web: str) -> None:
    world.also(url=f"{web}/project.git", local=None)
    _refused(
        world.host,
        COULD_NOT_CHECK,
        "no git repository at the upstream's URL",
        f"{web}/project.git",
        "hint: ",
    )


def test_an_upstream_that_refuses_connections_could_not_be_checked(world: World) -> None:
    world.also(url="http://127.0.0.1:1/project.git", local=None)
    _refused(
        world.host,
        COULD_NOT_CHECK,
        "cannot be reached",
        "http://127.0.0.1:1/project.git",
        command=("sync", "--deadline", "30"),
    )


def test_an_upstream_that_lacks_objects_could_not_be_checked(world: World, tmp_path: Path) -> None:
    broken = Upstream.create(tmp_path / "broken")
    broken.release("v1", {"wit/a.wit": b"a unique\n"})
    blob = git(broken.path, "rev-parse", "v1:wit/a.wit")
    (broken.path / "objects" / blob[:2] / blob[2:]).unlink()
    world.also(url=broken.url)
    _refused(world.host, COULD_NOT_CHECK, blob)


def test_offline_without_a_cache_could_not_be_checked(world: World) -> None:
    world.also(url="https://example.org/x", local=None)
    _refused(
        world.host,
        COULD_NOT_CHECK,
        "v1 is not in the cache",
        "hint: ",
        command=("sync", "--offline"),
    )


# the record


def _change_record(world: World, change: Callable[[dict], object]) -> bytes:
    value = json.loads(world.record.read_bytes())
    change(value)
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


RECORDS: dict[str, tuple[Callable[[World], bytes], tuple[str, ...]]] = {
    "empty": (lambda _: b"", ("is not JSON",)),
    "not JSON": (lambda w: w.record.read_bytes()[:-9], ("is not JSON",)),
    "not UTF-8": (lambda _: b'{"schema": "\xff"}', ("is not JSON",)),
    "another JSON": (lambda _: b"[]\n", ("is no record",)),
    "deeply nested": (lambda _: b"[" * 100_000, ("says far more than one does",)),
    "hand-edited layout": (
        lambda w: w.record.read_bytes().replace(b"  ", b"\t"),
        ("is not canonical JSON",),
    ),
    "CRLF": (lambda w: w.record.read_bytes().replace(b"\n", b"\r\n"), ("has CRLF line endings",)),
    "hand-edited commit": (
        lambda w: _change_record(w, lambda r: r["upstream"].update(commit="0" * 40)),
        (
            "the proof of third_party/provenance/up.json does not hold",
            "the record says " + "0" * 40,
        ),
    ),
    "hand-edited file": (
        lambda w: _change_record(w, lambda r: r["files"][0].update(blob="0" * 40)),
        ("the proof of third_party/provenance/up.json does not hold",),
    ),
    "a path that leaves": (
        lambda w: _change_record(w, lambda r: r["files"][0].update(path="../a")),
        ("is no plain path",),
    ),
    "an into that leaves": (
        lambda w: _change_record(w, lambda r: r.update(path="../../up")),
        ("up.json",),
    ),
    "a newer schema": (
        lambda w: _change_record(w, lambda r: r.update(schema=3)),
        ("has schema 3", "hint: install a newer"),
    ),
    "an unknown key": (
        lambda w: _change_record(w, lambda r: r.update(extra=1)),
        ("is no record: extra",),
    ),
    "a merge conflict": (
        lambda w: b"<<<<<<< HEAD\n" + w.record.read_bytes() + b"=======\n>>>>>>> other\n",
        ("unresolved merge conflict", "hint: "),
    ),
    "of another mirror": (
        lambda w: _change_record(w, lambda r: r.update(mirror="other")),
        ("is the record of another mirror",),
    ),
}


@pytest.mark.parametrize(("content", "words"), RECORDS.values(), ids=RECORDS)
def test_a_bad_record_is_refused(
    world: World, content: Callable[[World], bytes], words: tuple[str, ...]
) -> None:
    world.record.write_bytes(content(world))
    _refused(world.host, TROUBLE, *words)


@pytest.mark.parametrize(
    "elsewhere", ["../../outside", "../outside", "provenance", "licenses", "a/../up"]
)
@pytest.mark.parametrize(
    "command",
    [("sync",), ("sync", "--discard-local"), ("remove", "up", "--discard-local")],
    ids=" ".join,
)
def test_a_record_of_another_place_deletes_nothing_there(
    world: World, tmp_path: Path, elsewhere: str, command: tuple[str, ...]
) -> None:
    for outside in (tmp_path / "outside", world.host.path / "outside"):
        shutil.copytree(world.mirrored, outside)  # even what looks like the mirror
    world.record.write_bytes(_change_record(world, lambda r: r.update(path=elsewhere)))
    world.host.run(*command)
    assert (tmp_path / "outside" / "a.wit").exists()
    assert (world.host.path / "outside" / "a.wit").exists()
    assert (world.host.third_party / "mirrors.toml").exists()


@pytest.mark.parametrize("name", ["a merge conflict", "a newer schema", "hand-edited commit"])
def test_a_bad_record_is_a_finding_of_verify(world: World, name: str) -> None:
    world.record.write_bytes(RECORDS[name][0](world))
    before = _state(world.host)
    ran = world.host.run("verify")
    assert ran.status == 1, ran.err
    assert "\n  record-unreadable\n" in ran.out or "\n  proof-broken\n" in ran.out
    assert _state(world.host) == before


# the host


def test_a_directory_outside_of_git_is_refused(world: World) -> None:
    shutil.rmtree(world.host.path / ".git")
    world.also()
    _refused(world.host, TROUBLE, "this is not a git repository", "hint: ")


def test_a_directory_without_anything_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    _assert_one_error(
        run_tool(tmp_path / "empty", "sync", GIT_CEILING_DIRECTORIES=str(tmp_path)),
        TROUBLE,
        "not a git repository",
    )
    _assert_one_error(
        run_tool(tmp_path / "empty", "verify", GIT_CEILING_DIRECTORIES=str(tmp_path)),
        TROUBLE,
        "hint: ",
    )
    assert list((tmp_path / "empty").iterdir()) == []


def test_a_bare_repository_is_refused(world: World, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(world.host.path), "bare.git")
    before = sorted((tmp_path / "bare.git").rglob("*"))
    _assert_one_error(run_tool(tmp_path / "bare.git", "sync"), TROUBLE, "bare repository", "hint: ")
    assert sorted((tmp_path / "bare.git").rglob("*")) == before


def test_a_locked_index_is_refused(world: World) -> None:
    world.also()
    (world.host.path / ".git" / "index.lock").touch()
    before = world.host.snapshot()
    _assert_one_error(
        world.host.run("sync"), TROUBLE, "the index is locked", "index.lock", "hint: "
    )
    assert world.host.snapshot() == before
    assert not (world.host.third_party / "second").exists()


def test_a_merge_in_progress_refuses_a_commit(world: World) -> None:
    world.host.git("checkout", "--quiet", "-b", "other", "HEAD~")
    world.host.git("commit", "--quiet", "--allow-empty", "-m", "other")
    world.host.git("merge", "--quiet", "--no-commit", "--no-ff", "@{-1}")
    world.also()
    _refused(world.host, TROUBLE, "a merge is in progress", "hint: ", command=("sync", "--commit"))


LOCAL: dict[str, Callable[[World], object]] = {
    "a changed file": lambda w: (w.mirrored / "a.wit").write_bytes(b"mine\n"),
    "an added file": lambda w: (w.mirrored / "mine.wit").write_bytes(b"mine\n"),
    "a changed licence": lambda w: (w.host.third_party / "licenses/up/LICENSE").write_bytes(
        b"mine\n"
    ),
    "a file that became a symlink": lambda w: _to_symlink(w.mirrored / "a.wit", "/etc/passwd"),
    "an executable file": lambda w: (w.mirrored / "a.wit").chmod(0o755),
}


def _to_symlink(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


@pytest.mark.parametrize("change", LOCAL.values(), ids=LOCAL)
def test_local_changes_are_not_overwritten(world: World, change: Callable[[World], object]) -> None:
    change(world)
    _refused(world.host, TROUBLE, "local changes would be lost", "--discard-local")


def test_a_file_where_the_mirror_goes_is_refused(world: World) -> None:
    world.also()
    (world.host.third_party / "second").write_bytes(b"somebody's\n")
    _refused(world.host, TROUBLE, "third_party/second")


@pytest.mark.parametrize("directory", ["group", "provenance", "licenses", "licenses/second"])
def test_a_file_where_a_directory_goes_is_refused(world: World, directory: str) -> None:
    world.also(into="group/second")
    path = world.host.third_party / directory
    shutil.rmtree(path, ignore_errors=True)
    path.write_bytes(b"somebody's\n")
    _refused(world.host, TROUBLE, "third_party")


@pytest.mark.parametrize(
    "directory", ["second", "group", "provenance", "licenses", "licenses/second", ".git-verbatim"]
)
def test_a_symlink_where_a_directory_goes_is_not_followed(
    world: World, tmp_path: Path, directory: str
) -> None:
    world.also(into="second" if directory == "second" else "group/second")
    path, outside = world.host.third_party / directory, tmp_path / "outside"
    if path.exists():
        shutil.move(path, outside)
    else:
        outside.mkdir()
    (outside / "precious").write_bytes(b"somebody's\n")
    path.symlink_to(outside, target_is_directory=True)
    before = sorted(outside.rglob("*"))
    _refused(world.host, TROUBLE, "third_party")
    assert sorted(outside.rglob("*")) == before


def test_a_third_party_that_is_a_symlink_is_not_followed(world: World, tmp_path: Path) -> None:
    world.also()
    shutil.move(world.host.third_party, tmp_path / "outside")
    world.host.third_party.symlink_to(tmp_path / "outside", target_is_directory=True)
    before = sorted((tmp_path / "outside").rglob("*"))
    _refused(world.host, TROUBLE, "third_party")
    assert sorted((tmp_path / "outside").rglob("*")) == before


def test_a_third_party_that_is_a_file_is_refused(world: World) -> None:
    shutil.rmtree(world.host.third_party)
    world.host.third_party.write_bytes(b"")
    _refused(world.host, TROUBLE, "third_party")
    _refused(world.host, TROUBLE, "third_party", command=("init",))


@pytest.mark.parametrize("command", ["sync", "status", "verify"])
def test_a_fifo_in_a_mirror_is_named_and_blocks_nothing(world: World, command: str) -> None:
    os.mkfifo(world.mirrored / "pipe")
    _refused(
        world.host,
        TROUBLE,
        "third_party/up/pipe",
        "is not a plain file",
        "hint: ",
        command=(command,),
    )


@pytest.mark.parametrize("name", ["mirrors.toml", "provenance/up.json", ".gitignore"])
def test_a_fifo_in_place_of_a_file_of_the_tool_blocks_nothing(world: World, name: str) -> None:
    path = world.host.third_party / name
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    try:
        ran = world.host.run("sync", timeout=5)
    except subprocess.TimeoutExpired:
        pytest.fail(f"reading third_party/{name} waits for ever")
    _assert_one_error(ran, TROUBLE, f"third_party/{name}")


# file systems that refuse


@pytest.fixture
def mounted(world: World) -> Iterator[Callable[..., None]]:
    """Mounts something over third_party/; skips where that is not allowed."""
    done: list[Path] = []

    def mount(*arguments: str) -> None:
        ran = subprocess.run(
            ["mount", *arguments, str(world.host.third_party)], capture_output=True, check=False
        )
        if ran.returncode != 0:
            pytest.skip("mounting is not allowed here")
        if "remount" not in str(arguments):
            done.append(world.host.third_party)

    yield mount
    for path in reversed(done):
        subprocess.run(["umount", str(path)], check=True)


def test_a_read_only_third_party_is_refused(world: World, mounted: Callable[..., None]) -> None:
    world.also()
    mounted("--bind", str(world.host.third_party))
    mounted("-o", "remount,ro,bind")
    _refused(world.host, TROUBLE, "read-only file system", "hint: make the file system writable")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_third_party_without_write_permission_is_refused(world: World) -> None:
    world.also()
    world.host.third_party.chmod(0o555)
    _refused(world.host, TROUBLE, "permission denied", "hint: ")
    world.host.third_party.chmod(0o755)


def test_a_full_disk_leaves_everything_as_it_was(
    world: World, mounted: Callable[..., None], tmp_path: Path
) -> None:
    big = Upstream.create(tmp_path / "big")
    big.release("v1", {f"wit/{n}.wit": os.urandom(4096) for n in range(64)})
    world.also(url=big.url)
    shutil.copytree(world.host.third_party, tmp_path / "kept", symlinks=True)
    mounted("-t", "tmpfs", "-o", "size=128k", "tmpfs")
    shutil.copytree(tmp_path / "kept", world.host.third_party, symlinks=True, dirs_exist_ok=True)
    _refused(world.host, TROUBLE, "no space left on device", "hint: free some space")


def test_a_cache_that_cannot_be_written_is_refused(world: World, tmp_path: Path) -> None:
    world.also()
    (tmp_path / "cache").write_bytes(b"")
    _refused(
        world.host,
        TROUBLE,
        "cannot use the cache",
        "hint: set XDG_CACHE_HOME",
        XDG_CACHE_HOME=str(tmp_path / "cache"),
    )


# the command line

USAGE: dict[str, tuple[str, ...]] = {
    "an unknown command": ("snyc",),
    "an unknown option": ("sync", "--forec"),
    "no jobs": ("sync", "--jobs", "0"),
    "commit without staging": ("sync", "--commit", "--no-stage"),
    "index and revision": ("verify", "--index", "--rev", "HEAD"),
    "an unknown revision": ("verify", "--rev", "nowhere"),
    "an unknown preset": ("init", "--preset", "wsai"),
    "a directory that is not there": ("-C", "nowhere", "sync"),
    "a mirror that is there already": ("add", "up", "https://example.org/x", "--tag", "v1"),
    "a bad name": ("add", "../up", "https://example.org/x", "--tag", "v1"),
    "no pin": ("add", "new", "https://example.org/x"),
    "a mirror to remove that is not there": ("remove", "pu"),
}


@pytest.mark.parametrize("command", USAGE.values(), ids=USAGE)
def test_bad_usage_is_refused(world: World, command: tuple[str, ...]) -> None:
    before = _state(world.host)
    ran = world.host.run(*command)
    assert ran.status == TROUBLE, ran.err
    assert ran.out == ""
    assert ran.err
    assert _state(world.host) == before
