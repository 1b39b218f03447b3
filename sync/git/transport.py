"""Lists an upstream's refs and fetches from it by git, whose messages become progress."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sync.errors import RedirectedError
from sync.git.process import program
from sync.git.terminal import Attention
from sync.git.transport_errors import failure, too_much
from sync.git.transport_process import Ended, TooManyWordsError, attend
from sync.git.transport_settings import REMOTE, Pairs, Settings
from sync.ids import ObjectId

_FILTERS = {"blobs": "blob:none", "trees": "tree:0"}
# The configuration of the upload-pack that git starts for a local upstream. It accepts such
# settings neither as arguments nor as variables.
_LOCAL = (
    "[uploadpack]\n\tallowFilter = true\n\tallowAnySHA1InWant = true\n"
    "[core]\n\tbigFileThreshold = 1m\n"
)

# A server can print such lines too, with numbers of any length.
_NUMBER = "([0-9]{1,12})"
_COUNTED = re.compile(f"remote: Enumerating objects: {_NUMBER}")
_RECEIVED = re.compile(
    rf"(?:Receiving|Unpacking) objects: +[0-9]+% \({_NUMBER}/{_NUMBER}\)"
    r"(?:, ([0-9]{1,12}(?:\.[0-9]+)?) (bytes|KiB|MiB|GiB))?"
)
_UNFILTERED = "warning: filtering not recognized by server"
_UNITS = {"bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a fetch is: objects received of those announced, bytes, and the last message."""

    received_objects: int = 0
    total_objects: int = 0
    received_bytes: int = 0
    words: str = ""


@dataclass(frozen=True, slots=True)
class Listener:
    """Hears how a fetch goes, lets it ask on the terminal, and cancels it."""

    progress: Callable[[Progress], None] = lambda _: None
    asks: Callable[[], None] = lambda: None
    answered: Callable[[], None] = lambda: None
    began: Callable[[], None] = lambda: None
    """It is called when a git has been started, which asks the upstream by itself from then on."""
    cancelled: Callable[[], bool] = lambda: False


class TooLargeError(Exception):
    """The upstream has more objects to send than the request allows."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to fetch: refspecs, or object ids alone."""

    wanted: Sequence[str]
    without: str | None = None
    """What is not sent unless it is named: `blobs`, or `trees`, which leaves out blobs too.

    A server may send it all the same.
    """
    shallow: bool = True
    by_id: bool = False
    """Whether the ids are wanted even if they can be reached from what is already there."""
    most_objects: int | None = None
    """The number of objects above which TooLargeError is raised, before they are sent."""
    must_filter: bool = False
    """Whether TooLargeError is also raised if the server would send everything all the same."""

    @property
    def options(self) -> list[str]:
        filtered = f"--filter={_FILTERS[self.without]}" if self.without else "--no-filter"
        return [*(["--depth=1"] if self.shallow and not self.by_id else []), filtered]

    @property
    def configuration(self) -> Pairs:
        asked: Pairs = ()
        # With these git takes what is not sent for no fault. They are in the environment alone, so
        # that no later git fetches it by itself.
        if self.without:
            asked += (
                (f"remote.{REMOTE}.promisor", "true"),
                (f"remote.{REMOTE}.partialCloneFilter", _FILTERS[self.without]),
            )
        return (*asked, ("fetch.negotiationAlgorithm", "noop")) if self.by_id else asked


def fetch(
    cache: Path, settings: Settings, request: Request, listener: Listener = Listener()
) -> None:
    """Fetch into the bare repository `cache`.

    Raises TransientError for what may pass, and CouldNotCheckError for what asking again cannot
    mend. That is MissingRefError if the upstream lacks a ref, and RefusedIdError or NotGivenError
    if it does not give an id. Raises TooLargeError as the request says.
    """
    fixed = [
        "--progress",
        "--stdin",
        "--no-tags",
        "--no-write-fetch-head",
        "--no-auto-maintenance",
        "--no-recurse-submodules",
    ]
    hearing = _Hearing(listener, request.most_objects, request.must_filter)
    lines = "".join(f"{one}\n" for one in request.wanted)
    _ask(
        cache,
        settings,
        ["fetch", *fixed, *request.options, REMOTE],
        lines,
        request.configuration,
        hearing,
    )


def list_refs(
    cache: Path, settings: Settings, listener: Listener = Listener()
) -> dict[str, ObjectId]:
    """The tags and branches that the upstream offers, by full name, unpeeled."""
    ended = _ask(
        cache,
        settings,
        ["ls-remote", "--refs", "--tags", "--heads", REMOTE],
        "",
        (),
        _Hearing(listener),
    )
    lines = (line.partition(b"\t") for line in ended.output.splitlines())
    return {
        ref.decode("utf-8", "surrogateescape"): ObjectId(target.decode("ascii", "replace"))
        for target, _, ref in lines
    }


@dataclass(slots=True)
class _Hearing:
    """Turns what git says while it works into progress."""

    listener: Listener
    most_objects: int | None = None
    must_filter: bool = False
    _heard: Progress = field(default_factory=Progress)

    def hear(self, line: str) -> None:
        if (
            (counted := _COUNTED.match(line))
            and self.most_objects is not None
            and int(counted[1]) > self.most_objects
        ):
            raise TooLargeError
        if self.must_filter and line.startswith(_UNFILTERED):
            raise TooLargeError
        if received := _RECEIVED.match(line):
            size = (
                int(float(received[3]) * _UNITS[received[4]])
                if received[3]
                else self._heard.received_bytes
            )
            self._heard = replace(
                self._heard,
                received_objects=int(received[1]),
                total_objects=int(received[2]),
                received_bytes=size,
            )
        elif line.startswith("remote: "):
            self._heard = replace(self._heard, words=line.removeprefix("remote: "))
        else:
            return
        self.listener.progress(self._heard)


def _ask(
    cache: Path, settings: Settings, command: list[str], stdin: str, asked: Pairs, hearing: _Hearing
) -> Ended:
    """Run git so that private settings go to no host that a redirect leads to.

    Such settings are headers, which often hold a token, and trust without TLS.
    """
    if settings.is_private:
        try:
            return _run(cache, settings, command, stdin, asked, hearing, privately=True)
        except RedirectedError:
            pass  # the upstream is asked again without them
    return _run(cache, settings, command, stdin, asked, hearing, privately=False)


def _run(
    cache: Path,
    settings: Settings,
    command: list[str],
    stdin: str,
    asked: Pairs,
    hearing: _Hearing,
    *,
    privately: bool,
) -> Ended:
    environment = settings.environment(cache, asked, privately=privately)
    if settings.is_local:
        environment["GIT_CONFIG_GLOBAL"] = _write_for_local(cache, settings)
    listener = hearing.listener

    def asks() -> None:
        listener.asks()
        if settings.passwords is not None:
            settings.passwords.begin()

    attention = Attention(hearing.hear, asks, listener.answered, listener.began, listener.cancelled)
    try:
        ended = attend(
            [program(), *command],
            environment=environment,
            directory=settings.directory,
            stdin=stdin.encode("utf-8", "surrogateescape"),
            attention=attention,
            is_urgent=not settings.asks_nobody,
        )
    except TooManyWordsError:
        raise too_much(
            settings, "it, or a helper of git's, says megabytes of words", "words-without-end"
        ) from None
    if ended.status != 0:
        raise failure(cache, settings, ended)
    return ended


def _write_for_local(cache: Path, settings: Settings) -> str:
    """Write the configuration of the upload-pack that serves a local upstream; the file's path.

    git accepts `safe.directory` from a file only.
    """
    path = cache / "upload-pack.config"
    believed = "".join(f'\tdirectory = "{_quoted(one)}"\n' for one in settings.believed)
    path.write_text(f"[safe]\n{believed}{_LOCAL}", encoding="utf-8", errors="surrogateescape")
    return str(path)


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
