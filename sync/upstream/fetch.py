"""Fetches the commits of pins, and their objects, from all upstreams at once, through the cache."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from sync.errors import (
    CouldNotCheckError,
    MissingRefError,
    NotGivenError,
    SelectionError,
    TooMuchError,
    VerbatimError,
)
from sync.git.missing_objects import whereabouts
from sync.git.transport import Listener
from sync.git.transport_configuration import TransportConfiguration
from sync.git.transport_settings import Settings
from sync.ids import ObjectId
from sync.model.mirrors import Mirror, UpstreamCommit
from sync.model.values import Pin, PinKind
from sync.upstream.cache_renewal import cache_key, with_cache
from sync.upstream.parallel import Display, Options, Run
from sync.upstream.pinned_commit import (
    GONE,
    has_tree_of,
    no_such_commit,
    no_such_tag,
    read_commit,
)
from sync.upstream.source import Abilities, Source, pin_ref

if TYPE_CHECKING:
    from sync.git.repository import Repository

_NOT_OFFLINE = "run the command again without `--offline`"


@dataclass(frozen=True, slots=True)
class Want:
    """What is wanted of one upstream, for all mirrors that it feeds."""

    url: str
    mirrors: tuple[Mirror, ...]
    recorded: Mapping[Pin, UpstreamCommit] = field(default_factory=dict)
    """The commits that records already give for some of the pins.

    If the cache has such a commit, the upstream is not asked for its pin.
    """

    @property
    def pins(self) -> list[Pin]:
        return sorted({mirror.pin for mirror in self.mirrors}, key=str)

    @property
    def is_in_parts(self) -> bool:
        """Whether no mirror takes the whole tree."""
        return all(mirror.is_part for mirror in self.mirrors)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an upstream gave: its pins' commits, and where their objects are read."""

    url: str
    commits: Mapping[Pin, UpstreamCommit]
    objects: "Repository"


@dataclass
class Fetching:
    """Upstreams that are being asked, from the moment that this value is made."""

    wants: Sequence[Want]
    options: Options

    def __post_init__(self) -> None:
        self._configuration = TransportConfiguration(self.options.root)
        are_few = len(self.wants) <= (os.cpu_count() or 1)
        self._upstreams = [
            _Upstream(want, self.options, self._configuration, are_few) for want in self.wants
        ]
        self._run = Run(self._upstreams, self.options)

    def finish(self, display: Display) -> dict[str, Fetched]:
        """What all upstreams gave, by URL.

        Raises the error of the first upstream, in the order of `wants`, that failed. The context of
        the error names the others that failed.
        """
        try:
            self._run.finish(display)
        finally:
            self._configuration.close()
        errors = self._run.errors
        failed = [want.url for want in self.wants if want.url in errors]
        if failed:
            error = errors[failed[0]]
            if isinstance(error, VerbatimError):
                error.context.extend(f"also failed: {url}: {errors[url]}" for url in failed[1:])
            raise error
        return {
            upstream.url: upstream.fetched
            for upstream in self._upstreams
            if upstream.fetched is not None
        }

    def await_start(self) -> None:
        """Wait until git is started, before this thread keeps the interpreter for itself.

        Loading a library in C does that.
        """
        self._run.await_start()

    def cancel(self) -> None:
        """Stop asking, and end what was started."""
        self._run.cancel()
        self._configuration.close()


def wants_of(
    mirrors: Sequence[Mirror], recorded: Mapping[str, UpstreamCommit] | None = None
) -> list[Want]:
    """The wants of the mirrors, one for each upstream.

    `recorded` has the commits that records give, by the names of the mirrors.
    """
    known = recorded or {}
    return [
        Want(url, tuple(fed), {m.pin: known[m.name] for m in fed if m.name in known})
        for url, fed in by_url(mirrors).items()
    ]


class _Located(Protocol):
    @property
    def url(self) -> str: ...


_L = TypeVar("_L", bound=_Located)


def by_url(located: Iterable[_L]) -> dict[str, list[_L]]:
    """What is to be asked of each upstream, in the order in which upstreams come first."""
    found: dict[str, list[_L]] = {}
    for one in located:
        found.setdefault(one.url, []).append(one)
    return found


def fetch_all(
    wants: Sequence[Want], options: Options, display: Display, ahead: Fetching | None = None
) -> dict[str, Fetched]:
    """Fetch from all upstreams at once, at most `jobs` at a time.

    If `ahead` asks for the same with the same options, its results are taken; otherwise it is
    cancelled.
    """
    if ahead is not None and (ahead.wants, ahead.options) == (wants, options):
        return ahead.finish(display)
    if ahead is not None:
        ahead.cancel()
    return Fetching(wants, options).finish(display) if wants else {}


@dataclass(slots=True)
class _Upstream:
    """One upstream that is being asked, by one thread."""

    want: Want
    options: Options
    configuration: TransportConfiguration
    is_among_few: bool
    fetched: Fetched | None = None
    _abilities: Abilities = field(default_factory=Abilities)

    @property
    def url(self) -> str:
        return self.want.url

    def run(self, listener: Listener) -> None:
        settings = self.configuration.settings_for(self.want.url)
        key = cache_key(settings, self.options.root)
        with_cache(
            key,
            self.options,
            listener,
            lambda cache: self._fill(
                Source(cache, settings, listener, self._abilities, self.is_among_few)
            ),
        )

    def _fill(self, source: Source) -> None:
        unanswered = self._unanswered(source)
        if unanswered and not self.options.offline:
            self._ask(source, unanswered)
        objects = source.objects
        if self.options.offline:
            objects.hint = _NOT_OFFLINE
        commits = {
            pin: self._commit(objects, pin, asked=pin in unanswered) for pin in self.want.pins
        }
        if not self.options.offline:
            source.complete(
                blob
                for mirror in self.want.mirrors
                for blob in needed_blobs(mirror, commits[mirror.pin], objects)
            )
        self.fetched = Fetched(self.want.url, commits, objects)

    def _unanswered(self, source: Source) -> list[Pin]:
        """The pins for which the upstream has to be asked."""
        known = {pin: recorded.commit for pin, recorded in self.want.recorded.items()}
        known |= {pin: ObjectId(pin.value) for pin in self.want.pins if pin.kind is PinKind.COMMIT}
        return [
            pin
            for pin in self.want.pins
            if pin not in known or not has_tree_of(source.objects, known[pin])
        ]

    def _ask(self, source: Source, pins: list[Pin]) -> None:
        try:
            source.ask(pins, in_parts=self.want.is_in_parts)
        except MissingRefError as error:
            raise self._no_such_tag(source, pins, error) from error
        except NotGivenError as error:
            missing = next((pin for pin in pins if pin.kind is PinKind.COMMIT), None)
            if missing is None:
                raise
            raise no_such_commit(self.want.url, missing, _elsewhere(source.settings)) from error

    def _no_such_tag(
        self, source: Source, pins: list[Pin], error: MissingRefError
    ) -> VerbatimError:
        try:
            names = source.refs()
        except TooMuchError:
            named = [
                pin
                for pin in pins
                if pin.ref is not None and error.context[-1].endswith(f" {pin.ref}")
            ]
            return no_such_tag(self.want.url, (named or pins)[0], {})
        missing = [pin for pin in pins if pin.ref is not None and pin.ref not in names]
        for pin in missing:
            source.objects.set_ref(pin_ref(pin), None)
        return no_such_tag(self.want.url, (missing or pins)[0], names)

    def _commit(self, objects: "Repository", pin: Pin, *, asked: bool) -> UpstreamCommit:
        recorded = self.want.recorded.get(pin)
        if recorded is not None and not asked:
            return recorded
        is_there = pin.kind is PinKind.TAG or objects.has(ObjectId(pin.value))
        target = (
            objects.ref_target(pin_ref(pin)) if pin.kind is PinKind.TAG else ObjectId(pin.value)
        )
        if target is None or not is_there:
            raise self._not_there(pin)
        return read_commit(objects, target, pin, self.want.url)

    def _not_there(self, pin: Pin) -> CouldNotCheckError:
        if self.options.offline:
            return CouldNotCheckError(
                f"{pin.kind} {pin} is not in the cache",
                [f"url: {self.want.url}"],
                hint=_NOT_OFFLINE,
                reference="not-cached",
            )
        return no_such_commit(self.want.url, pin, GONE)


def _elsewhere(settings: Settings) -> str:
    """A hint at where a commit may be that the upstream lacks."""
    return GONE if settings.place is None else whereabouts(*settings.place)


def needed_blobs(mirror: Mirror, commit: UpstreamCommit, objects: "Repository") -> list[ObjectId]:
    """The blobs of the commit that the mirror needs.

    There are none if the mirror cannot be copied; a later step explains why.
    """
    from sync.selection.copy import blobs_of

    try:
        return blobs_of(mirror, commit, objects)
    except SelectionError:
        return []
