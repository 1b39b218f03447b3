"""Reads git's configuration in force, once, for the settings of every upstream."""

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from sync.errors import CouldNotCheckError, HostError
from sync.git.passwords import Passwords
from sync.git.process import last_lines, own_environment, program, run_git
from sync.git.transport_settings import ANONYMOUS_SCHEMES, CREDENTIALS, HEADERS, Settings
from sync.urls import REMOTE_SCHEMES, is_local

LEAST_GIT = (2, 32)
"""The first version with GIT_CONFIG_GLOBAL and GIT_CONFIG_COUNT, which carry all settings here."""

_VERSION = re.compile(rb"git version (\d+)\.(\d+)")
_HEARD = re.compile(
    r"http\..+|credential\..+|core\.(?:sshcommand|gitproxy|askpass)|ssh\..+",
    re.IGNORECASE | re.DOTALL,
)
# These keys of configuration and variables (git-config(1), openssl-env(7)) affect who answers for a
# URL. They say whom TLS trusts, what leads elsewhere where TLS does not vouch for the host, and
# what ssh and git's own protocol go through.
_AUTHORITIES = re.compile(
    r"http\.(?:.*\.)?sslca(?:info|path)|GIT_SSL_CA(?:INFO|PATH)|SSL_CERT_(?:FILE|DIR)"
)
_DETOURS = re.compile(
    r"http\.(?:.*\.)?(?:proxy|curloptresolve)|(?:https?|all|no)_proxy", re.IGNORECASE
)
_CONNECTIONS = re.compile(r"core\.(?:sshcommand|gitproxy)|GIT_SSH(?:_COMMAND)?|GIT_PROXY_COMMAND")
_NO = frozenset({"false", "no", "off", "0", ""})


class TransportConfiguration:
    """Git's configuration in force in a directory, read once for all upstreams.

    With `is_anonymous` nothing of it is used that says who asks.

    Raises HostError if git does not work or is too old, or if its configuration cannot be read.
    """

    def __init__(self, directory: Path | None, *, is_anonymous: bool = False) -> None:
        _require_git()
        self._directory = directory
        self._is_anonymous = is_anonymous
        self._passwords = Passwords()
        fields = iter(_listed(directory).split("\0"))
        said = [(scope, *_key_and_value(line)) for scope, line in zip(fields, fields, strict=False)]
        self._rewrites = any(key.startswith("url.") for _, key, _ in said)
        self._heard = tuple(
            (key, value)
            for _, key, value in said
            if _HEARD.fullmatch(key) and not (is_anonymous and CREDENTIALS.fullmatch(key))
        )
        # git ignores what a repository's own configuration says of this.
        self._believed = tuple(
            value
            for scope, key, value in said
            if key == "safe.directory" and scope not in {"local", "worktree"}
        )
        self._allow = {
            key.split(".", 1)[1]: value for _, key, value in said if key.startswith("protocol.")
        }

    def settings_for(self, url: str) -> Settings:
        """The settings for an upstream's URL as the manifest writes it."""
        contacted = self._contacted(url)
        if self._is_anonymous:
            contacted = _without_user(url, contacted)
        if is_local(contacted):
            place = os.path.join(self._directory or "", contacted.removeprefix("file://"))
            given = contacted if contacted.startswith("file://") else str(Path(place).absolute())
            return Settings(given, self._directory, (), self._protocols("file"), self._believed)
        applies = self._applying(contacted)
        return Settings(
            contacted=contacted,
            directory=self._directory,
            heard=self._heard,
            passwords=None if self._is_anonymous else self._passwords,
            is_anonymous=self._is_anonymous,
            protocols=self._protocols(*sorted(REMOTE_SCHEMES)),
            is_private=_is_private(applies),
            ways=tuple(self._ways(contacted, applies)),
        )

    def close(self) -> None:
        """Forget what was typed."""
        self._passwords.forget()

    def _contacted(self, url: str) -> str:
        """The URL that git makes of a URL by `url.<base>.insteadOf`."""
        if not self._rewrites:
            return url
        contacted = run_git(self._directory, "ls-remote", "--get-url", "--", url).stdout.decode(
            "utf-8", "surrogateescape"
        )
        if not (contacted := contacted.removesuffix("\n")).isprintable():
            raise HostError(
                "git's configuration makes an odd URL of the upstream's",
                [f"url: {url}", f"it becomes: {contacted}"],
                hint="correct it: `git config --get-regexp '^url'` shows it",
                reference="url-rewritten-oddly",
            )
        return contacted

    def _applying(self, url: str) -> dict[str, str]:
        """The settings of `http.*` that git applies to a URL."""
        if not url.lower().startswith("http") or not any(
            key.startswith("http.") for key, _ in self._heard
        ):
            return {}
        listed = run_git(
            self._directory, "config", "-z", "--get-urlmatch", "http", url, check=False
        ).stdout
        return dict(
            _key_and_value(line)
            for line in listed.decode("utf-8", "surrogateescape").split("\0")
            if line
        )

    def _protocols(self, *wanted: str) -> tuple[str, ...]:
        """Those of the wanted protocols that the user does not forbid."""
        named = os.environ.get("GIT_ALLOW_PROTOCOL")
        general = self._allow.get("allow", "always")
        return tuple(
            one
            for one in wanted
            if (
                one in named.split(":")
                if named is not None
                else self._allow.get(f"{one}.allow", general) != "never"
            )
        )

    def _ways(self, url: str, applies: dict[str, str]) -> Iterator[str]:
        if not url.lower().startswith("http"):
            yield from self._said(_CONNECTIONS)
            return
        if "http.extraheader" in applies:
            headers = [value for key, value in self._heard if HEADERS.fullmatch(key)]
            yield from (
                header for header in headers if not header.lower().startswith("authorization:")
            )
        if url.lower().startswith("https") and _is_verified(applies):
            yield from self._said(_AUTHORITIES)
            return
        if url.lower().startswith("https"):
            yield "not verified"
        yield from self._said(_DETOURS)

    def _said(self, about: re.Pattern[str]) -> Iterator[str]:
        for key, value in (*self._heard, *sorted(os.environ.items())):
            if about.fullmatch(key):
                yield f"{key}={self._path(value) if about is _AUTHORITIES else value}"

    def _path(self, value: str) -> str:
        """A path of git's configuration; git reads a relative one from where git is started."""
        return os.path.join(self._directory or "", os.path.expanduser(value))


def _without_user(url: str, contacted: str) -> str:
    """The URL without user and password; CouldNotCheckError if nobody gets in without."""
    scheme, separator, rest = contacted.partition("://")
    if not is_local(contacted) and scheme.lower() not in ANONYMOUS_SCHEMES:
        raise CouldNotCheckError(
            "ssh needs a key, and this asks without credentials",
            [f"url: {url}"],
            hint="give the URL by https, or hand credentials over with `--with-credentials`",
            reference="credentials-not-used",
        )
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}" if separator else contacted


def _is_private(applies: dict[str, str]) -> bool:
    certificate = "http.sslcert" in applies or "GIT_SSL_CERT" in os.environ
    return "http.extraheader" in applies or certificate or not _is_verified(applies)


def _is_verified(applies: dict[str, str]) -> bool:
    return (
        "GIT_SSL_NO_VERIFY" not in os.environ
        and applies.get("http.sslverify", "true").lower() not in _NO
    )


def _key_and_value(line: str) -> tuple[str, str]:
    """The key and the value of a line; a key without a value means true (git-config(1))."""
    key, separator, value = line.partition("\n")
    return key, value if separator else "true"


def _listed(directory: Path | None) -> str:
    done = run_git(directory, "config", "--list", "-z", "--show-scope", check=False)
    if done.returncode != 0:
        raise HostError(
            "git's configuration cannot be read",
            last_lines(done.stderr),
            hint="correct the file; `git config --list` says whether it is well",
            reference="configuration-unreadable",
        )
    return done.stdout.decode("utf-8", "surrogateescape")


@cache
def _require_git() -> None:
    """Raise HostError if git does not work or is too old.

    git is asked without anybody's configuration.
    """
    try:
        done = run_git(
            None,
            "version",
            environment={**own_environment(), "GIT_CONFIG_GLOBAL": os.devnull},
            check=False,
        )
    except OSError as error:
        raise _broken((error.strerror or str(error)).lower()) from error
    if done.returncode != 0:
        raise _broken(*(last_lines(done.stderr) or [f"it ended with {done.returncode}"]))
    found = _VERSION.match(done.stdout)
    if found is None or (int(found[1]), int(found[2])) < LEAST_GIT:
        least = ".".join(map(str, LEAST_GIT))
        raise HostError(
            f"this git is too old to fetch: it has to be {least} or newer",
            [f"{program()}: {done.stdout.decode('utf-8', 'replace').strip() or 'says no version'}"],
            hint=f"install git {least} or newer, and have it come first in PATH",
            reference="git-too-old",
        )


def _broken(*why: str) -> HostError:
    return HostError(
        "git does not work",
        [f"program: {program()}", *why],
        hint="look at what `git version` says",
        reference="git-missing",
    )
