"""Turns what git says of a failed transfer into errors.

The errors tell what may pass, what asking again cannot mend, and whose fault it is.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from sync.errors import (
    CouldNotCheckError,
    DamagedCacheError,
    HostError,
    IncompleteUpstreamError,
    MissingRefError,
    NotGivenError,
    RedirectedError,
    RefusedIdError,
    SelectionError,
    TooMuchError,
    TransientError,
    VerbatimError,
)
from sync.git.missing_objects import completion
from sync.git.transport_process import Ended
from sync.git.transport_settings import Settings

_FATAL = "fatal: "
_CHANGED = "has changed and you have requested strict checking"
_REFUSAL = "fatal: remote error: "
_UNREAD = "Could not read from remote repository"
_FIRST = (_FATAL, "error: RPC failed")
_REFUSED_ID = "Server does not allow request for unadvertised object"
_INCOMPLETE = re.compile(
    r"aborting due to possible repository corruption|"
    r"could not fetch [0-9a-f]{40} from promisor remote"
)
_LACKED = re.compile(r"(?:could not fetch|unable to read|not our ref) (?!0{40})([0-9a-f]{40})")
# git names a file of the repository that it works in like this, and one of the cache by its full
# path.
_FILE_THERE = re.compile(r"[ (]\./")
_NOT_OURS = re.compile(r"fatal: (?:remote error: .*|git upload-pack: )not our ref")

# Each pattern fits messages of git, or of curl and ssh, that have one meaning. They are taken from
# the sources. The first pattern that fits decides.
_NO_REPOSITORY = re.compile(
    r"repository '.*' not found|not valid: is this a git repository|"
    r"does not appear to be a git repository|error: 410|"
    r"no such file or directory: '|not a git repository|invalid gitfile format|"
    r"^error: .*\bnot (?:be )?found",
    re.IGNORECASE | re.MULTILINE,
)
_REDIRECTED = re.compile(
    r"error: 30[12378]|unable to update url base from redirection", re.IGNORECASE
)
_AUTHENTICATION = re.compile(
    r"could not read (?:username|password)|authentication failed|error: 401|permission denied \(|"
    r"told us to quit",
    re.IGNORECASE,
)
_UNVERIFIED = re.compile(
    r"host key verification failed|certificate|ssl (?:peer|routines)|tls handshake", re.IGNORECASE
)
_NO_AUTHORITIES = re.compile(
    r"error setting certificate|error reading ca cert|cacert|problem with the ssl ca", re.IGNORECASE
)
_MEMORY = re.compile(
    r"out of memory|malloc failed|mmap failed: cannot allocate|cannot allocate memory",
    re.IGNORECASE,
)
_LARGE = re.compile(
    r"file too large|pack exceeds maximum|died of signal 25|signal: 25", re.IGNORECASE
)
_FULL = re.compile(r"no space left|disk quota|read-only file system", re.IGNORECASE)
_SHA256 = re.compile(r"mismatched algorithms|object format", re.IGNORECASE)
_FORMAT = re.compile(
    rf"{_SHA256.pattern}|unknown repository extension|expected git repo version", re.IGNORECASE
)
_ASKING = re.compile(
    r"(?:could not read (?:Username|Password) for|Authentication failed for) '(https?://[^/']*)"
)
_OWNER = re.compile(r"dubious ownership|unsafe repository", re.IGNORECASE)
_DUMB = re.compile(r"dumb http transport", re.IGNORECASE)
_DAMAGED = re.compile(
    r"bad config|loose object|packfile .* (?:cannot|is|does)|index file|is corrupt|"
    r"not a git repository: '|"
    r"unable to resolve reference|object file .* is empty|bad object|missing .* object|"
    r"invalid object|shallow file|"
    r"did not send all necessary|bogus commit object|nonexistent object",
    re.IGNORECASE,
)
_PASSING = re.compile(
    r"error: (?:429|5\d\d)|could not resolve|couldn't resolve|failed to connect|couldn't connect|"
    r"unable to connect|timed out|"
    r"timeout|too slow|recv failure|send failure|empty reply|reset by peer|broken pipe|early eof|"
    r"hung up|rpc failed|"
    r"unexpected disconnect|"
    r"connection (?:closed|refused|reset)|transfer closed|partial file|kex_exchange|"
    r"network is unreachable|no route to host|"
    r"http/2 stream|unexpected end|end of file|invalid index-pack output|pack has bad object|"
    r"bad pack|inflate|proxyconnect|"
    r"unable to look up|premature end|sha1 mismatch|is truncated|serious inflate",
    re.IGNORECASE,
)


def failure(cache: Path, settings: Settings, ended: Ended) -> VerbatimError:
    """The error for a git that failed in `cache`.

    The first fatal line of git itself decides. ssh does not mark its lines, so what it said before
    that line is used. A server can send such words and so choose the error that is printed, but the
    only other consequence is a few more tries.
    """
    own = [line for line in ended.said if not line.startswith(("remote:", "warning: "))]
    first = next((line for line in own if line.startswith(_FIRST)), own[0] if own else "")
    before = own[: own.index(first)] if first in own else []
    if _UNREAD in first and not before:  # some ssh servers mark their words as git does
        theirs = [
            line.removeprefix("remote: ") for line in ended.said if line.startswith("remote: ")
        ]
        before = [line for line in theirs if re.search(r"\w", line)]
    words = [
        settings.without_passwords(line).removeprefix(_FATAL).removeprefix("error: ")
        for line in (*before[-3:], first)
    ]
    url = f"url: {settings.shown_url}"
    if ended.status < 0 and not first:
        return _killed([url], -ended.status)
    context = (
        [url, *(word for word in words if word)]
        if words[-1]
        else [url, f"git ended with {ended.status}"]
    )
    if any(_REFUSED_ID in line for line in own):
        return RefusedIdError(
            "the upstream does not serve objects by id",
            [url, _REFUSED_ID.lower()],
            reference="object-id-refused",
        )
    if _NOT_OURS.match(first):
        return _lacking(NotGivenError, "object-not-there", settings, [first], [url])
    if settings.is_local and any(_MEMORY.search(line) for line in ended.said):
        return too_much(
            settings, "it does not fit into the memory that fetching may take", "memory-limit"
        )
    if any(
        _INCOMPLETE.search(line) or (settings.is_local and _FILE_THERE.search(line))
        for line in ended.said
    ):
        return _lacking(
            IncompleteUpstreamError, "upstream-incomplete", settings, ended.said, context
        )
    if first.startswith("fatal: couldn't find remote ref "):
        return MissingRefError("the upstream lacks a ref", context, reference="ref-missing")
    if first.startswith(_REFUSAL):
        return CouldNotCheckError(
            "the upstream refuses to answer",
            [url, f"it says: {first.removeprefix(_REFUSAL)}"],
            hint="check the `url`, and whether you may read there",
            reference="upstream-refuses",
        )
    if _UNREAD in first:  # the program that git started has said why
        first = "\n".join(before)
    return _by_words(cache, settings, first, "\n".join(own), context)


def _lacking(
    kind: type[CouldNotCheckError],
    reference: str,
    settings: Settings,
    said: Iterable[str],
    context: list[str],
) -> CouldNotCheckError:
    lacked = next((found[1] for line in said if (found := _LACKED.search(line))), None)
    return kind(
        f"the upstream lacks object {lacked}"
        if lacked
        else "the upstream's repository is incomplete or damaged",
        context if lacked is None else context[:1],
        hint=completion(*settings.place)
        if settings.place
        else "mirror from a repository that has everything",
        reference=reference,
    )


def _by_words(
    cache: Path, settings: Settings, first: str, everything: str, context: list[str]
) -> VerbatimError:
    if _MEMORY.search(everything):
        return too_much(
            settings,
            "what it sends does not fit into the memory that fetching may take",
            "memory-limit",
        )
    if _LARGE.search(everything):
        return too_much(settings, "it sends more than fetching may write", "pack-too-large")
    if _FULL.search(everything):
        return HostError(
            f"cannot use the cache {cache}",
            context[1:],
            hint="make room there, or set XDG_CACHE_HOME to a directory that can be written",
            reference="cache-unusable",
        )
    if str(cache) in first and not settings.is_local:
        return _damaged(context)
    for sign, make in _MEANINGS:
        if sign.search(first):
            return make(settings, context)
    if _DAMAGED.search(everything):
        return _damaged(context)
    return _unread(settings, context)


def _unread(settings: Settings, context: list[str]) -> CouldNotCheckError:
    if not settings.is_local:
        return CouldNotCheckError(
            "the upstream cannot be reached",
            context,
            hint="check the network and the `url`; `git ls-remote` of it may say more",
            reference="upstream-unreachable",
        )
    if not settings.path.exists():
        return _no_repository(settings, context)
    return CouldNotCheckError(
        "the upstream's repository cannot be read",
        context,
        hint=completion(*settings.place) if settings.place else "",
        reference="upstream-unreachable",
    )


def _no_repository(_: Settings, context: list[str]) -> CouldNotCheckError:
    return CouldNotCheckError(
        "there is no git repository at the upstream's URL",
        context,
        hint="check the `url`",
        reference="upstream-not-a-repository",
    )


def _killed(context: list[str], number: int) -> CouldNotCheckError:
    return CouldNotCheckError(
        "git was killed while it asked the upstream",
        [*context, f"by signal {number}"],
        hint="run the command again",
        reference="git-killed",
    )


def _damaged(context: list[str]) -> CouldNotCheckError:
    hint = "run the command again with the network: it will be fetched anew"
    return DamagedCacheError(
        "the cache of this upstream is damaged", context, hint, reference="cache-damaged"
    )


def too_much(settings: Settings, what: str, reference: str) -> CouldNotCheckError:
    return TooMuchError(
        "the upstream sends too much",
        [f"url: {settings.shown_url}", what],
        hint="check the `url`; if it is right, "
        + (
            "mirror from a server that has it"
            if settings.is_local
            else "clone it with git, and have git's `url.<clone>.insteadOf` name the clone"
        ),
        reference=reference,
    )


def _unreachable(
    kind: type[CouldNotCheckError], reference: str
) -> Callable[[Settings, list[str]], VerbatimError]:
    return lambda _, context: kind(
        "the upstream cannot be reached",
        context,
        hint="check the network and the `url`",
        reference=reference,
    )


def _passing(settings: Settings, context: list[str]) -> VerbatimError:
    if settings.is_local:  # there is no network in between
        return _unread(settings, context)
    return _unreachable(TransientError, "upstream-unreachable")(settings, context)


def _unowned(settings: Settings, context: list[str]) -> VerbatimError:
    return CouldNotCheckError(
        "the upstream's repository belongs to somebody else, whom git does not trust",
        context[:1] if settings.is_local else context,
        hint=f"if you trust its owner: `git config --global --add safe.directory {settings.path}`"
        if settings.is_local
        else "it is the server's git that does not trust it: `safe.directory` is to be set there",
        reference="upstream-not-owned",
    )


def _unknown_authorities(settings: Settings, context: list[str]) -> VerbatimError:
    return HostError(
        "the certificates that git's configuration names cannot be read",
        [context[0], *settings.ways, *context[1:]],
        hint="correct git's `http.sslCAInfo`, or GIT_SSL_CAINFO",
        reference="authorities-unreadable",
    )


def _asks_for_credentials(settings: Settings, context: list[str]) -> VerbatimError:
    if not settings.contacted.lower().startswith("http"):
        return CouldNotCheckError(
            f"{settings.shown_url} accepts none of the ssh keys",
            context[1:-1],
            hint="add the key to the agent with `ssh-add`, and try `ssh -T` to the host",
            reference="authentication",
        )
    said = "\n".join(context)
    asking = _ASKING.search(said)
    who = asking[1] if asking else "/".join(settings.shown_url.split("/")[:3])
    refused = " and refused those it got" if "Authentication failed" in said else ""
    return CouldNotCheckError(
        f"{who} asks for credentials{refused}",
        context[:1],
        hint="set up a git credential helper for the host, and check the repository's name",
        reference="authentication",
    )


def _unsupported(_: Settings, context: list[str]) -> VerbatimError:
    of_sha256 = _SHA256.search("\n".join(context))
    return SelectionError(
        "the upstream cannot be copied from: "
        + (
            "its object ids are SHA-256, and git-verbatim copies by SHA-1 ids"
            if of_sha256
            else "git does not read its format"
        ),
        context[:1] if of_sha256 else context,
        hint="mirror from a repository of the project with SHA-1 ids, if there is one"
        if of_sha256
        else "mirror from a clone of it that is without, or by a URL of its server",
        reference="upstream-unsupported",
    )


_MEANINGS: tuple[tuple[re.Pattern[str], Callable[[Settings, list[str]], VerbatimError]], ...] = (
    (_OWNER, _unowned),
    (_FORMAT, _unsupported),
    (
        _DUMB,
        lambda _, context: CouldNotCheckError(
            "the upstream's server only hands out files (dumb HTTP)",
            context[:1],
            hint="mirror from a server of git's smart protocol, or from a local clone",
            reference="upstream-dumb",
        ),
    ),
    (_NO_REPOSITORY, _no_repository),
    (_REDIRECTED, _unreachable(RedirectedError, "redirected")),
    (_AUTHENTICATION, _asks_for_credentials),
    (_NO_AUTHORITIES, _unknown_authorities),
    (
        _UNVERIFIED,
        lambda _, context: CouldNotCheckError(
            "the upstream's identity could not be verified",
            context,
            hint="ask those who run it whether its key has changed, "
            "before you let `ssh-keygen -R` forget the old one"
            if any(_CHANGED in line for line in context)
            else "connect once with `ssh` to record the host key, or check the TLS certificate",
            reference="upstream-unverified",
        ),
    ),
    (_PASSING, _passing),
)
