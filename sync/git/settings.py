"""Git's configuration for the transport: whom to contact for a URL, through which proxy, with which headers and ssh keys."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sync.git.libgit2 import pygit2
from sync.git.process import configuration, configuration_for_url, marked_for_url, ssh_configuration
from sync.urls import is_scp_like, rewrite

_CONNECT_TIMEOUT_MS = 20_000
_READ_TIMEOUT_MS = 30_000
_USER_INFORMATION = re.compile(r"(?<=://)[^/]*@")


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
    headers: tuple[str, ...] = ()
    ssh_host: str = ""
    """The host as the URL names it: ssh's configuration goes by that name."""

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
            return Settings(_with_ssh_configuration(contacted), self._directory, ssh_host=_ssh_host(contacted))
        http = configuration_for_url(self._directory, "http", contacted) if self._has_http else []
        values = dict(http)
        authorities = os.environ.get("GIT_SSL_CAINFO") or values.get("http.sslcainfo")
        if authorities:
            pygit2.settings.set_ssl_cert_locations(os.path.expanduser(authorities), None)
        return Settings(
            url=contacted,
            directory=self._directory,
            proxy=values.get("http.proxy"),
            verify_tls=values.get("http.sslverify", "true").lower() not in {"false", "0", "no", "off"}
            and not os.environ.get("GIT_SSL_NO_VERIFY"),
            headers=self._headers(contacted) if "http.extraheader" in values else (),
        )

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
