"""Two branches that moved the same mirror come together: edit the manifest, sync, go on with git."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.hosts import Host, mirror
from tests.support.upstreams import Upstream

MANIFEST = "third_party/mirrors.toml"
NEXT = re.compile(r"`(git [^`]*)`")
TROUBLE = 2
RELEASES = {
    "v1": {"a": b"1\n", "same": b"same\n", "gone": b"gone\n", "edited": b"1\n"},
    "v2": {"a": b"2\n", "same": b"same\n", "edited": b"1\n", "new": b"2\n", "two": b"2\n"},
    "v3": {"a": b"3\n", "same": b"same\n", "gone": b"gone, 3\n", "edited": b"3\n", "new": b"3\n"},
    "v4": {"a": b"4\n", "same": b"4\n", "LICENSE": b"licence\n"},
}
NEXT_OF = {
    "merge": "git commit",
    "rebase": "git rebase --continue",
    "cherry-pick": "git cherry-pick --continue",
}
SKIP_IT = "git cherry-pick --skip"
TOGETHER = {
    "merge": ["merge", "other"],
    "rebase": ["rebase", "other"],
    "cherry-pick": ["cherry-pick", "other"],
}


@pytest.fixture
def host(tmp_path: Path, upstream: Upstream) -> Host:
    """A host with hooks whose branches main and other have moved a mirror from v1 to v2 and v3."""
    for tag, files in RELEASES.items():
        upstream.release(tag, files)
    host = Host.create(tmp_path / "host")
    moved(host, upstream, "v1")
    assert host.run("hook", "install").status == 0
    host.git("checkout", "--quiet", "-b", "other")
    moved(host, upstream, "v3")
    host.git("checkout", "--quiet", "main")
    moved(host, upstream, "v2")
    return host


def moved(host: Host, upstream: Upstream, tag: str) -> None:
    host.manifest(table(upstream, tag))
    host.sync("--commit")


def table(upstream: Upstream, tag: str) -> str:
    return mirror("up", upstream.url, tag=tag, local=True)


def bring_together(host: Host, operation: str) -> None:
    done = subprocess.run(
        ["git", *TOGETHER[operation]], cwd=host.path, capture_output=True, check=False
    )
    assert (done.returncode, host.git("diff", "--name-only", "--diff-filter=U") != "") == (1, True)


def going_on(host: Host, command: str) -> None:
    host.git(
        *command.split()[1:], *(["--no-edit"] if command == "git commit" else []), GIT_EDITOR=":"
    )


@pytest.mark.parametrize("tag", ["v2", "v3", "v4"])
@pytest.mark.parametrize("operation", TOGETHER)
def test_three_steps_lead_through_and_each_message_names_the_next(
    host: Host, upstream: Upstream, operation: str, tag: str
) -> None:
    bring_together(host, operation)
    for look in ("status", "verify", "sync"):
        ran = host.run(look)
        assert (ran.status, ran.err.splitlines()[-1]) == (
            TROUBLE,
            "hint: resolve the conflict, then run `git verbatim sync`",
        )
    host.manifest(table(upstream, tag))
    ran = host.run("sync")
    assert (ran.status, NEXT.findall(ran.err)) == (
        0,
        [NEXT_OF[operation] if (operation, tag) != ("cherry-pick", "v2") else SKIP_IT],
    ), ran
    assert host.git("diff", "--name-only", "--diff-filter=U") == ""
    going_on(host, NEXT.findall(ran.err)[0])
    assert host.git("status", "--porcelain") == host.git("ls-files", "--unmerged") == ""
    assert host.git("rev-parse", "HEAD:third_party/up") == upstream.resolve(f"{tag}^{{tree}}")
    assert host.run("check", "--range", "HEAD~1..HEAD").status == 0
    assert host.run("check", "--all").status == host.run("status").status == 0


def test_a_revert_of_a_move_that_was_moved_on_goes_the_same_way(
    host: Host, upstream: Upstream
) -> None:
    moved(host, upstream, "v4")
    done = subprocess.run(
        ["git", "revert", "HEAD~1"], cwd=host.path, capture_output=True, check=False
    )
    assert done.returncode == 1
    host.manifest(table(upstream, "v1"))
    going_on(host, NEXT.findall(host.sync().err)[0])
    assert host.run("check", "--all").status == 0


def test_without_the_attributes_git_mixes_records_and_sync_makes_them_anew(
    host: Host, upstream: Upstream
) -> None:
    """A file that has conflict markers is shown before it is given up."""
    for branch in ("other", "main"):
        host.git("checkout", "--quiet", branch)
        host.git("rm", "--quiet", "third_party/.gitattributes")
        host.git("commit", "--quiet", "--no-verify", "-m", "no attributes")
    bring_together(host, "merge")
    assert "<<<<<<<" in (host.third_party / "provenance/up.json").read_text()
    host.manifest(table(upstream, "v4"))
    ran = host.run("sync")
    assert (ran.status, "third_party/up/a" in ran.err) == (TROUBLE, True)
    ran = host.sync("--discard-local")
    assert "making the record of up anew" in ran.err
    going_on(host, "git commit")
    assert host.run("check", "--all").status == 0


def test_what_somebody_edited_in_the_merge_is_not_lost(host: Host, upstream: Upstream) -> None:
    bring_together(host, "merge")
    (host.third_party / "up/edited").write_text("mine\n")
    host.manifest(table(upstream, "v4"))
    ran = host.run("sync")
    assert (ran.status, ran.err.splitlines()[:2]) == (
        TROUBLE,
        ["error: local changes would be lost", "  third_party/up/edited"],
    )
    assert (host.third_party / "up/edited").read_text() == "mine\n"


def test_a_part_does_not_resolve_the_manifest(host: Host, upstream: Upstream) -> None:
    bring_together(host, "merge")
    host.manifest(table(upstream, "v2"))
    ran = host.run("sync", "up")
    assert (ran.status, ran.err.splitlines()[0], NEXT.findall(ran.err)) == (
        TROUBLE,
        f"error: {MANIFEST} is in conflict in the index",
        ["git verbatim sync"],
    )


def test_a_conflict_in_the_index_alone_is_seen_and_resolved(host: Host, upstream: Upstream) -> None:
    bring_together(host, "merge")
    shutil.rmtree(host.third_party / "up")
    for path in host.git("ls-tree", "-r", "--name-only", "HEAD", "third_party/up").splitlines():
        (host.path / path).parent.mkdir(exist_ok=True)
        (host.path / path).write_text(host.git("show", f"HEAD:{path}") + "\n")
    host.manifest(table(upstream, "v2"))
    assert host.run("status").out.startswith("up  v2  clean, not staged\n")
    assert host.sync().out == "staged 1 mirror\n"
    assert host.run("status").out == "up  v2  clean\n"
    going_on(host, "git commit")
    assert host.run("check", "--all").status == 0


def test_a_commit_in_a_merge_is_left_to_git(host: Host, upstream: Upstream) -> None:
    bring_together(host, "merge")
    host.manifest(table(upstream, "v3"))
    ran = host.run("sync", "--commit")
    assert (ran.status, "a merge is in progress" in ran.err) == (TROUBLE, True)
    assert host.sync().status == 0
