"""Asks one upstream through its cache for pins, for the blobs that are needed, and for its refs."""

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sync.errors import (
    CouldNotCheckError,
    IncompleteUpstreamError,
    NotGivenError,
    RefusedIdError,
    UnfitCacheError,
)
from sync.git.transport import Listener, Request, TooLargeError, fetch, list_refs
from sync.git.transport_settings import Settings
from sync.ids import ObjectId
from sync.model.values import Pin, PinKind
from sync.upstream.cache import is_empty, is_partial, sweep
from sync.upstream.parallel import retrying
from sync.upstream.second_request import SecondRequest

if TYPE_CHECKING:
    from sync.git.repository import Repository

# If there are more objects than this, the trees are asked for first, and then blobs by their ids:
# two requests cost less than the objects that nobody needs.
_MANY_OBJECTS = 2_000
OWN_REFS = ("refs/heads/", "refs/tags/")
T = TypeVar("T")
_EVERYTHING = [f"+{refs}*:{refs}*" for refs in OWN_REFS]


@dataclass
class Abilities:
    """What the upstream's server does; False is what it was found not to do."""

    gives_blobs: bool = True
    """Whether it gives blobs by their ids."""
    gives_commits: bool = True
    has_everything: bool = True
    """Whether it has all objects that its refs reach."""


@dataclass
class Source:
    """One upstream, and the cache for what it gives; the caller holds the cache."""

    cache: Path
    settings: Settings
    listener: Listener
    abilities: Abilities = field(default_factory=Abilities)
    is_among_few: bool = False
    """Whether at most as many upstreams are asked at the same time as there are processors.

    Then there are processors to spare.
    """

    @cached_property
    def objects(self) -> "Repository":
        """The repository in the cache, which the objects are read from."""
        from sync.git.repository import Repository  # takes 30 ms, and git is already asking then

        return Repository.open_cache(self.cache)

    def ask(self, pins: Sequence[Pin], *, in_parts: bool) -> None:
        """Ask for what the pins name.

        With `in_parts` a large upstream is asked for everything but its blobs. Raises
        MissingRefError if one of the tags is not there, and UnfitCacheError if the server does not
        give commits by their ids.
        """
        commits = any(pin.kind is PinKind.COMMIT for pin in pins)
        wanted = [
            f"+{pin.ref or pin.value}:{pin_ref(pin)}"
            for pin in pins
            if pin.ref or self.abilities.gives_commits
        ]
        everything = [] if self.abilities.gives_commits else _EVERYTHING
        try:
            self._fetch_chosen(
                [*wanted, *everything],
                in_parts=in_parts and self.abilities.gives_blobs,
                shallow=not everything,
            )
        except RefusedIdError as error:
            if not commits or everything:
                raise
            self.abilities.gives_commits = False
            raise _start_anew(error) from error

    def _fetch_chosen(self, wanted: list[str], *, in_parts: bool, shallow: bool) -> None:
        whole = Request(wanted, shallow=shallow, most_objects=_MANY_OBJECTS if in_parts else None)
        part = Request(wanted, without="blobs", shallow=shallow)
        if in_parts and is_partial(self.cache):
            self._fetch(part)
            return
        is_fit = self.is_among_few and self.settings.is_for_anybody
        is_new = in_parts and shallow and is_empty(self.cache)
        second = (
            SecondRequest(self.cache, self.settings, wanted, self.listener)
            if is_fit and is_new
            else None
        )
        try:
            self._fetch(whole)
        except TooLargeError:
            if second is None or not second.take():
                self._fetch(part)
        except IncompleteUpstreamError:
            if not self.abilities.gives_blobs:
                raise
            self.abilities.has_everything = False
            self._fetch(part)  # the upstream may still have all that is needed
        finally:
            if second is not None:
                second.end()

    def complete(self, blobs: Iterable[ObjectId]) -> None:
        """Ask by id for those of the blobs that are not in the cache.

        Raises UnfitCacheError if the server does not give blobs by their ids.
        """
        lacking = (
            [blob for blob in dict.fromkeys(blobs) if not self.objects.has(blob)]
            if is_partial(self.cache)
            else []
        )
        if not lacking:
            return
        try:
            self._fetch(Request(lacking, without="blobs", by_id=True))
        except (RefusedIdError, NotGivenError) as error:
            if not self.abilities.gives_blobs or not self.abilities.has_everything:
                raise
            self.abilities.gives_blobs = False
            raise _start_anew(error) from error

    def refs(self) -> dict[str, ObjectId]:
        """The tags and branches that the upstream offers, by full name, unpeeled."""
        return self._retrying(lambda: list_refs(self.cache, self.settings, self.listener))

    def is_reached(self, commit: ObjectId) -> bool:
        """Whether one of the upstream's branches or tags reaches the commit.

        Only the whole history tells, of which the commits are enough. It is fetched into a
        temporary repository, since the history in the cache is shallow.
        """
        from sync.git.repository import Repository

        with tempfile.TemporaryDirectory(prefix="git-verbatim-") as aside:
            whole = Repository.open_or_create_bare(Path(aside))
            self._fetch(Request(_EVERYTHING, without="trees", shallow=False), Path(aside))
            return whole.is_reached(commit, OWN_REFS)

    def _fetch(self, request: Request, into: Path | None = None) -> None:
        def attempt() -> None:
            try:
                fetch(into or self.cache, self.settings, request, self.listener)
            except BaseException:
                sweep(into or self.cache)
                raise

        self._retrying(attempt)

    def _retrying(self, attempt: Callable[[], T]) -> T:
        return retrying(attempt, self.listener.cancelled)


def _start_anew(error: CouldNotCheckError) -> UnfitCacheError:
    return UnfitCacheError(error.message, error.context, error.hint, reference="cache-unfit")


def pin_ref(pin: Pin) -> str:
    """The ref of the cache that keeps what the upstream last said about a pin.

    Its name is a hash, since the names of tags may collide over time.
    """
    return f"refs/pins/{hashlib.sha256((pin.ref or pin.value).encode()).hexdigest()[:40]}"
