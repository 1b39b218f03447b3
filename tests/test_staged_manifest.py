"""What of the manifest a sync stages and commits: all of it, or the tables of the mirrors named."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.hosts import Host, mirror
from tests.support.program import run_under
from tests.support.strace import injecting
from tests.support.upstreams import Upstream

MANIFEST = "third_party/mirrors.toml"
UNSTAGE = f"`git restore --staged {MANIFEST}`"
TROUBLE = 2
KEY = "us@example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"


@pytest.fixture
def host(tmp_path: Path, upstream: Upstream) -> Host:
    """A host with hooks, and with the mirrors one and two at v1, committed."""
    for tag in ("v1", "v2", "v3"):
        upstream.release(tag, {"a": f"{tag}\n".encode(), "same": b"same\n"})
    host = Host.create(tmp_path / "host")
    wants(host, upstream, one="v1", two="v1")
    host.sync("--commit")
    assert host.run("hook", "install").status == 0
    return host


def wants(host: Host, upstream: Upstream, before: str = "", **tags: str) -> str:
    """Write a manifest with these mirrors at these tags; give its text."""
    tables = [mirror(name, upstream.url, tag=tag, local=True) for name, tag in tags.items()]
    text = before + "\n".join(tables)
    host.manifest(text)
    return text


def staged(host: Host) -> str:
    return host.git("show", f":{MANIFEST}") + "\n"


def committed(host: Host) -> str:
    return host.git("show", f"HEAD:{MANIFEST}") + "\n"


def commits_plainly(host: Host) -> None:
    """A commit passes the hooks, and so does a judgement of it."""
    host.git("commit", "--quiet", "-m", "plain")
    ran = host.run("check", "--range", "HEAD~1..HEAD")
    assert (ran.status, host.run("check", "--all").status) == (0, 0), ran


def test_a_plain_commit_after_a_sync_passes(host: Host, upstream: Upstream) -> None:
    text = wants(host, upstream, "# why\n", one="v2", two="v3", more="v1")
    host.sync()
    assert staged(host) == text
    commits_plainly(host)
    assert host.git("status", "--porcelain") == ""


def test_key_files_are_staged_with_it(host: Host, upstream: Upstream) -> None:
    (host.third_party / "keys").write_text(f"{KEY}\n")
    tables = [mirror(n, upstream.url, tag="v2", local=True) for n in ("one", "two")]
    host.manifest("".join(tables) + 'allowed-signers = "keys"\n')
    host.sync()
    assert host.git("show", ":third_party/keys") == KEY
    commits_plainly(host)
    (host.third_party / "keys").write_text(f"# ours\n{KEY}\n")
    host.sync()
    assert host.git("show", ":third_party/keys") == f"# ours\n{KEY}"


def test_an_edit_of_the_manifest_that_changes_no_mirror_is_staged_and_said(host: Host) -> None:
    path = host.third_party / "mirrors.toml"
    path.write_text("# a comment\n" + path.read_text())
    assert host.sync("--dry-run").out == f"would stage {MANIFEST}, 2 up to date\n"
    assert staged(host) == committed(host)
    assert host.sync().out == f"staged {MANIFEST}, 2 up to date\n"
    assert staged(host) == path.read_text()
    assert host.sync().out == host.sync().out == "up to date: 2 mirrors\n"
    host.git("restore", "--staged", MANIFEST)
    assert host.sync().out == f"staged {MANIFEST}, 2 up to date\n"


@pytest.mark.parametrize("command", [("sync",), ("sync", "one"), ("remove", "one")])
def test_without_staging_the_index_is_left_alone(
    host: Host, upstream: Upstream, command: tuple[str, ...]
) -> None:
    wants(host, upstream, one="v2", two="v1")
    before = host.git("ls-files", "--stage")
    assert host.run(*command, "--no-stage").status == 0
    assert host.git("ls-files", "--stage") == before


@pytest.mark.parametrize("commits", [False, True], ids=["staged", "committed"])
@pytest.mark.parametrize("command", ["sync", "add", "remove"])
def test_a_part_has_its_tables_and_the_rest_stays_on_disk(
    host: Host, upstream: Upstream, command: str, commits: bool
) -> None:
    before = committed(host)
    wants(host, upstream, "# why\n", one="v2", two="v3", other="v1")
    given = {
        "sync": ("sync", "one"),
        "add": ("add", "more", upstream.url, "--tag", "v1", "--local"),
        "remove": ("remove", "one"),
    }[command]
    ran = host.run(*given, *(["--commit"] if commits else []))
    assert ran.status == 0, ran.err
    if not commits:
        commits_plainly(host)
    tables = before.split("\n\n")
    expected = {
        "sync": before.replace('"v1"', '"v2"', 1),
        "add": before + "\n" + mirror("more", upstream.url, tag="v1", local=True),
        "remove": tables[1],
    }[command]
    assert committed(host) == expected
    on_disk = (host.third_party / "mirrors.toml").read_text()
    assert ("v3" in on_disk, "# why" in on_disk, "other" in on_disk) == (True, True, True)
    assert host.git("status", "--porcelain") == f"M {MANIFEST}"
    assert host.run("check", "--range", "HEAD~1..HEAD").status == 0
    host.sync("--commit")
    assert committed(host) == on_disk


def test_the_table_of_an_upstream_comes_with_the_mirrors_that_it_feeds(
    host: Host, upstream: Upstream
) -> None:
    def fed(tag: str, two: str) -> str:
        knob = f'[upstreams.wit]\nurl = "{upstream.url}"\nlocal = true\ntag = "{tag}"\n\n'
        tables = [f'[mirrors.{name}]\nupstream = "wit"\n' for name in ("one", "three")]
        return knob + "\n".join([*tables, mirror("two", upstream.url, tag=two, local=True)])

    host.manifest(fed("v1", "v1"))
    host.sync("--commit")
    host.manifest(fed("v2", "v3"))
    host.sync("one")
    assert staged(host) == fed("v2", "v1")
    commits_plainly(host)
    assert host.record("three")["upstream"]["ref"] == "refs/tags/v2"


def test_parts_that_are_staged_one_after_the_other_go_into_one_commit(
    host: Host, upstream: Upstream
) -> None:
    wants(host, upstream, one="v2", two="v1", three="v1")
    host.sync("one")
    assert host.run("add", "four", upstream.url, "--tag", "v1", "--local").status == 0
    wants(host, upstream, one="v3", two="v2", three="v1", four="v1")
    host.sync("two")
    assert [staged(host).count(f'"{tag}"') for tag in ("v1", "v2", "v3")] == [1, 2, 0]
    commits_plainly(host)
    host.sync()
    commits_plainly(host)
    assert host.git("status", "--porcelain") == ""


def test_a_manifest_that_was_staged_by_hand_before_is_no_obstacle(
    host: Host, upstream: Upstream
) -> None:
    wants(host, upstream, one="v2", two="v2")
    host.git("add", MANIFEST)
    host.sync()
    commits_plainly(host)
    wants(host, upstream, one="v3", two="v2")
    host.git("add", MANIFEST)
    host.sync("one")
    commits_plainly(host)
    wants(host, upstream, one="v1", two="v2")
    host.git("add", MANIFEST)
    wants(host, upstream, one="v2", two="v2")
    host.sync()
    commits_plainly(host)


def half_staged(host: Host, upstream: Upstream) -> None:
    wants(host, upstream, one="v2", two="v2")
    host.git("add", MANIFEST)


def undone_on_disk(host: Host, upstream: Upstream) -> None:
    half_staged(host, upstream)
    wants(host, upstream, one="v1", two="v1", more="v1")


def of_all(host: Host, upstream: Upstream) -> None:
    wants(host, upstream, '[defaults]\nsupplier = "staged"\n\n', one="v1", two="v1")
    host.git("add", MANIFEST)
    wants(host, upstream, one="v2", two="v1")


@pytest.mark.parametrize(
    ("stage", "command", "tables"),
    [
        (half_staged, ("sync", "one"), ["mirrors.two"]),
        (half_staged, ("sync", "one", "--commit"), ["mirrors.two"]),
        (half_staged, ("remove", "one"), ["mirrors.two"]),
        (undone_on_disk, ("sync",), ["mirrors.one", "mirrors.two"]),
        (undone_on_disk, ("sync", "--dry-run"), ["mirrors.one", "mirrors.two"]),
        (of_all, ("sync",), ["defaults"]),
        (of_all, ("sync", "one"), ["defaults"]),
    ],
)
def test_other_edits_in_the_index_are_refused_before_anything_is_written(
    host: Host,
    upstream: Upstream,
    stage: Callable[[Host, Upstream], None],
    command: tuple[str, ...],
    tables: list[str],
) -> None:
    stage(host, upstream)
    before = host.snapshot(), host.git("ls-files", "--stage")
    ran = host.run(*command)
    assert (ran.status, ran.err.splitlines()[: len(tables) + 1]) == (
        TROUBLE,
        [
            f"error: the index has other edits of {MANIFEST}",
            *(f"  staged: [{name}]" for name in tables),
        ],
    )
    assert f"hint: unstage them with {UNSTAGE}, then run the command again" in ran.err
    assert (host.snapshot(), host.git("ls-files", "--stage")) == before
    host.git("restore", "--staged", MANIFEST)
    assert host.run(*command).status == 0
    if "--commit" not in command and "--dry-run" not in command:
        commits_plainly(host)


def test_the_whole_is_the_other_way_out_of_a_half_that_is_staged(
    host: Host, upstream: Upstream
) -> None:
    half_staged(host, upstream)
    assert (
        "; or sync all that the manifest changes: `git verbatim sync`"
        in host.run("sync", "one").err
    )
    host.sync()
    commits_plainly(host)


def test_where_there_is_no_commit_a_part_is_all_but_the_other_mirrors(
    upstream: Upstream, tmp_path: Path
) -> None:
    upstream.release("v1", {"a": b"1\n"})
    (tmp_path / "new").mkdir()
    host = Host(tmp_path / "new")
    host.git("init", "--quiet")
    defaults = '# ours\n[defaults]\nsupplier = "us"\n\n'
    wants(host, upstream, defaults, one="v1", two="v1")
    host.git("add", MANIFEST)
    refused = host.run("sync", "one")
    assert f"unstage them with `git rm --cached {MANIFEST}`" in refused.err
    host.git("rm", "--cached", "--quiet", MANIFEST)
    host.sync("one")
    assert staged(host) == defaults + mirror("one", upstream.url, tag="v1", local=True)
    host.git("commit", "--quiet", "-m", "one")
    host.sync("two")
    commits_plainly(host)
    assert host.git("status", "--porcelain") == ""


@pytest.mark.parametrize("command", [("sync", "one"), ("sync", "one", "--commit")])
def test_a_part_that_the_defaults_decide_about_is_not_torn_from_them(
    host: Host, upstream: Upstream, command: tuple[str, ...]
) -> None:
    wants(host, upstream, "[defaults]\nchecked-in = false\n\n", one="v2", two="v1")
    before = host.snapshot(), host.git("ls-files", "--stage")
    ran = host.run(*command)
    assert (ran.status, ran.err.splitlines()) == (
        TROUBLE,
        [
            f"error: what [defaults] says of one is changed in {MANIFEST} too",
            "hint: sync all that the manifest changes: `git verbatim sync`",
        ],
    )
    assert (host.snapshot(), host.git("ls-files", "--stage")) == before
    host.sync()
    commits_plainly(host)


def test_two_mirrors_that_swap_places_are_synced_together_though_one_is_named(
    host: Host, upstream: Upstream
) -> None:
    host.manifest(
        mirror("one", upstream.url, tag="v1", local=True, into="two")
        + mirror("two", upstream.url, tag="v1", local=True, into="one")
    )
    host.sync("one")
    commits_plainly(host)
    assert host.run("sync").out == "up to date: 2 mirrors\n"


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace to kill at system calls")
@pytest.mark.parametrize("command", ["sync", "sync one", "add x URL --tag v1 --local"])
def test_a_run_that_is_killed_is_finished_and_a_plain_commit_passes(
    host: Host, upstream: Upstream, command: str
) -> None:
    """Killed before its journal, after it, and before the index is replaced."""
    given = command.replace("URL", upstream.url).split()
    wants(host, upstream, one="v2", two="v2")
    results = set()
    for call, number in [("rename", 1), ("renameat2", 1), ("rename", 2), ("unlinkat", 2)]:
        clone = Host(host.path.with_name(f"{call}{number}"))
        shutil.copytree(host.path, clone.path, symlinks=True)
        run_under(clone.path, injecting(call, f"signal=KILL:when={number}"), *given)
        clone.run(*given)  # an `add` that was finished first finds its mirror there
        results.add(staged(clone))
        commits_plainly(clone)
    assert len(results) == 1


def test_a_refusal_that_speaks_of_the_staged_manifest_says_so(
    host: Host, upstream: Upstream
) -> None:
    wants(host, upstream, one="v2", two="v1", more="v1")
    host.git("add", MANIFEST)
    found = {
        one["rule"]: one["message"] for one in host.run("check", "--format", "json").violations
    }
    assert found == {
        "record-differs-from-manifest": "tag: the staged manifest says v2, the record v1",
        "mirror-without-record": "the staged manifest has mirror more, but there is no record of it",
    }
    host.git("commit", "--quiet", "--no-verify", "-m", "bad")
    assert "the manifest says v2" in host.run("check", "--all").out
