"""The network: what an upstream offers, and fetching from it; libgit2's questions answered, its words made errors."""

import os
import re
import socket
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import urlsplit

from pygit2.enums import CredentialType

from sync.errors import CouldNotCheckError, HostError, TransientError, VerbatimError
from sync.git.libgit2 import FAILURES, foreign, pygit2, unsupported_upstream
from sync.git.process import credential, ssh_configuration
from sync.git.repository import Repository
from sync.git.settings import Settings
from sync.model import ObjectId

T = TypeVar("T")
_REPORT_SECONDS = 0.05
# no repository's one commit is as large; without a limit a server could fill the disk
_MOST_BYTES = 8 << 30
UNSHALLOW = 0x7FFFFFFF

# what asking again cannot mend; libgit2 tells these only by their words
_PERMANENT = re.compile(
    r"status code: (?:40[0134]|410)|not found|authenticat|credential|certificate|unsupported url|invalid|"
    r"too many redirects|redirect|unknown.*host key|hostkey|permission denied|specific object|callback|not a git",
    re.IGNORECASE,
)
_NO_REPOSITORY = re.compile(
    r"status code: (?:404|410)|repository.*not found|not a git|does not exist|no such|not appear to be a git|content-type",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(r"cannot redirect from", re.IGNORECASE)
_DAMAGED_CACHE = re.compile(r"object not found|missing delta bases", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a fetch is: objects received of those announced, and bytes."""

    received_objects: int = 0
    total_objects: int = 0
    received_bytes: int = 0


class Cancelled(Exception):  # noqa: N818 - not an error: the caller asked for it
    """The fetch was called off from outside."""


@dataclass(eq=False)
class _Callbacks(pygit2.RemoteCallbacks):
    """Answers libgit2's questions during one connection."""

    settings: Settings
    on_progress: Callable[[Progress], None] = lambda _: None
    cancelled: Callable[[], bool] = lambda: False
    _asked: list[str] = field(default_factory=list)
    _granted: dict[str, str] | None = None
    _reported: float = 0

    def __post_init__(self) -> None:
        super().__init__()

    def transfer_progress(self, stats: pygit2.remotes.TransferProgress) -> None:
        # called for every object: tens of thousands of times a second
        if stats.received_bytes > _MOST_BYTES:
            raise _too_much(self.settings, f"it has sent {stats.received_bytes:,} bytes", "pack-too-large")
        now = time.monotonic()
        if now - self._reported < _REPORT_SECONDS:
            return
        self._reported = now
        if self.cancelled():
            raise Cancelled
        self.on_progress(Progress(stats.received_objects, stats.total_objects, stats.received_bytes))

    def sideband_progress(self, string: str) -> None:  # noqa: ARG002
        if self.cancelled():
            raise Cancelled

    def custom_headers(self) -> list[str] | None:
        return list(self.settings.headers) or None

    def certificate_check(self, certificate: None, valid: bool, host: bytes) -> bool:  # noqa: ARG002
        parts = urlsplit(self.settings.url)
        # where a redirect leads is another host, of which the user has said nothing
        return valid or (parts.scheme == "https" and not self.settings.verify_tls and host.decode() == parts.hostname)

    def credentials(
        self, url: str, username_from_url: str | None, allowed_types: CredentialType
    ) -> pygit2.Username | pygit2.UserPass | pygit2.Keypair:
        user = username_from_url or "git"
        if allowed_types & CredentialType.USERNAME:
            return pygit2.Username(user)
        if allowed_types & CredentialType.SSH_KEY:
            return self._next_ssh_key(url, user)
        if allowed_types & CredentialType.USERPASS_PLAINTEXT:
            return self._from_helper(url, username_from_url)
        parts = urlsplit(url)
        msg = f"no way to authenticate to {parts.scheme}://{parts.netloc.rpartition('@')[2]} is known"
        raise CouldNotCheckError(msg, reference="authentication")

    def _next_ssh_key(self, url: str, user: str) -> pygit2.Keypair:
        if "SSH_AUTH_SOCK" in os.environ and "agent" not in self._asked:
            self._asked.append("agent")
            return pygit2.KeypairFromAgent(user)
        files = ssh_configuration(self.settings.ssh_host).get("identityfile", [])
        for name in files:
            private = Path(os.path.expanduser(name))
            if str(private) not in self._asked and private.is_file():
                self._asked.append(str(private))
                return pygit2.Keypair(user, f"{private}.pub", str(private), "")
        raise CouldNotCheckError(
            f"{url} accepts none of the ssh keys",
            [f"tried: {', '.join(self._asked) or 'none: there is no agent and no key file'}"],
            hint="add the key to the agent with `ssh-add`, and try `ssh -T` to the host",
            reference="authentication",
        )

    def _from_helper(self, url: str, user: str | None) -> pygit2.UserPass:
        parts = urlsplit(url)
        host = (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
        attributes = {"protocol": parts.scheme, "host": host, "path": parts.path.lstrip("/")}
        if user:
            attributes["username"] = user
        if self._granted is not None:
            credential(self.settings.directory, "reject", self._granted)
        filled = None if self._granted is not None else credential(self.settings.directory, "fill", attributes)
        if not filled or "password" not in filled:
            raise CouldNotCheckError(
                f"{parts.scheme}://{host} asks for credentials" + (" and refused those it got" if self._granted else ""),
                [f"url: {self.settings.shown_url}"],
                hint="set up a git credential helper for the host, and check the repository's name",
                reference="authentication",
            )
        self._granted = filled
        return pygit2.UserPass(filled.get("username", ""), filled["password"])

    def succeeded(self) -> None:
        """Tell the helper that its credentials were good."""
        if self._granted is not None:
            credential(self.settings.directory, "approve", self._granted)


def list_refs(repository: Repository, settings: Settings, cancelled: Callable[[], bool] = lambda: False) -> dict[str, ObjectId]:
    """The refs that the upstream offers, by full name."""

    def attempt(settings: Settings) -> dict[str, ObjectId]:
        callbacks = _Callbacks(settings, cancelled=cancelled)
        with _failures(settings):
            remote = repository.raw.remotes.create_anonymous(settings.url)
            heads = remote.list_heads(callbacks=callbacks, proxy=_proxy(settings))
        callbacks.succeeded()
        return {head.name: ObjectId(str(head.oid)) for head in heads if head.name and not head.name.endswith("^{}")}

    return _keeping_headers(repository, settings, attempt)


def fetch(
    repository: Repository,
    settings: Settings,
    refspecs: list[str],
    *,
    depth: int,
    on_progress: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Fetch the refspecs into a bare repository; a ref that the upstream lacks is silently not there afterwards.

    Raises TransientError for what may pass, CouldNotCheckError for what asking again cannot mend.
    """

    def attempt(settings: Settings) -> None:
        callbacks = _Callbacks(settings, on_progress, cancelled)
        with _failures(settings):
            remote = repository.raw.remotes.create_anonymous(settings.url)
            remote.connect(callbacks=callbacks, proxy=_proxy(settings))
            _send_at_once()
            remote.fetch(refspecs, callbacks=callbacks, depth=depth, proxy=_proxy(settings))
        callbacks.succeeded()

    _keeping_headers(repository, settings, attempt)


def _keeping_headers(repository: Repository, settings: Settings, attempt: Callable[[Settings], T]) -> T:
    """Attempt it so that git's `http.extraHeader`, which often holds a token, goes to no host that a redirect leads to.

    libgit2 would send it along. So redirects to other hosts are followed only by who asks without it.
    """
    repository.follow_redirects(follow=not settings.headers)
    _believe(settings.authorities)
    try:
        return attempt(settings)
    except CouldNotCheckError as error:
        if error.reference != "redirected" or not settings.headers:
            raise
    return _keeping_headers(repository, replace(settings, headers=()), attempt)


def _believe(authorities: str | None) -> None:
    if authorities is None:
        return
    try:
        pygit2.settings.set_ssl_cert_locations(authorities, None)
    except FAILURES as error:
        raise HostError(
            "the certificates that git's configuration names cannot be read",
            [f"file: {authorities}", str(error).lower()],
            hint="correct git's `http.sslCAInfo`, or GIT_SSL_CAINFO",
            reference="authorities-unreadable",
        ) from error


def _send_at_once() -> None:
    """Turn Nagle's algorithm off on this process's connections.

    libgit2 writes the head and the body of a request apart, so that each waits some 40 ms for the other's
    acknowledgement: half the time of a small fetch. It offers no way to its sockets, so they are found among ours.
    """
    for name in os.listdir("/dev/fd"):
        with suppress(OSError):  # closed meanwhile, or a socket of another kind
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                with socket.socket(fileno=os.dup(int(name))) as connection:
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _proxy(settings: Settings) -> str | Literal[True] | None:
    """What libgit2 is told: a proxy, True for the environment's, None for none.

    CouldNotCheckError for plain http through a proxy: libgit2 1.9 would contact the upstream itself.
    """
    if settings.url.startswith("http://") and settings.has_proxy:
        raise CouldNotCheckError(
            "plain http cannot be fetched through a proxy",
            [f"url: {settings.shown_url}"],
            hint="use the upstream's https URL, or except its host with no_proxy",
            reference="proxy-unsupported",
        )
    return True if settings.proxy is None else settings.proxy or None


@contextmanager
def _failures(settings: Settings) -> Iterator[None]:
    try:
        yield
    except (*FAILURES, MemoryError) as error:
        raise _failure(settings, error) from error


def _failure(settings: Settings, error: Exception) -> VerbatimError:
    if unread := foreign(error):
        return unsupported_upstream(settings.shown_url, unread)
    words = str(error)
    # a server that would serve commits by id says "not our ref" of one it lacks, which libgit2 passes on as this
    if any(said in words for said in ("specific object", "not our ref", "unadvertised object", "unexpected packet type")):
        return CouldNotCheckError("the upstream does not serve commits by id", [words], reference="object-id-refused")
    if isinstance(error, MemoryError) or "out of memory" in words.lower():
        return _too_much(settings, "what it sends does not fit into the memory that fetching may take", "memory-limit")
    if _DAMAGED_CACHE.search(words):
        return CouldNotCheckError("the cache of this upstream is damaged", [words], reference="cache-damaged")
    context = [f"url: {settings.shown_url}", words.strip().lower()]
    if _NO_REPOSITORY.search(words):
        return CouldNotCheckError(
            "there is no git repository at the upstream's URL",
            context,
            hint="check the `url`",
            reference="upstream-not-a-repository",
        )
    if "invalid packet line" in words:
        return CouldNotCheckError(
            "the upstream's answer cannot be read",
            context,
            hint="it may be a shallow clone itself, which libgit2 cannot fetch from: mirror from a repository that is none",
            reference="upstream-unreadable",
        )
    if "host key" in words.lower() or "hostkey" in words.lower() or "user rejected certificate" in words.lower():
        return CouldNotCheckError(
            "the upstream's identity could not be verified",
            context,
            hint="connect once with `ssh` to record the host key, or check the TLS certificate",
            reference="upstream-unverified",
        )
    kind = CouldNotCheckError if _PERMANENT.search(words) else TransientError
    reference = "redirected" if _ELSEWHERE.search(words) else "upstream-unreachable"
    return kind("the upstream cannot be reached", context, hint="check the network and the `url`", reference=reference)


def _too_much(settings: Settings, what: str, reference: str) -> CouldNotCheckError:
    return CouldNotCheckError(
        "the upstream sends too much",
        [f"url: {settings.shown_url}", what],
        hint="check the `url`; if it is right, clone it with git, and have git's `url.<clone>.insteadOf` name the clone",
        reference=reference,
    )
