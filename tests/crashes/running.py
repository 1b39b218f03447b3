"""Runs of the program: one that is hit, under strace, and those that look at what it left, each a copy of this process."""

import importlib
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.crashes.points import CALLS, FETCH, KILL, MAIN, SHORT, Point, points_of, program, strace, write_git_wrapper
from tests.crashes.scenes import JOBS, Job, Scenes, environment
from tests.support import Ran

_SECONDS = 60


def list_points(scenes: Scenes, job: Job, scratch: Path) -> list[Point]:
    """Every point of a job, by running it once; it has to succeed."""
    host = scenes.fresh(job, scratch)
    log, wrapper = scratch / "log", scratch / "bin"
    write_git_wrapper(wrapper, "all")
    # git's own processes are listed by the wrapper's strace; two cannot follow the same one
    given = {**os.environ, **environment(scenes, scratch / "home")}
    tracing = strace(log, [*CALLS, "execve"], follow=True)
    done = _run([*tracing, *program(job.command)], host.path, given)
    if done.status != 0:
        raise AssertionError(f"the job {job.name} fails by itself:\n{done.err}")
    again = scenes.fresh(job, scratch / "again")
    given = {**given, **environment(scenes, scratch / "again" / "home"), "PATH": f"{wrapper}{os.pathsep}{os.environ['PATH']}"}
    given["CRASH_STRACE"] = "strace -f -e trace=" + ",".join(CALLS)
    _run(program(job.command), again.path, given)
    points = points_of(job.name, log, sorted(wrapper.glob("log.*")))
    # what many objects are read from is a pipe, written in pieces that differ from run to run
    return [p for p in points if not job.only_git or (p.scope.startswith("git") and not p.is_output)]


def hit(scenes: Scenes, point: Point, kind: str, top: Path) -> Ran:
    """Run the point's job in `top` and hit it there: with SIGKILL, an error, or files that cannot grow beyond a size."""
    log = top / "log"
    command, host = program(JOBS[point.job].command), top / "host"
    given = {**os.environ, **environment(scenes, top / "home")}
    if kind == SHORT:
        return _run(command, host, given, prepare=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (point.number, point.number)))
    what = "signal=SIGKILL" if kind == KILL else f"error={kind}"
    inject = f"{point.call}:{what}:when={point.number}"
    if point.scope in {MAIN, FETCH}:
        return _run([*strace(log, [point.call], follow=point.scope == FETCH, inject=inject), *command], host, given)
    write_git_wrapper(top / "bin", point.scope.removeprefix("git"))
    given["PATH"] = f"{top / 'bin'}{os.pathsep}{os.environ['PATH']}"
    given["CRASH_STRACE"] = f"strace -f -e trace={point.call} -e inject={inject}"
    return _run(command, host, given)


def was_hit(top: Path) -> bool:
    """Whether strace says that it did what it was asked to."""
    logs = [log.read_text(errors="replace") for log in (top / "log", *top.glob("bin/log.*")) if log.exists()]
    return any("(INJECTED)" in log or "killed by SIGKILL" in log for log in logs)


def _run(command: Sequence[str], directory: Path, given: Mapping[str, str], prepare: Callable[[], None] | None = None) -> Ran:
    done = subprocess.run(
        command,
        cwd=directory,
        env=given,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=_SECONDS,
        check=False,
        preexec_fn=prepare,
    )
    return Ran(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


def look(scenes: Scenes, top: Path, *arguments: str) -> Ran:
    """Run the program in `top` unharmed, in a copy of this process: the imports are done already, which halves the time."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            _become(scenes, top, arguments, out.fileno(), err.fileno())
        _, status = os.waitpid(child, 0)
        out.seek(0)
        err.seek(0)
        said = out.read().decode("utf-8", "replace"), err.read().decode("utf-8", "replace")
    return Ran(os.waitstatus_to_exitcode(status), *said)


def _become(scenes: Scenes, top: Path, arguments: Sequence[str], out: int, err: int) -> None:
    try:
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.environ.update(environment(scenes, top / "home"))
        os.chdir(top / "host")
        sys.argv = ["git-verbatim", *arguments]
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - lives as long as the process
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 - likewise
        importlib.import_module("sync.__main__").main()
    finally:
        os._exit(99)


def preload(scenes: Scenes) -> None:
    """Import the program's copy, for `look`."""
    sys.path.insert(0, str(scenes.program))
    importlib.import_module("sync.program")
    importlib.import_module("sync.__main__")
