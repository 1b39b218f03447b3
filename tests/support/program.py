"""The program, run as users run it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support import forked
from tests.support.project import ROOT


@dataclass(frozen=True)
class Ran:
    """A finished run of the program."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        return json.loads(self.out)


def run_tool(directory: Path, *arguments: str, stdin: bytes = b"", timeout: float = 60, **environment: str) -> Ran:
    """Run the program as a process of its own, in `directory`."""
    whole = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    run = forked.run if forked.is_possible(whole) else _run_fresh
    status, out, err = run(directory, arguments, whole, stdin, timeout)
    ran = Ran(status, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))
    assert "Traceback" not in ran.err, ran.err
    return ran


def _run_fresh(
    directory: Path, arguments: tuple[str, ...], environment: Mapping[str, str], stdin: bytes, timeout: float
) -> tuple[int, bytes, bytes]:
    command = [sys.executable, "-m", "sync", *arguments]
    done = subprocess.run(
        command,
        cwd=directory,
        input=stdin,
        capture_output=True,
        timeout=timeout,
        env=environment,
        check=False,
        start_new_session=True,
    )
    return done.returncode, done.stdout, done.stderr
