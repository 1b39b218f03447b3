"""Git's configuration for the transport: whom to contact for a URL, through which proxy, with which headers and ssh keys."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sync.git.libgit2 import pygit2
from sync.git.process import configuration, configuration_for_url, marked_for_url, ssh_configuration
from sync.urls import is_local, is_scp_like, rewrite

_CONNECT_TIMEOUT_MS = 20_000
_READ_TIMEOUT_MS = 30_000
_USER_INFORMATION = re.compile(r"(?<=://)[^/]*@")
# keys of configuration and variables (git-config(1), openssl-env(7)) that have a say in who answers for a URL:
# whom TLS believes, what leads elsewhere where TLS does not vouch for the host, and what ssh and git's protocol go through
_AUTHORITIES = re.compile(r"http\.(?:.*\.)?sslca(?:info|path)|GIT_SSL_CA(?:INFO|PATH)|SSL_CERT_(?:FILE|DIR)")
_DETOURS = re.compile(r"http\.(?:.*\.)?(?:proxy|curloptresolve)|(?:https?|all|no)_proxy", re.IGNORECASE)
_CONNECTIONS = re.compile(r"core\.(?:sshcommand|gitproxy)|GIT_SSH(?:_COMMAND)?|GIT_PROXY_COMMAND")


@dataclass(frozen=True, slots=True)
class Settings:
    """Git's configuration for the transport to one upstream."""

    url: str
    """The URL to contact, after `url.<base>.insteadOf`."""
    directory: Path | None
    """Where git is asked for credentials."""
    proxy: str | None = None
    """Git's `http.proxy`: empty for none at all, None for what the environment says."""
    verify_tls: bool = True
    authorities: str | None = None
    """Git's `http.sslCAInfo`: the file of those whom TLS believes."""
    headers: tuple[str, ...] = ()
    ssh_host: str = ""
    """The host as the URL names it: ssh's configuration goes by that name."""
    ways: tuple[str, ...] = ()
    """What configuration and environment say that decides, beside the URL, who answers."""

    @property
    def identity(self) -> str:
        """Who is asked, and by which way; not who asks, since credentials change from run to run."""
        return "\n".join([self.shown_url, *self.ways])

    @property
    def shown_url(self) -> str:
        """The URL as it may be printed: `insteadOf` may have put a password into it."""
        return _USER_INFORMATION.sub("", self.url) if self.url.startswith("http") else self.url

    @property
    def has_proxy(self) -> bool:
        """Whether a proxy would be used for this URL, by git's configuration or the environment's."""
        if self.proxy is not None:
            return bool(self.proxy)
        if not any(name.lower() in {"http_proxy", "all_proxy"} for name in os.environ):
            return False
        from urllib.request import getproxies, proxy_bypass  # 20 ms, for those who have a proxy

        proxies = getproxies()
        return bool(proxies.get("http") or proxies.get("all")) and not proxy_bypass(urlsplit(self.url).netloc)


class TransportConfiguration:
    """Git's configuration in force in a directory, read once for all upstreams."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._values = values = configuration(directory)
        self._rewrites = {
            value: key[len("url.") : -len(".insteadof")]
            for key, value in values
            if key.startswith("url.") and key.endswith(".insteadof")
        }
        self._has_http = any(key.startswith("http.") for key, _ in values)
        pygit2.settings.server_connect_timeout = _CONNECT_TIMEOUT_MS
        pygit2.settings.server_timeout = _READ_TIMEOUT_MS

    def settings_for(self, url: str) -> Settings:
        """The settings for an upstream's URL as the manifest writes it."""
        contacted = _with_lower_scheme(rewrite(url, self._rewrites))
        if not contacted.startswith(("http://", "https://")):
            ways = () if is_local(contacted) else self._said(_CONNECTIONS)
            return Settings(_with_ssh_configuration(contacted), self._directory, ssh_host=_ssh_host(contacted), ways=tuple(ways))
        http = configuration_for_url(self._directory, "http", contacted) if self._has_http else []
        values = dict(http)
        authorities = os.environ.get("GIT_SSL_CAINFO") or values.get("http.sslcainfo")
        verify_tls = values.get("http.sslverify", "true").lower() not in {"false", "0", "no", "off"}
        verify_tls = verify_tls and not os.environ.get("GIT_SSL_NO_VERIFY")
        headers = self._headers(contacted) if "http.extraheader" in values else ()
        return Settings(
            url=contacted,
            directory=self._directory,
            proxy=values.get("http.proxy"),
            verify_tls=verify_tls,
            authorities=self._path(authorities) if authorities else None,
            headers=headers,
            ways=tuple(self._http_ways(contacted, headers, verify_tls=verify_tls)),
        )

    def _http_ways(self, url: str, headers: tuple[str, ...], *, verify_tls: bool) -> Iterator[str]:
        yield from (header for header in headers if not header.lower().startswith("authorization:"))
        if url.startswith("https://") and verify_tls:
            yield from self._said(_AUTHORITIES)  # of any URL: libgit2 has one list of them
            return
        if url.startswith("https://"):
            yield "not verified"
        yield from self._said(_DETOURS)

    def _said(self, about: re.Pattern[str]) -> Iterator[str]:
        for key, value in (*self._values, *sorted(os.environ.items())):
            if about.fullmatch(key):
                yield f"{key}={self._path(value) if about is _AUTHORITIES else value}"

    def _path(self, value: str) -> str:
        """A path of git's configuration; git reads a relative one from the top of the work tree."""
        return os.path.join(self._directory or "", os.path.expanduser(value))

    def _headers(self, url: str) -> tuple[str, ...]:
        """All values of the key that git finds best for the URL: it tells only the last value, so each key gets a mark."""
        keys = [key for key, _ in self._values if key.startswith("http.") and key.endswith(".extraheader")]
        keys = list(dict.fromkeys(reversed(keys)))[::-1]  # by their last values
        best = marked_for_url(self._directory, "http.extraheader", keys, url)
        values = [value for key, value in self._values if key == best]
        while "" in values:
            values = values[values.index("") + 1 :]  # an empty value clears those before it
        return tuple(values)


def _with_lower_scheme(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return scheme.lower() + separator + rest if separator else url


def _ssh_host(url: str) -> str:
    return url.partition(":")[0].rpartition("@")[2] if is_scp_like(url) else urlsplit(url).hostname or ""


def _with_ssh_configuration(url: str) -> str:
    """The URL with host alias, port and user resolved as ssh would; libgit2 does not read ssh's configuration."""
    if is_scp_like(url):
        account, _, path = url.partition(":")
        user, _, host = account.rpartition("@")
        settings = ssh_configuration(host)
        user, host = user or settings.get("user", ["git"])[0], settings.get("hostname", [host])[0]
        port = settings.get("port", ["22"])[0]
        if port == "22":
            return f"{user}@{host}:{path}"
        absolute = path if path.startswith("/") else f"/{path}" if path.startswith("~") else f"/~/{path}"
        return f"ssh://{user}@{host}:{port}{absolute}"
    if not url.startswith("ssh://"):
        return url
    parts = urlsplit(url)
    settings = ssh_configuration(parts.hostname or "")
    host = settings.get("hostname", [parts.hostname or ""])[0]
    user = parts.username or settings.get("user", ["git"])[0]
    number = parts.port or int(settings.get("port", ["22"])[0])
    return f"ssh://{user}@{f'[{host}]' if ':' in host else host}:{number}{parts.path}"
