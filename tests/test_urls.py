"""Which URLs an upstream may have."""

import pytest

from sync.urls import is_local, is_scp_like, url_problem

ALLOWED = [
    "https://github.com/WebAssembly/WASI",
    "http://127.0.0.1:8000/x.git",
    "ssh://git@github.com/WebAssembly/WASI.git",
    "ssh://host:2222/x",
    "git://example.org/x",
    "git@github.com:WebAssembly/WASI.git",
    "host:path",
    "https://[::1]:8000/x",
]


@pytest.mark.parametrize("url", ALLOWED)
def test_a_remote_url_is_allowed(url: str) -> None:
    assert url_problem(url, local=False) is None
    assert not is_local(url)


@pytest.mark.parametrize("url", ["/srv/x.git", "../x", "x", "file:///srv/x.git"])
def test_a_local_url_is_allowed_only_where_it_is_said(url: str) -> None:
    assert url_problem(url, local=True) is None
    assert "say `local = true`" in (url_problem(url, local=False) or "")
    assert is_local(url)


REFUSED = {
    "": "control characters",
    " https://example.org/x": "control characters and no blanks",
    "https://example.org/x\n": "control characters",
    "https://example.org/\x1b[31m": "control characters",
    "https://example.org/\u202ex": "control characters",
    "-u https://example.org": "begins with a dash",
    "--upload-pack=touch /tmp/x": "begins with a dash",
    "ext::sh -c id": "remote helper",
    "fd::17": "remote helper",
    "https::https://example.org/x": "remote helper",
    "C:\\x": "it is a local path",
    "ftp://example.org/x": "its scheme is none of",
    "HTTPS://example.org/x": "its scheme is none of",
    "git+ssh://example.org/x": "its scheme is none of",
    "https://user:secret@example.org/x": "credentials",
    "https://token@example.org/x": "credentials",
    "https://@example.org/x": "credentials",
    "ssh://git:secret@example.org/x": "credentials",
    "ssh://-oProxyCommand=id/x": "names no host",
    "ssh://-oProxyCommand=id@example.org/x": "user name is odd",
    "https:///x": "names no host",
    "https://example.org": "names no repository",
    "https://example.org/": "names no repository",
    "https://example.org/x?token=1": "a query",
    "https://example.org/x#1": "a fragment",
    "https://example.org:99999/x": "port",
    "https://[::1/x": "invalid",
}


@pytest.mark.parametrize(("url", "problem"), REFUSED.items(), ids=map(ascii, REFUSED))
def test_another_url_is_refused_with_the_reason(url: str, problem: str) -> None:
    assert problem in (url_problem(url, local=False) or "")


@pytest.mark.parametrize("url", ["-oProxyCommand=id:x", "git@-oProxyCommand=id:x"])
def test_a_short_ssh_url_that_holds_an_option_is_none(url: str) -> None:
    assert url_problem(url, local=False) is not None
    assert not is_scp_like(url)
