"""`[policy] upstreams` says where mirrors may come from, by the manifest that a change starts from."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.errors import ManifestError
from sync.manifest.read import parse_manifest
from sync.manifest.url_patterns import is_allowed
from tests.support.git import git
from tests.support.git_http import GitHttp, git_http
from tests.support.hosts import Host
from tests.support.program import Ran
from tests.support.upstreams import Upstream

FINDINGS, CLEAN = 1, 0


@pytest.mark.parametrize(
    ("url", "pattern", "allowed"),
    [
        ("https://github.com/WebAssembly/WASI", "https://github.com/WebAssembly/*", True),
        ("https://github.com/WebAssembly/a/b", "https://github.com/WebAssembly/*", False),
        ("https://github.com/WebAssembly", "https://github.com/WebAssembly/*", False),
        ("https://github.com/other/WASI", "https://github.com/*/WASI", True),
        ("https://github.com/a/b/WASI", "https://github.com/*/WASI", False),
        ("https://github.com/W/wasi-cli", "https://github.com/W/wasi-*", True),
        ("https://github.com.evil.org/W/x", "https://github.com/W/*", False),
        ("http://github.com/W/x", "https://github.com/W/*", False),
        ("https://github.com/W/x.y", "https://github.com/W/x?y", False),
        ("git@github.com:W/x", "git@github.com:W/*", True),
        ("/srv/x", "https://example.org/*", False),
        ("https://example.org/W/..", "https://example.org/W/*", False),
        ("https://example.org/../x", "https://example.org/*/x", False),
        ("https://example.org/W/..%2fevil%2fx", "https://example.org/W/*", False),
        ("https://example.org/W/a%2Fb", "https://example.org/W/*", False),
        ("https://example.org/W/a\\b", "https://example.org/W/*", False),
        ("git@example.org:..", "git@example.org:*", False),
    ],
)
def test_a_star_stands_for_one_name_and_scheme_and_host_for_themselves(
    url: str, pattern: str, allowed: bool
) -> None:
    assert is_allowed(url, [pattern]) == allowed


def test_no_patterns_allow_all_and_an_empty_list_none() -> None:
    assert is_allowed("https://example.org/x", None)
    assert not is_allowed("https://example.org/x", [])
    assert parse_manifest(b"").allowed_upstreams is None
    assert parse_manifest(b"[policy]\nupstreams = []\n").allowed_upstreams == ()


@pytest.mark.parametrize(
    "pattern",
    [
        "*",
        "https://*",
        "https://*.example.org/x",
        "https://exa*ple.org/x",
        "git@*:x",
        "*://example.org/x",
        "/srv/*",
        "ext::x",
    ],
)
def test_a_pattern_that_leaves_the_host_open_is_refused(pattern: str) -> None:
    with pytest.raises(ManifestError) as raised:
        parse_manifest(f'[policy]\nupstreams = ["{pattern}"]\n'.encode())
    assert raised.value.message.startswith(f"`upstreams` has `{pattern}`, which ")
    assert raised.value.context == ["third_party/mirrors.toml:2: policy.upstreams"]
    assert "`*` stands for a name" in (raised.value.hint or "")


@pytest.fixture
def site(upstream: Upstream, tmp_path: Path) -> Iterator[GitHttp]:
    upstream.release("v1", {"a": b"a\n"})
    with git_http(tmp_path) as site:
        yield site


def policy(*patterns: str) -> str:
    return f"[policy]\nupstreams = {json.dumps(patterns)}\n"


def commit_manifest(host: Host, text: str) -> None:
    host.manifest(text)
    host.git("add", ".")
    host.git("commit", "--quiet", "--message", "the manifest")


def add(host: Host, name: str, site: GitHttp) -> None:
    ran = host.run("add", name, site.url(), "--tag", "v1", "--commit")
    assert ran.status == CLEAN, ran.err


def rules(ran: Ran) -> set[str]:
    return {violation["rule"] for violation in ran.violations}


def check(host: Host, *options: str) -> tuple[int, set[str]]:
    ran = host.run("check", *options, "--format", "json")
    return ran.status, rules(ran)


REFUSED = (FINDINGS, {"upstream-not-allowed"})


def test_a_mirror_from_elsewhere_is_refused_and_one_from_there_is_not(
    host: Host, site: GitHttp
) -> None:
    commit_manifest(host, policy("https://example.org/*"))
    add(host, "up", site)
    assert check(host, "--range", "HEAD~1..HEAD") == check(host, "--all") == REFUSED
    said = host.run("check", "--range", "HEAD~1..HEAD").out
    assert f"no mirror may come from {site.url()}" in said
    host.git("reset", "--quiet", "--hard", "HEAD~1")
    commit_manifest(host, policy(site.url().rpartition("/")[0] + "/*"))
    add(host, "up", site)
    assert check(host, "--range", "HEAD~1..HEAD") == check(host, "--all") == (CLEAN, set())


def test_a_change_cannot_allow_itself(host: Host, site: GitHttp) -> None:
    commit_manifest(host, policy("https://example.org/*"))
    host.git("branch", "base")
    allowing = policy("https://example.org/*", site.url())
    commit_manifest(host, allowing)
    add(host, "up", site)
    assert check(host, "--range", "HEAD~1..HEAD") == (CLEAN, set())  # by its parent alone
    assert check(host, "--range", "base..HEAD") == REFUSED
    host.git("reset", "--quiet", "--soft", "base")
    host.git("commit", "--quiet", "--message", "both in one")
    assert check(host, "--range", "base..HEAD") == REFUSED


def test_what_was_there_stays_when_the_policy_comes(host: Host, site: GitHttp) -> None:
    host.run("init", "--no-hooks")
    add(host, "up", site)
    text = (host.third_party / "mirrors.toml").read_text()
    commit_manifest(host, policy("https://example.org/*") + text)
    assert check(host, "--range", "HEAD~1..HEAD") == (CLEAN, set())
    assert check(host, "--all") == REFUSED
    add(host, "again", site)
    assert check(host, "--range", "HEAD~1..HEAD") == REFUSED


def test_a_hook_refuses_it_and_a_server_does(host: Host, site: GitHttp, tmp_path: Path) -> None:
    commit_manifest(host, policy("https://example.org/*"))
    server = Host(tmp_path / "server.git")
    git(host.path, "clone", "--quiet", "--bare", ".", str(server.path))
    assert server.run("hook", "install", "--pre-receive").status == CLEAN
    host.run("hook", "install")
    ran = host.run("add", "up", site.url(), "--tag", "v1", "--commit")
    assert "upstream-not-allowed" in ran.err
    host.run("hook", "uninstall")
    host.git("commit", "--quiet", "--message", "all the same")
    with pytest.raises(AssertionError, match="upstream-not-allowed"):
        host.git("push", "--quiet", str(server.path), "HEAD:refs/heads/new")


# a change starts from its base, whatever its commits start from


@pytest.fixture
def behind(host: Host, site: GitHttp) -> Host:
    """A branch that added a mirror when `main` did not allow it yet; now `main` does."""
    apart = "# this line\n" * 3  # so that git merges what stands above and below
    commit_manifest(host, policy("https://example.org/*") + apart)
    host.git("branch", "topic")
    commit_manifest(host, policy(site.url()) + apart)
    host.git("switch", "--quiet", "topic")
    add(host, "up", site)
    return host


def test_an_old_branch_forbids_nothing_that_the_base_allows(behind: Host) -> None:
    assert check(behind, "--range", "main..topic") == (CLEAN, set())
    assert check(behind, "--range", "topic~1..topic") == REFUSED


@pytest.fixture
def server(behind: Host, tmp_path: Path) -> Host:
    """A server that has `main`, which allows the mirror, and `old`, which does not."""
    server = Host(tmp_path / "server.git")
    git(behind.path, "clone", "--quiet", "--bare", "--branch", "main", ".", str(server.path))
    git(server.path, "branch", "--force", "topic", "topic~1")
    git(server.path, "branch", "old", "topic")
    assert server.run("hook", "install", "--pre-receive").status == CLEAN
    behind.git("remote", "add", "server", str(server.path))
    return server


@pytest.mark.usefixtures("server")
def test_a_push_is_judged_by_what_its_ref_had(behind: Host) -> None:
    behind.git("switch", "--quiet", "--detach", "main")
    behind.git("merge", "--quiet", "--no-edit", "topic")
    behind.git("push", "--quiet", "server", "HEAD:refs/heads/main")
    with pytest.raises(AssertionError, match="upstream-not-allowed"):
        behind.git("push", "--quiet", "server", "topic:refs/heads/topic")


@pytest.mark.usefixtures("server")
def test_a_new_ref_may_have_what_the_default_branch_allows(behind: Host) -> None:
    behind.git("push", "--quiet", "server", "topic:refs/heads/new")


def test_a_new_ref_may_have_what_is_allowed_where_it_was_cut(
    behind: Host, server: Host, site: GitHttp
) -> None:
    git(server.path, "symbolic-ref", "HEAD", "refs/heads/old")
    behind.git("switch", "--quiet", "--detach", "main")
    add(behind, "up", site)
    behind.git("push", "--quiet", "server", "HEAD:refs/heads/new")


def test_what_another_branch_allowed_itself_does_not_reach_the_default_branch(
    host: Host, site: GitHttp, tmp_path: Path
) -> None:
    """Whether it is merged there, or the ref is moved to a commit that is known already."""
    commit_manifest(host, policy("https://example.org/*"))
    server = Host(tmp_path / "server.git")
    git(host.path, "clone", "--quiet", "--bare", ".", str(server.path))
    assert server.run("hook", "install", "--pre-receive").status == CLEAN
    host.git("switch", "--quiet", "-c", "evil")
    commit_manifest(host, policy(site.url()))
    host.git("push", "--quiet", str(server.path), "evil")
    add(host, "up", site)
    host.git("push", "--quiet", str(server.path), "evil")
    with pytest.raises(AssertionError, match="upstream-not-allowed"):
        host.git("push", "--quiet", str(server.path), "evil:main")
    host.git("switch", "--quiet", "main")
    host.git("merge", "--quiet", "--no-ff", "--no-edit", "evil")
    with pytest.raises(AssertionError, match="upstream-not-allowed"):
        host.git("push", "--quiet", str(server.path), "main")
