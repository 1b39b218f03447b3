"""Asks many upstreams at once: threads that cannot keep the program from ending, a deadline, retries, reports on the way."""

import queue
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from sync.cache import cache_path, sweep
from sync.errors import CouldNotCheckError, TransientError
from sync.git.transport import Progress
from sync.memory import limited_memory

_PAUSES_SECONDS = (0.4, 0.8, 1.6)
# the index of a pack takes 100 bytes an object, and its largest delta what it makes
_MEMORY_BYTES = 160 << 20
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Options:
    """How to fetch."""

    root: Path
    """The host's directory: relative URLs start here, and git's configuration in force here holds."""
    offline: bool = False
    jobs: int = 8
    deadline_seconds: float = 600
    lock_seconds: float = 300


class Display(Protocol):
    """Who is told how fetching goes; called from one thread only."""

    def progress(self, url: str, progress: Progress) -> None: ...

    def finished(self, url: str) -> None: ...


class Task(Protocol):
    """What is done with one upstream, in a thread of its own."""

    @property
    def url(self) -> str: ...

    @property
    def cache_key(self) -> str | None:
        """Which cache it holds while it runs; None before it knows."""
        ...

    def run(self, report: Callable[[Progress], None], cancelled: threading.Event) -> None:
        """Do it; an exception is what went wrong."""
        ...


def run_all(tasks: Sequence[Task], options: Options, display: Display) -> dict[str, Exception]:
    """Run the tasks in threads, at most `jobs` at a time, until all are done or the deadline passes; what failed, by URL.

    The threads are daemons: one that hangs in libgit2 cannot keep the program from ending.
    """
    run = _Run(tasks, options)
    try:
        with limited_memory(_MEMORY_BYTES):
            run.wait(display)
    except BaseException:
        run.cancel()
        raise
    return run.errors


@dataclass
class _Run:
    tasks: Sequence[Task]
    options: Options
    errors: dict[str, Exception] = field(default_factory=dict)
    _events: "queue.SimpleQueue[tuple[str, Progress | None]]" = field(default_factory=queue.SimpleQueue)
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _pending: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        waiting: queue.SimpleQueue[Task] = queue.SimpleQueue()
        for task in self.tasks:
            waiting.put(task)
        self._pending = {task.url for task in self.tasks}
        count = min(self.options.jobs, len(self.tasks))
        self._threads = [threading.Thread(target=self._work, args=(waiting,), daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def _work(self, waiting: "queue.SimpleQueue[Task]") -> None:
        while not self._cancelled.is_set():
            try:
                task = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                task.run(self._report(task.url), self._cancelled)
            except MemoryError:
                self.errors[task.url] = CouldNotCheckError(
                    "fetching needs more memory than it may take",
                    [f"url: {task.url}"],
                    hint="check the `url`; if it is right, leave the large files out with `exclude`",
                    reference="memory-limit",
                )
            except Exception as error:  # noqa: BLE001 - handed to the main thread, which raises it
                self.errors[task.url] = error
            self._events.put((task.url, None))

    def _report(self, url: str) -> Callable[[Progress], None]:
        return lambda progress: self._events.put((url, progress))

    def wait(self, display: Display) -> None:
        """Pass on what the tasks report until all are done; CouldNotCheckError at the deadline."""
        end = time.monotonic() + self.options.deadline_seconds
        while self._pending:
            remaining = end - time.monotonic()
            if remaining <= 0:
                raise self._too_late()
            try:
                # in short waits, so that a signal is answered at once everywhere
                url, progress = self._events.get(timeout=min(remaining, 0.2))
            except queue.Empty:
                continue
            if progress is None:
                self._pending.discard(url)
                display.finished(url)
            else:
                display.progress(url, progress)

    def _too_late(self) -> CouldNotCheckError:
        return CouldNotCheckError(
            "fetching took too long",
            [f"deadline: {self.options.deadline_seconds:g} s", *(f"not finished: {url}" for url in sorted(self._pending))],
            hint="check the network, or allow more with `--deadline SECONDS`",
            reference="deadline",
        )

    def cancel(self) -> None:
        """Call the tasks off, give them a moment to notice, and sweep up after those that do not."""
        self._cancelled.set()
        end = time.monotonic() + 0.2
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        for task in self.tasks:
            if task.url in self._pending and (key := task.cache_key) is not None:
                sweep(cache_path(key))


def retrying(attempt: Callable[[], T], cancelled: threading.Event) -> T:
    """The attempt's result, after up to four tries with growing pauses while the failure may be passing."""
    for pause in _PAUSES_SECONDS:
        try:
            return attempt()
        except TransientError:
            if cancelled.wait(pause * random.uniform(0.75, 1.25)):  # noqa: S311 - spreads out, keeps no secret
                raise
    return attempt()
