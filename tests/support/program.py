"""The program, run as users run it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support import forked
from tests.support.project import ROOT

_PROGRAM = (sys.executable, "-m", "sync")


@dataclass(frozen=True)
class Ran:
    """A finished run of the program."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        return json.loads(self.out)

    @property
    def violations(self) -> list[dict]:
        """What `check --format json` found, in all commits."""
        return [one for judged in self.json["commits"] for one in judged["violations"]]


def run_tool(
    directory: Path, *arguments: str, stdin: bytes = b"", timeout: float = 60, **environment: str
) -> Ran:
    """Run the program as a process of its own, in `directory`."""
    whole = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    run = forked.run if forked.is_possible(whole) else _run_fresh
    status, out, err = run(directory, arguments, whole, stdin, timeout)
    ran = Ran(status, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))
    assert "Traceback" not in ran.err, ran.err
    return ran


def start_tool(
    directory: Path, *arguments: str, under: Sequence[str] = (), **environment: str
) -> "subprocess.Popen[str]":
    """Begin a run in an interpreter and a session of its own.

    `under` are the words of a program that starts it, as strace would.
    """
    return subprocess.Popen(
        [*under, *_PROGRAM, *arguments],
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )


def run_under(directory: Path, under: Sequence[str], *arguments: str) -> Ran:
    """Do the same, and wait for its end."""
    with start_tool(directory, *arguments, under=under) as run:
        out, err = run.communicate()
    return Ran(run.returncode, out, err)


def _run_fresh(
    directory: Path,
    arguments: tuple[str, ...],
    environment: Mapping[str, str],
    stdin: bytes,
    timeout: float,
) -> tuple[int, bytes, bytes]:
    done = subprocess.run(
        [*_PROGRAM, *arguments],
        cwd=directory,
        input=stdin,
        capture_output=True,
        timeout=timeout,
        env=environment,
        check=False,
        start_new_session=True,
    )
    return done.returncode, done.stdout, done.stderr


def limited(limits: str) -> list[str]:
    """The words before a command that runs within these limits of the shell."""
    return ["sh", "-c", f'{limits}; exec "$@"', "sh"]
