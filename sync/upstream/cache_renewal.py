"""Gives an upstream its cache, and a new one if that one is damaged or unfit."""

from collections.abc import Callable
from pathlib import Path

from sync.errors import (
    BlockedCacheError,
    DamagedCacheError,
    IncompleteUpstreamError,
    MissingObjectError,
    UnfitCacheError,
    UnreadableObjectError,
    VerbatimError,
)
from sync.git.transport import Listener, Progress
from sync.git.transport_settings import Settings
from sync.upstream.cache import locked_cache
from sync.upstream.parallel import Options

_NEEDS_ANOTHER = (
    BlockedCacheError,
    DamagedCacheError,
    MissingObjectError,
    UnfitCacheError,
    UnreadableObjectError,
)
"""The errors of a cache that a new cache may not have."""
_MOST_CACHES = 3
"""How many caches are tried for one upstream.

The first may be damaged; the second may be filled in a way that the server does not support.
"""


def cache_key(settings: Settings, root: Path) -> str:
    """The key of a cache: who is asked for an upstream here, or where a local upstream lies.

    The manifest's URL would not do: git's configuration may lead elsewhere, in one project only.
    """
    return str((root / settings.path).resolve()) if settings.is_local else settings.identity


def with_cache(key: str, options: Options, listener: Listener, use: Callable[[Path], None]) -> None:
    """Call `use` with the upstream's cache, and with a new one if that one is damaged or unfit."""

    def waits() -> None:
        listener.progress(Progress(words="waiting for another git-verbatim"))

    for made in range(_MOST_CACHES):
        try:
            with locked_cache(key, options.lock_seconds, waits=waits, anew=made > 0) as cache:
                use(cache)
        except _NEEDS_ANOTHER as error:
            if options.offline:
                raise
            if made + 1 == _MOST_CACHES:
                raise _unusable(error) from error
        else:
            return


def _unusable(error: VerbatimError) -> VerbatimError:
    """The error to raise when a new cache fails: if it is damaged, the upstream sent damage."""
    if not isinstance(error, DamagedCacheError):
        return error
    return IncompleteUpstreamError(
        "the upstream does not send what it offers",
        error.context,
        hint="look at the upstream with git; mirror from a repository that gives what it has",
        reference="upstream-incomplete",
    )
