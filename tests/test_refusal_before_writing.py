"""What could refuse a run is asked before the first write.

After a refusal that comes only later, the next command mends what is left.
"""

import os
import shutil
from collections.abc import Callable

import pytest

from tests.support.git import git
from tests.support.hosts import Host, mirror
from tests.support.program import Ran, run_under
from tests.support.strace import injecting
from tests.support.upstreams import Upstream


@pytest.fixture
def wanting(host: Host, upstream: Upstream) -> Host:
    """A host at v1 of a mirror whose manifest wants v2, with a directory of its own."""
    upstream.release("v1", {"a": b"1\n", "d/b": b"b\n"})
    upstream.release("v2", {"a": b"2\n", "d/b": b"b\n"})
    (host.path / "src").mkdir()
    (host.path / "docs").mkdir()
    (host.path / "src/ours").write_text("ours\n")
    (host.path / "docs/page").write_text("page\n")
    host.git("add", "src", "docs")
    host.git("commit", "--quiet", "-m", "ours")
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    host.sync("--commit")
    host.manifest(mirror("up", upstream.url, tag="v2", local=True))
    return host


def whole(host: Host) -> tuple[object, ...]:
    return host.snapshot(), host.git("ls-files", "--stage"), host.git("rev-parse", "HEAD")


# what git may keep an index in; it reads and writes each of them itself
INDEXES: dict[str, list[tuple[str, ...]]] = {
    "sparse": [("sparse-checkout", "set", "--cone", "--sparse-index", "src", "third_party")],
    "split": [("update-index", "--split-index")],
    "split by configuration": [
        ("config", "core.splitIndex", "true"),
        ("update-index", "--force-write-index"),
    ],
    "version 4": [("update-index", "--index-version", "4")],
    "untracked cache": [("update-index", "--force-untracked-cache"), ("status",)],
    "many files": [
        ("config", "feature.manyFiles", "true"),
        ("update-index", "--force-write-index"),
    ],
    "skipped hash": [("config", "index.skipHash", "true"), ("update-index", "--force-write-index")],
    "threaded": [
        ("config", "index.threads", "2"),
        ("config", "index.recordEndOfIndexEntries", "true"),
    ],
}


@pytest.mark.parametrize("kind", INDEXES)
def test_every_kind_of_index_is_written(wanting: Host, upstream: Upstream, kind: str) -> None:
    for command in INDEXES[kind]:
        wanting.git(*command)
    ours = wanting.git("ls-files", "--stage", "src", "docs")
    ran = wanting.run("sync", "--commit")
    assert ran.status == 0, ran.err
    ran = wanting.run("add", "more", upstream.url, "--tag", "v1", "--local")
    assert ran.status == 0, ran.err
    assert wanting.git("ls-files", "--stage", "src", "docs") == ours
    assert wanting.git("ls-files", "third_party/more").splitlines() == [
        "third_party/more/a",
        "third_party/more/d/b",
    ]
    for look in (
        ("verify",),
        ("verify", "--index"),
        ("verify", "--rev", "HEAD"),
        ("status",),
        ("check",),
        ("check", "--all"),
    ):
        ran = wanting.run(*look)
        assert ran.status == 0, f"{look}: {ran}"
    wanting.git("commit", "--quiet", "-m", "more")
    assert wanting.git("status", "--porcelain") == ""
    wanting.git("fsck", "--strict")


def anothers(host: Host) -> None:
    for path in (host.path, *host.path.rglob("*")):
        os.chown(path, 12345, 12345, follow_symlinks=False)


def without_identity(host: Host) -> None:
    git(host.path, "config", "--global", "--remove-section", "user")
    git(host.path, "config", "--global", "user.useConfigOnly", "true")


def locked(host: Host) -> None:
    (host.path / ".git/index.lock").touch()


def damaged(host: Host) -> None:
    index = host.path / ".git/index"
    index.write_bytes(index.read_bytes()[:100])


def unknown_extension(host: Host) -> None:
    (host.path / ".git/index").write_bytes(
        (host.path / ".git/index").read_bytes()[:4] + b"\0\0\0\x09" + bytes(40)
    )


REFUSALS: dict[str, tuple[Callable[[Host], None], tuple[str, ...], str]] = {
    "somebody else's repository": (anothers, ("--commit",), "dubious ownership"),
    "somebody else's repository, staged only": (anothers, (), "dubious ownership"),
    "no identity": (without_identity, ("--commit",), "git does not know who commits"),
    "a locked index": (locked, (), "the index is locked by another git process"),
    "a damaged index": (damaged, (), "index file"),
    "an index of a later git": (unknown_extension, (), "index"),
}


@pytest.mark.parametrize("reason", REFUSALS)
def test_a_reason_to_refuse_is_found_before_the_first_write(wanting: Host, reason: str) -> None:
    spoil, options, words = REFUSALS[reason]
    if spoil is anothers and os.geteuid() != 0:
        pytest.skip("needs the right to give files away")
    before, index = wanting.snapshot(), None
    spoil(wanting)
    index = (wanting.path / ".git/index").read_bytes()
    ran = wanting.run("sync", *options)
    assert (ran.status, words in ran.err) == (2, True), ran
    assert wanting.snapshot() == before
    assert (wanting.path / ".git/index").read_bytes() == index
    left = {path.name for path in (wanting.path / ".git").glob("git-verbatim*")}
    assert left == {"git-verbatim.lock"}


def refusing(hook: str) -> Callable[[Host], Callable[[], None]]:
    def spoil(host: Host) -> Callable[[], None]:
        path = host.path / ".git/hooks" / hook
        path.write_text(f"#!/bin/sh\necho '{hook} says no' >&2\nexit 1\n")
        path.chmod(0o755)
        return path.unlink

    return spoil


def unsigned(host: Host) -> Callable[[], object]:
    host.git("config", "commit.gpgSign", "true")
    host.git("config", "gpg.program", "false")
    return lambda: host.git("config", "commit.gpgSign", "false")


LATE: dict[str, tuple[Callable[[Host], Callable[[], object]], str]] = {
    "pre-commit": (refusing("pre-commit"), "pre-commit says no"),
    "prepare-commit-msg": (refusing("prepare-commit-msg"), "prepare-commit-msg says no"),
    "commit-msg": (refusing("commit-msg"), "commit-msg says no"),
    "no key to sign with": (unsigned, "gpg failed to sign"),
}


@pytest.mark.parametrize("reason", LATE)
@pytest.mark.parametrize("job", [("sync", "--commit"), ("add", "more", "URL", "--tag", "v1", "--local", "--commit"), ("remove", "up", "--commit")], ids=["sync", "add", "remove"])  # fmt: skip
def test_what_git_refuses_late_is_mended_by_the_printed_command(
    wanting: Host, upstream: Upstream, reason: str, job: tuple[str, ...]
) -> None:
    if job[0] == "add":
        wanting.git("checkout", "--quiet", "--", "third_party/mirrors.toml")
    spoil, words = LATE[reason]
    mend = spoil(wanting)
    head = wanting.git("rev-parse", "HEAD")
    ran = wanting.run(*(upstream.url if word == "URL" else word for word in job))
    assert (ran.status, words in ran.err) == (2, True), ran
    assert ran.err.startswith("error: git commit failed: what was synced is in place, and staged\n")
    assert wanting.git("rev-parse", "HEAD") == head
    mend()
    command = ran.err.rpartition("`git verbatim ")[2].partition("`")[0]
    again = wanting.run(*command.split())
    assert again.status == 0, again.err
    assert wanting.git("rev-parse", "HEAD^") == head
    assert wanting.git("status", "--porcelain") == ""
    assert wanting.run("check", "--all").status == 0


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace to inject errors")
def test_where_files_have_one_name_only_the_index_is_locked_all_the_same(wanting: Host) -> None:
    ran = run_under(wanting.path, injecting("link", "error=EPERM"), "sync", "--commit")
    assert (ran.status, wanting.run("verify", "--index").status) == (0, 0), ran.err
    assert (wanting.third_party / "up/a").read_text() == "2\n"
    assert not (wanting.path / ".git/index.lock").exists()


# permissions, as who has no right to pass over them meets them

UNPRIVILEGED = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
needs_unprivileged = pytest.mark.skipif(
    bool(UNPRIVILEGED) and shutil.which("setpriv") is None,
    reason="root writes everywhere, and cannot give that up here",
)


def unprivileged(host: Host, *arguments: str) -> Ran:
    return run_under(host.path, UNPRIVILEGED, *arguments)


@needs_unprivileged
@pytest.mark.parametrize("place", ["up", "provenance", "deep", ".", ".git"])
def test_a_write_protected_place_is_refused_before_the_first_write(
    wanting: Host, upstream: Upstream, place: str
) -> None:
    (wanting.third_party / "deep").mkdir()
    command = (
        ("add", "more", upstream.url, "--tag", "v1", "--local", "--into", "deep/er/more")
        if place == "deep"
        else ("sync",)
    )
    unprivileged(wanting, "status")
    protected = wanting.path / place if place == ".git" else wanting.third_party / place
    before = whole(wanting)
    protected.chmod(0o555)
    ran = unprivileged(wanting, *command)
    assert (ran.status, "permission denied" in ran.err, "hint: " in ran.err) == (2, True, True), ran
    assert str(protected if place == ".git" else protected.relative_to(wanting.path)) in ran.err
    protected.chmod(0o755)
    assert whole(wanting) == before
    ran = unprivileged(wanting, *command)
    assert (ran.status, ran.err) == (0, "")


@needs_unprivileged
@pytest.mark.parametrize("command", [("sync",), ("remove", "up")])
def test_write_protected_directories_inside_a_mirror_stop_nothing(
    wanting: Host, command: tuple[str, ...]
) -> None:
    (wanting.third_party / "up/d/b").chmod(0o444)
    (wanting.third_party / "up/d").chmod(0o555)
    ran = unprivileged(wanting, *command)
    assert (ran.status, ran.err) == (0, "")
    assert not (wanting.third_party / ".git-verbatim").exists()
    assert wanting.run("status").status == 0
