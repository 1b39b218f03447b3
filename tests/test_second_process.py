"""Work in a second process: it ends with who asked for it."""

import subprocess
import sys

from tests.support.project import ROOT


def run(code: str) -> bytes:
    done = subprocess.run(
        [sys.executable, "-c", f"import os\nfrom sync.beside import Child\n{code}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        timeout=20,
        check=True,
    )
    return done.stdout


def test_a_child_that_nobody_asks_ends_and_leaves_no_zombie() -> None:
    said = run(
        "child = Child(lambda: bytes(1 << 20))\n"
        "child.abandon()\n"
        "child.abandon()  # is allowed twice\n"
        "try:\n    os.waitpid(-1, os.WNOHANG)\n"
        "except ChildProcessError:\n    print('none is left')\n"
    )
    assert said == b"none is left\n"


def test_a_child_whose_parent_is_gone_does_not_wait_for_it() -> None:
    """Else the pipe of standard output, which it shares, would stay open."""
    assert run("Child(lambda: bytes(1 << 20))\nos._exit(0)") == b""
