"""Asks many upstreams at once, a thread for each, with a deadline, retries and progress reports."""

import queue
import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from sync.errors import CouldNotCheckError, TransientError
from sync.git.terminal import Cancelled
from sync.git.transport import Listener, Progress

_PAUSES_SECONDS = (0.4, 0.8, 1.6)
_GRACE_SECONDS = 2.0
_STEP_SECONDS = 0.2
_START_SECONDS = 0.1
_SHORT_STEP_SECONDS = 0.05
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Options:
    """How to fetch."""

    root: Path
    """The host's directory: relative URLs start here, and the git configuration here applies."""
    offline: bool = False
    jobs: int = 8
    deadline_seconds: float = 600
    lock_seconds: float = 300
    is_anonymous: bool = False
    """Whether no credentials may be used: who is asked was not chosen by the user."""


class Display(Protocol):
    """Shows how fetching goes; it is called from one thread only."""

    def progress(self, url: str, progress: Progress) -> None: ...

    def finished(self, url: str) -> None: ...

    def waiting(self, urls: Iterable[str]) -> None:
        """Show who is asked: there has been no answer for a moment."""
        ...

    def paused(self) -> None:
        """Draw nothing for now: somebody is being asked on the terminal."""
        ...


class Task(Protocol):
    """What is done with one upstream, in a thread of its own."""

    @property
    def url(self) -> str: ...

    def run(self, listener: Listener) -> None:
        """Do the work; an exception says what went wrong."""
        ...


@dataclass(frozen=True, slots=True)
class _Question:
    """The news that a question comes to the terminal, or that it was answered.

    Whoever asks waits for `heard`: then nobody else writes to the terminal.
    """

    comes: bool
    heard: threading.Event = field(default_factory=threading.Event)


_Event = tuple[str, Progress | _Question | None]


@dataclass
class Run:
    """Tasks that run in threads from the moment that this is made, at most `jobs` at a time."""

    tasks: Sequence[Task]
    options: Options
    errors: dict[str, Exception] = field(default_factory=dict)
    """The errors of the tasks that failed, by URL."""
    _events: "queue.SimpleQueue[_Event]" = field(default_factory=queue.SimpleQueue)
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _pending: set[str] = field(default_factory=set)
    _questions: int = 0
    _began: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def __post_init__(self) -> None:
        self._end = time.monotonic() + self.options.deadline_seconds
        waiting: queue.SimpleQueue[Task] = queue.SimpleQueue()
        for task in self.tasks:
            waiting.put(task)
        self._pending = {task.url for task in self.tasks}
        count = min(self.options.jobs, len(self.tasks))
        self._threads = [
            threading.Thread(target=self._work, args=(waiting,), daemon=True) for _ in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def _work(self, waiting: "queue.SimpleQueue[Task]") -> None:
        while not self._cancelled.is_set():
            try:
                task = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                task.run(self._listener(task.url))
            except Exception as error:  # noqa: BLE001 - handed to the main thread, which raises it
                self.errors[task.url] = error
            self._began.release()
            self._events.put((task.url, None))

    def _listener(self, url: str) -> Listener:
        def ask(*, comes: bool) -> None:
            question = _Question(comes)
            self._events.put((url, question))
            while comes and not question.heard.wait(_SHORT_STEP_SECONDS):
                if self._cancelled.is_set():
                    raise Cancelled

        return Listener(
            progress=lambda progress: self._events.put((url, progress)),
            asks=lambda: ask(comes=True),
            answered=lambda: ask(comes=False),
            began=self._began.release,
            cancelled=self._cancelled.is_set,
        )

    def await_start(self) -> None:
        """Wait until all threads have begun to ask, but no longer than a start may take."""
        end = time.monotonic() + _START_SECONDS
        for _ in self._threads:
            self._began.acquire(timeout=max(0.0, end - time.monotonic()))

    def finish(self, display: Display) -> None:
        """Pass on what the tasks report until all are done; CouldNotCheckError at the deadline.

        The time in which a question waits for its answer does not count.
        """
        try:
            while self._pending:
                self._pass_on(display)
        except BaseException:
            self.cancel()
            raise

    def _pass_on(self, display: Display) -> None:
        now = time.monotonic()
        if now >= self._end:
            raise self._too_late()
        try:
            # Short waits let a signal be answered at once on every platform.
            url, event = self._events.get(timeout=min(self._end - now, _STEP_SECONDS))
        except queue.Empty:
            url, event = "", Progress()
        if self._questions:
            self._end += time.monotonic() - now
        if isinstance(event, _Question):
            self._questions += 1 if event.comes else -1
            display.paused()
            event.heard.set()
        elif event is None:
            self._pending.discard(url)
            display.finished(url)
        elif self._questions:
            return
        elif url:
            display.progress(url, event)
        else:
            display.waiting(sorted(self._pending))

    def _too_late(self) -> CouldNotCheckError:
        return CouldNotCheckError(
            "fetching took too long",
            [
                f"deadline: {self.options.deadline_seconds:g} s",
                *(f"not finished: {url}" for url in sorted(self._pending)),
            ],
            hint="check the network, or allow more with `--deadline SECONDS`",
            reference="deadline",
        )

    def cancel(self) -> None:
        """Cancel the tasks: each ends what it started, and cleans up the cache that it holds."""
        self._cancelled.set()
        end = time.monotonic() + _GRACE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))


def retrying(attempt: Callable[[], T], cancelled: Callable[[], bool]) -> T:
    """The attempt's result, after up to four tries.

    Only a TransientError, which may pass, leads to another try. The pauses between tries grow.
    """
    for pause in _PAUSES_SECONDS:
        try:
            return attempt()
        except TransientError:
            end = time.monotonic() + pause * random.uniform(0.75, 1.25)  # noqa: S311 - spreads out, keeps no secret
            while time.monotonic() < end:
                if cancelled():
                    raise
                time.sleep(_SHORT_STEP_SECONDS)
    return attempt()
