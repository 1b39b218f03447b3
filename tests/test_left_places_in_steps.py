"""Places that are left in several steps, with other work between: nothing of that is lost.

In the end disk, index and HEAD have the same files.
"""

import shutil

import pytest

from sync.layout import record_path
from tests.support.hosts import Host, commit, mirror
from tests.support.left_places import (
    OWN_PATCHES,
    agree,
    cli,
    in_lib,
    io,
    is_well,
    other,
    patched,
    put,
    release_odd_packages,
    sync_to_lib,
)
from tests.support.program import run_under
from tests.support.strace import injecting
from tests.support.upstreams import Upstream
from tests.support.wit import form, write_patch

MINE = "lib/cli/stdio.wit"


@pytest.fixture
def released(upstream: Upstream) -> Upstream:
    return release_odd_packages(upstream)


@pytest.fixture
def synced(host: Host, released: Upstream) -> Host:
    return sync_to_lib(host, released)


# merges


def give_up_here_and_move_there(host: Host, upstream: Upstream) -> None:
    """This side made the files the host's own and edited one; the other side moved the pin."""
    host.git("branch", "other")
    host.manifest('[host]\nown = ["/lib/cli/"]\n' + io(upstream))
    host.sync("--commit")
    host.manifest(io(upstream))
    put(host, MINE, "ours now\n")
    commit(host)
    host.git("checkout", "--quiet", "other")
    host.manifest(io(upstream) + cli(upstream, "/lib/cli", "v2"))
    host.sync("--commit")
    host.git("checkout", "--quiet", "-")


@pytest.mark.parametrize("resolved", ["ours now\n", "by hand\n"])
@pytest.mark.parametrize("operation", ["merge", "cherry-pick"])
def test_an_own_file_that_was_a_mirrors_stays_on_disk_and_staged(
    synced: Host, released: Upstream, operation: str, resolved: str
) -> None:
    give_up_here_and_move_there(synced, released)
    with pytest.raises(AssertionError, match="CONFLICT"):
        synced.git(operation, "other")
    put(synced, MINE, resolved)
    synced.git("add", MINE)
    synced.manifest(io(released))
    synced.sync()
    synced.sync("--discard-local")
    assert (synced.path / MINE).read_text() == resolved
    assert synced.git("ls-files", MINE) == MINE


def test_a_file_of_the_other_side_stays_at_a_path_that_our_record_lists(
    synced: Host, released: Upstream
) -> None:
    synced.git("branch", "other")
    synced.manifest(io(released) + cli(released, "/lib/cli", "v2"))
    synced.sync("--commit")
    synced.git("checkout", "--quiet", "other")
    synced.manifest(io(released) + cli(released, "/lib/moved"))
    synced.sync("--commit")
    put(synced, MINE, "theirs\n")
    commit(synced)
    synced.git("checkout", "--quiet", "-")
    synced.git("config", "merge.renames", "false")
    with pytest.raises(AssertionError, match="CONFLICT"):
        synced.git("merge", "--quiet", "other")
    synced.manifest(io(released) + cli(released, "/lib/moved", "v2"))
    synced.sync()
    assert (synced.path / MINE).exists()
    assert synced.git("ls-files", "lib/cli") == MINE


# local changes


@pytest.mark.parametrize("second", ["a mirror", "a form"])
def test_who_gives_up_changes_of_one_keeps_those_of_another_that_lies_there_still(
    synced: Host, released: Upstream, second: str
) -> None:
    write_patch(synced)

    def manifest(one: str, two: str) -> None:
        more = other(released, two) if second == "a mirror" else patched(two)
        synced.manifest(OWN_PATCHES + io(released) + cli(released, one) + more)

    manifest("/lib/cli", "/lib/two")
    synced.sync("--commit")
    manifest("/lib/two", "/lib/cli")
    put(synced, MINE)
    put(synced, "lib/cli/mine.c")
    before = synced.snapshot()
    ran = synced.run("sync", "--discard-local", "other" if second == "a mirror" else "f")
    assert (ran.status, synced.snapshot()) == (2, before), ran
    assert "give them up with `git verbatim sync --discard-local cli`" in ran.err


@pytest.mark.parametrize("discard", [(), ("--discard-local",)], ids=" ".join)
@pytest.mark.parametrize("options", [(), ("--commit",), ("cli", "--commit")], ids=" ".join)
@pytest.mark.parametrize("is_staged", [True, False], ids=["staged", "not staged"])
def test_a_file_that_comes_after_an_uncommitted_removal_is_the_hosts(
    synced: Host, is_staged: bool, options: tuple[str, ...], discard: tuple[str, ...]
) -> None:
    assert synced.run("remove", "cli").status == 0
    put(synced, MINE)
    if is_staged:
        synced.git("add", "lib")
    synced.sync(*options, *discard)
    assert in_lib(synced) == {MINE}


@pytest.mark.parametrize("odd", ["a link", "a file"])
@pytest.mark.parametrize("own", ["", '[host]\nown = ["/lib/cli/stdio.wit"]\n'], ids=["all", "some"])
def test_a_directory_that_was_replaced_is_given_up_and_no_link_is_followed(
    synced: Host, released: Upstream, own: str, odd: str
) -> None:
    shutil.rmtree(synced.path / "lib/cli/sub")
    put(synced, "mine/other.wit", "package not:read;\n")
    if odd == "a link":
        (synced.path / "lib/cli/sub").symlink_to("../../mine")
    else:
        put(synced, "lib/cli/sub")
    synced.manifest(own + io(released))
    assert synced.run("sync").status == 2
    synced.sync("--discard-local")
    assert (synced.path / "mine/other.wit").exists()
    assert in_lib(synced) == ({MINE} if own else set())


# what is staged and committed later


@pytest.mark.parametrize("way", ["--no-stage", "git reset"])
@pytest.mark.parametrize("what", ["a mirror", "a form"])
def test_a_commit_takes_along_what_was_moved_without_being_staged(
    synced: Host, released: Upstream, what: str, way: str
) -> None:
    if what == "a form":
        write_patch(synced)

    def manifest(into: str) -> None:
        moving = cli(released, into) if what == "a mirror" else patched(into)
        synced.manifest(io(released) + moving)

    manifest("/lib/x")
    synced.sync("--commit")
    manifest("/lib/z")
    synced.sync(*([way] if way == "--no-stage" else []))
    if way == "git reset":
        synced.git("reset", "--quiet")
    synced.sync("--commit")
    assert {path.split("/")[1] for path in agree(synced)} == {"z"}
    is_well(synced)


@pytest.mark.parametrize("into", ["/lib/z", None], ids=["it moves", "it goes"])
@pytest.mark.parametrize("how", [(), ("--no-stage",)], ids=["staged", "not staged"])
def test_the_manifest_may_be_committed_first(
    synced: Host, released: Upstream, into: str | None, how: tuple[str, ...]
) -> None:
    put(synced, "lib/mine.c")
    synced.manifest(io(released) + (cli(released, into) if into else ""))
    commit_without_hooks(synced)
    synced.sync(*how)
    synced.sync("--commit")
    record = synced.git("ls-tree", "--name-only", "HEAD", record_path("cli"))
    assert (record != "") == bool(into)
    assert {path.split("/")[1] for path in agree(synced)} == (
        {"z", "mine.c"} if into else {"mine.c"}
    )


def commit_without_hooks(host: Host) -> None:
    host.git("add", "--all")
    host.git("commit", "--quiet", "--no-verify", "-m", "the manifest alone")


# what is synced along


def test_a_form_that_comes_where_a_mirror_lay_brings_what_it_is_made_of(
    synced: Host, released: Upstream
) -> None:
    write_patch(synced)
    new = mirror("new", released.url, tag="v1", from_="io", local=True)
    made = form("f", "patched", "new", "/lib/cli", patches=["patches/io.patch"])
    synced.manifest(io(released) + cli(released, "/lib/z") + new + made)
    synced.sync("cli", "--commit")
    assert {path.split("/")[1] for path in agree(synced)} == {"cli", "z"}
    is_well(synced)


def test_who_names_what_comes_into_a_left_place_syncs_what_leaves_it_too(
    synced: Host, released: Upstream
) -> None:
    synced.manifest(io(released) + cli(released, "/lib/z") + other(released, "/lib/cli/in"))
    synced.sync("other", "--commit")
    assert len(agree(synced)) == 10
    is_well(synced)


# many files, and directories


@pytest.mark.parametrize("into", ["/elsewhere", "/lib/cli/deep"])
def test_thousands_of_files_leave_a_place_that_others_share(
    host: Host, upstream: Upstream, into: str
) -> None:
    """Their paths together are longer than a command line may be."""
    name = "n" * 200
    upstream.release("v1", {f"cli/d{n % 50}/{n:06}{name}.c": b"x\n" for n in range(9500)})
    host.manifest(mirror("cli", upstream.url, tag="v1", from_="cli", into="/lib/cli", local=True))
    host.sync("--commit")
    own = f'[host]\nown = ["/lib/cli/d1/000001{name}.c"]\n' if into == "/elsewhere" else ""
    host.manifest(own + mirror("cli", upstream.url, tag="v1", from_="cli", into=into, local=True))
    host.sync("--commit")
    assert len(agree(host)) == (1 if own else 9500)


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace to kill at system calls")
@pytest.mark.parametrize("point", [1, 2, 3, 5])
def test_a_killed_run_leaves_no_empty_directory_behind(
    host: Host, upstream: Upstream, point: int
) -> None:
    upstream.release("v1", {"cli/p/q/only.c": b"x\n", "cli/keep.c": b"k\n"})

    def table(into: str) -> str:
        return mirror("cli", upstream.url, tag="v1", from_="cli", into=into, local=True)

    host.manifest(table("/lib/cli"))
    host.sync("--commit")
    host.manifest('[host]\nown = ["/lib/cli/keep.c"]\n' + table("/z"))
    run_under(host.path, injecting("unlinkat,rmdir", f"signal=SIGKILL:when={point}"), "sync")
    host.sync()
    assert not (host.path / "lib/cli/p").exists()
