"""The repository that git means is the one that is judged, or none is.

Git finds it through its variables, options, aliases and hooks.
"""

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.git import git
from tests.support.hosts import Host, mirror
from tests.support.program import Ran, run_tool
from tests.support.upstreams import Upstream


def _git(directory: Path, *arguments: str, **environment: str) -> Ran:
    """Run git as people do, so that `git verbatim` is found as git finds it."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def _synced(host: Host, upstream: Upstream) -> Host:
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    (host.path / "below").mkdir()
    (host.path / "below/own").write_text("own\n")
    host.git("add", "below")
    host.git("commit", "--quiet", "-m", "own")
    host.sync("--commit")
    return host


@pytest.fixture
def released(upstream: Upstream) -> Upstream:
    upstream.release("v1", {"a.txt": b"a\n", "b.txt": b"b\n"})
    return upstream


@pytest.fixture
def here(host: Host, released: Upstream) -> Host:
    """A host where all is well."""
    return _synced(host, released)


@pytest.fixture
def other(here: Host, tmp_path: Path) -> Host:
    """A clone of it in which somebody has committed an edit of the copy."""
    git(tmp_path, "clone", "--quiet", str(here.path), "other")
    other = Host(tmp_path / "other")
    (other.third_party / "up/a.txt").write_text("edited\n")
    other.git("commit", "--quiet", "-a", "-m", "edit")
    return other


_WAYS_TO_NAME: dict[str, Callable[[Path], tuple[list[str], dict[str, str]]]] = {
    "GIT_DIR": lambda there: ([], {"GIT_DIR": str(there / ".git")}),
    "GIT_DIR, relative": lambda _: ([], {"GIT_DIR": "../other/.git"}),
    "GIT_DIR and GIT_WORK_TREE": lambda there: (
        [],
        {"GIT_DIR": str(there / ".git"), "GIT_WORK_TREE": str(there)},
    ),
    "GIT_WORK_TREE, relative": lambda _: (
        [],
        {"GIT_DIR": "../other/.git", "GIT_WORK_TREE": "../other"},
    ),
    "--git-dir": lambda _: (["--git-dir=../other/.git"], {}),
    "--git-dir and --work-tree": lambda _: (
        ["--git-dir=../other/.git", "--work-tree=../other"],
        {},
    ),
    "-C": lambda _: (["-C", "../other"], {}),
    "-C and --git-dir": lambda _: (["-C", "below", "--git-dir=../../other/.git"], {}),
    "an alias": lambda _: (["-c", "alias.judged=!git verbatim", "--git-dir=../other/.git"], {}),
}


@pytest.mark.parametrize("way", _WAYS_TO_NAME)
def test_check_judges_the_repository_that_git_is_told(here: Host, other: Host, way: str) -> None:
    options, environment = _WAYS_TO_NAME[way](other.path)
    ran = _git(
        here.path,
        *options,
        "judged" if way == "an alias" else "verbatim",
        "check",
        "--all",
        **environment,
    )
    head = other.git("rev-parse", "HEAD")[:12]
    assert (ran.status, ran.out.splitlines()[0]) == (1, f"the state of HEAD, commit {head}"), ran


def test_check_judges_a_bare_repository_that_git_is_told(
    here: Host, other: Host, tmp_path: Path
) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", "other", "bare.git")
    ran = _git(here.path, "--git-dir=../bare.git", "verbatim", "check", "--all")
    assert (ran.status, ran.out.split()[5]) == (1, other.git("rev-parse", "HEAD")[:12])
    refused = _git(here.path, "--git-dir=../bare.git", "verbatim", "sync")
    assert (refused.status, "this is a bare repository" in refused.err) == (2, True)


def test_a_working_tree_is_the_one_that_git_is_told(
    here: Host, other: Host, tmp_path: Path
) -> None:
    (here.third_party / "up/b.txt").write_text("edited here\n")
    named: dict[str, Any] = {"GIT_DIR": "here/.git", "GIT_WORK_TREE": other.path.name}
    here.path.rename(tmp_path / "here")
    ran = run_tool(tmp_path, "verify", **named)
    assert (ran.status, "up/a.txt: content differs" in ran.out, "up/b.txt" in ran.out) == (
        1,
        True,
        False,
    )
    # git takes the directory that it is in for the top if nobody says more
    ran = run_tool(tmp_path / "here", "verify", GIT_DIR=f"../{other.path.name}/.git")
    assert (ran.status, "up/b.txt: content differs" in ran.out, "up/a.txt" in ran.out) == (
        1,
        True,
        False,
    )


def test_a_bare_repository_with_a_working_tree_elsewhere_is_used_as_git_uses_it(
    here: Host, tmp_path: Path
) -> None:
    (here.path / ".git").rename(tmp_path / "files.git")
    git(tmp_path, "--git-dir=files.git", "config", "core.bare", "true")
    options = [f"--git-dir={tmp_path / 'files.git'}", f"--work-tree={here.path}"]
    for directory in (tmp_path, here.path, here.third_party / "up"):
        assert _git(directory, *options, "verbatim", "status").out == "up  v1  clean\n"
    (here.third_party / "up/a.txt").unlink()
    assert _git(tmp_path, *options, "verbatim", "sync").status == 0
    assert _git(tmp_path, *options, "status", "--porcelain") == Ran(0, "", "")


def test_a_working_tree_that_the_configuration_names_is_used_as_git_uses_it(
    here: Host, released: Upstream, tmp_path: Path
) -> None:
    files = tmp_path / "files"
    shutil.copytree(here.path, files, ignore=shutil.ignore_patterns(".git"))
    here.git("config", "core.worktree", str(files))
    assert here.run("status").out == "up  v1  clean\n"
    released.release("v2", {"a.txt": b"second\n"})
    manifest = files / "third_party/mirrors.toml"
    manifest.write_text(manifest.read_text().replace('"v1"', '"v2"'))
    assert here.run("sync", "--commit").status == 0
    assert (files / "third_party/up/a.txt").read_text() == "second\n"
    assert here.git("show", "HEAD:third_party/up/a.txt") == "second"
    assert here.git("status", "--porcelain") == ""


@pytest.mark.parametrize("relative", [False, True])
def test_the_index_is_the_one_that_git_is_told(here: Host, relative: bool) -> None:
    index = "below/index" if relative else str(here.path / "below/index")
    here.git("read-tree", "HEAD", GIT_INDEX_FILE=index)
    blob = git(here.path, "hash-object", "-w", "--stdin", stdin=b"staged\n")
    here.git(
        "update-index", "--cacheinfo", f"100644,{blob},third_party/up/a.txt", GIT_INDEX_FILE=index
    )
    # a relative one is read from the top, wherever git is started
    for directory in (here.path, here.path / "below"):
        ran = run_tool(directory, "verify", "--index", GIT_INDEX_FILE=index)
        assert (ran.status, "third_party/up/a.txt: content differs" in ran.out) == (1, True)
        told = run_tool(directory, "status", GIT_INDEX_FILE=index).out.splitlines()
        assert told[0] == "up  v1  clean, not staged"
        assert run_tool(directory, "check", GIT_INDEX_FILE=index).status == 1
    assert here.run("verify", "--index").status == 0


@pytest.mark.parametrize(
    "commit",
    [["commit", "-q", "-m", "x", "third_party/up/a.txt"], ["commit", "-q", "-a", "-m", "x"]],
)
def test_a_hook_of_ones_own_sees_the_index_that_git_commits(here: Host, commit: list[str]) -> None:
    hook = here.path / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ngit verbatim verify --index >&2\n")
    hook.chmod(0o755)
    (here.third_party / "up/a.txt").write_text("edited\n")
    assert here.run("verify", "--index").status == 0
    ran = _git(here.path / "below", "-C", "..", *commit)
    assert (ran.status, "third_party/up/a.txt: content differs" in ran.err) == (1, True)
    (here.third_party / "up/a.txt").write_text("a\n")
    (here.path / "below/own").write_text("mine\n")
    assert _git(here.path / "below", "commit", "-q", "-m", "x", "own").status == 0


def test_a_rebase_runs_the_program_on_what_it_replays(here: Host) -> None:
    for number in range(2):
        (here.path / "below/own").write_text(f"{number}\n")
        here.git("commit", "--quiet", "-a", "-m", f"own {number}")
    assert _git(here.path, "rebase", "--exec", "git verbatim check --all", "HEAD~2").status == 0
    (here.third_party / "up/a.txt").write_text("edited\n")
    here.git("commit", "--quiet", "-a", "-m", "edit")
    ran = _git(here.path / "below", "rebase", "--exec", "git verbatim check --all", "HEAD~2")
    assert (ran.status, "third_party/up/a.txt" in ran.out) == (1, True)


def test_an_alias_in_a_linked_worktree_works_on_that_worktree(
    here: Host, released: Upstream, tmp_path: Path
) -> None:
    here.git("config", "alias.fresh", "!git verbatim sync --commit && :")
    here.git("worktree", "add", "--quiet", "../linked")
    linked = Host(tmp_path / "linked")
    released.release("v2", {"a.txt": b"second\n"})
    linked.manifest(mirror("up", released.url, tag="v2", local=True))
    ran = _git(linked.path / "below", "fresh")
    assert ran.status == 0, ran.err
    assert linked.git("show", "--name-only", "--format=", "HEAD").splitlines() == [
        "third_party/mirrors.toml",
        "third_party/provenance/up.json",
        "third_party/up/a.txt",
        "third_party/up/b.txt",
    ]
    assert linked.git("status", "--porcelain") == ""
    assert here.git("status", "--porcelain") == ""
    assert here.run("verify", "--rev", "HEAD").status == 0


def test_a_repository_above_a_ceiling_is_none(here: Host) -> None:
    shutil.rmtree(here.third_party)
    assert run_tool(here.path / "below", "check", "--all").status == 0
    ran = run_tool(here.path / "below", "check", "--all", GIT_CEILING_DIRECTORIES=str(here.path))
    assert (ran.status, ran.err.splitlines()[0]) == (2, "error: this is not a git repository")


def test_a_namespace_of_a_server_hides_no_commit(other: Host) -> None:
    assert other.run("check", "--all", GIT_NAMESPACE="team").status == 1
    assert other.run("verify", "--rev", "HEAD", GIT_NAMESPACE="team").status == 1


_REFUSED = {
    "no repository": (
        {"GIT_DIR": "../nowhere"},
        ("check", "--all"),
        "error: GIT_DIR names no repository that git can use",
    ),
    "another's common directory": (
        {"GIT_COMMON_DIR": "../other/.git"},
        ("check", "--all"),
        "error: GIT_COMMON_DIR names another repository than this one belongs to",
    ),
    "another index": (
        {"GIT_INDEX_FILE": "/nowhere/index"},
        ("sync",),
        "error: the environment has git keep its index or its objects elsewhere, where this command would not write",
    ),
    "other objects": (
        {"GIT_OBJECT_DIRECTORY": "../other/.git/objects"},
        ("remove", "up"),
        "error: the environment has git keep its index or its objects elsewhere, where this command would not write",
    ),
}


@pytest.mark.parametrize("case", _REFUSED)
def test_what_only_git_could_follow_is_refused_with_the_command_that_goes_on(
    here: Host, other: Host, case: str
) -> None:
    environment, command, message = _REFUSED[case]
    before = here.snapshot(), here.git("ls-files", "-s")
    ran = here.run(*command, **environment)
    assert (ran.status, ran.err.splitlines()[0]) == (2, message)
    assert (here.snapshot(), here.git("ls-files", "-s")) == before
    way_out = shlex.split(ran.err.partition("`")[2].partition(" git verbatim")[0])
    assert (
        way_out[1:] == [word for name in environment for word in ("-u", name)]
        or case == "no repository"
    )
    assert other.path.exists()


def test_an_index_that_is_the_repositorys_own_is_no_other(here: Host) -> None:
    (here.third_party / "up/a.txt").unlink()
    assert run_tool(here.path / "below", "sync", GIT_INDEX_FILE=".git/index").status == 0
    assert here.git("status", "--porcelain") == ""
