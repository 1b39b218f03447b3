"""What users have set up git for is used: other URLs, proxies, redirects, headers and ssh.

Nothing else of git's configuration is heard.
"""

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

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
    refused,
    said,
    sync_of,
    trust,
    url_of,
)
from tests.support.git import git
from tests.support.git_daemon import git_daemon
from tests.support.git_http import GitHttp, git_http
from tests.support.hosts import Host, mirror
from tests.support.misbehaving import redirect_to
from tests.support.proxies import forwarding_proxy, socks_proxy
from tests.support.scripts import script
from tests.support.ssh import Ssh, make_ssh_key, ssh_agent, ssh_server
from tests.support.upstreams import Upstream


@pytest.fixture(autouse=True)
def released(upstream: Upstream) -> None:
    upstream.release("v1", FILES)


# git's configuration


def test_instead_of_from_the_home(host: Host, site: GitHttp, scratch_home: Path) -> None:
    configure(scratch_home, f"url.{site.base}/.insteadOf", "https://forge.invalid/")
    assert sync_of(host, "https://forge.invalid/upstream") == MIRRORED
    assert host.record("up")["upstream"]["url"] == "https://forge.invalid/upstream"


def test_instead_of_from_git_config_global(
    host: Host, site: GitHttp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "global"))
    git(tmp_path, "config", "--global", f"url.{site.base}/.insteadOf", "https://forge.invalid/")
    git(tmp_path, "config", "--global", "user.name", "Tester")
    assert sync_of(host, "https://forge.invalid/upstream") == MIRRORED


def test_instead_of_from_the_environment(
    host: Host, site: GitHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{site.base}/.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://forge.invalid/")
    assert sync_of(host, "https://forge.invalid/upstream") == MIRRORED


def test_instead_of_from_the_host_repository(host: Host, site: GitHttp) -> None:
    host.git("config", f"url.{site.base}/.insteadOf", "https://forge.invalid/")
    assert sync_of(host, "https://forge.invalid/upstream") == MIRRORED


def test_instead_of_a_host_repository_when_run_from_another_directory(
    host: Host, site: GitHttp, tmp_path: Path
) -> None:
    host.git("config", f"url.{site.base}/.insteadOf", "https://forge.invalid/")
    host.manifest(mirror("up", "https://forge.invalid/upstream", tag="v1"))
    ran = Host(tmp_path).run("-C", str(host.third_party), "sync")
    assert (ran.status, mirrored(host)) == (0, MIRRORED), ran.err


def test_instead_of_is_applied_once_as_by_git(
    host: Host, site: GitHttp, scratch_home: Path
) -> None:
    configure(scratch_home, f"url.{site.base}/.insteadOf", "https://forge.invalid/")
    configure(scratch_home, "url.https://nowhere.invalid/.insteadOf", f"{site.base}/")
    assert sync_of(host, "https://forge.invalid/upstream") == MIRRORED


def test_the_longest_instead_of_wins(host: Host, site: GitHttp, scratch_home: Path) -> None:
    configure(scratch_home, "url.https://nowhere.invalid/.insteadOf", "https://forge.invalid/")
    configure(scratch_home, f"url.{site.base}/.insteadOf", "https://forge.invalid/team/")
    assert sync_of(host, "https://forge.invalid/team/upstream") == MIRRORED


def test_instead_of_may_lead_to_a_local_repository(
    host: Host, tmp_path: Path, scratch_home: Path
) -> None:
    configure(scratch_home, f"url.{tmp_path}/.insteadOf", "https://forge.invalid/")
    assert sync_of(host, "https://forge.invalid/upstream") == MIRRORED


def test_a_cache_that_a_local_repository_filled_in_part_is_completed_from_the_upstream(
    host: Host, site: GitHttp, tmp_path: Path, scratch_home: Path
) -> None:
    configure(scratch_home, f"url.{tmp_path}/.insteadOf", f"{site.base}/")
    sync_of(host, site.url(), from_="deep")
    configure(scratch_home, "--remove-section", f"url.{tmp_path}/")
    assert sync_of(host, site.url()) == MIRRORED


def test_extra_headers_are_sent(host: Host, site: GitHttp, scratch_home: Path) -> None:
    configure(scratch_home, f"http.{site.base}/.extraHeader", "X-Token: one")
    sync_of(host, site.url())
    assert {request.headers.get("X-Token") for request in site.requests} == {"one"}


def test_all_extra_headers_are_sent(host: Host, site: GitHttp, scratch_home: Path) -> None:
    configure(scratch_home, "--add", "http.extraHeader", "X-One: 1")
    configure(scratch_home, "--add", "http.extraHeader", "X-Two: 2")
    sync_of(host, site.url())
    assert {(r.headers.get("X-One"), r.headers.get("X-Two")) for r in site.requests} == {("1", "2")}


def test_an_extra_header_may_authenticate(host: Host, tmp_path: Path, scratch_home: Path) -> None:
    with git_http(tmp_path, account=("user", "secret")) as site:
        configure(
            scratch_home, f"http.{site.base}/.extraHeader", "Authorization: Basic dXNlcjpzZWNyZXQ="
        )
        assert sync_of(host, site.url()) == MIRRORED


def test_each_host_gets_its_own_extra_header_though_another_key_ends_with_the_same(
    host: Host, site: GitHttp, scratch_home: Path
) -> None:
    for base, token in ((site.base, "own"), ("https://other.invalid", "another's")):
        configure(scratch_home, "--add", f"http.{base}/.extraHeader", f"X-Token: {token}")
        configure(scratch_home, "--add", f"http.{base}/.extraHeader", "X-Client: me")
    sync_of(host, site.url())
    assert {(r.headers.get("X-Token"), r.headers.get("X-Client")) for r in site.requests} == {
        ("own", "me")
    }


# proxies


NAMES_OF_PROXIES = ["http.proxy", "http.{}.proxy", "http_proxy", "all_proxy"]


@pytest.mark.parametrize("name", NAMES_OF_PROXIES)
def test_plain_http_goes_through_a_proxy(
    host: Host, site: GitHttp, scratch_home: Path, name: str
) -> None:
    with forwarding_proxy() as proxy:
        environment = said(scratch_home, name.format(site.base), proxy.url)
        host.manifest(mirror("up", site.url(), tag="v1"))
        ran = host.run("sync", **environment)
    assert (ran.status, mirrored(host)) == (0, MIRRORED), ran.err
    asked = [request.split()[1] for request in proxy.requests]
    assert [url.partition("/upstream")[0] for url in asked] == [site.base] * len(site.requests)


@pytest.mark.parametrize("name", ["http.proxy", "https_proxy"])
def test_https_goes_through_a_proxy(
    host: Host, secure: GitHttp, scratch_home: Path, name: str
) -> None:
    with forwarding_proxy() as proxy:
        environment = said(scratch_home, name, proxy.url)
        host.manifest(mirror("up", secure.url(), tag="v1"))
        ran = host.run("sync", **environment)
    assert (ran.status, mirrored(host)) == (0, MIRRORED), ran.err
    assert set(proxy.requests) == {f"CONNECT 127.0.0.1:{secure.port}"}


@pytest.mark.parametrize(
    ("server", "name"), [*(("site", name) for name in NAMES_OF_PROXIES), ("secure", "https_proxy")]
)
def test_no_proxy_exempts_a_host_from_any(
    host: Host, scratch_home: Path, request: pytest.FixtureRequest, server: str, name: str
) -> None:
    served: GitHttp = request.getfixturevalue(server)
    with forwarding_proxy() as proxy:
        environment = said(scratch_home, name.format(served.base), proxy.url)
        host.manifest(mirror("up", served.url(), tag="v1"))
        ran = host.run("sync", no_proxy="127.0.0.1", **environment)
    assert (ran.status, mirrored(host), proxy.requests) == (0, MIRRORED, []), ran.err


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
@pytest.mark.parametrize("server", ["site", "secure"])
def test_a_socks_proxy_is_gone_through(
    host: Host, scratch_home: Path, request: pytest.FixtureRequest, server: str, scheme: str
) -> None:
    served: GitHttp = request.getfixturevalue(server)
    with socks_proxy() as proxy:
        configure(scratch_home, "http.proxy", proxy.url.replace("socks5", scheme))
        assert sync_of(host, served.url()) == MIRRORED
    assert set(proxy.requests) == {f"127.0.0.1:{served.port}"}


@pytest.mark.parametrize("server", ["site", "secure"])
def test_a_proxy_gets_the_password_that_its_url_has(
    host: Host, scratch_home: Path, request: pytest.FixtureRequest, server: str
) -> None:
    served: GitHttp = request.getfixturevalue(server)
    with forwarding_proxy(account=("user", "s3cret")) as proxy:
        configure(scratch_home, "http.proxy", proxy.url.replace("//", "//user:s3cret@"))
        host.manifest(mirror("up", served.url(), tag="v1"))
        ran = host.sync()
    assert (mirrored(host), "s3cret" in ran.out + ran.err) == (MIRRORED, False)
    assert {request.headers.get("Proxy-Authorization") for request in served.requests} == {None}


def test_a_proxy_for_one_url_from_the_host_repository(host: Host, secure: GitHttp) -> None:
    with forwarding_proxy() as proxy:
        host.git("config", f"http.{secure.base}.proxy", proxy.url)
        assert sync_of(host, secure.url()) == MIRRORED
        assert proxy.requests != []


def test_an_empty_proxy_in_git_config_switches_the_environments_off(
    host: Host,
    secure: GitHttp,
    scratch_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with forwarding_proxy() as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        configure(scratch_home, "http.proxy", "")
        assert sync_of(host, secure.url()) == MIRRORED
        assert proxy.requests == []


# redirects


def test_redirects_are_not_followed_where_git_says_so(
    host: Host, site: GitHttp, tmp_path: Path, scratch_home: Path
) -> None:
    with git_http(tmp_path, trouble=redirect_to(lambda: elsewhere(site))) as old:
        configure(scratch_home, "http.followRedirects", "false")
        refused(host, old.url())
    assert site.requests == []


@pytest.mark.parametrize("name", ["http.sslVerify", "http.{}/.sslVerify", "GIT_SSL_NO_VERIFY"])
def test_without_verification_nobody_is_asked_that_a_redirect_leads_to(
    host: Host, tmp_path: Path, scratch_home: Path, name: str
) -> None:
    certificate = make_certificate(tmp_path / "tls")
    onward = redirect_to(lambda: elsewhere(site))
    with (
        git_http(tmp_path, certificate=certificate) as site,
        git_http(tmp_path, certificate=certificate, trouble=onward) as old,
    ):
        value = "true" if name == "GIT_SSL_NO_VERIFY" else "false"
        ran = refused(host, old.url(), **said(scratch_home, name.format(old.base), value))
        assert ran.err.splitlines()[0] == "error: the upstream's identity could not be verified"
        assert site.requests == []


def test_a_redirect_is_followed(host: Host, site: GitHttp, tmp_path: Path) -> None:
    with git_http(tmp_path, trouble=redirect_to(lambda: site.base)) as old:
        assert sync_of(host, old.url()) == MIRRORED


@pytest.mark.parametrize("name", ["http.{}/.extraHeader", "http.extraHeader"])
def test_an_extra_header_goes_nowhere_that_a_redirect_leads(
    host: Host, site: GitHttp, tmp_path: Path, scratch_home: Path, name: str
) -> None:
    with git_http(tmp_path, trouble=redirect_to(lambda: elsewhere(site))) as old:
        configure(scratch_home, name.format(old.base), "X-Token: one")
        assert sync_of(host, old.url()) == MIRRORED
    assert old.requests[0].headers.get("X-Token") == "one"
    assert {request.headers.get("X-Token") for request in old.requests} == {"one", None}
    assert {request.headers.get("X-Token") for request in site.requests} == {None}


# ssh


def test_ssh_through_a_jump_host(
    host: Host, upstream: Upstream, ssh: Ssh, scratch_home: Path, tmp_path: Path
) -> None:
    with ssh_server(tmp_path / "jump") as jump:
        (scratch_home / ".ssh" / "known_hosts").write_text(ssh.known_hosts + jump.known_hosts)
        configure_ssh(
            scratch_home,
            f"Host jump\n HostName 127.0.0.1\n Port {jump.port}\n IdentityFile {jump.key}\n"
            f"Host forge\n HostName 127.0.0.1\n Port {ssh.port}\n IdentityFile {ssh.key}\n"
            " ProxyJump jump\n",
        )
        assert sync_of(host, f"ssh://forge{upstream.path}") == MIRRORED
        assert [jump.log.read_text().count("Accepted publickey") > 0 for jump in (jump, ssh)] == [
            True,
            True,
        ]


@pytest.mark.parametrize("name", ["GIT_SSH", "GIT_SSH_COMMAND", "core.sshCommand"])
def test_ssh_by_another_program(
    host: Host, upstream: Upstream, ssh: Ssh, scratch_home: Path, tmp_path: Path, name: str
) -> None:
    """The only one that has the key."""
    trust(scratch_home, ssh)
    log = tmp_path / "log"
    program = script(tmp_path / "my ssh", f'echo "$1" >> {log}\nexec ssh -i {ssh.key} "$@"\n')
    is_command = name != "GIT_SSH"
    value = f"'{program}' -4" if is_command else str(program)
    environment = said(scratch_home, name, value)
    host.manifest(mirror("up", url_of(ssh, upstream), tag="v1"))
    ran = host.run("sync", **environment)
    assert (ran.status, mirrored(host)) == (0, MIRRORED), ran.err
    assert ("-4" in log.read_text().splitlines()) == is_command


def test_ssh_without_an_agent_that_the_environment_names_goes_on_to_key_files(
    host: Host, upstream: Upstream, ssh: Ssh, scratch_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(scratch_home, ssh)
    install_key(ssh, scratch_home / ".ssh" / "id_ed25519")
    monkeypatch.setenv("SSH_AUTH_SOCK", str(scratch_home / "gone"))
    assert sync_of(host, url_of(ssh, upstream)) == MIRRORED


def test_ssh_with_a_passphrase_that_the_agent_knows(
    host: Host,
    upstream: Upstream,
    ssh: Ssh,
    tmp_path: Path,
    scratch_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trust(scratch_home, ssh)
    with ssh_agent(tmp_path, ssh.key) as socket:
        install_key(ssh, scratch_home / ".ssh" / "id_ed25519", passphrase="s3cret")
        monkeypatch.setenv("SSH_AUTH_SOCK", socket)
        assert sync_of(host, url_of(ssh, upstream)) == MIRRORED


def test_ssh_to_a_host_whose_key_has_changed_is_refused(
    host: Host, upstream: Upstream, ssh: Ssh, scratch_home: Path, tmp_path: Path
) -> None:
    install_key(ssh, scratch_home / ".ssh" / "id_ed25519")
    other = make_ssh_key(tmp_path / "other").with_suffix(".pub").read_text()
    known = f"[127.0.0.1]:{ssh.port} {other}"
    (scratch_home / ".ssh" / "known_hosts").write_text(known)
    ran = refused(host, url_of(ssh, upstream))
    assert ran.err.splitlines()[0] == "error: the upstream's identity could not be verified"
    assert "has changed" in ran.err.lower()
    assert (scratch_home / ".ssh" / "known_hosts").read_text() == known
    assert "Accepted publickey" not in ssh.log.read_text()


# git's own protocol


def relay(directory: Path) -> tuple[Path, Path]:
    """A program for `core.gitProxy`, and where it writes down whom it was to connect to."""
    log = directory / "relay.log"
    program = directory / "relay.py"
    program.write_text(
        "import os, socket, sys, threading\n"
        f"open({str(log)!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
        "there = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
        "def back():\n"
        "    while data := there.recv(65536): os.write(1, data)\n"
        "    os._exit(0)\n"
        "threading.Thread(target=back).start()\n"
        "while data := os.read(0, 65536): there.sendall(data)\n"
        "there.shutdown(socket.SHUT_WR)\n"
    )
    return script(directory / "relay", f'exec {sys.executable} {program} "$@"\n'), log


@pytest.mark.parametrize("name", ["core.gitProxy", "GIT_PROXY_COMMAND"])
def test_the_git_protocol_goes_through_a_program(
    host: Host, tmp_path: Path, scratch_home: Path, name: str
) -> None:
    program, log = relay(tmp_path)
    environment = said(scratch_home, name, str(program))
    with git_daemon(tmp_path) as base:
        host.manifest(mirror("up", f"{base}/upstream", tag="v1"))
        ran = host.run("sync", **environment)
    assert (ran.status, mirrored(host)) == (0, MIRRORED), ran.err
    assert set(log.read_text().splitlines()) == {f"127.0.0.1 {base.rpartition(':')[2]}"}


# what git may not do, where the user says so


@pytest.mark.parametrize("name", ["protocol.allow", "protocol.http.allow", "GIT_ALLOW_PROTOCOL"])
def test_a_protocol_that_git_may_not_use_is_not_used(
    host: Host, site: GitHttp, scratch_home: Path, name: str
) -> None:
    value = "https:ssh" if name == "GIT_ALLOW_PROTOCOL" else "never"
    refused(host, site.url(), **said(scratch_home, name, value))
    assert site.requests == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a repository away")
@pytest.mark.parametrize("prefix", ["", "file://"])
def test_a_local_upstream_of_somebody_else_is_believed_where_git_says_that_it_is_safe(
    host: Host, upstream: Upstream, prefix: str
) -> None:
    for path in (upstream.path, *upstream.path.rglob("*")):
        os.chown(path, 12345, 12345)
    host.manifest(mirror("up", prefix + str(upstream.path), tag="v1", local=True))
    before = host.snapshot()
    ran = host.run("sync")
    assert ran.status in {2, 3}
    assert host.snapshot() == before
    found = re.search(r"hint: .*`(git config --global --add safe\.directory [^`]+)`", ran.err)
    assert found is not None, ran.err
    git(host.path, *shlex.split(found[1])[1:])
    host.sync()
    assert mirrored(host) == MIRRORED


# what else git is set up for


def witness(directory: Path) -> Path:
    """Make programs, each of which leaves a file; that file."""
    seen = directory / "seen"
    for name in ("reference-transaction", "pre-auto-gc", "post-checkout", "pack"):
        script(directory / "hooks" / name, f'echo "{name}" >> {seen}\n')
    (directory / "template").mkdir()
    shutil.copytree(directory / "hooks", directory / "template" / "hooks")
    return seen


UNHEARD: dict[str, tuple[str, str]] = {
    "hooks": ("core.hooksPath", "{here}/hooks"),
    "a template": ("init.templateDir", "{here}/template"),
    "a program to pack with": ("uploadpack.packObjectsHook", "{here}/hooks/pack"),
    "a program that lists refs": ("core.alternateRefsCommand", "{here}/hooks/pack"),
}


@pytest.mark.parametrize("transport", ["http", "local"])
@pytest.mark.parametrize(("key", "value"), UNHEARD.values(), ids=UNHEARD)
def test_no_program_of_the_users_is_run(
    host: Host,
    upstream: Upstream,
    site: GitHttp,
    tmp_path: Path,
    scratch_home: Path,
    key: str,
    value: str,
    transport: str,
) -> None:
    seen = witness(tmp_path)
    configure(scratch_home, key, value.format(here=tmp_path))
    local = transport == "local"
    assert sync_of(host, upstream.url if local else site.url(), local=local) == MIRRORED
    assert not seen.exists(), seen.read_text()


HABITS = """
[fetch]
\tprune = true
\tpruneTags = true
\tunpackLimit = 1000000
\twriteCommitGraph = true
\trecurseSubmodules = true
\tfsckObjects = false
\tshowForcedUpdates = false
\toutput = compact
\tnegotiationAlgorithm = noop
[transfer]
\tunpackLimit = 1000000
\thideRefs = refs/pins
[core]
\tlogAllRefUpdates = always
\tsharedRepository = world
\tbare = false
[gc]
\tauto = 1
\tautoDetach = false
[maintenance]
\tauto = true
[pack]
\twriteReverseIndex = true
\twriteBitmaps = true
[feature]
\tmanyFiles = true
\texperimental = true
[submodule]
\trecurse = true
[remote "origin"]
\turl = {url}
\tfetch = +refs/*:refs/origin/*
\ttagOpt = --tags
[remote "{url}"]
\tfetch = +refs/*:refs/url/*
\tpromisor = true
\tpartialCloneFilter = tree:0
[remotes]
\tdefault = origin
"""


def kept(home: Path) -> tuple[list[str], list[str]]:
    """Names of files in the cache, of packs only the kind, with what they may do; and its refs."""
    cache = caches(home)[0]
    files = [
        f"{re.sub('[0-9a-f]{40,}', 'ID', str(path.relative_to(cache)))} {path.stat().st_mode:o}"
        for path in sorted(cache.rglob("*"))
    ]
    return files, git(cache, "for-each-ref").splitlines()


def test_the_cache_is_the_same_whatever_habits_git_is_configured_to(
    host: Host, upstream: Upstream, site: GitHttp, tmp_path: Path, scratch_home: Path
) -> None:
    upstream.release("v2", FILES | {"new": b"new"})
    sync_of(host, site.url())
    sync_of(host, site.url(), tag="v2")
    usual = kept(scratch_home)
    delete(scratch_home / ".cache")
    with (scratch_home / ".gitconfig").open("a") as file:
        file.write(HABITS.format(url=site.url()))
    other = Host.create(tmp_path / "other")
    sync_of(other, site.url())
    sync_of(other, site.url(), tag="v2")
    assert kept(scratch_home) == usual
    assert git(caches(scratch_home)[0], "fsck", "--connectivity-only") == ""
