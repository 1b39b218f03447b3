"""One tag of one repository names one commit: records that say two contradict each other."""

from pathlib import Path

import pytest

from sync.urls import same_repository
from tests.support.git import git
from tests.support.hosts import Host
from tests.support.program import Ran
from tests.support.upstreams import Upstream

FINDINGS, CLEAN = 1, 0


@pytest.fixture
def rewritten(host: Host, upstream: Upstream) -> Upstream:
    """A host with a branch `old` from before the mirror; then somebody puts another v1 there."""
    upstream.release("v1", {"a": b"a\n"})
    host.run("init", "--no-hooks")
    host.git("add", ".")
    host.git("commit", "--quiet", "--message", "no mirrors yet")
    host.git("branch", "old")
    add(host, "up", upstream)
    upstream.release("other", {"a": b"forged\n"})
    git(upstream.path, "tag", "--force", "v1", "other")
    return upstream


def add(host: Host, name: str, upstream: Upstream, *options: str) -> None:
    ran = host.run("add", name, upstream.url, "--tag", "v1", "--local", "--commit", *options)
    assert ran.status == CLEAN, ran.err


def rules(ran: Ran) -> set[str]:
    return {violation["rule"] for violation in ran.violations}


def check(host: Host, *options: str) -> Ran:
    return host.run("check", *options, "--format", "json")


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("https://example.org/a/b.git", "https://example.org/a/b", True),
        ("https://example.org/a/b/", "https://EXAMPLE.org/a/b", True),
        ("HTTPS://example.org/a/b", "https://example.org/a/b.git/", True),
        ("git@Example.org:a/b.git", "git@example.org:a/b", True),
        ("ssh://git@Example.org/a", "ssh://git@example.org/a", True),
        ("https://example.org/a/B", "https://example.org/a/b", False),
        ("https://example.org/a/b", "http://example.org/a/b", False),
        ("https://example.org/a/b", "https://example.org/a/b2", False),
        ("ssh://Git@example.org/a", "ssh://git@example.org/a", False),
        ("/srv/A.git", "/srv/a.git", False),
    ],
)
def test_urls_are_one_repository_if_only_their_spelling_differs(
    one: str, other: str, is_same: bool
) -> None:
    assert (same_repository(one) == same_repository(other)) == is_same


def test_a_branch_from_before_the_mirror_meets_the_base(host: Host, rewritten: Upstream) -> None:
    host.git("switch", "--quiet", "old")
    add(host, "up", rewritten)
    ran = check(host, "--range", "main..old")
    assert (ran.status, rules(ran)) == (FINDINGS, {"tag-moved"})
    said = host.run("check", "--range", "main..old").out
    assert "`git verbatim verify --upstream up`" in said
    assert check(host, "--range", "main~1..old").status == CLEAN


def test_one_side_of_a_merge_does_not_excuse_the_other(host: Host, rewritten: Upstream) -> None:
    host.git("switch", "--quiet", "old")
    add(host, "up", rewritten)
    for side in ("ours", "theirs"):
        host.git("switch", "--quiet", "--detach", "main")
        host.git("merge", "--quiet", "--no-edit", f"--strategy-option={side}", "old")
        ran = check(host, "--range", "HEAD~1..HEAD")
        assert (ran.status, rules(ran)) == (FINDINGS, {"tag-moved"})


def test_another_mirror_of_the_repository_contradicts_too(host: Host, rewritten: Upstream) -> None:
    add(host, "again", rewritten)
    for options in (["--range", "HEAD~1..HEAD"], ["--all"]):
        ran = check(host, *options)
        assert (ran.status, rules(ran)) == (FINDINGS, {"tag-moved"})
    assert host.run("verify").status == FINDINGS
    assert "tag-moved" in host.run("verify", "--json").out
    assert host.run("status").status == FINDINGS
    assert host.run("report", "markdown").status == FINDINGS


def test_a_contradiction_that_was_let_in_is_blamed_once(host: Host, rewritten: Upstream) -> None:
    add(host, "again", rewritten)
    (host.path / "readme").write_text("more\n")
    host.manifest((host.third_party / "mirrors.toml").read_text() + "\n# more\n")
    host.git("add", ".")
    host.git("commit", "--quiet", "--message", "something else")
    assert check(host, "--range", "HEAD~1..HEAD").status == CLEAN
    assert check(host, "--range", "HEAD~2..HEAD").status == FINDINGS


def test_the_way_out_is_a_pin_by_commit(host: Host, rewritten: Upstream) -> None:
    add(host, "again", rewritten)
    text = (host.third_party / "mirrors.toml").read_text()
    right = host.record("up")["upstream"]["commit"]
    for name in ("up", "again"):
        at = text.index(f'[mirrors."{name}"]')
        text = text[:at] + text[at:].replace('tag = "v1"', f'commit = "{right}"', 1)
    host.manifest(text)
    host.sync("--commit")
    assert check(host, "--range", "HEAD~1..HEAD").status == CLEAN
    assert check(host, "--all").status == host.run("verify").status == CLEAN


def test_a_hook_refuses_the_commit(host: Host, rewritten: Upstream) -> None:
    host.run("hook", "install")
    ran = host.run("add", "again", rewritten.url, "--tag", "v1", "--local", "--commit")
    assert (ran.status, "tag-moved" in ran.err) == (2, True)


def test_a_server_refuses_the_push_of_such_a_branch(
    host: Host, rewritten: Upstream, tmp_path: Path
) -> None:
    server = Host(tmp_path / "server.git")
    git(host.path, "clone", "--quiet", "--bare", ".", str(server.path))
    assert server.run("hook", "install", "--pre-receive").status == CLEAN
    before = git(server.path, "rev-parse", "old")
    host.git("switch", "--quiet", "old")
    add(host, "up", rewritten)
    with pytest.raises(AssertionError, match="tag-moved"):
        host.git("push", "--quiet", str(server.path), "old")
    assert git(server.path, "rev-parse", "old") == before
