"""Work in a second process: it ends with who asked for it."""

import os
import subprocess
import sys

import pytest

from sync.beside import Child
from tests.support.project import ROOT


def test_a_child_that_nobody_asks_ends_with_its_parent_and_leaves_no_zombie() -> None:
    child = Child(lambda: bytes(1 << 20))
    child.abandon()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    child.abandon()  # is allowed twice


def test_a_child_whose_parent_is_gone_does_not_wait_for_it() -> None:
    code = "import os; from sync.beside import Child; Child(lambda: bytes(1 << 20)); os._exit(0)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, timeout=20, check=True
    )
    assert done.stdout == b""  # the pipe of standard output is closed by both
