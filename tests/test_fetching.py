"""Fetching: every transport, every kind of pin, git's configuration of transports, the cache."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sync.git.transport_configuration import TransportConfiguration
from tests.support.caches import caches, delete
from tests.support.certificates import make_certificate
from tests.support.fetching import (
    FILES,
    MIRRORED,
    configure,
    configure_ssh,
    elsewhere,
    install_key,
    mirrored,
    sync_of,
    trust,
)
from tests.support.git import git, git_bytes
from tests.support.git_daemon import git_daemon
from tests.support.git_http import GitHttp, git_http
from tests.support.hosts import Host, mirror
from tests.support.misbehaving import redirect_to, status
from tests.support.proxies import forwarding_proxy
from tests.support.scripts import script
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


# git's configuration


def test_instead_of_from_the_home(
    host: Host, upstream: Upstream, site: GitHttp, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    configure(scratch_home, f"url.{site.base}/.insteadOf", "https://forge.invalid/")
    assert sync_of(host, "https://forge.invalid/upstream") == MIRRORED
    assert host.record("up")["upstream"]["url"] == "https://forge.invalid/upstream"


def test_instead_of_from_git_config_global(
    host: Host, upstream: Upstream, site: GitHttp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.release("v1", FILES)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "global"))
    git(tmp_path, "config", "--global", f"url.{site.base}/.insteadOf", "https://forge.invalid/")
    git(tmp_path, "config", "--global", "user.name", "Tester")
    assert sync_of(host, "https://forge.invalid/upstream") == MIRRORED


def test_instead_of_from_the_environment(
    host: Host, upstream: Upstream, site: GitHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.release("v1", FILES)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{site.base}/.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://forge.invalid/")
    assert sync_of(host, "https://forge.invalid/upstream") == MIRRORED


def test_instead_of_from_the_host_repository(host: Host, upstream: Upstream, site: GitHttp) -> None:
    upstream.release("v1", FILES)
    host.git("config", f"url.{site.base}/.insteadOf", "https://forge.invalid/")
    assert sync_of(host, "https://forge.invalid/upstream") == MIRRORED


def test_instead_of_a_host_repository_when_run_from_another_directory(
    host: Host, upstream: Upstream, site: GitHttp, tmp_path: Path
) -> None:
    upstream.release("v1", FILES)
    host.git("config", f"url.{site.base}/.insteadOf", "https://forge.invalid/")
    host.manifest(mirror("up", "https://forge.invalid/upstream", tag="v1"))
    ran = Host(tmp_path).run("-C", str(host.third_party), "sync")
    assert (ran.status, mirrored(host)) == (0, MIRRORED), ran.err


def test_instead_of_is_applied_once_as_by_git(
    host: Host, upstream: Upstream, site: GitHttp, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    configure(scratch_home, f"url.{site.base}/.insteadOf", "https://forge.invalid/")
    configure(scratch_home, "url.https://nowhere.invalid/.insteadOf", f"{site.base}/")
    assert sync_of(host, "https://forge.invalid/upstream") == MIRRORED


def test_the_longest_instead_of_wins(
    host: Host, upstream: Upstream, site: GitHttp, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    configure(scratch_home, "url.https://nowhere.invalid/.insteadOf", "https://forge.invalid/")
    configure(scratch_home, f"url.{site.base}/.insteadOf", "https://forge.invalid/team/")
    assert sync_of(host, "https://forge.invalid/team/upstream") == MIRRORED


def test_instead_of_may_lead_to_a_local_repository(
    host: Host, upstream: Upstream, tmp_path: Path, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    configure(scratch_home, f"url.{tmp_path}/.insteadOf", "https://forge.invalid/")
    assert sync_of(host, "https://forge.invalid/upstream") == MIRRORED


def test_a_cache_that_a_local_repository_filled_in_part_is_completed_from_the_upstream(
    host: Host, upstream: Upstream, site: GitHttp, tmp_path: Path, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    configure(scratch_home, f"url.{tmp_path}/.insteadOf", f"{site.base}/")
    sync_of(host, site.url(), from_="deep")
    configure(scratch_home, "--remove-section", f"url.{tmp_path}/")
    assert sync_of(host, site.url()) == MIRRORED


def test_https_goes_through_the_proxy_of_git_config(
    host: Host, upstream: Upstream, secure: GitHttp, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    with forwarding_proxy() as proxy:
        configure(scratch_home, "http.proxy", proxy.url)
        assert sync_of(host, secure.url()) == MIRRORED
        assert set(proxy.requests) == {f"CONNECT 127.0.0.1:{secure.port}"}


def test_a_proxy_for_one_url_from_the_host_repository(
    host: Host, upstream: Upstream, secure: GitHttp
) -> None:
    upstream.release("v1", FILES)
    with forwarding_proxy() as proxy:
        host.git("config", f"http.{secure.base}.proxy", proxy.url)
        assert sync_of(host, secure.url()) == MIRRORED
        assert proxy.requests != []


def test_a_proxy_from_the_environment(
    host: Host, upstream: Upstream, secure: GitHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.release("v1", FILES)
    with forwarding_proxy() as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        assert sync_of(host, secure.url()) == MIRRORED
        assert proxy.requests != []


def test_no_proxy_for_a_host_that_the_environment_exempts(
    host: Host, upstream: Upstream, secure: GitHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.release("v1", FILES)
    with forwarding_proxy() as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert sync_of(host, secure.url()) == MIRRORED
        assert proxy.requests == []


def test_an_empty_proxy_in_git_config_switches_the_environments_off(
    host: Host,
    upstream: Upstream,
    secure: GitHttp,
    scratch_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upstream.release("v1", FILES)
    with forwarding_proxy() as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        configure(scratch_home, "http.proxy", "")
        assert sync_of(host, secure.url()) == MIRRORED
        assert proxy.requests == []


def test_extra_headers_are_sent(
    host: Host, upstream: Upstream, site: GitHttp, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    configure(scratch_home, f"http.{site.base}/.extraHeader", "X-Token: one")
    sync_of(host, site.url())
    assert {request.headers.get("X-Token") for request in site.requests} == {"one"}


def test_all_extra_headers_are_sent(
    host: Host, upstream: Upstream, site: GitHttp, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    configure(scratch_home, "--add", "http.extraHeader", "X-One: 1")
    configure(scratch_home, "--add", "http.extraHeader", "X-Two: 2")
    sync_of(host, site.url())
    assert {(r.headers.get("X-One"), r.headers.get("X-Two")) for r in site.requests} == {("1", "2")}


def test_an_extra_header_may_authenticate(
    host: Host, upstream: Upstream, tmp_path: Path, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    with git_http(tmp_path, account=("user", "secret")) as site:
        configure(
            scratch_home, f"http.{site.base}/.extraHeader", "Authorization: Basic dXNlcjpzZWNyZXQ="
        )
        assert sync_of(host, site.url()) == MIRRORED


def test_a_redirect_is_followed(
    host: Host, upstream: Upstream, site: GitHttp, tmp_path: Path
) -> None:
    upstream.release("v1", FILES)
    with git_http(tmp_path, trouble=redirect_to(lambda: site.base)) as old:
        assert sync_of(host, old.url()) == MIRRORED


def test_an_extra_header_goes_nowhere_that_a_redirect_leads(
    host: Host, upstream: Upstream, site: GitHttp, tmp_path: Path, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    with git_http(tmp_path, trouble=redirect_to(lambda: elsewhere(site))) as old:
        configure(scratch_home, f"http.{old.base}/.extraHeader", "X-Token: one")
        assert sync_of(host, old.url()) == MIRRORED
    assert {request.headers.get("X-Token") for request in old.requests} == {"one", None}
    assert {request.headers.get("X-Token") for request in site.requests} == {None}


def test_each_host_gets_its_own_extra_header_though_another_key_ends_with_the_same(
    host: Host, upstream: Upstream, site: GitHttp, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    for base, token in ((site.base, "own"), ("https://other.invalid", "another's")):
        configure(scratch_home, "--add", f"http.{base}/.extraHeader", f"X-Token: {token}")
        configure(scratch_home, "--add", f"http.{base}/.extraHeader", "X-Client: me")
    sync_of(host, site.url())
    assert {(r.headers.get("X-Token"), r.headers.get("X-Client")) for r in site.requests} == {
        ("own", "me")
    }


# what one project is answered, and another is not told


def offline(
    path: Path, url: str, *configuration: str, **environment: str
) -> tuple[int, dict[str, bytes]]:
    """What a project that has never asked takes from the cache for tag v1 of a URL."""
    host = Host.create(path)
    for setting in configuration:
        host.git("config", *setting.split("=", 1))
    host.manifest(mirror("up", url, tag="v1", local=not url.startswith(("http", "ssh"))))
    ran = host.run("sync", "--offline", **environment)
    if ran.status:
        assert ran.err.startswith("error: tag v1 is not in the cache\n"), ran.err
    return ran.status, mirrored(host)


NOT_CACHED: tuple[int, dict[str, bytes]] = (3, {})
CACHED = (0, MIRRORED)


def test_what_a_project_rewrites_is_no_answer_of_the_upstream(
    host: Host, upstream: Upstream, site: GitHttp, tmp_path: Path
) -> None:
    upstream.release("v1", FILES)
    forged = f"url.{site.base}/.insteadOf=https://forge.invalid/"
    host.git("config", *forged.split("=", 1))
    sync_of(host, "https://forge.invalid/upstream")
    assert offline(tmp_path / "other", "https://forge.invalid/upstream") == NOT_CACHED
    assert offline(tmp_path / "likewise", "https://forge.invalid/upstream", forged) == CACHED
    assert offline(tmp_path / "direct", site.url()) == CACHED


def test_what_the_environment_rewrites_is_no_answer_of_the_upstream(
    host: Host, upstream: Upstream, site: GitHttp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.release("v1", FILES)
    with monkeypatch.context() as patch:
        patch.setenv("GIT_CONFIG_COUNT", "1")
        patch.setenv("GIT_CONFIG_KEY_0", f"url.{site.base}/.insteadOf")
        patch.setenv("GIT_CONFIG_VALUE_0", "https://forge.invalid/")
        sync_of(host, "https://forge.invalid/upstream")
    assert offline(tmp_path / "other", "https://forge.invalid/upstream") == NOT_CACHED


def test_a_project_that_rewrites_does_not_hide_what_the_upstream_answered(
    host: Host, upstream: Upstream, site: GitHttp, tmp_path: Path
) -> None:
    upstream.release("v1", FILES)
    sync_of(host, site.url())
    Upstream.create(tmp_path / "forged" / "upstream").release("v1", {"evil": b"evil"})
    forger = Host.create(tmp_path / "forger")
    forger.git("config", f"url.{tmp_path}/forged/.insteadOf", f"{site.base}/")
    assert sync_of(forger, site.url()) == {"third_party/up/evil": b"evil"}
    assert offline(tmp_path / "other", site.url()) == CACHED


def test_behind_a_mirror_of_ones_own_the_cache_serves_every_project(
    host: Host, upstream: Upstream, site: GitHttp, tmp_path: Path, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    configure(scratch_home, f"url.{site.base}/.insteadOf", "https://forge.invalid/")
    sync_of(host, "https://forge.invalid/upstream")
    site.requests.clear()
    assert (offline(tmp_path / "other", "https://forge.invalid/upstream"), site.requests) == (
        CACHED,
        [],
    )


def test_one_relative_path_of_two_projects_is_two_upstreams(tmp_path: Path) -> None:
    for name in ("one", "two"):
        Upstream.create(tmp_path / name / "upstream").release("v1", {"file": name.encode()})
        assert sync_of(Host.create(tmp_path / name / "host"), "../upstream", local=True) == {
            "third_party/up/file": name.encode()
        }
    delete(tmp_path / "one" / "host")
    assert offline(tmp_path / "one" / "host", "../upstream") == (0, {"third_party/up/file": b"one"})
    assert offline(tmp_path / "three" / "host", "../upstream") == NOT_CACHED


def test_a_path_and_its_file_url_are_one_upstream(
    host: Host, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.release("v1", FILES)
    sync_of(host, upstream.url, local=True)
    assert offline(tmp_path / "other", f"file://{upstream.path}") == CACHED


UNVERIFIED = {
    "in configuration": (("http.sslVerify=false",), {}),
    "in the environment": ((), {"GIT_SSL_NO_VERIFY": "1"}),
}


@pytest.mark.parametrize(("configuration", "environment"), UNVERIFIED.values(), ids=UNVERIFIED)
def test_what_one_project_fetched_without_verification_no_other_believes(
    upstream: Upstream, tmp_path: Path, configuration: tuple[str, ...], environment: dict[str, str]
) -> None:
    upstream.release("v1", FILES)
    careless = Host.create(tmp_path / "careless")
    for setting in configuration:
        careless.git("config", *setting.split("=", 1))
    with git_http(tmp_path, certificate=make_certificate(tmp_path / "tls")) as site:
        careless.manifest(mirror("up", site.url(), tag="v1"))
        assert careless.run("sync", **environment).status == 0
        assert offline(tmp_path / "other", site.url()) == NOT_CACHED
        assert offline(tmp_path / "likewise", site.url(), *configuration, **environment) == CACHED


@pytest.mark.parametrize("names_it", ["its own path", "a path from its top"])
def test_whom_one_projects_authority_vouched_for_no_other_believes(
    upstream: Upstream, tmp_path: Path, names_it: str
) -> None:
    upstream.release("v1", FILES)
    certificate = make_certificate(tmp_path / "tls")
    trusting = Host.create(tmp_path / "trusting")
    (trusting.path / "authority.pem").write_bytes(certificate.authority.read_bytes())
    setting = (
        "authority.pem"
        if names_it == "a path from its top"
        else str(trusting.path / "authority.pem")
    )
    trusting.git("config", "http.sslCAInfo", setting)
    with git_http(tmp_path, certificate=certificate) as site:
        trusting.manifest(mirror("up", site.url(), tag="v1"))
        assert trusting.run("-C", "third_party", "sync").status == 0
        other = setting if names_it == "a path from its top" else "/none"
        assert offline(tmp_path / "other", site.url(), f"http.sslCAInfo={other}") == NOT_CACHED
        assert offline(tmp_path / "third", site.url()) == NOT_CACHED


WAYS = {
    "a proxy, of what is not verified": (
        "http://127.0.0.1:1/upstream",
        "http.proxy=http://proxy.invalid",
    ),
    "another address, of what is not verified": (
        "http://127.0.0.1:1/upstream",
        "http.curloptResolve=127.0.0.1:1:127.0.0.2",
    ),
    "a header": ("https://127.0.0.1:1/upstream", "http.extraHeader=X-Forwarded-Host: evil.invalid"),
    "an ssh command": ("ssh://git@127.0.0.1:1/upstream", "core.sshCommand=ssh -F ssh_config"),
    "a proxy for git's protocol": ("git://127.0.0.1:1/upstream", "core.gitProxy=./proxy"),
}


@pytest.mark.parametrize(("url", "setting"), WAYS.values(), ids=WAYS)
def test_another_way_to_an_upstream_is_another_answer(
    tmp_path: Path, url: str, setting: str
) -> None:
    host = Host.create(tmp_path / "host")
    plain = TransportConfiguration(host.path).settings_for(url).identity
    host.git("config", *setting.split("=", 1))
    assert plain == url
    assert TransportConfiguration(host.path).settings_for(url).identity not in {plain, url}


SAME_ANSWER = {
    "a token": "http.extraHeader=Authorization: Basic dXNlcjpzZWNyZXQ=",
    "a proxy, of what TLS vouches for": "http.proxy=http://proxy.invalid",
    "a password": "url.https://user:s3cret@forge.invalid/.insteadOf=https://forge.invalid/",
    "where to push": "url.https://elsewhere.invalid/.pushInsteadOf=https://forge.invalid/",
}


@pytest.mark.parametrize("setting", SAME_ANSWER.values(), ids=SAME_ANSWER)
def test_who_asks_makes_no_other_answer(tmp_path: Path, setting: str) -> None:
    host = Host.create(tmp_path / "host")
    key, _, value = setting.rpartition("=") if "insteadOf" in setting else setting.partition("=")
    host.git("config", key, value)
    assert (
        TransportConfiguration(host.path).settings_for("https://forge.invalid/up").identity
        == "https://forge.invalid/up"
    )


# credentials


def helper(home: Path, password: str) -> Path:
    """A credential helper that writes down what it is asked; gives the file."""
    log = home / "helper.log"
    path = script(
        home / "helper",
        f'{{ echo "$1"; sed "s/^/  /"; }} >> {log}\ntest "$1" = get && printf "username=user\\npassword={password}\\n"\nexit 0\n',
    )
    configure(home, "credential.helper", str(path))
    return log


def test_a_credential_helper_is_asked_and_told_that_it_was_right(
    host: Host, upstream: Upstream, guarded: GitHttp, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    log = helper(scratch_home, "s3cret")
    assert sync_of(host, guarded.url()) == MIRRORED
    attributes = f"  protocol=http\n  host=127.0.0.1:{guarded.port}\n"
    granted = "  username=user\n  password=s3cret\n"
    assert log.read_text() == f"get\n{attributes}store\n{attributes}{granted}"


def test_credentials_are_neither_printed_nor_kept(
    host: Host, upstream: Upstream, guarded: GitHttp, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    helper(scratch_home, "s3cret")
    host.manifest(mirror("up", guarded.url(), tag="v1"))
    ran = host.sync("--json")
    assert "s3cret" not in ran.out + ran.err
    assert files_with(b"s3cret", host.path, scratch_home / ".cache") == []


def test_wrong_credentials_are_rejected_once_and_not_asked_for_again(
    host: Host, upstream: Upstream, guarded: GitHttp, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    log = helper(scratch_home, "wr0ng")
    host.manifest(mirror("up", guarded.url(), tag="v1"))
    before = host.snapshot()
    ran = host.run("sync")
    assert (ran.status, host.snapshot()) == (3, before)
    assert ran.err == (
        f"error: http://127.0.0.1:{guarded.port} asks for credentials and refused those it got\n"
        f"  url: {guarded.url()}\n"
        "hint: set up a git credential helper for the host, and check the repository's name\n"
    )
    assert [line for line in log.read_text().splitlines() if not line.startswith(" ")] == [
        "get",
        "erase",
    ]


def test_credentials_in_an_instead_of_are_used_and_stay_there(
    host: Host, upstream: Upstream, guarded: GitHttp, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    configure(
        scratch_home,
        f"url.http://user:s3cret@127.0.0.1:{guarded.port}/.insteadOf",
        "https://forge.invalid/",
    )
    assert sync_of(host, "https://forge.invalid/upstream") == MIRRORED
    assert files_with(b"s3cret", host.path, scratch_home / ".cache") == []


def test_credentials_in_an_instead_of_are_not_printed_by_an_error(
    host: Host, upstream: Upstream, guarded: GitHttp, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    configure(
        scratch_home,
        f"url.http://user:wr0ng@127.0.0.1:{guarded.port}/.insteadOf",
        "https://forge.invalid/",
    )
    host.manifest(mirror("up", "https://forge.invalid/upstream", tag="v1"))
    ran = host.run("sync")
    assert ran.status == 3
    assert "wr0ng" not in ran.err


BASIC = 'Basic realm="x"'


@pytest.mark.parametrize(
    ("scheme", "way"),
    [
        ("http", "Negotiate"),
        ("http", "NTLM"),
        ("http", 'Digest realm="x", nonce="y"'),
        ("http", BASIC),
        ("HTTP", BASIC),
    ],
)
def test_credentials_in_an_instead_of_are_not_printed_whatever_the_server_asks_for(
    host: Host, upstream: Upstream, tmp_path: Path, scratch_home: Path, way: str, scheme: str
) -> None:
    upstream.release("v1", FILES)
    with git_http(tmp_path, trouble=status(401, times=None, **{"WWW-Authenticate": way})) as site:
        configure(
            scratch_home,
            f"url.{scheme}://user:s3cret@127.0.0.1:{site.port}/.insteadOf",
            "https://forge.invalid/",
        )
        host.manifest(mirror("up", "https://forge.invalid/upstream", tag="v1"))
        ran = host.run("sync")
    assert ran.status == 3
    assert "s3cret" not in ran.out + ran.err


def test_credentials_in_the_manifest_are_refused_and_not_printed(
    host: Host, guarded: GitHttp
) -> None:
    host.manifest(mirror("up", f"http://user:s3cret@127.0.0.1:{guarded.port}/upstream", tag="v1"))
    ran = host.run("sync")
    assert (ran.status, guarded.requests) == (2, [])
    assert "it holds credentials" in ran.err
    assert "s3cret" not in ran.out + ran.err


def test_credentials_go_nowhere_that_a_redirect_leads(
    host: Host, upstream: Upstream, tmp_path: Path, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    with (
        git_http(tmp_path, account=("other", "0ther")) as site,
        git_http(tmp_path, trouble=redirect_to(lambda: elsewhere(site))) as old,
    ):
        configure(
            scratch_home,
            f"url.http://user:s3cret@127.0.0.1:{old.port}/.insteadOf",
            "https://forge.invalid/",
        )
        host.manifest(mirror("up", "https://forge.invalid/upstream", tag="v1"))
        ran = host.run("sync")
    assert (ran.status, ran.err.splitlines()[0]) == (
        3,
        f"error: {old.base} asks for credentials and refused those it got",
    )
    assert "s3cret" not in ran.err
    assert {request.headers.get("Authorization") for request in site.requests} == {None}


def test_a_helper_is_asked_for_the_host_that_a_redirect_leads_to(
    host: Host, upstream: Upstream, guarded: GitHttp, tmp_path: Path, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    log = helper(scratch_home, "s3cret")
    with git_http(tmp_path, trouble=redirect_to(lambda: elsewhere(guarded))) as old:
        assert sync_of(host, old.url()) == MIRRORED
    assert [line for line in log.read_text().splitlines() if "host=" in line] == [
        f"  host=localhost:{guarded.port}"
    ] * 2


def files_with(content: bytes, *directories: Path) -> list[Path]:
    return [
        path
        for d in directories
        for path in sorted(d.rglob("*"))
        if path.is_file() and content in path.read_bytes()
    ]


# the cache


def test_a_second_tag_is_fetched_into_a_shallow_cache(
    host: Host, upstream: Upstream, site: GitHttp, scratch_home: Path
) -> None:
    upstream.commit({"oldest": b"oldest"})
    first = upstream.release("v1", {"old": b"old"})
    second = upstream.release("v2", FILES)
    sync_of(host, site.url(), tag="v1")
    assert sync_of(host, site.url(), tag="v2") == MIRRORED
    assert [sorted((cache / "shallow").read_text().split()) for cache in caches(scratch_home)] == [
        sorted([first, second])
    ]


def test_an_older_tag_is_fetched_into_a_shallow_cache(
    host: Host, upstream: Upstream, site: GitHttp
) -> None:
    upstream.release("v1", FILES)
    upstream.release("v2", {"new": b"new"})
    sync_of(host, site.url(), tag="v2")
    assert sync_of(host, site.url(), tag="v1") == MIRRORED


def test_a_tag_of_a_commit_in_the_cache_is_found(
    host: Host, upstream: Upstream, site: GitHttp
) -> None:
    commit = upstream.release("v1", FILES)
    sync_of(host, site.url(), tag="v1")
    upstream.tag("v1-again", commit, annotated=True)
    assert sync_of(host, site.url(), tag="v1-again") == MIRRORED


def test_two_hosts_share_a_cache(
    host: Host, upstream: Upstream, site: GitHttp, tmp_path: Path, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    sync_of(host, site.url())
    sync_of(Host.create(tmp_path / "other"), site.url())
    assert len(caches(scratch_home)) == 1


def test_xdg_cache_home_is_where_the_cache_is(
    host: Host,
    upstream: Upstream,
    site: GitHttp,
    tmp_path: Path,
    scratch_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upstream.release("v1", FILES)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    sync_of(host, site.url())
    assert len(list((tmp_path / "xdg" / "git-verbatim").glob("*.git"))) == 1
    assert caches(scratch_home) == []


def test_the_cache_may_be_deleted_at_any_time(
    host: Host, upstream: Upstream, site: GitHttp, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    upstream.release("v2", FILES | {"new": b"new"})
    sync_of(host, site.url(), tag="v1")
    delete(scratch_home / ".cache")
    assert sync_of(host, site.url(), tag="v2") == MIRRORED | {"third_party/up/new": b"new"}


def test_a_mirror_is_rebuilt_after_the_cache_was_deleted(
    host: Host, upstream: Upstream, site: GitHttp, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    sync_of(host, site.url(), checked_in=False)
    delete(scratch_home / ".cache")
    delete(host.third_party / "up")
    host.sync("--discard-local")
    assert mirrored(host) == MIRRORED


def damage_pack(cache: Path) -> None:
    for pack in cache.glob("objects/pack/*.pack"):
        pack.chmod(0o600)
        content = bytearray(pack.read_bytes())
        content[len(content) // 2] ^= 0xFF
        pack.write_bytes(content)


def remove_packs(cache: Path) -> None:
    for part in cache.glob("objects/pack/*"):
        part.unlink()


def truncate_packs(cache: Path) -> None:
    for pack in cache.glob("objects/pack/*.pack"):
        pack.chmod(0o600)
        pack.write_bytes(pack.read_bytes()[:50])


def remove_head(cache: Path) -> None:
    (cache / "HEAD").unlink()


def replace_by_file(cache: Path) -> None:
    delete(cache)
    cache.write_bytes(b"not a repository\n")


def spoil_configuration(cache: Path) -> None:
    (cache / "config").write_bytes(b"[core\n")


DAMAGES = [
    damage_pack,
    remove_packs,
    truncate_packs,
    remove_head,
    replace_by_file,
    spoil_configuration,
]


def test_a_commit_that_came_along_without_its_tree_is_fetched(
    host: Host, upstream: Upstream, site: GitHttp, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    sync_of(host, site.url())
    later = upstream.commit(FILES | {"new": b"new"})
    raw = git_bytes(upstream.path, "cat-file", "commit", later)
    for cache in caches(scratch_home):
        git(cache, "hash-object", "-w", "-t", "commit", "--stdin", "--literally", stdin=raw)
    host.manifest(mirror("up", site.url(), commit=later))
    host.sync()
    assert mirrored(host) == MIRRORED | {"third_party/up/new": b"new"}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_cache_never_gives_wrong_bytes(
    host: Host,
    upstream: Upstream,
    site: GitHttp,
    scratch_home: Path,
    damage: Callable[[Path], None],
) -> None:
    upstream.release("v1", FILES)
    host.manifest(mirror("up", site.url(), tag="v1", checked_in=False))
    host.sync()
    delete(host.third_party / "up")
    for cache in caches(scratch_home):
        damage(cache)
    ran = host.run("sync", "--discard-local")
    assert mirrored(host) == (MIRRORED if ran.status == 0 else {})
    assert ran.status in {0, 2, 3}
    assert "bug" not in ran.err


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_cache_is_made_anew(
    host: Host,
    upstream: Upstream,
    site: GitHttp,
    scratch_home: Path,
    damage: Callable[[Path], None],
) -> None:
    upstream.release("v1", FILES)
    sync_of(host, site.url(), tag="v1")
    upstream.release("v2", FILES | {"new": b"new"})
    for cache in caches(scratch_home):
        damage(cache)
    assert sync_of(host, site.url(), tag="v2") == MIRRORED | {"third_party/up/new": b"new"}


# moved tags
