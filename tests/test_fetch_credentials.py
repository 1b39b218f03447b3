"""Credentials: whom git asks for them, where they go, and that nobody else sees them."""

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.support.fetching import (
    FILES,
    MIRRORED,
    configure,
    elsewhere,
    mirrored,
    refused,
    said,
    sync_of,
)
from tests.support.git_http import GitHttp, git_http
from tests.support.hosts import Host, mirror
from tests.support.misbehaving import redirect_to, status
from tests.support.proxies import forwarding_proxy
from tests.support.scripts import script
from tests.support.upstreams import Upstream

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


# passwords


def askpass(home: Path, password: str = "s3cret") -> tuple[Path, Path]:
    """A program that answers git's questions, and where it writes them down."""
    log = home / "askpass.log"
    answers = f'case "$1" in Username*) echo user;; *) echo {password};; esac\n'
    return script(home / "askpass", f'echo "$1" >> {log}\n{answers}'), log


@pytest.mark.parametrize("name", ["GIT_ASKPASS", "SSH_ASKPASS", "core.askPass"])
def test_askpass_is_asked(
    host: Host, upstream: Upstream, guarded: GitHttp, scratch_home: Path, name: str
) -> None:
    upstream.release("v1", FILES)
    program, log = askpass(scratch_home)
    environment = said(scratch_home, name, str(program))
    host.manifest(mirror("up", guarded.url(), tag="v1"))
    ran = host.run("sync", **environment)
    assert (ran.status, mirrored(host)) == (0, MIRRORED), ran.err
    assert log.read_text().splitlines() == [
        f"Username for '{guarded.base}': ",
        f"Password for '{guarded.base.replace('//', '//user@')}': ",
    ]


def test_askpass_with_a_wrong_password_is_asked_no_more_than_git_would(
    host: Host, upstream: Upstream, guarded: GitHttp, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    program, log = askpass(scratch_home, "wr0ng")
    ran = refused(host, guarded.url(), GIT_ASKPASS=str(program))
    assert ran.err.startswith(f"error: {guarded.base} asks for credentials")
    assert "wr0ng" not in ran.err
    assert len(log.read_text().splitlines()) == 2


def test_a_helper_of_a_host_repository_is_asked(
    host: Host, upstream: Upstream, guarded: GitHttp
) -> None:
    upstream.release("v1", FILES)
    host.git("config", "credential.helper", "!echo username=user; echo password=s3cret; :")
    assert sync_of(host, guarded.url()) == MIRRORED


def test_helpers_are_asked_by_path_where_git_says_so(
    host: Host, upstream: Upstream, guarded: GitHttp, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    answers = 'grep -q "^path=upstream$" && printf "username=user\\npassword=s3cret\\n"\nexit 0\n'
    configure(scratch_home, "credential.helper", str(script(scratch_home / "helper", answers)))
    refused(host, guarded.url())
    configure(scratch_home, f"credential.{guarded.base}.useHttpPath", "true")
    assert sync_of(host, guarded.url()) == MIRRORED


def test_a_netrc_file_is_read(
    host: Host, upstream: Upstream, guarded: GitHttp, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    netrc = scratch_home / ".netrc"
    netrc.write_text("machine 127.0.0.1\nlogin user\npassword s3cret\n")
    netrc.chmod(0o600)
    assert sync_of(host, guarded.url()) == MIRRORED


# what everybody on the machine can see


def logging_git(directory: Path) -> tuple[str, Path]:
    """A PATH with a git that writes its arguments down, and where."""
    log = directory / "arguments"
    script(
        directory / "logging" / "git",
        f'printf "%s\\n" "$@" >> {log}\nexec {shutil.which("git")} "$@"\n',
    )
    return f"{directory / 'logging'}{os.pathsep}{os.environ['PATH']}", log


_HELPER = ("credential.helper", "!echo username=user; echo password=s3cret; :")
_ANSWERS = {
    "a header": [("http.{site}/.extraHeader", "Authorization: Basic dXNlcjpzM2NyZXQ=")],
    "a password of a URL": [("url.{secret}/.insteadOf", "{site}/")],
    "a helper": [_HELPER],
    "a password of a proxy": [("http.proxy", "{proxy}"), _HELPER],
}


@pytest.mark.parametrize("settings", _ANSWERS.values(), ids=_ANSWERS)
def test_no_secret_stands_among_the_arguments_of_a_process(
    host: Host,
    upstream: Upstream,
    guarded: GitHttp,
    tmp_path: Path,
    scratch_home: Path,
    settings: list[tuple[str, str]],
) -> None:
    upstream.release("v1", FILES)
    path, log = logging_git(tmp_path)
    with forwarding_proxy(account=("user", "s3cret")) as proxy:
        with_password = [u.replace("//", "//user:s3cret@") for u in (guarded.base, proxy.url)]
        names = dict(zip(("secret", "proxy"), with_password, strict=True)) | {"site": guarded.base}
        for key, value in settings:
            configure(scratch_home, key.format(**names), value.format(**names))
        host.manifest(mirror("up", guarded.url(), tag="v1"))
        ran = host.run("sync", PATH=path)
    assert (ran.status, mirrored(host)) == (0, MIRRORED), ran.err
    assert "fetch" in log.read_text().splitlines()
    assert not re.search(r"s3cret|dXNlcjpzM2NyZXQ", log.read_text())
