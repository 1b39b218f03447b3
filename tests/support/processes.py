"""Runs that are interrupted, and the processes that they leave."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.git_http import GitHttp, Trouble
from tests.support.hosts import Host, mirror
from tests.support.misbehaving import hang_before_headers
from tests.support.program import start_tool
from tests.support.waiting import comes_true


def interrupted(
    host: Host, site: GitHttp, number: signal.Signals, hangs: Callable[[], object]
) -> tuple[int, str, float]:
    """Start a sync, and signal it once it hangs.

    It gives the exit status, stderr, and the seconds that the sync took to end.
    """
    host.manifest(mirror("up", site.url(), tag="v1"))
    with start_tool(host.path, "sync") as run:
        try:
            comes_true(lambda: hangs() or run.poll() is not None)
            start = time.monotonic()
            run.send_signal(number)
            _, err = run.communicate(timeout=20)
        finally:
            run.kill()
    return run.returncode, err, time.monotonic() - start


def processes(home: Path) -> list[str]:
    """The command lines of processes whose home this is: all that a run of the test has started."""
    found = []
    mark = f"HOME={home}\0".encode()
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (directory / "environ").read_bytes() + b"\0":
                command = (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                found += (
                    [] if "tests.support.forked" in command else [command]
                )  # which starts the program here, and stays
        except OSError:
            continue  # it has ended, or is somebody else's
    return found


def await_none(home: Path) -> None:
    """A `sleep` may outlive the shell that was killed by a second."""
    assert comes_true(lambda: not processes(home), 2), processes(home)


def has_begun(site: GitHttp, trouble: Trouble) -> bool:
    if trouble is hang_before_headers:
        return bool(site.requests)
    return any(fetch.answered for fetch in site.fetches())
