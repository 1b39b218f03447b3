"""What a terminal shows while something takes long; nothing is shown in a pipe.

Each upstream has a line with the numbers of objects and bytes.
"""

import sys
import time
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from sync.cli.text import render_plan
from sync.paint import Paint
from sync.quoting import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from sync.change.plan import Plan
    from sync.git.transport import Progress


_MANY_FILES = 1000
_STEP = 100
_SHORT_SECONDS = 0.5
"""The time in seconds before lines are shown; a shorter task needs none."""
_WORDS = 40
"""The number of characters that a line shows of what a server says."""


class TerminalReporter:
    """Shows progress and messages on stderr, and writes the plan to the command's output."""

    def __init__(
        self,
        out: TextIO | None,
        paint: Paint,
        render: "Callable[[Plan, Paint], str]" = render_plan,
    ) -> None:
        self._out = out
        self._paint = paint
        self._render = render
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def notice(self, message: str) -> None:
        self._stop()
        print(f"{shown(message)}", file=sys.stderr, flush=True)

    def planned(self, plan: "Plan") -> None:
        self._stop()
        if self._out is not None:
            self._out.write(self._render(plan, self._paint))
            self._out.flush()

    def progress(self, url: str, progress: "Progress") -> None:
        if not self._is_time():
            return
        bars = self._with_line(url)
        says = "" if progress.total_objects else shown(progress.words)[:_WORDS]
        bars.update(
            self._tasks[url],
            completed=progress.received_objects,
            total=progress.total_objects or None,
            size=says or _size(progress.received_bytes),
        )

    def waiting(self, urls: Iterable[str]) -> None:
        """Show who is asked, if the answers take long."""
        for url in urls if self._is_time() else ():
            self._with_line(url)

    def _with_line(self, url: str) -> "Bars":
        bars = self._started()
        if url not in self._tasks:
            name = shown("/".join(url.split("/")[-2:]))
            says = "waiting for an answer"
            self._tasks[url] = bars.add_task(name, total=None, unit="objects", size=says)
        return bars

    def _is_time(self) -> bool:
        return sys.stderr.isatty() and time.monotonic() - self._began >= _SHORT_SECONDS

    def paused(self) -> None:
        """Stop drawing until there is something new, since a person is being asked something."""
        self._stop()

    def reading(self, done: int, total: int) -> None:
        """Show how many files have been read, if there are so many that it takes long."""
        if total < _MANY_FILES or (done % _STEP and done != total) or not sys.stderr.isatty():
            return
        bars = self._started()
        if "" not in self._tasks:
            self._tasks[""] = bars.add_task("reading", total=total, unit="files", size="")
        bars.update(self._tasks[""], completed=done)

    def finished(self, url: str) -> None:
        if self._bars is not None and url in self._tasks:
            task = self._bars.tasks[self._tasks[url]]
            self._bars.update(task.id, completed=task.total or 1, total=task.total or 1)

    def _started(self) -> "Bars":
        if self._bars is None:
            # Importing rich takes 40 ms and is only needed for a terminal.
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
            from rich.progress import Progress as Bars

            console = Console(stderr=True, markup=False, highlight=False)
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
            )
            self._bars = Bars(
                *columns,
                TextColumn("{task.fields[unit]}  {task.fields[size]}", markup=False),
                console=console,
            )
            self._bars.start()
        return self._bars

    def _stop(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None
            self._tasks = {}


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:  # noqa: PLR2004
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
