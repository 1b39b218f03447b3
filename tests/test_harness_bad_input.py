"""A spread of the bad input of `tests.harnesses.badinput` over its classes.

`python -m tests.harnesses.badinput` plays all of it.
"""

import subprocess
import sys

from tests.harnesses.badinput.table import CLASSES
from tests.support.project import ROOT


def test_no_bad_input_escapes_crashes_or_hangs() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.harnesses.badinput", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_case_has_a_name_of_its_own() -> None:
    names = [case.name for cases in CLASSES.values() for case in cases]
    assert len(names) == len(set(names))
