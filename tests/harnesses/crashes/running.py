"""Runs of the program as copies of this process, whose imports are done already.

Some of them are hit, and others look at what is left.
"""

import ctypes
import importlib
import os
import pkgutil
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from tests.harnesses.crashes.points import (
    CALLS,
    FETCH,
    SHORT,
    Point,
    injection,
    points_of,
    strace,
    write_git_wrapper,
)
from tests.harnesses.crashes.scenes import JOBS, Job, Scenes, environment
from tests.support.program import Ran

_SECONDS = 60
_PR_SET_PTRACER, _ANY = 0x59616D61, ctypes.c_ulong(-1)  # prctl(2)


def list_points(scenes: Scenes, job: Job, top: Path) -> list[Point]:
    """Every point of a job, by running it twice; it has to succeed."""
    log = top.with_suffix(".log")
    with scenes.fresh(job, top):
        # git's own processes are listed by the wrapper's strace; two cannot follow the same one
        done = run(
            scenes, top, job.command, tracer=strace([*CALLS, "execve"], log=log, follow=True)
        )
        if done.status != 0:
            raise AssertionError(f"the job {job.name} fails by itself:\n{done.err}")
    with scenes.fresh(job, top):
        run(scenes, top, job.command, **_wrapped_git(top, "all", strace(CALLS, follow=True)))
        points = points_of(job.name, log, (top / "bin").glob("log.*"))
    # what many objects are read from is a pipe, written in pieces that differ from run to run
    return [p for p in points if not job.only_git or (p.is_gits and not p.is_output)]


def list_sizes(scenes: Scenes, job: Job, top: Path) -> list[Point]:
    """Limits at which some file of the job ends in a short write.

    strace can forge the count of a write, but cannot have less written. With RLIMIT_FSIZE the
    kernel writes what fits, and fails the next write with EFBIG.
    """
    with scenes.fresh(job, top):
        run(scenes, top, job.command)
        sizes = {path.lstat().st_size for path in top.rglob("*") if path.is_file()}
    return [
        Point(job.name, "write", "main", size - 1) for size in sorted(sizes) if 0 < size < 50_000
    ]


def hit(scenes: Scenes, point: Point, kind: str, top: Path) -> Ran:
    """Run the point's job in `top` and hit it at the point.

    What hits it is a signal, an error, or a size beyond which files cannot grow.
    """
    command = JOBS[point.job].command
    if kind == SHORT:
        return run(scenes, top, command, largest=point.number)
    inject = injection(point, kind)
    if point.is_gits:
        tracer = strace([point.call], follow=True, inject=inject)
        return run(
            scenes, top, command, **_wrapped_git(top, point.scope.removeprefix("git"), tracer)
        )
    tracer = strace([point.call], log=top / "log", follow=point.scope == FETCH, inject=inject)
    return run(scenes, top, command, tracer=tracer)


def was_hit(top: Path, kind: str) -> bool:
    """Whether strace says that it did what it was asked to."""
    logs = [
        log.read_text(errors="replace")
        for log in (top / "log", *top.glob("bin/log.*"))
        if log.exists()
    ]
    return any("(INJECTED)" in log or f"SIG{kind}" in log for log in logs)


def _wrapped_git(top: Path, target: str, tracer: Sequence[str]) -> dict[str, Any]:
    write_git_wrapper(top / "bin", target)
    return {
        "PATH": f"{top / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "CRASH_STRACE": " ".join(tracer),
    }


def run(
    scenes: Scenes,
    top: Path,
    arguments: Sequence[str],
    *,
    tracer: Sequence[str] = (),
    largest: int | None = None,
    **given: str,
) -> Ran:
    """Run the program in `top`.

    It runs under `tracer` if one is given, with files that cannot grow beyond `largest`.
    """
    (waiting, go), (out, said), (err, warned) = os.pipe(), os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(go)
        os.dup2(said, 1)
        os.dup2(warned, 2)
        _become(
            top / "host",
            arguments,
            {**environment(scenes, top / "home"), **given},
            waiting,
            largest,
        )
    for descriptor in (waiting, said, warned):
        os.close(descriptor)
    try:
        tracing = _attached(tracer, child) if tracer else None
    finally:
        os.close(go)
        printed = [_read_all(descriptor) for descriptor in (out, err)]
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if tracing is not None:
        tracing.communicate()
    if status == -signal.SIGALRM:
        raise AssertionError(f"it runs for more than {_SECONDS} seconds")
    return Ran(status, *printed)


def _read_all(descriptor: int) -> str:
    with open(descriptor, "rb") as pipe:
        return pipe.read().decode("utf-8", "replace")


def _attached(tracer: Sequence[str], process: int) -> subprocess.Popen[bytes]:
    tracing = subprocess.Popen(
        [*tracer, "-p", str(process)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    said = tracing.stderr.readline() if tracing.stderr else b""
    if not said.endswith(b"attached\n"):
        raise AssertionError(said.decode("utf-8", "replace"))
    return tracing


def _become(
    host: Path, arguments: Sequence[str], given: dict[str, str], waiting: int, largest: int | None
) -> NoReturn:
    try:
        ctypes.CDLL(None).prctl(
            _PR_SET_PTRACER, _ANY
        )  # strace is no ancestor, which some systems demand
        os.read(waiting, 1)  # until the tracer is there
        signal.alarm(_SECONDS)
        if largest is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.update(given)
        os.chdir(host)
        sys.argv = ["git-verbatim", *arguments]
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - lives as long as the process
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 - likewise
        importlib.import_module("sync.__main__").main()
    finally:
        os._exit(99)


def preload(scenes: Scenes) -> None:
    """Import the program's copy."""
    sys.path.insert(0, str(scenes.program))
    for package in ("sync", "policies"):
        for module in pkgutil.walk_packages([str(scenes.program / package)], f"{package}."):
            importlib.import_module(module.name)
