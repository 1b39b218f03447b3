"""Repositories of another kind, as upstream and as host.

The program says what they are, whether upstream or the host lacks a missing object, and what helps.
"""

import re
from pathlib import Path

import pytest

from tests.support.git import git
from tests.support.git_daemon import git_daemon
from tests.support.git_http import git_http
from tests.support.hosts import Host, mirror
from tests.support.program import Ran
from tests.support.upstreams import Upstream

TROUBLE, COULD_NOT_CHECK = 2, 3
SHA256 = "its object ids are SHA-256, and git-verbatim copies by SHA-1 ids"
FILES = {"a": b"a\n", "b": b"b\n"}


@pytest.fixture
def project(upstream: Upstream) -> Upstream:
    """An upstream with two releases."""
    git(upstream.path, "config", "uploadpack.allowFilter", "true")
    upstream.release("v1", FILES)
    upstream.release("v2", FILES | {"b": b"b2\n"})
    return upstream


def cloned(project: Upstream, *options: str) -> Upstream:
    """A bare clone of it that is to be the upstream."""
    path = project.path.with_name("clone")
    git(
        project.path.parent,
        "clone",
        "--quiet",
        "--bare",
        *options,
        f"file://{project.path}",
        str(path),
    )
    return Upstream(path)


def make_sha256(path: Path) -> str:
    """A repository of SHA-256 ids with tag v1; the id of its commit."""
    git(path.parent, "init", "--quiet", "--object-format=sha256", str(path))
    git(path, "commit", "--quiet", "--allow-empty", "-m", "x")
    git(path, "tag", "v1")
    return git(path, "rev-parse", "HEAD")


def set_format(path: Path, version: int, **extensions: str) -> None:
    git(path, "config", "core.repositoryFormatVersion", str(version))
    for name, value in extensions.items():
        git(path, "config", f"extensions.{name}", value)


def sync(host: Host, url: str, *options: str, **keys: str | bool) -> Ran:
    pin = {} if "commit" in keys else {"tag": "v1"}
    host.manifest(mirror("up", url, local="://" not in url, **pin | keys))
    before = host.snapshot()
    ran = host.run("sync", *options)
    assert ran.status == 0 or host.snapshot() == before
    return ran


def assert_says(ran: Ran, status: int, error: str, hint: str) -> None:
    lines = ran.err.splitlines()
    assert (ran.status, lines[0], lines[-1]) == (status, f"error: {error}", f"hint: {hint}"), (
        ran.err
    )


def follow(host: Host, ran: Ran) -> None:
    """Run the command that the hint prints."""
    (command,) = re.findall("`git (.*)`", ran.err.splitlines()[-1])
    git(host.path, *command.split())


# object ids of another kind


@pytest.mark.parametrize("transport", ["path", "http", "git"])
def test_an_upstream_of_sha_256_ids_is_called_one(
    host: Host, tmp_path: Path, transport: str
) -> None:
    make_sha256(tmp_path / "other")
    with git_http(tmp_path) as site, git_daemon(tmp_path) as daemon:
        urls = {
            "path": str(tmp_path / "other"),
            "http": site.url("other/.git"),
            "git": f"{daemon}/other/.git",
        }
        ran = sync(host, urls[transport])
    hint = "mirror from a repository of the project with SHA-1 ids, if there is one"
    assert_says(ran, TROUBLE, f"the upstream cannot be copied from: {SHA256}", hint)


def test_a_sha_256_commit_id_is_not_asked_to_be_shorter(host: Host, tmp_path: Path) -> None:
    commit = make_sha256(tmp_path / "other")
    host.manifest(mirror("up", str(tmp_path / "other"), commit=commit, local=True))
    ran = host.run("sync")
    hint = "mirror from a repository of the project with SHA-1 ids, if there is one, and pin its commit"
    assert_says(
        ran, TROUBLE, f"`{commit}` is a SHA-256 id, and git-verbatim copies by SHA-1 ids", hint
    )


@pytest.mark.parametrize("command", ["init", "status", "sync", "check --all"])
def test_a_host_of_sha_256_ids_is_called_one(tmp_path: Path, command: str) -> None:
    make_sha256(tmp_path / "other")
    ran = Host(tmp_path / "other").run(*command.split())
    hint = "keep the mirrors in a repository of SHA-1 ids: `git init --object-format=sha1`"
    assert_says(ran, TROUBLE, f"this git repository cannot be used: {SHA256}", hint)


# formats

FORMATS: dict[str, tuple[int, dict[str, str], str]] = {
    "a reftable": (
        1,
        {"refStorage": "reftable"},
        "its refs are in a reftable, which libgit2 does not read",
    ),
    "an unknown extension": (
        1,
        {"foo": "true"},
        "it has an extension of git's format that libgit2 does not read",
    ),
    "a newer format": (2, {}, "its format is newer than libgit2 reads"),
}


@pytest.mark.parametrize(("version", "extensions", "why"), FORMATS.values(), ids=FORMATS)
def test_a_repository_of_a_format_that_is_not_read_is_called_one(
    host: Host, project: Upstream, version: int, extensions: dict[str, str], why: str
) -> None:
    other = Host.create(host.path.with_name("other"))
    for path in (project.path, other.path):
        set_format(path, version, **extensions)
    hint = "mirror from a clone of it that is without, or by a URL of its server"
    assert_says(
        sync(host, project.url),
        TROUBLE,
        "the upstream cannot be copied from: git does not read its format",
        hint,
    )
    ran = other.run("status")
    assert (ran.status, ran.err.splitlines()[0]) == (
        TROUBLE,
        f"error: this git repository cannot be used: {why}",
    )


KNOWN: dict[str, dict[str, str]] = {
    "a partial clone's": {"partialClone": "origin"},
    "a worktree's configuration": {"worktreeConfig": "true"},
    "precious objects": {"preciousObjects": "true"},
}


@pytest.mark.parametrize("extensions", KNOWN.values(), ids=KNOWN)
def test_extensions_that_change_nothing_of_what_is_read_are_taken(
    host: Host, project: Upstream, extensions: dict[str, str]
) -> None:
    for path in (project.path, host.path):
        set_format(path, 1, **extensions)
    assert sync(host, project.url, "--commit").status == 0
    assert [
        host.run(*command.split()).status for command in ("status", "verify", "check --all")
    ] == [0, 0, 0]
    assert host.git("status", "--porcelain") == ""


# what is missing, and where


def test_what_a_shallow_upstream_lacks_is_its_want_and_the_hint_brings_it(
    host: Host, project: Upstream
) -> None:
    shallow = cloned(project, "--depth=1", "--branch=v2")
    commit = git(project.path, "rev-parse", "v1")
    ran = sync(host, shallow.url, commit=commit)
    hint = f"it is a shallow clone: `git -C {shallow.path} fetch --unshallow`"
    assert_says(ran, COULD_NOT_CHECK, f"the upstream has no commit {commit}", hint)
    follow(host, ran)
    assert sync(host, shallow.url, commit=commit).status == 0


def test_what_a_partial_upstream_lacks_is_its_want_and_the_hint_brings_it(
    host: Host, project: Upstream
) -> None:
    partial = cloned(project, "--filter=blob:none")
    for _ in range(2):
        ran = sync(host, partial.url)
        hint = f"it is a partial clone: `git -C {partial.path} fetch --refetch --no-filter`"
        blobs = git(project.path, "rev-parse", "v1:a", "v1:b").split()
        assert (ran.status, ran.err.splitlines()[-1]) == (COULD_NOT_CHECK, f"hint: {hint}")
        assert ran.err.splitlines()[0] in {
            f"error: the upstream lacks object {blob}" for blob in blobs
        }
    follow(host, ran)
    assert sync(host, partial.url).status == 0


def test_an_upstream_whose_object_is_lost_is_sent_to_git(host: Host, project: Upstream) -> None:
    blob = git(project.path, "rev-parse", "v1:a")
    (project.path / "objects" / blob[:2] / blob[2:]).unlink()
    assert_says(
        sync(host, project.url),
        COULD_NOT_CHECK,
        f"the upstream lacks object {blob}",
        f"`git -C {project.path} fsck` says more",
    )


def test_what_a_partial_host_lacks_is_its_want_and_the_hint_brings_it(
    host: Host, project: Upstream, tmp_path: Path
) -> None:
    assert sync(host, project.url, "--commit").status == 0
    git(host.path, "config", "uploadpack.allowFilter", "true")
    git(
        tmp_path,
        "clone",
        "--quiet",
        "--no-checkout",
        "--filter=blob:none",
        f"file://{host.path}",
        "partial",
    )
    partial = Host(tmp_path / "partial")
    ran = partial.run("verify", "--rev", "HEAD")
    assert (ran.status, ran.err.startswith("error: this repository lacks object ")) == (
        COULD_NOT_CHECK,
        True,
    ), ran.err
    assert (
        ran.err.splitlines()[-1] == "hint: it is a partial clone: `git fetch --refetch --no-filter`"
    )
    follow(partial, ran)
    assert partial.run("verify", "--rev", "HEAD").status == 0
