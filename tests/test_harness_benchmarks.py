"""How the benchmarks measure: processes in turn or side by side, and the largest of all of them."""

import sys
from pathlib import Path

import pytest

from tests.harnesses.benchmarks.harness import BrokenRunError, Command, environment, measure

_MEGABYTES = 300
_LARGE_CHILD = f"""\
import subprocess, sys
subprocess.run([sys.executable, "-c", "b'x' * ({_MEGABYTES} << 20)"], check=True)
"""
_MEETING = """\
import pathlib, time
pathlib.Path("here").touch()
end = time.monotonic() + 20
while not pathlib.Path("../{theirs}/here").exists():
    if time.monotonic() > end:
        raise SystemExit("{ours} is alone")
    time.sleep(0.01)
time.sleep(0.4)
"""


def _python(code: str, directory: Path) -> Command:
    directory.mkdir(exist_ok=True)
    return Command([sys.executable, "-c", code], directory)


def test_what_a_process_starts_counts_for_its_peak(tmp_path: Path) -> None:
    sample = measure([_python(_LARGE_CHILD, tmp_path)], environment(tmp_path / "home"))
    assert sample.peak_bytes > _MEGABYTES << 20


def test_processes_run_in_turn_or_side_by_side(tmp_path: Path) -> None:
    variables = environment(tmp_path / "home")
    # each takes at least so long: a time is what is measured
    sleepers = [_python("import time; time.sleep(0.4)", tmp_path / name) for name in "ab"]
    in_turn = measure(sleepers, variables).seconds
    assert in_turn >= 0.8
    meeting = [
        _python(_MEETING.format(ours=ours, theirs=theirs), tmp_path / ours)
        for ours, theirs in ("ab", "ba")
    ]
    assert measure(meeting, variables, is_parallel=True).seconds < in_turn


def test_a_process_that_fails_breaks_the_run_and_is_heard(tmp_path: Path) -> None:
    commands = [_python("pass", tmp_path / "a"), _python("raise SystemExit('no')", tmp_path / "b")]
    with pytest.raises(BrokenRunError, match=r"ended with 1:\nno"):
        measure(commands, environment(tmp_path / "home"), is_parallel=True)
