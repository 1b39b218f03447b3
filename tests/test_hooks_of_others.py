"""Hooks of other people, run by git.

Hooks that only look let mirrors pass. Hooks that fix files are named, with the way out.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.git import git
from tests.support.hosts import Host, mirror
from tests.support.scripts import script
from tests.support.upstreams import Upstream

# what a whitespace check, an end-of-file fixer and a search for conflict markers take offence at
UPSTREAM = {
    "a.wit": b"trailing  \n\t mixed\n\n\n",
    "title.rst": b"Title\n=======\n\n<<<<<<< quoted\n>>>>>>> quoted\n",
    "bare": b"no newline",
}
FIX = 'for file in third_party/up/*; do echo fixed >>"$file"; done\n'


@pytest.fixture
def mirrored(host: Host, upstream: Upstream) -> Host:
    """A mirror at v1, whose pin has moved to v2."""
    upstream.release("v1", UPSTREAM)
    upstream.release("v2", {name: content + b"more\n" for name, content in UPSTREAM.items()})
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    host.sync("--commit")
    host.manifest(mirror("up", upstream.url, tag="v2", local=True))
    return host


def assert_exact(host: Host, upstream: Upstream, tag: str = "v2") -> None:
    """HEAD, index and files are upstream's."""
    assert host.git("rev-parse", "HEAD:third_party/up") == git(
        upstream.path, "rev-parse", f"{tag}^{{tree}}"
    )
    assert host.git("status", "--porcelain", "third_party") == ""
    assert host.run("verify").status == 0


# those that look


@pytest.mark.parametrize("by_hand", [False, True], ids=["sync --commit", "sync, commit"])
def test_gits_own_sample_of_a_hook_lets_mirrors_pass(
    host: Host, upstream: Upstream, *, by_hand: bool
) -> None:
    """The sample is `git diff --check`.

    It complains of whitespace and of what looks like a conflict marker, such as the line below a
    title.
    """
    sample = host.path / ".git/hooks/pre-commit.sample"
    script(sample.with_suffix(""), "".join(sample.read_text().splitlines(keepends=True)[1:]))
    upstream.release("v1", UPSTREAM)
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    if by_hand:
        host.sync()
        host.git("add", "third_party")
        host.git("commit", "--quiet", "-m", "sync")
    else:
        host.sync("--commit")
    assert_exact(host, upstream, "v1")
    (host.path / "own.txt").write_text("trailing  \n")
    host.git("add", "own.txt")
    assert "own.txt:1: trailing whitespace." in failure_of_commit(host)


def test_the_sample_still_looks_at_what_people_write_in_third_party(mirrored: Host) -> None:
    manifest = mirrored.third_party / "mirrors.toml"
    manifest.write_text(f"{manifest.read_text()}# trailing  \n=======\n")
    mirrored.git("add", "third_party/mirrors.toml")
    ran = mirrored.run("verify", "--index")  # not clean either way
    said = failure_of_check(mirrored)
    assert "mirrors.toml:5: trailing whitespace." in said
    assert "mirrors.toml:6: leftover conflict marker" in said
    assert ran.status != 0


def failure_of_commit(host: Host) -> str:
    with pytest.raises(AssertionError) as failed:
        host.git("commit", "--quiet", "-m", "own")
    return str(failed.value)


def failure_of_check(host: Host) -> str:
    with pytest.raises(AssertionError) as failed:
        host.git("diff", "--cached", "--check")
    return str(failed.value)


def test_a_hook_that_refuses_and_changes_nothing_is_only_quoted(mirrored: Host) -> None:
    script(
        mirrored.path / ".git/hooks/pre-commit", "touch third_party/up/*; echo not today; exit 1\n"
    )
    ran = mirrored.run("sync", "--commit")
    assert ran.status == 2
    assert ran.err.splitlines()[-3:] == [
        "error: git commit failed: what was synced is in place, and staged",
        "  not today",
        "hint: mend what git says, then `git verbatim sync --commit`",
    ]


# those that fix


@dataclass(frozen=True)
class Fixing:
    """A hook that changes mirrors: where it is, and what it does afterwards."""

    path: str
    then: str
    named: str
    config: str = ""

    def install(self, host: Host) -> Path:
        if self.config:
            host.git("config", "core.hooksPath", self.config)
        return script(host.path / self.path, FIX + self.then)


FIXING = {
    "refuses": Fixing(".git/hooks/pre-commit", "echo fixed; exit 1\n", ".git/hooks/pre-commit"),
    "passes": Fixing(".git/hooks/pre-commit", "exit 0\n", ".git/hooks/pre-commit"),
    "stages": Fixing(".git/hooks/pre-commit", "git add third_party\n", ".git/hooks/pre-commit"),
    "of the message": Fixing(".git/hooks/commit-msg", "exit 0\n", ".git/hooks/commit-msg"),
    "afterwards": Fixing(".git/hooks/post-commit", "exit 0\n", ".git/hooks/post-commit"),
    "shared": Fixing(".githooks/pre-commit", "exit 1\n", ".githooks/pre-commit", ".githooks"),
    "husky": Fixing(".husky/_/pre-commit", "exit 1\n", ".husky/pre-commit", ".husky/_"),
}


@pytest.mark.parametrize("ours", [False, True], ids=["alone", "with our hooks"])
@pytest.mark.parametrize("kind", FIXING)
def test_a_hook_that_changes_mirrors_is_named_and_what_is_printed_helps(
    mirrored: Host, upstream: Upstream, kind: str, *, ours: bool
) -> None:
    fixing = FIXING[kind]
    hook, named = fixing.install(mirrored), fixing.named
    if ours:
        if fixing.config:
            pytest.skip("there our hooks are not installed beside others")
        assert mirrored.run("hook", "install").status == 0
        if fixing.path.endswith("post-commit"):
            pytest.skip("we have no such hook")
        hook, named = (
            hook.with_name(f"{hook.name}.before-git-verbatim"),
            f"{named}.before-git-verbatim",
        )
    ran = mirrored.run("sync", "--commit")
    lines = ran.err.splitlines()
    at = lines.index("error: a hook changed mirrored files while they were committed")
    assert ran.status == 2
    assert lines[at + 1 : at + 5] == [
        *(f"  third_party/up/{name}" for name in sorted(UPSTREAM)),
        f"  hook: {named}",
    ]
    assert (
        lines[-1]
        == f"hint: have {named} leave out third_party/; then `git verbatim sync --commit --discard-local`"
    )
    hook.unlink()
    ran = mirrored.run("sync", "--commit", "--discard-local")
    assert ran.status == 0, ran.err
    assert_exact(mirrored, upstream)


def test_the_first_sync_with_a_fixing_hook_can_be_repeated(host: Host, upstream: Upstream) -> None:
    upstream.release("v1", UPSTREAM)
    hook = script(host.path / ".git/hooks/pre-commit", f"{FIX}exit 1\n")
    host.manifest("")
    added = host.run("add", "up", upstream.url, "--tag", "v1", "--local", "--commit")
    assert (added.status, "error: a hook changed mirrored files" in added.err) == (2, True), added
    hook.unlink()
    assert host.run("sync", "--commit", "--discard-local").status == 0
    assert_exact(host, upstream, "v1")


def test_of_a_commit_that_a_hook_has_changed_its_id_is_named(mirrored: Host) -> None:
    FIXING["stages"].install(mirrored)
    ran = mirrored.run("sync", "--commit")
    assert (
        f"\n  commit {mirrored.git('rev-parse', 'HEAD')[:12]} has them so; the next one puts them back\n"
        in ran.err
    )


def test_of_lefthook_its_configuration_is_named(mirrored: Host) -> None:
    (mirrored.path / "lefthook.yml").write_text("pre-commit: {}\n")
    script(mirrored.path / ".git/hooks/pre-commit", f"# lefthook run pre-commit\n{FIX}exit 1\n")
    ran = mirrored.run("sync", "--commit")
    assert "\n  hook: .git/hooks/pre-commit, which runs what lefthook.yml says\n" in ran.err
    assert (
        '\nhint: add `exclude: ["third_party/**"]` to what runs in lefthook.yml, and commit that; then '
        in ran.err
    )


@pytest.mark.parametrize("path", ["third_party/provenance/up.json", "third_party/.gitattributes"])
def test_a_changed_record_counts_too(mirrored: Host, upstream: Upstream, path: str) -> None:
    hook = script(mirrored.path / ".git/hooks/pre-commit", f"echo >>{path}; exit 1\n")
    ran = mirrored.run("sync", "--commit")
    assert (ran.status, f"\n  {path}\n" in ran.err) == (2, True)
    hook.unlink()
    assert mirrored.run("sync", "--commit", "--discard-local").status == 0
    if path.endswith(
        ".gitattributes"
    ):  # people edit it too: what somebody has added stays, and is not committed
        assert mirrored.git("diff", "--name-only") == path
        mirrored.git("checkout", "--quiet", "--", path)
    assert_exact(mirrored, upstream)


@pytest.mark.parametrize("exit_status", [0, 1])
def test_the_pre_commit_framework_is_told_what_to_exclude(
    mirrored: Host,
    upstream: Upstream,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    exit_status: int,
) -> None:
    pytest.importorskip("pre_commit")
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "home"))
    fixer = script(
        tmp_path / "fixer",
        f'for file; do case $file in */up/*) echo fixed >>"$file"; status={exit_status};; esac; done\nexit $status\n',
    )
    hook = {"id": "fixer", "name": "a fixer", "language": "system", "entry": str(fixer)}
    config = {"repos": [{"repo": "local", "hooks": [hook]}]}
    configuration = mirrored.path / ".pre-commit-config.yaml"
    configuration.write_text(json.dumps(config))
    mirrored.git("add", configuration.name)
    mirrored.git("commit", "--quiet", "-m", "pre-commit")
    script(
        mirrored.path / ".git/hooks/pre-commit",
        f"# https://pre-commit.com\nexec {sys.executable} -m pre_commit run\n",
    )
    ran = mirrored.run("sync", "--commit")
    assert ran.status == 2
    assert "\n  third_party/up/a.wit\n" in ran.err
    assert (
        "\n  hook: .git/hooks/pre-commit, which runs what .pre-commit-config.yaml says\n" in ran.err
    )
    said = "hint: add `exclude: ^third_party/` at the top level of .pre-commit-config.yaml, and commit that; then `git verbatim sync --commit --discard-local`"
    assert ran.err.splitlines()[-1] == said
    configuration.write_text(json.dumps({**config, "exclude": "^third_party/"}))
    mirrored.git("commit", "--quiet", "-m", "exclude", configuration.name)
    ran = mirrored.run("sync", "--commit", "--discard-local")
    assert ran.status == 0, ran.err
    assert_exact(mirrored, upstream)
