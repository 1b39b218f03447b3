"""A mirror at several places, in third_party/ and elsewhere in the host: each has all of its tree.

What a command does for the one place of a mirror it does for every one.
"""

import shlex
import shutil
import tarfile
from pathlib import Path

import pytest

from sync.layout import JOURNAL
from tests.support.git import git, git_bytes
from tests.support.hosts import LOOKS, Host, commit, mirror
from tests.support.meanwhile import run_meanwhile
from tests.support.upstreams import Content, Upstream

PLACES = ["crates/wasi/wit/deps/cli", "deps/cli", "third_party/wasi/cli"]
"""The places of the mirror `cli`, as records and JSON name them."""
INTO = ["wasi/cli", "/deps/cli", "/crates/wasi/wit/deps/cli"]
"""The same, as the manifest does."""

RANGE = "HEAD~..HEAD"


def test_a_copy_that_nobody_declared_is_named_with_what_would_make_it_a_place(
    synced: Host,
) -> None:
    for directory, more in (("lib/cli", {}), ("lib/edited", {"a.wit": b"edited\n"})):
        shutil.copytree(synced.path / "deps/cli", synced.path / directory, symlinks=True)
        for path, content in more.items():
            (synced.path / directory / path).write_bytes(content)
    assert "lib/" not in synced.run("status").out
    for _ in range(2):
        ran = synced.run("status", "--verbose")
        assert ran.status == 0
        assert ran.out.splitlines()[-1] == (
            'note: lib/cli holds what mirror cli holds: add "/lib/cli" to its `into`'
        )
        assert "lib/edited" not in ran.out


OLD: dict[str, Content] = {
    "a.wit": b"package a:1;  \r\n",
    "sub/run": ("100755", b"#!/bin/sh\n"),
    "link": ("120000", b"a.wit"),
}
NEW: dict[str, Content] = {
    "a.wit": b"package a:2;  \r\n",
    "sub/new": b"new\n",
    "link": ("120000", b"a.wit"),
}


@pytest.fixture
def released(upstream: Upstream) -> Upstream:
    """An upstream whose tree `wit` and licence differ in two tags."""
    for tag, files in (("v1", OLD), ("v2", NEW)):
        named = {f"wit/{path}": content for path, content in files.items()}
        upstream.release(tag, {"LICENSE": tag.encode(), **named})
    return upstream


def cli(upstream: Upstream, tag: str = "v1", into: list[str] | str = INTO, **keys: bool) -> str:
    into = into if isinstance(into, str) else list(into)
    return mirror("cli", upstream.url, tag=tag, from_="wit", into=into, local=True, **keys)


@pytest.fixture
def synced(host: Host, released: Upstream) -> Host:
    """A host with a mirror at three places, and work of its own beside them."""
    for path in ("deps/own.c", "crates/wasi/lib.rs"):
        (host.path / path).parent.mkdir(parents=True)
        (host.path / path).write_text("mine\n")
    commit(host, "mine")
    host.manifest(cli(released))
    host.sync("--commit")
    return host


def written(files: dict) -> dict[str, bytes]:
    """What the snapshot of a place has: a link as what it names."""
    return {path: one[1] if isinstance(one, tuple) else one for path, one in files.items()}


def at_place(host: Host, place: str) -> dict[str, bytes]:
    """What lies at a place, by its path there."""
    below = f"{place}/"
    return {
        path.removeprefix(below): content
        for path, content in host.snapshot().items()
        if path.startswith(below)
    }


def has_at(host: Host, places: list[str], files: dict, revision: str = "") -> None:
    """Disk, index and (if `revision` is HEAD) commit hold these files at each of the places."""
    for place in places:
        assert at_place(host, place) == written(files), place
        trees = [git(host.path, "write-tree", f"--prefix={place}/")]
        if revision:
            trees.append(host.git("rev-parse", f"{revision}:{place}"))
        assert {*trees} == {host.record("cli")["tree"]}, place


def is_clean_in_every_state(host: Host) -> None:
    for look in LOOKS:
        ran = host.run(*look)
        assert ran.status == 0, (look, ran)
    assert host.git("status", "--porcelain") == ""


# sync, and what looks at its result


def test_every_place_gets_the_tree_and_all_of_it_is_staged_and_committed(synced: Host) -> None:
    has_at(synced, PLACES, OLD, "HEAD")
    assert synced.record("cli")["places"] == PLACES
    assert synced.record("cli")["schema"] == 2
    assert synced.git("ls-tree", "-r", "--name-only", "HEAD").splitlines() == sorted(
        [
            ".gitattributes",
            "crates/wasi/lib.rs",
            "deps/own.c",
            "third_party/.gitattributes",
            "third_party/licenses/cli/LICENSE",
            "third_party/mirrors.toml",
            "third_party/provenance/cli.json",
            *(f"{place}/{path}" for place in PLACES for path in OLD),
        ]
    )
    is_clean_in_every_state(synced)


def test_one_run_moves_every_place(synced: Host, released: Upstream) -> None:
    synced.manifest(cli(released, "v2"))
    dry = synced.run("sync", "--dry-run")
    assert dry.status == 0
    assert at_place(synced, "deps/cli") == written(OLD)
    ran = synced.sync("--commit")
    told = "\n".join(line for line in dry.out.splitlines() if line.startswith(" "))
    assert told.splitlines()[:2] == ["  also in deps/cli", "  also in third_party/wasi/cli"]
    assert told in ran.out
    has_at(synced, PLACES, NEW, "HEAD")
    is_clean_in_every_state(synced)
    assert synced.run("sync").out == "up to date: 1 mirror\n"


def test_a_tarball_verifies_and_an_edit_at_any_place_of_it_is_found(
    synced: Host, tmp_path: Path
) -> None:
    (tmp_path / "all.tar").write_bytes(git_bytes(synced.path, "archive", "HEAD"))
    for place in [None, *PLACES]:
        unpacked = tmp_path / f"unpacked-{place}".replace("/", "-")
        with tarfile.open(tmp_path / "all.tar") as archive:
            archive.extractall(unpacked, filter="fully_trusted")
        tarball = Host(unpacked)
        assert tarball.run("verify").status == 0
        if place is not None:
            (unpacked / place / "a.wit").write_text("edited\n")
            ran = tarball.run("verify")
            assert (ran.status, f"{place}/a.wit: content differs" in ran.out) == (1, True), ran


def test_json_names_all_places(synced: Host, released: Upstream) -> None:
    synced.manifest(cli(released, "v2"))
    for command, key in (("status", "mirrors"), ("verify", "mirrors"), ("sync", "changes")):
        said = synced.run(command, "--json").json
        assert [one["places"] for one in said[key]] == [PLACES], command


@pytest.mark.parametrize("place", PLACES)
def test_an_edit_at_any_place_is_found_by_all_that_look(synced: Host, place: str) -> None:
    assert synced.run("status").status == 0
    (synced.path / place / "a.wit").write_text("edited\n")
    found = f"{place}/a.wit: content differs"
    ran = synced.run("verify")
    assert (ran.status, found in ran.out) == (1, True), ran
    assert synced.run("status").out.splitlines()[0] == "cli  v1  drift: 1 file"
    assert synced.run("check").status == 0
    synced.git("add", place)
    for look in (("verify", "--index"), ("check",)):
        ran = synced.run(*look)
        assert (ran.status, found in ran.out) == (1, True), (look, ran)
    synced.git("commit", "--quiet", "-m", "edited")
    for again in (("verify", "--rev", "HEAD"), ("check", "--all"), ("check", "--range", RANGE)):
        ran = synced.run(*again)
        assert (ran.status, found in ran.out) == (1, True), (again, ran)
    assert f" -- :/{place} " in ran.out  # how to put it back


@pytest.mark.parametrize("place", PLACES)
def test_a_local_change_at_any_place_is_listed_and_given_up_only_by_option(
    synced: Host, released: Upstream, place: str
) -> None:
    (synced.path / place / "a.wit").write_text("edited\n")
    (synced.path / place / "mine").write_text("mine\n")
    before = synced.snapshot()
    synced.manifest(cli(released, "v2"))
    ran = synced.run("sync")
    assert ran.status == 2
    assert ran.err.splitlines()[:3] == [
        "error: local changes would be lost",
        f"  {place}/a.wit",
        f"  {place}/mine",
    ]
    synced.manifest(cli(released))
    assert synced.snapshot() == before
    synced.manifest(cli(released, "v2"))
    synced.sync("--discard-local", "--commit")
    has_at(synced, PLACES, NEW, "HEAD")
    is_clean_in_every_state(synced)


def test_a_place_that_is_gone_comes_back_from_the_others_without_asking_upstream(
    synced: Host, released: Upstream
) -> None:
    shutil.rmtree(synced.path / "deps/cli")
    shutil.rmtree(released.path)
    synced.sync("--offline")
    has_at(synced, PLACES, OLD, "HEAD")


# an exact copy that is there already becomes a place


GIVE_UP = "keep them elsewhere, or give them up by repeating the command with `--discard-local`"


def _copied(host: Host, place: str) -> Path:
    """Files of somebody who copied by hand, committed."""
    target = host.path / place
    target.mkdir(parents=True)
    (target / "a.wit").write_bytes(written(OLD)["a.wit"])
    (target / "sub").mkdir()
    (target / "sub/run").write_text("#!/bin/sh\n")
    (target / "sub/run").chmod(0o755)
    (target / "link").symlink_to("a.wit")
    commit(host, "by hand")
    return target


def _stats(directory: Path) -> dict[str, tuple[int, int, int]]:
    return {
        str(path.relative_to(directory)): (
            (status := path.lstat()).st_ino,
            status.st_mtime_ns,
            status.st_ctime_ns,
        )
        for path in sorted(directory.rglob("*"))
    }


def test_an_existing_exact_copy_becomes_a_place_without_a_byte_written(
    host: Host, released: Upstream
) -> None:
    target = _copied(host, "crates/wit/deps")
    before = _stats(target)
    host.manifest(cli(released, into=["/crates/wit/deps", "cli"]))
    ran = host.sync("--commit")
    assert _stats(target) == before
    has_at(host, ["crates/wit/deps", "third_party/cli"], OLD, "HEAD")
    assert host.git("diff", "--name-only", "HEAD~1", "HEAD", "--", "crates") == ""
    assert "local changes" not in ran.err
    is_clean_in_every_state(host)


def test_a_drifted_copy_is_listed_file_by_file_and_refused(host: Host, released: Upstream) -> None:
    target = _copied(host, "crates/wit/deps")
    (target / "a.wit").write_text("mended by hand\n")
    (target / "extra.wit").write_text("ours\n")
    (target / "sub/run").chmod(0o644)
    commit(host, "drift")
    host.manifest(cli(released, into=["/crates/wit/deps", "cli"]))
    before = host.snapshot(), host.git("ls-files", "--stage")
    ran = host.run("sync")
    assert (ran.status, ran.err.splitlines()) == (
        2,
        [
            "error: local changes would be lost",
            "  crates/wit/deps/a.wit",
            "  crates/wit/deps/extra.wit",
            "  crates/wit/deps/sub/run",
            f"hint: {GIVE_UP}",
        ],
    )
    assert (host.snapshot(), host.git("ls-files", "--stage")) == before


# moves

MOVES: dict[str, tuple[list[str], list[str]]] = {
    "out of third_party/": (["cli"], ["/crates/cli"]),
    "into third_party/": (["/crates/cli"], ["cli"]),
    "one place more": (["cli"], ["cli", "/crates/cli"]),
    "one place fewer": (["cli", "/crates/cli"], ["/crates/cli"]),
    "into itself": (["/crates/cli"], ["/crates/cli/deps/cli"]),
    "out of itself": (["/crates/cli/deps/cli"], ["/crates/cli"]),
    "beside itself, by one letter": (["/crates/cli"], ["/crates/cli2"]),
    "some of several": (["a", "/b", "/c/c"], ["/b", "/d", "/c/c/c"]),
}


def _from_root(into: list[str]) -> list[str]:
    return sorted(one[1:] if one[0] == "/" else f"third_party/{one}" for one in into)


@pytest.mark.parametrize("options", [["--commit"], []], ids=["commit", "stage"])
@pytest.mark.parametrize("move", MOVES)
def test_a_mirror_moves(host: Host, released: Upstream, move: str, options: list[str]) -> None:
    before, after = MOVES[move]
    host.manifest(cli(released, into=before))
    host.sync("--commit")
    host.manifest(cli(released, into=after))
    host.sync(*options)
    if not options:
        host.git("add", "third_party/mirrors.toml")
        host.git("commit", "--quiet", "-m", "moved")
    has_at(host, _from_root(after), OLD, "HEAD")
    listed = host.git("ls-tree", "-r", "--name-only", "HEAD").splitlines()
    expected = {f"{place}/{path}" for place in _from_root(after) for path in OLD}
    assert {path for path in listed if path.endswith(("a.wit", "link", "run"))} == expected
    assert {path for path in host.snapshot() if path.endswith(("a.wit", "link", "run"))} == expected
    assert (host.path / ".gitattributes").exists() == any(one[0] == "/" for one in after)
    is_clean_in_every_state(host)


def _pair(released: Upstream, one: str, two: str) -> str:
    return "\n".join(
        mirror(name, released.url, tag=tag, from_="wit", into=into, local=True)
        for name, tag, into in (("one", "v1", one), ("two", "v2", two))
    )


@pytest.mark.parametrize("names", [[], ["one"], ["two"]], ids=["all", "one", "two"])
@pytest.mark.parametrize("places", [("first", "/second"), ("/a/first", "/b/second")])
def test_two_mirrors_swap_places(
    host: Host, released: Upstream, places: tuple[str, str], names: list[str]
) -> None:
    host.manifest(_pair(released, *places))
    host.sync("--commit")
    host.manifest(_pair(released, *reversed(places)))
    host.sync(*names, "--commit")
    first, second = (_from_root([place])[0] for place in places)
    assert (at_place(host, first), at_place(host, second)) == (written(NEW), written(OLD))
    is_clean_in_every_state(host)


@pytest.mark.parametrize("names", [[], ["a"], ["b"], ["c"]], ids=["all", "a", "b", "c"])
def test_three_mirrors_go_round(host: Host, released: Upstream, names: list[str]) -> None:
    def manifest(*into: str) -> None:
        host.manifest(
            "\n".join(
                mirror(
                    name, released.url, tag="v1", into=place, exclude=[f"/wit/{skip}"], local=True
                )
                for name, place, skip in zip(
                    ("a", "b", "c"), into, ("a.wit", "link", "sub"), strict=True
                )
            )
        )

    manifest("/x/1", "/x/2", "3")
    host.sync("--commit")
    trees = [host.record(name)["tree"] for name in ("a", "b", "c")]
    assert len({*trees}) == 3
    manifest("/x/2", "3", "/x/1")
    host.sync(*names, "--commit")
    found = [host.git("rev-parse", f"HEAD:{place}") for place in ("x/2", "third_party/3", "x/1")]
    assert found == trees
    is_clean_in_every_state(host)


def test_a_mirror_takes_the_place_of_one_that_is_removed(host: Host, released: Upstream) -> None:
    host.manifest(_pair(released, "/lib/one", "/lib/two"))
    host.sync("--commit")
    one = mirror("one", released.url, tag="v1", from_="wit", into="/lib/two", local=True)
    host.manifest(one)
    host.sync("--commit")
    assert at_place(host, "lib") == {
        f"two/{path}": content for path, content in written(OLD).items()
    }
    is_clean_in_every_state(host)


def test_a_local_change_in_a_place_that_is_left_is_not_lost(
    synced: Host, released: Upstream
) -> None:
    (synced.path / "deps/cli/mine").write_text("mine\n")
    synced.manifest(cli(released, into=["wasi/cli"]))
    ran = synced.run("sync")
    assert (ran.status, ran.err.splitlines()[1]) == (2, "  deps/cli/mine")
    assert (synced.path / "deps/cli/mine").read_text() == "mine\n"


# remove, rename


def test_remove_takes_every_place_away_and_nothing_else(synced: Host) -> None:
    ran = synced.run("remove", "cli", "--commit")
    assert ran.status == 0, ran.err
    assert synced.git("ls-tree", "-r", "--name-only", "HEAD").splitlines() == [
        "crates/wasi/lib.rs",
        "deps/own.c",
        "third_party/.gitattributes",
        "third_party/mirrors.toml",
    ]
    assert (
        sorted(synced.snapshot()) == synced.git("ls-tree", "-r", "--name-only", "HEAD").splitlines()
    )
    assert not (synced.path / "crates/wasi/wit").exists()
    assert synced.git("status", "--porcelain") == ""
    assert synced.run("check", "--range", "HEAD").status == 0


@pytest.mark.parametrize("place", PLACES)
def test_remove_refuses_to_lose_a_local_change_at_any_place(synced: Host, place: str) -> None:
    (synced.path / place / "mine").write_text("mine\n")
    before = synced.snapshot()
    ran = synced.run("remove", "cli")
    assert (ran.status, ran.err.splitlines()[1]) == (2, f"  {place}/mine")
    assert synced.snapshot() == before


def test_a_mirror_is_renamed_and_its_files_stay_as_they_are(
    synced: Host, released: Upstream
) -> None:
    before = {place: _stats(synced.path / place) for place in PLACES}
    synced.manifest(cli(released).replace('"cli"', '"wasi-cli"'))
    synced.sync("--commit")
    after = {place: _stats(synced.path / place) for place in PLACES}
    assert after == before
    is_clean_in_every_state(synced)


# not checked in


def test_what_is_not_checked_in_is_ignored_at_every_place_and_rebuilt(
    synced: Host, released: Upstream
) -> None:
    synced.manifest(cli(released, checked_in=False))
    synced.sync("--commit")
    assert synced.git("ls-files").splitlines() == [
        ".gitattributes",
        ".gitignore",
        "crates/wasi/lib.rs",
        "deps/own.c",
        "third_party/.gitattributes",
        "third_party/.gitignore",
        "third_party/mirrors.toml",
        "third_party/provenance/cli.json",
    ]
    for place in PLACES:
        assert at_place(synced, place) == written(OLD)
    is_clean_in_every_state(synced)
    for place in [*PLACES, "third_party/licenses"]:
        shutil.rmtree(synced.path / place)
    assert "absent (not checked in)" in synced.run("status").out
    synced.sync()
    for place in PLACES:
        assert at_place(synced, place) == written(OLD)
    is_clean_in_every_state(synced)
    synced.manifest(cli(released))
    synced.sync("--commit")
    has_at(synced, PLACES, OLD, "HEAD")
    assert not (synced.path / ".gitignore").exists()
    is_clean_in_every_state(synced)


@pytest.mark.parametrize("place", PLACES)
def test_a_commit_of_files_that_are_not_checked_in_is_refused_at_any_place(
    synced: Host, released: Upstream, place: str
) -> None:
    synced.manifest(cli(released, checked_in=False))
    synced.sync("--commit")
    synced.git("add", "--force", place)
    ran = synced.run("check")
    assert (ran.status, "mirror-differs-from-record" in ran.out) == (1, True)
    synced.git("commit", "--quiet", "-m", "all the same")
    assert synced.run("check", "--range", "HEAD~..HEAD").status == 1


def test_status_warns_that_packages_lack_what_git_ignores(synced: Host, released: Upstream) -> None:
    words = "cargo, npm and others leave out of packages what git ignores"
    assert words not in synced.run("status").out
    synced.manifest(cli(released, checked_in=False, into=["wasi/cli"]))
    synced.sync("--commit")
    assert words not in synced.run("status").out
    synced.manifest(cli(released, checked_in=False))
    synced.sync("--commit")
    notes = [line for line in synced.run("status").out.splitlines() if line.startswith("note:")]
    assert notes == [f"note: {words}: {', '.join(PLACES[:2])}"]


# what others do meanwhile, and what git hides


def test_an_interrupted_run_leaves_every_place_as_it_was(synced: Host, released: Upstream) -> None:
    synced.manifest(cli(released, "v2", [*INTO, "/more"]))
    before = synced.snapshot(), synced.git("ls-files", "--stage")
    ran = run_meanwhile(synced.path, "third_party/.git-verbatim", None, "sync")
    assert (ran.status, ran.err) == (130, "interrupted\n")
    assert (synced.snapshot(), synced.git("ls-files", "--stage")) == before
    assert not (synced.third_party / ".git-verbatim").exists()
    synced.sync("--commit")
    has_at(synced, [*PLACES, "more"], NEW, "HEAD")


@pytest.mark.parametrize("place", PLACES)
def test_a_change_that_comes_while_the_tool_runs_is_kept(
    synced: Host, released: Upstream, place: str
) -> None:
    synced.manifest(cli(released, "v2"))
    late = (f"{place}/late", "precious")
    ran = run_meanwhile(synced.path, f".git/{JOURNAL}", late, "sync")
    assert ran.status == 0, ran.err
    kept = f"third_party/.git-verbatim/rescued/{place.replace('/', '-')}.1"
    assert f"a change made meanwhile was kept: {kept}" in ran.err
    assert (synced.path / kept / "late").read_text() == "precious"
    has_at(synced, PLACES, NEW)


def test_a_place_that_a_sparse_checkout_hides_is_judged_as_staged_and_not_replaced_unseen(
    synced: Host, released: Upstream
) -> None:
    synced.git("sparse-checkout", "set", "--no-cone", "/*", "!/deps/cli/")
    assert not (synced.path / "deps/cli").exists()
    ran = synced.run("verify")
    assert (ran.status, "3 hidden files judged as in the index" in ran.out) == (0, True), ran
    assert synced.run("status").status == 0
    synced.manifest(cli(released, "v2"))
    ran = synced.run("sync")
    assert (ran.status, ran.err.splitlines()[0]) == (
        2,
        "error: deps/cli/a.wit is hidden by a sparse checkout",
    )
    way_back = ran.err.rpartition("with `git ")[2].partition("`")[0]
    synced.git(*shlex.split(way_back))
    synced.sync("--commit")
    has_at(synced, PLACES, NEW, "HEAD")


def test_who_commits_only_one_of_two_places_is_refused(synced: Host, released: Upstream) -> None:
    synced.manifest(cli(released, "v2"))
    synced.sync()
    synced.git("add", "third_party")
    synced.git("reset", "--quiet", "--", "deps/cli")
    ran = synced.run("check")
    assert (ran.status, "deps/cli/a.wit: content differs" in ran.out) == (1, True), ran
    synced.git("commit", "--quiet", "-m", "half")
    ran = synced.run("check", "--range", "HEAD~..HEAD")
    assert (ran.status, "deps/cli/a.wit: content differs" in ran.out) == (1, True), ran


def test_other_work_below_the_same_directories_stays_as_it_is(
    synced: Host, released: Upstream
) -> None:
    (synced.path / "deps/own.c").write_text("staged\n")
    synced.git("add", "deps/own.c")
    (synced.path / "deps/own.c").write_text("on disk\n")
    synced.manifest(cli(released, "v2"))
    synced.sync("--commit")
    assert synced.git("show", "HEAD:deps/own.c") == "mine"
    assert synced.git("show", ":deps/own.c") == "staged"
    assert (synced.path / "deps/own.c").read_text() == "on disk\n"


def test_a_directory_that_is_a_place_in_all_but_name_is_named_with_the_entry_to_write(
    synced: Host,
) -> None:
    for other, edit in (("crates/more/cli", b""), ("crates/edited/cli", b"\n// edited")):
        shutil.copytree(synced.path / "deps/cli", synced.path / other, symlinks=True)
        with (synced.path / other / "a.wit").open("ab") as file:
            file.write(edit)
    said = (
        'note: crates/more/cli holds what mirror cli holds: add "/crates/more/cli" to its `into`\n'
    )
    for _ in range(2):  # the second time from what the first has remembered
        assert synced.run("status", "-v").out.endswith(said)
    assert said not in synced.run("status").out
    ran = synced.run("report")
    assert (ran.status, ran.err, said in ran.out) == (0, said, False)
    assert synced.run("report", "json").err == ""
    manifest = (synced.third_party / "mirrors.toml").read_text()
    synced.manifest(manifest.replace('"/deps/cli"', '"/deps/cli", "/crates/more/cli"'))
    inode = (synced.path / "crates/more/cli/a.wit").stat().st_ino
    synced.sync()
    assert (synced.path / "crates/more/cli/a.wit").stat().st_ino == inode
    assert said not in synced.run("status", "-v").out
