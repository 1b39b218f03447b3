"""Where a job can be hit: each modifying system call of a run of it, as strace lists them."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_NAMES = (
    "renameat2",
    "renameat",
    "rename",
    "linkat",
    "link",
    "symlinkat",
    "symlink",
    "unlinkat",
    "unlink",
)
_DIRECTORIES = ("mkdirat", "mkdir", "rmdir")
_CONTENTS = (
    "openat",
    "write",
    "pwrite64",
    "sendfile",
    "ftruncate",
    "fsync",
    "fdatasync",
    "syncfs",
    "fchmod",
    "chmod",
    "utimensat",
)
CALLS = (*_NAMES, *_DIRECTORIES, *_CONTENTS)
KILL, SHORT = "KILL", "SHORT"
INTERRUPTS = ("INT", "TERM")
ERRORS = ("ENOSPC", "EIO", "EACCES", "EROFS", "EXDEV", "EMFILE")
KINDS = (KILL, *INTERRUPTS, *ERRORS, SHORT)

MAIN, FETCH = "main", "fetch"
_LINE = re.compile(r"(?P<pid>\d+) +(?P<call>\w+)\((?P<rest>.*)")


@dataclass(frozen=True, order=True)
class Point:
    """The K-th call of a name in one thread.

    The thread is the program's first, the one that fetches, or its N-th git process (gitN).
    """

    job: str
    call: str
    scope: str
    number: int
    detail: str = ""

    def named(self, kind: str) -> str:
        """As `--only` takes it."""
        scope = "" if self.scope == MAIN else f"@{self.scope}"
        return f"{self.job}:{self.call}{scope}:{self.number}:{kind}"

    @property
    def is_gits(self) -> bool:
        """Whether a git is hit, and not the program itself."""
        return self.scope not in {MAIN, FETCH}

    @property
    def is_output(self) -> bool:
        """Whether it writes to stdout or stderr: where an error there can say nothing any more."""
        return self.call == "write" and self.detail.startswith(("1,", "2,"))


def parse_case(text: str) -> tuple[Point, str]:
    """A point and a kind from `update:renameat2:4:KILL` or `commit:rename@git7:1:EIO`.

    ValueError is raised if it is neither.
    """
    job, call, number, kind = text.split(":")
    name, _, scope = call.partition("@")
    return Point(job, name, scope or MAIN, int(number)), kind


def strace(
    calls: Sequence[str], *, log: Path | None = None, follow: bool, inject: str | None = None
) -> list[str]:
    """The beginning of a command line that traces what comes behind it."""
    options = [*(["-f"] if follow else []), *([] if log is None else ["-o", str(log)])]
    return [
        "strace",
        *options,
        "-e",
        "trace=" + ",".join(calls),
        *([] if inject is None else ["-e", f"inject={inject}"]),
    ]


def injection(point: Point, kind: str) -> str:
    """What strace is asked to do at a point."""
    what = f"error={kind}" if kind in ERRORS else f"signal=SIG{kind}"
    return f"{point.call}:{what}:when={point.number}"


def write_git_wrapper(directory: Path, target: str) -> None:
    """Write a `git` for the front of PATH that starts the git that is meant under strace.

    It counts its calls to find the one that is meant (`all` means each). CRASH_STRACE is the
    command line to put in front; the log of the N-th is log.N here.
    """
    directory.mkdir()
    (directory / "count").write_text("0")
    real = next(p for d in os.get_exec_path() if os.access(p := os.path.join(d, "git"), os.X_OK))
    wrapper = directory / "git"
    wrapper.write_text(
        f'#!/bin/sh\nread n <"{directory}/count"\nn=$((n + 1))\necho $n >"{directory}/count"\n'
        f'case "{target}" in all|$n) log="{directory}/log.$n"; exec $CRASH_STRACE -o "$log" "{real}" "$@";; esac\n'
        f'exec "{real}" "$@"\n'
    )
    wrapper.chmod(0o755)


def points_of(job: str, own_log: Path, git_logs: Iterable[Path]) -> list[Point]:
    """All points of a job by the logs of one run.

    strace counts calls by thread, and hits whichever thread has its K-th call first. So a fetching
    thread's K-th call is left out if another thread makes its own before.
    """
    found = []
    threads = list(_threads(own_log))
    main = threads[0][0] if threads else ""
    started = {pid for pid, call, _ in threads if call == "execve"} - {main}
    seen: dict[tuple[str, int], str] = {}
    for pid, call, number, rest in _numbered(threads):
        first = seen.setdefault((call, number), pid)
        if _modifies(call, rest) and pid not in started and pid in {main, first}:
            found.append(Point(job, call, MAIN if pid == main else FETCH, number, rest[:90]))
    for log in git_logs:
        scope = "git" + log.name.rpartition(".")[2]
        first_of = set()
        for _, call, number, rest in _numbered(_threads(log)):
            if _modifies(call, rest) and (call, number) not in first_of:
                first_of.add((call, number))
                found.append(Point(job, call, scope, number, rest[:90]))
    return found


def _threads(log: Path) -> Iterator[tuple[str, str, str]]:
    for line in log.read_text(errors="replace").splitlines():
        if matched := _LINE.match(line):
            yield matched["pid"], matched["call"], matched["rest"]


def _numbered(lines: Iterable[tuple[str, str, str]]) -> Iterator[tuple[str, str, int, str]]:
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for pid, call, rest in lines:
        counts[pid, call] += 1
        yield pid, call, counts[pid, call], rest


def _modifies(call: str, rest: str) -> bool:
    return call in CALLS and (call != "openat" or "O_CREAT" in rest or "O_TRUNC" in rest)
