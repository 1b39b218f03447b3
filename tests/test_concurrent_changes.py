"""What git and people do beside the program, or while it works, is kept.

These are adds, commits, and edits of files that both write. Git's index is as git would have it.
"""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.git import git
from tests.support.hosts import Host, mirror
from tests.support.upstreams import Upstream

MANY_ENTRIES = 30_000


@pytest.fixture
def synced(host: Host, upstream: Upstream) -> Host:
    """A host at v1 of a mirror that has a v2."""
    upstream.release("v1", {"a": b"1\n", "d/b": b"b\n"})
    upstream.release("v2", {"a": b"2\n", "d/b": b"b\n"})
    move(host, upstream, "v1")
    host.sync("--commit")
    return host


def move(host: Host, upstream: Upstream, tag: str, **keys: str | bool) -> None:
    host.manifest(mirror("up", upstream.url, tag=tag, local=True, **keys))


@contextmanager
def adding(host: Host) -> Iterator[list[str]]:
    """Add one new file after the other, as fast as git does it; which were added, as git said."""
    added: list[str] = []
    stopped = threading.Event()

    def work() -> None:
        number = 0
        while not stopped.is_set():
            name = f"mine{number}"
            (host.path / name).write_text("mine\n")
            done = subprocess.run(
                ["git", "add", name], cwd=host.path, capture_output=True, check=False
            )
            if done.returncode == 0:
                added.append(name)
            number += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield added
    finally:
        stopped.set()
        thread.join()


def test_files_that_are_added_meanwhile_stay_added(synced: Host, upstream: Upstream) -> None:
    blob = synced.git("hash-object", "-w", "--stdin")
    lines = "".join(f"100644 {blob}\tours/{n % 300}/{n}\0" for n in range(MANY_ENTRIES))
    git(synced.path, "update-index", "-z", "--index-info", stdin=lines.encode())
    with adding(synced) as added:
        for tag in ["v2", "v1"] * 4:
            move(synced, upstream, tag)
            synced.sync()
    staged = {*synced.git("ls-files").splitlines()}
    assert len(added) > 10
    assert [name for name in added if name not in staged] == []
    assert len([name for name in staged if name.startswith("ours/")]) == MANY_ENTRIES
    assert synced.run("verify", "--index").status == 0


def wrapped_git(directory: Path, before_commit: str) -> str:
    """A PATH whose git does something of its own before it starts the program's `git commit`."""
    directory.mkdir()
    real = shutil.which("git")
    (directory / "git").write_text(
        f'#!/bin/sh\ncase "$*" in commit\\ *--file=-*) PATH="{os.environ["PATH"]}" GIT_INDEX_FILE= sh -c \'unset GIT_INDEX_FILE; '
        f'{before_commit}\' >&2 ;; esac\nexec {real} "$@"\n'
    )
    (directory / "git").chmod(0o755)
    return f"{directory}:{os.environ['PATH']}"


MEANWHILE = {
    "another commit": "echo theirs >theirs; git add theirs; git commit -qm theirs theirs",
    "another branch at another commit": "git checkout -q other",
    "another branch at the same commit": "git symbolic-ref HEAD refs/heads/same",
    "a detached HEAD": "git update-ref --no-deref HEAD other",
}


@pytest.mark.parametrize("what", MEANWHILE)
def test_a_commit_lands_only_on_the_head_that_was_looked_at(
    synced: Host, upstream: Upstream, tmp_path: Path, what: str
) -> None:
    synced.git("branch", "same")
    synced.git(
        "branch", "other", synced.git("commit-tree", "-p", "HEAD", "-m", "other", "HEAD^{tree}")
    )
    move(synced, upstream, "v2")
    ran = synced.run("sync", "--commit", PATH=wrapped_git(tmp_path / "bin", MEANWHILE[what]))
    assert (ran.status, ran.err.splitlines()[0]) == (
        2,
        "error: HEAD moved while the commit was made: nothing is committed",
    )
    assert "hint: mend what git says, then `git verbatim sync --commit`" in ran.err
    subjects = synced.git("log", "--all", "--format=%s").splitlines()
    assert "third_party: sync up to v2" not in subjects
    assert synced.git("diff", "--cached", "--name-only", "--", "third_party").splitlines() == [
        "third_party/mirrors.toml",
        "third_party/provenance/up.json",
        "third_party/up/a",
    ]
    synced.sync("--commit")
    assert synced.git("log", "-1", "--format=%s") == "third_party: sync up to v2"
    if what == "another commit":
        assert synced.git("show", "HEAD:theirs") == "theirs"


@pytest.mark.parametrize("hook", ["pre-commit", "prepare-commit-msg", "commit-msg"])
def test_a_hook_that_commits_is_not_undone(synced: Host, upstream: Upstream, hook: str) -> None:
    path = synced.path / ".git/hooks" / hook
    path.write_text(
        "#!/bin/sh\n[ -e .git/once ] && exit 0\n: >.git/once\n"
        "unset GIT_INDEX_FILE GIT_EDITOR\necho theirs >theirs; git add theirs; git commit -qm theirs theirs\n"
    )
    path.chmod(0o755)
    move(synced, upstream, "v2")
    ran = synced.run("sync", "--commit")
    assert (ran.status, ran.err.splitlines()[0]) == (
        2,
        "error: HEAD moved while the commit was made: nothing is committed",
    )
    synced.sync("--commit")
    assert synced.git("log", "--format=%s").splitlines()[:2] == [
        "third_party: sync up to v2",
        "theirs",
    ]
    assert synced.git("show", "HEAD:theirs") == "theirs"


def test_a_first_commit_is_made_where_there_is_none(upstream: Upstream, tmp_path: Path) -> None:
    upstream.release("v1", {"a": b"1\n"})
    git(tmp_path, "init", "--quiet", "new")
    host = Host(tmp_path / "new")
    move(host, upstream, "v1")
    host.sync("--commit")
    assert host.git("log", "--format=%s") == "third_party: sync up to v1"


MINE = "# mine\n"


@pytest.mark.parametrize("name", [".gitattributes", ".gitignore"])
def test_an_edit_of_mine_is_neither_staged_nor_committed_nor_lost(
    synced: Host, upstream: Upstream, name: str
) -> None:
    (synced.third_party / ".gitignore").write_text("*.orig\n")
    synced.git("add", "third_party/.gitignore")
    synced.git("commit", "--quiet", "-m", "ignore")
    path = synced.third_party / name
    committed = path.read_text()
    path.write_text(committed + MINE)
    move(synced, upstream, "v2", checked_in=False)
    synced.sync("--commit")
    assert path.read_text().startswith(committed + MINE)
    after = synced.git("show", f"HEAD:third_party/{name}")
    assert MINE not in after
    assert synced.git("show", f":third_party/{name}") == after
    assert ("/up/" in after, "/up/" in path.read_text()) == (
        (True, True) if name == ".gitignore" else (False, False)
    )
    assert synced.git("diff", "--name-only") == f"third_party/{name}"


@pytest.mark.parametrize("name", [".gitattributes", ".gitignore"])
def test_what_i_have_staged_of_it_stays_staged_and_is_not_committed(
    synced: Host, upstream: Upstream, name: str
) -> None:
    path = synced.third_party / name
    present = path.read_text() if path.exists() else ""
    path.write_text(present + MINE)
    synced.git("add", f"third_party/{name}")
    path.write_text(present + MINE + "# more\n")
    move(synced, upstream, "v2", checked_in=False)
    synced.sync("--commit")
    assert MINE.strip() in synced.git("show", f":third_party/{name}").splitlines()
    assert "# more" not in synced.git("show", f":third_party/{name}")
    assert path.read_text().startswith(present + MINE + "# more\n")
    assert "mine" not in synced.git("show", "HEAD", "--", f"third_party/{name}")


def test_what_is_staged_meanwhile_in_a_mirror_is_not_committed(
    synced: Host, upstream: Upstream, tmp_path: Path
) -> None:
    """The commit holds what was synced, not what the index has when it is made."""
    move(synced, upstream, "v2")
    stage = "git update-index --cacheinfo 100644,$(echo edited | git hash-object -w --stdin),third_party/up/a"
    ran = synced.run("sync", "--commit", PATH=wrapped_git(tmp_path / "bin", stage))
    assert ran.status == 0, ran.err
    assert synced.git("show", "HEAD:third_party/up/a") == "2"
    assert synced.git("show", ":third_party/up/a") == "edited"


def test_git_finds_nothing_modified_after_a_sync(synced: Host, upstream: Upstream) -> None:
    """The index has size and times of the files.

    So tools that ask `git diff-index` without refreshing the index go on.
    """
    synced.git("diff-index", "--quiet", "HEAD")
    move(synced, upstream, "v2")
    synced.sync()
    synced.git("diff-files", "--quiet", "--", "third_party/up", "third_party/provenance")
    synced.sync("--commit")
    synced.git("diff-index", "--quiet", "HEAD")
    synced.run("add", "more", upstream.url, "--tag", "v1", "--local", "--commit")
    synced.git("diff-index", "--quiet", "HEAD")
    synced.run("remove", "more", "--commit")
    synced.git("diff-index", "--quiet", "HEAD")


def test_an_edit_right_after_a_sync_is_seen_by_git(synced: Host, upstream: Upstream) -> None:
    """An edit of the same size within the same tick of the clock: git's "racy" problem."""
    for tag in ("v2", "v1") * 5:
        move(synced, upstream, tag)
        synced.sync("--commit")
        (synced.third_party / "up/a").write_text("9\n")
        assert synced.git("diff", "--name-only") == "third_party/up/a"
        synced.git("checkout", "--quiet", "--", "third_party/up/a")


def test_files_that_are_only_announced_to_git_are_staged(host: Host, upstream: Upstream) -> None:
    upstream.release("v1", {"a": b"1\n", "empty": b""})
    move(host, upstream, "v1")
    host.sync("--no-stage")
    (host.path / "mine").touch()
    host.git("add", "--intent-to-add", "third_party", "mine")
    assert host.run("status").out.splitlines()[0] == "up  v1  clean, not staged"
    ran = host.run("sync", "--commit")
    assert ran.status == 0, ran.err
    assert host.git("ls-tree", "-r", "--name-only", "HEAD", "third_party/up").splitlines() == [
        "third_party/up/a",
        "third_party/up/empty",
    ]
    assert host.git("status", "--porcelain") == "A mine"
    assert host.run("status").out.splitlines()[0] == "up  v1  clean"


def test_a_commit_is_made_on_head_itself_whatever_replaces_it(
    synced: Host, upstream: Upstream
) -> None:
    (synced.path / "mine").write_text("mine\n")
    synced.git("add", "mine")
    synced.git("commit", "--quiet", "-m", "mine")
    synced.git("replace", "HEAD", "HEAD~1")
    move(synced, upstream, "v2")
    synced.sync("--commit")
    changed = synced.git(
        "--no-replace-objects", "diff", "--name-status", "HEAD~1", "HEAD"
    ).splitlines()
    assert changed == [
        "M\tthird_party/mirrors.toml",
        "M\tthird_party/provenance/up.json",
        "M\tthird_party/up/a",
    ]


def test_git_finds_nothing_modified_after_a_slow_sync_either(
    synced: Host, upstream: Upstream, tmp_path: Path
) -> None:
    """Git compares whole seconds.

    A change of a file after git noted its times shows only when a second has passed.
    """
    slow = tmp_path / "bin/git"
    slow.parent.mkdir()
    slow.write_text(
        f'#!/bin/sh\n{shutil.which("git")} "$@" || exit\ncase "$*" in *--refresh*) sleep 1.1 ;; esac\n'
    )
    slow.chmod(0o755)
    move(synced, upstream, "v2")
    ran = synced.run("sync", PATH=f"{slow.parent}:{os.environ['PATH']}")
    assert ran.status == 0, ran.err
    synced.git("diff-files", "--quiet", "--", "third_party/up", "third_party/provenance")


ONLY_STAGED = {
    "an edit that was undone on disk": ("third_party/up/a", "v1"),
    "a file that was deleted on disk, in a mirror": ("third_party/up/mine", "v2"),
    "a file that was deleted on disk, in a place to be": ("third_party/new/one/mine", "v1"),
    "a file that was deleted on disk, on the way to a place": ("third_party/new", "v1"),
    "a licence": ("third_party/licenses/up/LICENSE", "v2"),
}


@pytest.mark.parametrize("what", ONLY_STAGED)
def test_what_is_staged_and_nowhere_else_is_not_dropped_unseen(
    synced: Host, upstream: Upstream, what: str
) -> None:
    path, tag = ONLY_STAGED[what]
    tables = [
        mirror("up", upstream.url, tag=tag, local=True),
        mirror("new", upstream.url, tag="v1", into="new/one", local=True),
    ]
    synced.manifest("\n".join(tables))
    blob = git(synced.path, "hash-object", "-w", "--stdin", stdin=b"precious\n")
    synced.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")
    before = synced.snapshot(), synced.git("ls-files", "--stage")
    ran = synced.run("sync")
    assert ran.status == 2, ran
    assert ran.err.splitlines() == [
        "error: what is staged and is neither committed nor on disk would be lost",
        f"  {path}",
        "hint: commit it, or give it up by repeating the command with `--discard-local`",
    ]
    assert (synced.snapshot(), synced.git("ls-files", "--stage")) == before
    assert synced.run("sync", "--discard-local").status == 0
    assert (
        f"{path}\n" not in synced.git("ls-files") + "\n"
        or synced.git("rev-parse", f":{path}") != blob
    )
