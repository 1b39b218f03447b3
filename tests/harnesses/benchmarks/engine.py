"""Judges a range here, set up as the program is, and writes down how many seconds that took.

`python -m tests.harnesses.benchmarks.engine RANGE FILE`
"""

import os
import sys
import time
from pathlib import Path

import sync.__main__  # noqa: F401 - it sets up the interpreter
from policies.check import open_policy
from sync.host.find import find_host


def main(commits: str, clock: str) -> None:
    policy = open_policy(find_host(Path.cwd()))
    start = time.perf_counter()
    report = policy.check_range(commits)
    seconds = time.perf_counter() - start
    Path(clock).write_text(str(seconds))
    os._exit(0 if not report.judgements else 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
