"""Fetching: every transport, every kind of pin, and how often an upstream is asked."""

from pathlib import Path

import pytest

from tests.support.caches import caches
from tests.support.certificates import make_certificate
from tests.support.fetching import (
    FILES,
    MIRRORED,
    configure,
    configure_ssh,
    install_key,
    mirrored,
    sync_of,
    trust,
)
from tests.support.git import git
from tests.support.git_daemon import git_daemon
from tests.support.git_http import GitHttp, git_http
from tests.support.hosts import Host, mirror
from tests.support.ssh import Ssh, make_ssh_key, ssh_agent
from tests.support.upstreams import Upstream


def is_shallow(cache: Path) -> bool:
    return (cache / "shallow").exists()


# transports


def test_http_gives_the_exact_files(host: Host, upstream: Upstream, site: GitHttp) -> None:
    upstream.release("v1", FILES)
    assert sync_of(host, site.url()) == MIRRORED


def test_http_fetches_shallow(
    host: Host, upstream: Upstream, site: GitHttp, scratch_home: Path
) -> None:
    upstream.commit({"old": b"old"})
    tagged = upstream.release("v1", FILES)
    sync_of(host, site.url())
    assert [(cache / "shallow").read_text().split() for cache in caches(scratch_home)] == [[tagged]]


def test_https_with_an_authority_from_git_config(
    host: Host, upstream: Upstream, tmp_path: Path, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    certificate = make_certificate(tmp_path / "tls")
    configure(scratch_home, "http.sslCAInfo", str(certificate.authority))
    with git_http(tmp_path, certificate=certificate) as site:
        assert sync_of(host, site.url()) == MIRRORED


def test_https_with_an_authority_from_the_environment(
    host: Host, upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.release("v1", FILES)
    certificate = make_certificate(tmp_path / "tls")
    monkeypatch.setenv("GIT_SSL_CAINFO", str(certificate.authority))
    with git_http(tmp_path, certificate=certificate) as site:
        assert sync_of(host, site.url()) == MIRRORED


def test_https_with_an_authority_that_is_not_there_says_so(
    host: Host, secure: GitHttp, scratch_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GIT_SSL_CAINFO")
    configure(scratch_home, "http.sslCAInfo", "~/gone.pem")
    host.manifest(mirror("up", secure.url(), tag="v1"))
    ran = host.run("sync")
    error, *context, hint = ran.err.splitlines()
    assert (ran.status, error) == (
        2,
        "error: the certificates that git's configuration names cannot be read",
    )
    assert context[:2] == [f"  url: {secure.url()}", f"  http.sslcainfo={scratch_home}/gone.pem"]
    assert hint == "hint: correct git's `http.sslCAInfo`, or GIT_SSL_CAINFO"


def test_https_without_verification_where_git_says_so(
    host: Host, upstream: Upstream, tmp_path: Path, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    with git_http(tmp_path, certificate=make_certificate(tmp_path / "tls")) as site:
        configure(scratch_home, f"http.{site.base}.sslVerify", "false")
        assert sync_of(host, site.url()) == MIRRORED


def test_the_git_protocol_gives_the_exact_files(
    host: Host, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.release("v1", FILES)
    with git_daemon(tmp_path) as base:
        assert sync_of(host, f"{base}/upstream") == MIRRORED


def test_the_git_protocol_fetches_shallow(
    host: Host, upstream: Upstream, tmp_path: Path, scratch_home: Path
) -> None:
    upstream.commit({"old": b"old"})
    upstream.release("v1", FILES)
    with git_daemon(tmp_path) as base:
        sync_of(host, f"{base}/upstream")
    assert [is_shallow(cache) for cache in caches(scratch_home)] == [True]


def test_a_local_path_gives_the_exact_files(host: Host, upstream: Upstream) -> None:
    upstream.release("v1", FILES)
    assert sync_of(host, str(upstream.path), local=True) == MIRRORED


def test_a_local_path_is_taken_in_the_case_that_it_has(
    host: Host, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.release("v1", FILES)
    upstream.path.rename(tmp_path / "Upstream")
    assert sync_of(host, str(tmp_path / "Upstream"), local=True) == MIRRORED


def test_a_file_url_gives_the_exact_files(host: Host, upstream: Upstream) -> None:
    upstream.release("v1", FILES)
    assert sync_of(host, f"file://{upstream.path}", local=True) == MIRRORED


def test_a_relative_path_starts_at_the_hosts_root(host: Host, upstream: Upstream) -> None:
    upstream.release("v1", FILES)
    assert sync_of(host, "../upstream", local=True) == MIRRORED


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_a_local_repository_is_refused_unless_the_manifest_says_local(
    host: Host, upstream: Upstream, prefix: str
) -> None:
    upstream.release("v1", FILES)
    host.manifest(mirror("up", prefix + str(upstream.path), tag="v1"))
    before = host.snapshot()
    ran = host.run("sync")
    assert (ran.status, host.snapshot()) == (2, before)
    assert "say `local = true` if that is meant" in ran.err


# ssh


def test_ssh_with_an_agent(
    host: Host,
    upstream: Upstream,
    ssh: Ssh,
    tmp_path: Path,
    scratch_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upstream.release("v1", FILES)
    trust(scratch_home, ssh)
    with ssh_agent(tmp_path, ssh.key) as socket:
        monkeypatch.setenv("SSH_AUTH_SOCK", socket)
        assert sync_of(host, f"ssh://{ssh.user}@127.0.0.1:{ssh.port}{upstream.path}") == MIRRORED


def test_ssh_with_the_key_file_at_its_usual_place(
    host: Host, upstream: Upstream, ssh: Ssh, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    trust(scratch_home, ssh)
    install_key(ssh, scratch_home / ".ssh" / "id_ed25519")
    assert sync_of(host, f"ssh://{ssh.user}@127.0.0.1:{ssh.port}{upstream.path}") == MIRRORED


def test_ssh_fetches_shallow(host: Host, upstream: Upstream, ssh: Ssh, scratch_home: Path) -> None:
    upstream.commit({"old": b"old"})
    upstream.release("v1", FILES)
    trust(scratch_home, ssh)
    install_key(ssh, scratch_home / ".ssh" / "id_ed25519")
    sync_of(host, f"ssh://{ssh.user}@127.0.0.1:{ssh.port}{upstream.path}")
    assert [is_shallow(cache) for cache in caches(scratch_home)] == [True]


def test_ssh_with_an_agent_that_lacks_the_key_goes_on_to_key_files(
    host: Host,
    upstream: Upstream,
    ssh: Ssh,
    tmp_path: Path,
    scratch_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upstream.release("v1", FILES)
    trust(scratch_home, ssh)
    install_key(ssh, scratch_home / ".ssh" / "id_ed25519")
    with ssh_agent(tmp_path, make_ssh_key(tmp_path / "other")) as socket:
        monkeypatch.setenv("SSH_AUTH_SOCK", socket)
        assert sync_of(host, f"ssh://{ssh.user}@127.0.0.1:{ssh.port}{upstream.path}") == MIRRORED


def test_ssh_with_the_identity_file_of_a_host_alias(
    host: Host, upstream: Upstream, ssh: Ssh, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    trust(scratch_home, ssh)
    install_key(ssh, scratch_home / ".ssh" / "work")
    named = f"HostName 127.0.0.1\n Port {ssh.port}\n User {ssh.user}\n"
    configure_ssh(scratch_home, f"Host forge\n {named} IdentityFile {scratch_home}/.ssh/work\n")
    assert sync_of(host, f"ssh://forge{upstream.path}") == MIRRORED


def test_ssh_in_its_short_form(
    host: Host, upstream: Upstream, ssh: Ssh, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    trust(scratch_home, ssh)
    install_key(ssh, scratch_home / ".ssh" / "work")
    key = scratch_home / ".ssh" / "work"
    configure_ssh(scratch_home, f"Host 127.0.0.1\n Port {ssh.port}\n IdentityFile {key}\n")
    assert sync_of(host, f"{ssh.user}@127.0.0.1:{upstream.path}") == MIRRORED


def test_ssh_in_its_short_form_with_a_path_from_the_users_home(
    host: Host, upstream: Upstream, ssh: Ssh, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    trust(scratch_home, ssh)
    install_key(ssh, scratch_home / ".ssh" / "id_ed25519")
    configure_ssh(scratch_home, f"Host 127.0.0.1\n Port {ssh.port}\n")
    assert sync_of(host, f"{ssh.user}@127.0.0.1:{upstream.path.name}") == MIRRORED


def test_ssh_without_a_key_says_what_was_tried(
    host: Host, upstream: Upstream, ssh: Ssh, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    trust(scratch_home, ssh)
    url = f"ssh://{ssh.user}@127.0.0.1:{ssh.port}{upstream.path}"
    host.manifest(mirror("up", url, tag="v1"))
    ran = host.run("sync")
    assert ran.status == 3
    assert ran.err == (
        f"error: {url} accepts none of the ssh keys\n"
        f"  {ssh.user}@127.0.0.1: Permission denied (publickey).\n"
        "hint: add the key to the agent with `ssh-add`, and try `ssh -T` to the host\n"
    )


# pins


@pytest.mark.parametrize("kind", ["lightweight", "annotated", "nested"])
def test_a_tag_of_any_kind_is_peeled_to_its_commit(
    host: Host, upstream: Upstream, site: GitHttp, kind: str
) -> None:
    commit = upstream.commit(FILES)
    named = commit if kind == "lightweight" else upstream.tag("inner", commit, annotated=True)
    upstream.tag("v1", commit if kind != "nested" else "inner", annotated=kind != "lightweight")
    named = str(upstream.resolve("refs/tags/v1"))
    assert sync_of(host, site.url()) == MIRRORED
    recorded = host.record("up")["upstream"]
    assert (recorded["commit"], recorded["tag"]) == (
        commit,
        None if kind == "lightweight" else named,
    )


def test_a_tag_that_no_branch_reaches(host: Host, upstream: Upstream, site: GitHttp) -> None:
    upstream.commit({"main": b"main"})
    upstream.tag("v1", upstream.commit(FILES, branch=None))
    assert sync_of(host, site.url()) == MIRRORED


@pytest.mark.parametrize("name", ["v0.2.0-draft+505fc98", "wit/v1.0@beta", "ü-1", "a%20b", "#1"])
def test_unusual_tag_names(host: Host, upstream: Upstream, site: GitHttp, name: str) -> None:
    upstream.release(name, FILES)
    assert sync_of(host, site.url(), tag=name) == MIRRORED


def test_a_tag_and_a_branch_of_one_name_are_not_mixed_up(
    host: Host, upstream: Upstream, site: GitHttp
) -> None:
    upstream.release("v1", FILES)
    upstream.commit({"other": b"other"}, branch="v1")
    assert sync_of(host, site.url()) == MIRRORED


def test_a_commit_pin_is_fetched_shallow_where_the_server_gives_commits_by_id(
    host: Host, upstream: Upstream, site: GitHttp, scratch_home: Path
) -> None:
    upstream.commit({"old": b"old"})
    commit = upstream.commit(FILES)
    upstream.commit({"new": b"new"})
    host.manifest(mirror("up", site.url(), commit=commit))
    host.sync()
    assert mirrored(host) == MIRRORED
    assert [(cache / "shallow").read_text().split() for cache in caches(scratch_home)] == [[commit]]


def test_a_commit_pin_is_found_also_where_the_server_does_not_give_commits_by_id(
    host: Host, upstream: Upstream, site: GitHttp
) -> None:
    git(upstream.path, "config", "uploadpack.allowReachableSHA1InWant", "false")
    upstream.commit({"old": b"old"})
    commit = upstream.commit(FILES)
    upstream.commit({"new": b"new"})
    host.manifest(mirror("up", site.url(), commit=commit))
    host.sync()
    assert mirrored(host) == MIRRORED


def test_a_commit_and_a_tag_of_one_upstream_where_commits_are_not_given_by_id(
    host: Host, upstream: Upstream, site: GitHttp
) -> None:
    git(upstream.path, "config", "uploadpack.allowReachableSHA1InWant", "false")
    upstream.release("v1", FILES)
    commit = upstream.commit({"other": b"other"})
    host.manifest(mirror("up", site.url(), tag="v1") + mirror("other", site.url(), commit=commit))
    host.sync()
    assert mirrored(host) | mirrored(host, "other") == MIRRORED | {
        "third_party/other/other": b"other"
    }


def test_a_commit_pin_works_in_a_cache_that_a_tag_made_shallow(
    host: Host, upstream: Upstream, site: GitHttp
) -> None:
    git(upstream.path, "config", "uploadpack.allowReachableSHA1InWant", "false")
    commit = upstream.commit(FILES)
    upstream.release("v1", {"new": b"new"})
    sync_of(host, site.url())
    host.manifest(mirror("up", site.url(), commit=commit))
    host.sync()
    assert mirrored(host) == MIRRORED


@pytest.mark.parametrize("by_id", ["true", "false"])
def test_a_commit_that_the_upstream_lacks_cannot_be_checked(
    host: Host, upstream: Upstream, site: GitHttp, by_id: str
) -> None:
    git(upstream.path, "config", "uploadpack.allowReachableSHA1InWant", by_id)
    upstream.release("v1", FILES)
    host.manifest(mirror("up", site.url(), commit="1234567890" * 4))
    before = host.snapshot()
    ran = host.run("sync")
    assert (ran.status, host.snapshot()) == (3, before)
    assert ran.err == (
        f"error: the upstream has no commit {'1234567890' * 4}\n"
        f"  url: {site.url()}\n"
        "hint: the commit may be a fork's, or gone from every branch and tag; look for one that is there\n"
    )


@pytest.mark.parametrize("transport", ["http", "local"])
def test_a_tag_that_is_not_there_gets_the_nearest_one_suggested(
    host: Host, upstream: Upstream, site: GitHttp, transport: str
) -> None:
    upstream.release("v0.2.12", FILES)
    upstream.tag("unrelated", "v0.2.12")
    url = site.url() if transport == "http" else upstream.url
    host.manifest(mirror("up", url, tag="v0.2.21", local=transport == "local"))
    before = host.snapshot()
    ran = host.run("sync")
    assert (ran.status, host.snapshot()) == (2, before)
    assert (
        ran.err
        == f"error: the upstream has no tag v0.2.21\n  url: {url}\nhint: did you mean v0.2.12?\n"
    )


def test_a_tag_of_a_blob_does_not_lead_to_a_commit(
    host: Host, upstream: Upstream, site: GitHttp
) -> None:
    upstream.commit(FILES)
    upstream.tag("v1", upstream.blob(b"key"))
    host.manifest(mirror("up", site.url(), tag="v1"))
    ran = host.run("sync")
    assert ran.status == 2
    assert ran.err.splitlines()[0] == "error: tag v1 does not lead to a commit"


# how often who is asked


def test_an_upstream_is_asked_once_however_many_mirrors_it_feeds(
    host: Host, upstream: Upstream, site: GitHttp
) -> None:
    upstream.release("v1", FILES)
    upstream.release("v2", FILES | {"new": b"new"})
    names = [
        mirror(f"{tag}-{part}", site.url(), tag=tag, from_=part)
        for tag in ("v1", "v2")
        for part in ("deep", "")
    ]
    host.manifest("".join(name.replace('from = ""\n', "") for name in names))
    host.sync()
    assert site.visits() == 1


def test_several_upstreams_are_each_asked_once(host: Host, tmp_path: Path, site: GitHttp) -> None:
    assert sync_three(host, tmp_path, site) == [1, 1, 1]


def test_several_upstreams_one_after_another(host: Host, tmp_path: Path, site: GitHttp) -> None:
    assert sync_three(host, tmp_path, site, "--jobs", "1") == [1, 1, 1]


def sync_three(host: Host, tmp_path: Path, site: GitHttp, *options: str) -> list[int]:
    """Mirror three upstreams; how often each was asked."""
    names = ["one", "two", "three"]
    for name in names:
        Upstream.create(tmp_path / name).release("v1", {"file": name.encode()})
    host.manifest("".join(mirror(name, site.url(name), tag="v1") for name in names))
    host.sync(*options)
    assert [mirrored(host, name) for name in names] == [
        {f"third_party/{name}/file": name.encode()} for name in names
    ]
    return [site.visits(name) for name in names]


def test_a_satisfied_sync_asks_nobody(host: Host, upstream: Upstream, site: GitHttp) -> None:
    upstream.release("v1", FILES)
    sync_of(host, site.url())
    site.requests.clear()
    assert host.sync().out == "up to date: 1 mirror\n"
    assert site.requests == []


def test_a_mirror_with_its_commit_in_the_cache_is_rebuilt_without_asking(
    host: Host, upstream: Upstream, site: GitHttp, tmp_path: Path
) -> None:
    upstream.release("v1", FILES)
    sync_of(host, site.url(), checked_in=False)
    site.requests.clear()
    other = Host.create(tmp_path / "other")
    other.manifest((host.third_party / "mirrors.toml").read_text())
    (other.third_party / "provenance").mkdir()
    (other.third_party / "provenance" / "up.json").write_bytes(
        (host.third_party / "provenance" / "up.json").read_bytes()
    )
    other.sync()
    assert (mirrored(other), site.requests) == (MIRRORED, [])


def test_offline_works_from_the_cache_and_asks_nobody(
    host: Host, upstream: Upstream, site: GitHttp, tmp_path: Path
) -> None:
    upstream.release("v1", FILES)
    sync_of(host, site.url())
    site.requests.clear()
    other = Host.create(tmp_path / "other")
    other.manifest((host.third_party / "mirrors.toml").read_text())
    other.sync("--offline")
    assert (mirrored(other), site.requests) == (MIRRORED, [])


def test_offline_without_a_cache_names_what_is_missing(
    host: Host, upstream: Upstream, site: GitHttp
) -> None:
    upstream.release("v1", FILES)
    host.manifest(mirror("up", site.url(), tag="v1"))
    ran = host.run("sync", "--offline")
    assert (ran.status, site.requests) == (3, [])
    assert ran.err == (
        f"error: tag v1 is not in the cache\n  url: {site.url()}\nhint: run the command again without `--offline`\n"
    )


def test_a_new_host_asks_whether_the_tag_has_moved_meanwhile(
    host: Host, upstream: Upstream, site: GitHttp, tmp_path: Path
) -> None:
    upstream.release("v1", {"old": b"old"})
    sync_of(host, site.url())
    upstream.tag("v1", upstream.commit(FILES), force=True)
    other = Host.create(tmp_path / "other")
    assert sync_of(other, site.url()) == MIRRORED
