"""The copy is upstream's, byte for byte.

It is so whatever the tree holds and whatever the host is set to do to it.
"""

import os

import pytest

from sync.host.reading_ahead import ReadAhead
from sync.host.work_tree import WorkTree
from tests.support.git import git
from tests.support.hosts import Host, mirror
from tests.support.torture import ALLOW, FILES, NOT_UTF8
from tests.support.upstreams import Upstream

HOSTILE_ATTRIBUTES = (
    "* text=auto eol=crlf ident\n*.txt filter=shout working-tree-encoding=UTF-16LE\n"
)


@pytest.fixture
def tortured(upstream: Upstream) -> Upstream:
    upstream.release("v1", FILES)
    return upstream


@pytest.mark.parametrize("autocrlf", ["true", "input", "false"])
@pytest.mark.parametrize("attributes", ["", HOSTILE_ATTRIBUTES], ids=["plain host", "hostile host"])
def test_the_torture_tree_keeps_its_id_in_any_host(
    host: Host, tortured: Upstream, autocrlf: str, attributes: str
) -> None:
    host.git("config", "core.autocrlf", autocrlf)
    host.git("config", "filter.shout.clean", "tr a-z A-Z")
    host.git("config", "filter.lfs.clean", "echo pointer")
    if attributes:
        (host.path / ".gitattributes").write_text(attributes)
    host.manifest(mirror("up", tortured.url, tag="v1", local=True, allow=ALLOW))
    host.sync("--commit")
    wanted = git(tortured.path, "rev-parse", "v1^{tree}")
    assert host.git("rev-parse", "HEAD:third_party/up") == wanted
    assert host.git("rev-parse", "HEAD^{tree}") == host.git("write-tree")
    assert host.record("up")["tree"] == host.record("up")["upstream_tree"] == wanted
    for state in ([], ["--index"], ["--rev", "HEAD"]):
        assert host.run("verify", "up", *state).status == 0


def test_every_byte_and_mode_on_disk_is_upstreams(host: Host, tortured: Upstream) -> None:
    host.manifest(mirror("up", tortured.url, tag="v1", local=True, allow=ALLOW))
    host.sync()
    for path, value in FILES.items():
        mode, content = value if isinstance(value, tuple) else ("100644", value)
        on_disk = host.third_party / "up" / os.fsdecode(path)
        if mode == "120000":
            assert os.readlink(on_disk).encode() == content
        else:
            assert on_disk.read_bytes() == content
            assert on_disk.lstat().st_mode & 0o7777 == int(mode[-3:], 8)


def test_modes_do_not_depend_on_the_umask(host: Host, tortured: Upstream) -> None:
    host.manifest(mirror("up", tortured.url, tag="v1", local=True, allow=ALLOW))
    before = os.umask(0o077)
    try:
        host.sync()
    finally:
        os.umask(before)
    assert (host.third_party / "up" / "lf.txt").stat().st_mode & 0o777 == 0o644
    assert (host.third_party / "up" / "script.sh").stat().st_mode & 0o777 == 0o755


def test_status_names_the_files_that_git_add_would_change(host: Host, tortured: Upstream) -> None:
    host.manifest(mirror("up", tortured.url, tag="v1", local=True, allow=ALLOW))
    host.sync("--commit")
    ran = host.run("status")
    assert "`git add` would change the bytes of third_party/up/crlf.txt" in ran.out
    assert "`git add` would change the bytes of third_party/up/lf.txt" not in ran.out
    assert host.run("init").status == 0
    assert "git add" not in host.run("status").out
    host.git("add", "--all", "--force")
    assert host.git("rev-parse", "HEAD:third_party/up") == git(
        tortured.path, "rev-parse", "v1^{tree}"
    )
    assert host.git("diff", "--cached", "--name-only", "--", "third_party/up") == ""


def test_names_that_are_not_utf8_are_refused_unless_the_mirror_allows_them(
    host: Host, upstream: Upstream
) -> None:
    upstream.release("v1", {**FILES, **NOT_UTF8})
    host.manifest(mirror("up", upstream.url, tag="v1", local=True, allow=ALLOW))
    ran = host.run("sync")
    assert (
        ran.status,
        r"cannot copy \"latin1-\351.txt\" exactly".replace('\\"', '"') in ran.err,
    ) == (2, True)
    assert "name-not-utf8" in ran.err
    host.manifest(mirror("up", upstream.url, tag="v1", local=True, allow=["name-not-utf8", *ALLOW]))
    host.sync("--commit")
    assert host.git("rev-parse", "HEAD:third_party/up") == git(
        upstream.path, "rev-parse", "v1^{tree}"
    )
    assert host.run("verify", "up").status == host.run("verify", "up", "--rev", "HEAD").status == 0
    assert host.run("verify", "--rev", "HEAD").status == host.run("check", "--all").status == 1
    assert {'"latin1-\\351.txt"', '"raw-\\377\\376/inner"'} <= {
        file["path"] for file in host.record("up")["files"]
    }


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
INEXACT = {
    "submodule": ("sub", ("160000", b"1" * 40), "submodule"),
    "lfs-pointer": ("big.bin", LFS, "lfs-pointer"),
    "symlink out of the mirror": ("out", ("120000", b"../../etc/passwd"), "symlink-escapes"),
    "absolute symlink": ("abs", ("120000", b"/etc/passwd"), "symlink-escapes"),
}


@pytest.mark.parametrize(("path", "value", "reference"), INEXACT.values(), ids=INEXACT.keys())
def test_what_cannot_be_copied_exactly_is_refused_unless_it_is_left_out(
    host: Host, upstream: Upstream, path: str, value: bytes | tuple[str, bytes], reference: str
) -> None:
    upstream.release("v1", {"fine": b"fine\n", path: value})
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    before = host.snapshot()
    ran = host.run("sync")
    assert (ran.status, reference in ran.err, path in ran.err) == (2, True, True)
    assert host.snapshot() == before
    host.manifest(mirror("up", upstream.url, tag="v1", local=True, exclude=[f"/{path}"]))
    host.sync()
    assert host.run("verify").status == 0


def test_a_second_sync_keeps_inode_and_time_of_unchanged_files(
    host: Host, upstream: Upstream
) -> None:
    upstream.release(
        "v1",
        {"same": b"same\n", "d/same": b"same too\n", "other": b"1\n", "link": ("120000", b"same")},
    )
    upstream.release(
        "v2",
        {"same": b"same\n", "d/same": b"same too\n", "other": b"2\n", "link": ("120000", b"same")},
    )
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    host.sync()
    kept = [host.third_party / "up" / name for name in ("same", "d/same", "link")]
    before = [(path.lstat().st_ino, path.lstat().st_mtime_ns) for path in kept]
    host.manifest(mirror("up", upstream.url, tag="v2", local=True))
    host.sync()
    assert [(path.lstat().st_ino, path.lstat().st_mtime_ns) for path in kept] == before
    assert (host.third_party / "up" / "other").read_bytes() == b"2\n"
    assert {path.lstat().st_nlink for path in kept} == {1}


def test_a_satisfied_sync_writes_nothing_but_what_it_remembers(
    host: Host, tortured: Upstream
) -> None:
    host.manifest(mirror("up", tortured.url, tag="v1", local=True, allow=ALLOW))
    host.sync()

    def times() -> dict[str, tuple[int, int]]:
        own = {".git", "git-verbatim.lock", "git-verbatim.sync"}
        paths = [p for p in host.path.rglob("*") if p.name not in own]
        return {str(p): (p.lstat().st_ino, p.lstat().st_mtime_ns) for p in paths}

    before = times()
    assert host.sync().out == "up to date: 1 mirror\n"
    assert times() == before


def test_a_tarball_without_git_verifies(host: Host, tortured: Upstream) -> None:
    host.manifest(mirror("up", tortured.url, tag="v1", local=True, allow=ALLOW))
    host.sync("--commit")
    unpacked = Host(host.path.parent / "unpacked")
    unpacked.path.mkdir()
    (host.path / ".git").rename(host.path.parent / "elsewhere")
    git(host.path.parent, "init", "--quiet")  # somebody else's repository around it
    os.system(f"cd '{host.path}' && tar cf - . | tar xf - -C '{unpacked.path}'")
    assert (
        unpacked.run("verify").out
        == f"verified: 1 mirror in the working tree, {len(FILES)} files; files, records and proofs agree\n"
    )
    (unpacked.third_party / "up" / "lf.txt").write_bytes(b"one\r\ntwo\r\n")
    ran = unpacked.run("verify")
    assert (ran.status, "third_party/up/lf.txt: only line endings differ" in ran.out) == (1, True)


def test_a_bare_repository_verifies_by_revision(host: Host, tortured: Upstream) -> None:
    host.manifest(mirror("up", tortured.url, tag="v1", local=True, allow=ALLOW))
    host.sync("--commit")
    bare = Host(host.path.parent / "bare.git")
    git(host.path, "clone", "--quiet", "--bare", ".", str(bare.path))
    assert bare.run("verify", "up", "--rev", "HEAD").status == 0
    ran = bare.run("verify")
    assert (ran.status, "`git verbatim verify --rev HEAD`" in ran.err) == (2, True)


@pytest.mark.parametrize(
    "directory", ["third_party/up", "third_party/nowhere", "third_party/up/lf.txt"]
)
def test_reading_ahead_in_a_second_process_gives_the_same_facts(
    host: Host, tortured: Upstream, directory: str
) -> None:
    host.manifest(mirror("up", tortured.url, tag="v1", local=True, allow=ALLOW))
    host.sync()
    facts = WorkTree(host.path, ahead=ReadAhead(host.path, [directory])).files(directory)
    assert facts == WorkTree(host.path).files(directory)
    assert (facts is None) == directory.endswith("nowhere")


def test_an_upstream_of_many_files_is_as_exact(host: Host, upstream: Upstream) -> None:
    """Git's own packs carry more than a hundred objects.

    The bytes take another way then than those of a few objects.
    """
    many = {f"d{n % 7}/f{n}": b"%d\r\n" % n * (n % 50) for n in range(400)}
    upstream.release("v1", many)
    upstream.release("v2", many | {f"d{n % 7}/f{n}": b"changed %d\n" % n for n in range(150)})
    for tag in ("v1", "v2"):
        host.manifest(mirror("up", upstream.url, tag=tag, local=True))
        host.sync("--commit")
        assert host.git("rev-parse", "HEAD:third_party/up") == git(
            upstream.path, "rev-parse", f"{tag}^{{tree}}"
        )
        assert host.run("verify").status == host.run("verify", "--rev", "HEAD").status == 0
    host.git("fsck", "--strict", "--no-dangling")


def test_many_files_whose_objects_cannot_be_stored_change_nothing(
    host: Host, upstream: Upstream
) -> None:
    upstream.release("v1", {f"f{n}": b"%d\n" % n for n in range(200)})
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    host.sync("--dry-run")
    packs = host.path / ".git/objects/pack"
    packs.rmdir()
    packs.write_bytes(b"in the way")
    before = host.snapshot()
    ran = host.run("sync")
    assert (ran.status, "cannot write to the object database" in ran.err) == (2, True)
    assert host.snapshot() == before
