"""Turns what git says of a failed transfer into errors.

The errors tell what may pass, what asking again cannot mend, and whose fault it is.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
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
from sync.git import transport_words as words
from sync.git.missing_objects import completion
from sync.git.transport_process import Ended
from sync.git.transport_settings import Settings


@dataclass(frozen=True, slots=True)
class _Heard:
    """What a failed git said, taken apart."""

    everything: Sequence[str]
    own: Sequence[str]
    """The lines of git itself and of ssh."""
    first: str
    """The first fatal line of git itself; empty if git said nothing."""
    before: Sequence[str]
    """What ssh, or the server, said before that line."""

    def shown(self, settings: Settings) -> list[str]:
        """The lines that say why, as they may be printed; none if git gave no reason."""
        lines = [
            settings.without_passwords(line).removeprefix(words.FATAL).removeprefix("error: ")
            for line in (*self.before[-3:], self.first)
        ]
        return [line for line in lines if line] if lines[-1] else []


def failure(cache: Path, settings: Settings, ended: Ended) -> VerbatimError:
    """The error for a git that failed in `cache`.

    The first fatal line of git itself decides. ssh does not mark its lines, so what it said before
    that line is used. A server can send such words and so choose the error that is printed, but the
    only other consequence is a few more tries.
    """
    heard = _taken_apart(ended.said)
    url = f"url: {settings.shown_url}"
    if ended.status < 0 and not heard.first:
        return _killed([url], -ended.status)
    context = [url, *(heard.shown(settings) or [f"git ended with {ended.status}"])]
    return (
        _not_given(settings, heard, url)
        or _incomplete(settings, heard, context)
        or _refused(heard, context)
        or _by_words(cache, settings, heard, context)
    )


def _taken_apart(said: Sequence[str]) -> _Heard:
    own = [line for line in said if not line.startswith(("remote:", "warning: "))]
    first = next((line for line in own if line.startswith(words.FIRST)), own[0] if own else "")
    before = own[: own.index(first)] if first in own else []
    if words.UNREAD in first and not before:  # some ssh servers mark their words as git does
        theirs = [line.removeprefix("remote: ") for line in said if line.startswith("remote: ")]
        before = [line for line in theirs if re.search(r"\w", line)]
    return _Heard(said, own, first, before)


def _not_given(settings: Settings, heard: _Heard, url: str) -> VerbatimError | None:
    """The error if the upstream does not give an object that was asked for by its id."""
    if any(words.REFUSED_ID in line for line in heard.own):
        return RefusedIdError(
            "the upstream does not serve objects by id",
            [url, words.REFUSED_ID.lower()],
            reference="object-id-refused",
        )
    if words.NOT_OURS.match(heard.first):
        return _lacking(NotGivenError, "object-not-there", settings, [heard.first], [url])
    return None


def _incomplete(settings: Settings, heard: _Heard, context: list[str]) -> VerbatimError | None:
    """The error if the upstream's git cannot read what it should send."""
    if settings.is_local and any(words.MEMORY.search(line) for line in heard.everything):
        return too_much(
            settings, "it does not fit into the memory that fetching may take", "memory-limit"
        )
    if any(
        words.INCOMPLETE.search(line) or (settings.is_local and words.FILE_THERE.search(line))
        for line in heard.everything
    ):
        return _lacking(
            IncompleteUpstreamError, "upstream-incomplete", settings, heard.everything, context
        )
    return None


def _refused(heard: _Heard, context: list[str]) -> VerbatimError | None:
    """The error if the upstream lacks a ref, or says itself that it does not answer."""
    if heard.first.startswith("fatal: couldn't find remote ref "):
        return MissingRefError("the upstream lacks a ref", context, reference="ref-missing")
    if heard.first.startswith(words.REFUSAL):
        return CouldNotCheckError(
            "the upstream refuses to answer",
            [context[0], f"it says: {heard.first.removeprefix(words.REFUSAL)}"],
            hint="check the `url`, and whether you may read there",
            reference="upstream-refuses",
        )
    return None


def _lacking(
    kind: type[CouldNotCheckError],
    reference: str,
    settings: Settings,
    said: Iterable[str],
    context: list[str],
) -> CouldNotCheckError:
    lacked = next((found[1] for line in said if (found := words.LACKED.search(line))), None)
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


def _by_words(cache: Path, settings: Settings, heard: _Heard, context: list[str]) -> VerbatimError:
    """The error that the words of git, curl and ssh tell."""
    everything = "\n".join(heard.own)
    # "Could not read" only says that the program that git started has said why.
    first = "\n".join(heard.before) if words.UNREAD in heard.first else heard.first
    if words.MEMORY.search(everything):
        return too_much(
            settings,
            "what it sends does not fit into the memory that fetching may take",
            "memory-limit",
        )
    if words.LARGE.search(everything):
        return too_much(settings, "it sends more than fetching may write", "pack-too-large")
    if words.FULL.search(everything):
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
    if words.DAMAGED.search(everything):
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
    asking = words.ASKING.search(said)
    who = asking[1] if asking else "/".join(settings.shown_url.split("/")[:3])
    refused = " and refused those it got" if "Authentication failed" in said else ""
    return CouldNotCheckError(
        f"{who} asks for credentials{refused}",
        context[:1],
        hint="set up a git credential helper for the host, and check the repository's name",
        reference="authentication",
    )


def _unsupported(_: Settings, context: list[str]) -> VerbatimError:
    of_sha256 = words.SHA256.search("\n".join(context))
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


# The first pattern that fits decides.
_MEANINGS: tuple[tuple[re.Pattern[str], Callable[[Settings, list[str]], VerbatimError]], ...] = (
    (words.OWNER, _unowned),
    (words.FORMAT, _unsupported),
    (
        words.DUMB,
        lambda _, context: CouldNotCheckError(
            "the upstream's server only hands out files (dumb HTTP)",
            context[:1],
            hint="mirror from a server of git's smart protocol, or from a local clone",
            reference="upstream-dumb",
        ),
    ),
    (words.NO_REPOSITORY, _no_repository),
    (words.REDIRECTED, _unreachable(RedirectedError, "redirected")),
    (words.AUTHENTICATION, _asks_for_credentials),
    (words.NO_AUTHORITIES, _unknown_authorities),
    (
        words.UNVERIFIED,
        lambda _, context: CouldNotCheckError(
            "the upstream's identity could not be verified",
            context,
            hint="ask those who run it whether its key has changed, "
            "before you let `ssh-keygen -R` forget the old one"
            if any(words.CHANGED in line for line in context)
            else "connect once with `ssh` to record the host key, or check the TLS certificate",
            reference="upstream-unverified",
        ),
    ),
    (words.PASSING, _passing),
)
