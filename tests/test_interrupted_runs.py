"""Runs that are killed, interrupted, cut short by a full disk, or that overlap.

What is there is the old state or the new one, or the next command says so and finishes the job.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sync.layout import JOURNAL
from sync.signals import signals_held
from tests.support.hosts import Host, mirror
from tests.support.meanwhile import run_meanwhile
from tests.support.program import run_tool, run_under, start_tool
from tests.support.project import ROOT
from tests.support.strace import injecting
from tests.support.upstreams import Upstream

OLD = {
    "a": b"1\n",
    "d/same": b"same\n",
    "d/gone": b"gone\n",
    "LICENSE": b"licence 1\n",
    "w/x": b"x\n",
    "w/y": b"y1\n",
}
NEW = {
    "a": b"2\n",
    "d/same": b"same\n",
    "e/new": b"new\n",
    "LICENSE": b"licence 2\n",
    "w/x": b"x\n",
    "w/y": b"y2\n",
}

# each call of these is a point at which the run is killed; `make torture` takes all modifying calls
KILL_POINTS = [
    ("renameat2", 4),
    ("renameat", 2),
    ("rename", 2),
    ("unlinkat", 4),
    ("mkdirat", 2),
    ("linkat", 1),
    ("syncfs", 2),
]


def manifest(upstream: Upstream, tag: str) -> str:
    return mirror("one", upstream.url, tag=tag, exclude=["/w/"], local=True) + mirror(
        "two", upstream.url, tag=tag, from_="w", into="deep/two", local=True
    )


@pytest.fixture
def updating(host: Host, upstream: Upstream) -> Host:
    """A host whose committed mirrors are at v1 and whose manifest wants v2."""
    upstream.release("v1", OLD)
    upstream.release("v2", NEW)
    host.manifest(manifest(upstream, "v1"))
    host.sync("--commit")
    host.manifest(manifest(upstream, "v2"))
    host.git("add", "third_party/mirrors.toml")
    return host


def files(host: Host) -> dict[str, bytes]:
    return {
        path: content for path, content in host.snapshot().items() if ".git-verbatim" not in path
    }


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace to kill at system calls")
@pytest.mark.parametrize(("call", "points"), KILL_POINTS, ids=[call for call, _ in KILL_POINTS])
def test_a_killed_update_is_old_or_new_or_finished_by_the_next_run(
    updating: Host, call: str, points: int
) -> None:
    pristine = updating.path.with_name("pristine")
    shutil.copytree(updating.path, pristine, symlinks=True)
    old = files(updating)
    updating.sync()
    new = files(updating)
    for point in range(1, points + 1):
        shutil.rmtree(updating.path)
        shutil.copytree(pristine, updating.path, symlinks=True)
        killed = run_under(updating.path, injecting(call, f"signal=SIGKILL:when={point}"), "sync")
        if killed.status == 0:
            assert point > 1, f"strace hit no {call}"
            break  # fewer such calls than points
        ran = updating.run("verify")
        is_interrupted = ran.status == 2 and "an earlier run was interrupted" in ran.err
        assert is_interrupted or files(updating) in (old, new), f"torn at {call} {point}"
        updating.sync()
        assert updating.snapshot() == new, f"not healed after {call} {point}"
        assert updating.run("verify", "--index").status == 0
        assert not (updating.path / ".git/index.lock").exists()


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace to kill at system calls")
@pytest.mark.parametrize("point", [1, 2, 3, 4])
def test_a_killed_removal_is_finished_by_the_next_run_and_leaves_nothing_empty(
    updating: Host, point: int
) -> None:
    run_under(
        updating.path, injecting("unlinkat", f"signal=SIGKILL:when={point}"), "remove", "one", "two"
    )
    updating.run("remove", "one", "two")
    assert sorted(path.name for path in updating.third_party.iterdir()) == [
        ".gitattributes",
        "mirrors.toml",
    ]
    assert not (updating.path / ".git/index.lock").exists()


def test_a_git_that_dies_is_no_branch_without_commits(updating: Host, tmp_path: Path) -> None:
    """Who took it for one would commit the mirrors alone, and delete all else."""
    (updating.path / "precious").write_text("ours\n")
    updating.git("add", "precious")
    updating.git("commit", "--quiet", "-m", "ours", "precious")
    before = updating.git("rev-parse", "HEAD")
    dying = tmp_path / "bin/git"
    dying.parent.mkdir()
    dying.write_text(
        f'#!/bin/sh\n[ "$*" = "rev-parse --verify --quiet HEAD" ] && kill -9 $$\nexec {shutil.which("git")} "$@"\n'
    )
    dying.chmod(0o755)
    ran = updating.run("sync", "--commit", PATH=f"{dying.parent}:{os.environ['PATH']}")
    assert (ran.status, "git rev-parse failed" in ran.err) == (2, True)
    assert updating.git("rev-parse", "HEAD") == before
    updating.sync("--commit")
    assert updating.git("show", "HEAD:precious") == "ours"


def test_what_a_git_that_dies_leaves_of_our_index_is_taken_away(
    updating: Host, tmp_path: Path
) -> None:
    dying = tmp_path / "bin/git"
    dying.parent.mkdir()
    dying.write_text(
        f'#!/bin/sh\ncase "$*" in *update-index*) true;; *) false;; esac && : >"$GIT_INDEX_FILE.lock" && kill -9 $$\nexec {shutil.which("git")} "$@"\n'
    )
    dying.chmod(0o755)
    ran = updating.run("sync", "--commit", PATH=f"{dying.parent}:{os.environ['PATH']}")
    assert (ran.status, "git update-index failed" in ran.err) == (2, True)
    assert not list((updating.path / ".git").glob("git-verbatim*index*"))


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace to inject errors")
@pytest.mark.parametrize("error", ["EXDEV", "EINVAL", "ENOSYS"])
def test_where_nothing_can_be_exchanged_files_are_replaced_one_by_one(
    updating: Host, error: str
) -> None:
    before = (updating.third_party / "one/d/same").stat()
    ran = run_under(updating.path, injecting("renameat2", f"error={error}"), "sync")
    assert ran.status == 0, ran.err
    assert updating.run("verify").status == updating.run("verify", "--index").status == 0
    assert not (updating.third_party / ".git-verbatim").exists()
    assert not (updating.third_party / "one/d/gone").exists()
    after = (updating.third_party / "one/d/same").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace to inject errors")
def test_where_nothing_can_be_renamed_away_a_removal_leaves_nothing_and_rescues_nothing(
    updating: Host,
) -> None:
    ran = run_under(updating.path, injecting("renameat2", "error=EXDEV"), "remove", "one", "two")
    assert (ran.status, ran.err) == (0, "")
    assert sorted(path.name for path in updating.third_party.iterdir()) == [
        ".gitattributes",
        "mirrors.toml",
    ]


def test_an_interrupted_run_takes_its_workspace_away(updating: Host) -> None:
    before = updating.snapshot()
    ran = run_meanwhile(updating.path, "third_party/.git-verbatim", None, "sync")
    assert (ran.status, ran.err) == (130, "interrupted\n")
    assert updating.snapshot() == before
    assert not (updating.third_party / ".git-verbatim").exists()


def test_signals_that_are_held_cut_no_system_call_short() -> None:
    caught: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: caught.append(number))
    try:
        with signals_held():
            signal.raise_signal(signal.SIGTERM)
            assert signal.SIGTERM in signal.sigpending()
            assert caught == []
        assert caught == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_change_that_comes_while_the_tool_runs_is_kept(updating: Host) -> None:
    """Nothing is deleted that was not seen when the plan was made."""
    # the change comes at the worst moment: after the plan, just before the replacement
    ran = run_meanwhile(
        updating.path, f".git/{JOURNAL}", ("third_party/one/late", "precious"), "sync"
    )
    assert ran.status == 0, ran.err
    assert (
        "a change made meanwhile was kept: third_party/.git-verbatim/rescued/third_party-one.1"
        in ran.err
    )
    assert (
        updating.third_party / ".git-verbatim/rescued/third_party-one.1/late"
    ).read_text() == "precious"
    assert updating.run("verify").status == 0
    assert ".git-verbatim" not in updating.git("status", "--porcelain", "--untracked-files=all")


def test_a_manifest_that_is_edited_while_the_tool_runs_is_not_committed_and_not_lost(
    updating: Host, upstream: Upstream
) -> None:
    """The commit holds the manifest that was synced.

    The edit waits in the working tree for the next sync.
    """
    edited = manifest(upstream, "v2").replace("v2", "v3")
    ran = run_meanwhile(
        updating.path, f".git/{JOURNAL}", ("third_party/mirrors.toml", edited), "sync", "--commit"
    )
    assert (ran.status, ran.err) == (0, "")
    assert (
        updating.git("show", "HEAD:third_party/mirrors.toml").strip()
        == manifest(upstream, "v2").strip()
    )
    assert (updating.third_party / "mirrors.toml").read_text() == edited


def test_runs_wait_for_one_another_and_readers_see_old_or_new(
    updating: Host, upstream: Upstream
) -> None:
    for number in range(3, 7):
        upstream.release(f"v{number}", {**NEW, "a": b"%d\n" % number})
    old_and_new = {b"1\n", b"2\n", *(b"%d\n" % n for n in range(3, 7))}
    runs = []
    for number in range(3, 7):
        updating.manifest(manifest(upstream, f"v{number}"))
        runs.append(start_tool(updating.path, "sync"))
        time.sleep(0.05)  # they start one after the other, but do not wait: they have to overlap
    seen = set()
    while any(run.poll() is None for run in runs):
        content = (updating.third_party / "one/a").read_bytes()
        assert content in old_and_new
        seen.add(content)
    for run in runs:
        _, error = run.communicate()
        assert run.returncode == 0, error
    updating.sync()
    assert (updating.third_party / "one/a").read_bytes() == b"6\n"
    assert updating.run("verify").status == 0


def test_a_run_that_waits_says_so(updating: Host) -> None:
    from filelock import FileLock

    with FileLock(updating.path / ".git/git-verbatim.lock"):
        waiting = start_tool(updating.path, "sync")
        assert waiting.stderr is not None
        assert (
            waiting.stderr.readline()
            == "waiting for another git-verbatim to finish with this repository\n"
        )
    waiting.communicate(timeout=30)
    assert waiting.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_wait_exits_130_and_changes_nothing(updating: Host, number: int) -> None:
    from filelock import FileLock

    before = updating.snapshot()
    with FileLock(updating.path / ".git/git-verbatim.lock"):
        waiting = start_tool(updating.path, "sync")
        assert waiting.stderr is not None
        waiting.stderr.readline()
        waiting.send_signal(number)
        started = time.monotonic()
        _, error = waiting.communicate(timeout=10)
    assert (waiting.returncode, error) == (130, "interrupted\n")
    assert time.monotonic() - started < 1
    assert updating.snapshot() == before


def test_a_full_disk_changes_nothing(host: Host, upstream: Upstream, tmp_path: Path) -> None:
    upstream.release("v1", {f"f{n}": os.urandom(20_000) for n in range(60)})
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(small)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("needs the right to mount")
    try:
        host.third_party.mkdir()
        subprocess.run(["mount", "--bind", str(small), str(host.third_party)], check=True)
        host.manifest(mirror("up", upstream.url, tag="v1", local=True))
        before = host.snapshot()
        ran = run_tool(host.path, "sync")
        assert (ran.status, "no space left" in ran.err) == (2, True)
        assert host.snapshot() == before
    finally:
        subprocess.run(["umount", str(host.third_party)], check=False, capture_output=True)
        subprocess.run(["umount", str(small)], check=False, capture_output=True)


def test_an_interruption_is_not_lost_where_python_ignores_what_is_raised() -> None:
    """It does that where a signal arrives while an object is being deleted."""
    code = (
        "import signal\n"
        "from sync.__main__ import listen\n"
        "from sync.errors import InterruptedByUser\n"
        "listen()\n"
        "class Deleted:\n"
        "    def __del__(self): signal.raise_signal(signal.SIGTERM)\n"
        "try:\n"
        "    Deleted()\n"
        "    signal.pause()\n"
        "except InterruptedByUser as interruption:\n"
        "    print(interruption.args)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    assert (done.stdout, done.stderr) == ("(15,)\n", "")
