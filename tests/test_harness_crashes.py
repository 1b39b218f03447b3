"""A quick share of the crash harness.

`python -m tests.harnesses.crashes` and `python -m tests.harnesses.crashes.concurrency` do all of
it.
"""

import shutil
import subprocess
import sys

import pytest

from tests.support.project import ROOT


def passes(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace to hit system calls")
def test_a_spread_of_points_kinds_and_jobs_leaves_old_or_new() -> None:
    passes("tests.harnesses.crashes", "--quick", "--jobs", "1")


def test_processes_that_sync_different_pins_at_once_never_show_a_mixture() -> None:
    passes(
        "tests.harnesses.crashes.concurrency", "--writers", "3", "--syncs", "2", "--looks", "300"
    )
