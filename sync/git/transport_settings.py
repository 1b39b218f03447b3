"""The settings with which git asks one upstream: the user's for that purpose, and ours."""

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from sync.git.passwords import Passwords
from sync.git.process import absolute_path
from sync.urls import is_local

Pairs = tuple[tuple[str, str], ...]

REMOTE = "upstream"
"""The upstream's name in the configuration that git is given; git never shows it."""

_HEARD_VARIABLES = re.compile(
    r"GIT_(?:SSH|SSH_COMMAND|SSH_VARIANT|ASKPASS|TERMINAL_PROMPT|PROXY_COMMAND|"
    r"SSL_\w+|PROXY_SSL_\w+|HTTP_\w+|EXEC_PATH)"
)
_USER_INFORMATION = re.compile(r"(?<=://)[^/]*@")
HEADERS = re.compile(r"http\.(?:.*\.)?extraheader")
CREDENTIALS = re.compile(
    r"credential\..+|core\.(?:askpass|sshcommand)|ssh\..+|"
    r"http\.(?:.*\.)?(?:extraheader|sslcert|sslkey|sslcertpasswordprotected|cookiefile|savecookies|"
    r"emptyauth|delegation)",
    re.IGNORECASE | re.DOTALL,
)
"""The keys of configuration by which git says to a server who asks."""
ANONYMOUS_SCHEMES = frozenset({"http", "https", "git"})
"""The schemes by which a server can be asked without saying who asks."""
_CREDENTIAL_VARIABLES = re.compile(
    "GIT_SSL_(?:CERT|KEY).*|GIT_SSH.*|GIT_ASKPASS|SSH_.*|KRB5.*|NETRC"
)
_CERTIFICATES = re.compile(r"http\.(?:.*\.)?ssl(?:cert|key)|GIT_SSL_(?:CERT|KEY)")
_VERIFIES = re.compile(r"http\.(?:.*\.)?sslverify|GIT_SSL_NO_VERIFY")
# git ends a transfer that stands still. The failure may pass, so the transfer is tried again. The
# user's own setting wins.
_DEFAULTS: Pairs = (("http.lowSpeedLimit", "1"), ("http.lowSpeedTime", "30"))
_OURS: Pairs = (
    ("protocol.version", "2"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("fetch.unpackLimit", "1"),
    ("core.hooksPath", os.devnull),
    # These save memory: what is larger is written in pieces, and few objects are kept while others
    # are made from them.
    ("core.bigFileThreshold", "1m"),
    ("core.deltaBaseCacheLimit", "16m"),
    ("pack.threads", "2"),
    # What a power cut spoils in a cache is noticed, and fetched again.
    ("core.fsync", "none"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings with which git asks one upstream."""

    contacted: str
    """The URL that git makes of the manifest's by `url.<base>.insteadOf`; it may hold a password.

    Of a local upstream it is the absolute path, or a `file:` URL.
    """
    directory: Path | None = None
    """The directory where relative paths of the configuration start."""
    heard: Pairs = ()
    """The user's configuration for transport, in git's order."""
    protocols: tuple[str, ...] = ()
    """The protocols that git may speak."""
    believed: tuple[str, ...] = ()
    """The values of the user's `safe.directory`."""
    is_private: bool = False
    """Whether there are settings for the URL that must not apply where a redirect leads.

    Such are headers, certificates and unverified TLS.
    """
    passwords: Passwords | None = None
    """What somebody typed; git looks here before it asks again."""
    is_anonymous: bool = False
    """Whether git says to no server who asks: no password, key, certificate, header or cookie."""
    asks_nobody: bool = False
    """Whether nobody may be asked for credentials: no helper, no askpass, no terminal."""
    ways: tuple[str, ...] = ()
    """The configuration and variables that decide, besides the URL, who answers."""

    @property
    def is_local(self) -> bool:
        return is_local(self.contacted)

    @property
    def place(self) -> tuple[str, Path] | None:
        """How to call git in a local upstream, and its git directory; None for any other."""
        if not self.is_local:
            return None
        inside = self.path / ".git"
        return f"git -C {shlex.quote(str(self.path))}", inside if inside.is_dir() else self.path

    @property
    def path(self) -> Path:
        """Where a local upstream lies."""
        return Path(self.contacted.removeprefix("file://"))

    @property
    def is_for_anybody(self) -> bool:
        """Whether the connection needs no credentials unless the server asks for them."""
        return self.contacted.lower().startswith(("http:", "https:", "git:"))

    @property
    def identity(self) -> str:
        """Who is asked, and in what way.

        Who asks is not part of it, since credentials change from run to run.
        """
        return "\n".join([self.shown_url, *self.ways])

    @property
    def shown_url(self) -> str:
        """The URL as it may be printed."""
        return self.without_passwords(self.contacted)

    def without_passwords(self, text: str) -> str:
        """A text of git's without user names and passwords in HTTP URLs."""
        return (
            _USER_INFORMATION.sub("", text) if self.contacted.lower().startswith("http") else text
        )

    def environment(self, cache: Path, asked: Pairs = (), *, privately: bool) -> dict[str, str]:
        """The environment of a git that works on the bare repository `cache`.

        `asked` is configuration for this request. With `privately` no redirect is followed; without
        it, settings that must not go where a redirect leads are left out.
        """
        kept = _kept_variables()
        heard = self.heard
        if privately:
            asked = (*asked, ("http.followRedirects", "false"))
        elif self.is_private:
            private = (HEADERS, _VERIFIES, _CERTIFICATES)
            heard = tuple(
                one for one in heard if not any(kind.fullmatch(one[0]) for kind in private)
            )
            kept = {
                key: value
                for key, value in kept.items()
                if not any(kind.fullmatch(key) for kind in private)
            }
        if self.is_anonymous:
            kept = {k: v for k, v in kept.items() if not _CREDENTIAL_VARIABLES.fullmatch(k)}
            kept["HOME"] = str(cache)  # Where curl looks for .netrc; there is none.
            asked = (*asked, ("http.emptyAuth", "false"), ("http.delegation", "none"))
        if self.asks_nobody or self.is_anonymous:
            asked = (*asked, ("credential.helper", ""), ("core.askPass", "false"))
            kept |= {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "false", "SSH_ASKPASS": "false"}
        elif self.passwords is not None:
            asked = (*asked, *self.passwords.helpers)
        pairs = (*_DEFAULTS, *heard, *_OURS, (f"remote.{REMOTE}.url", self.contacted), *asked)
        numbered = {f"GIT_CONFIG_KEY_{n}": key for n, (key, _) in enumerate(pairs)}
        numbered |= {f"GIT_CONFIG_VALUE_{n}": value for n, (_, value) in enumerate(pairs)}
        return {
            **kept,
            **numbered,
            "GIT_CONFIG_COUNT": str(len(pairs)),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ALLOW_PROTOCOL": ":".join(self.protocols),
            "GIT_DIR": str(cache),
            "GIT_NO_LAZY_FETCH": "1",
            "LC_ALL": "C",
            "LANGUAGE": "",
            "PATH": absolute_path(),
        }


def _kept_variables() -> dict[str, str]:
    """The variables of this process that git keeps: git's own only if they concern transport."""
    return {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("GIT_")
        or _HEARD_VARIABLES.fullmatch(key)
        or (key.startswith("GIT_TRACE") and os.path.isabs(value))
    }
