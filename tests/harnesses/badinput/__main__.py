"""Play every case of bad input, and print the failures and the figures by class.

`python -m tests.harnesses.badinput` exits with status 1 if any case failed.
"""

import argparse
import ctypes
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.harnesses.badinput.case import Case
from tests.harnesses.badinput.play import Verdict, isolate, measure, play
from tests.harnesses.badinput.running import load
from tests.harnesses.badinput.scene import make_template
from tests.harnesses.badinput.table import CLASSES, render, render_failure

_QUICK = 24


def main() -> int:
    options = _options()
    named = [(name, case) for name in options.classes or CLASSES for case in CLASSES[name]]
    named = [(name, case) for name, case in named if not options.only or case.name in options.only]
    if options.quick:
        named = [named[n * len(named) // _QUICK] for n in range(_QUICK)]
    _mount_in_private()
    with tempfile.TemporaryDirectory(prefix="git-verbatim-badinput-") as scratch:
        verdicts = _played(named, Path(scratch))
    failed = [verdict for _, verdict in verdicts if verdict.wrong]
    for verdict in failed:
        print(render_failure(verdict))
    print(render(verdicts))
    return 1 if failed or not verdicts else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.harnesses.badinput",
        description="Try bad input of every kind against every sink.",
    )
    parser.add_argument("--quick", action="store_true", help=f"only a spread of {_QUICK} cases")
    parser.add_argument(
        "--class",
        action="append",
        choices=list(CLASSES),
        dest="classes",
        help="only this class; may be repeated",
    )
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="just this case; may be repeated"
    )
    return parser.parse_args()


def _played(named: list[tuple[str, Case]], scratch: Path) -> list[tuple[str, Verdict]]:
    isolate(scratch / "case/home")  # libgit2 reads where that is when it is imported
    make_template(scratch / "case")
    template = (scratch / "case").rename(scratch / "template")
    load()
    base_kib = measure(template, scratch / "case")
    verdicts = []
    for name, case in named:
        verdicts.append((name, play(case, template, scratch / "case", base_kib)))
        if sys.stderr.isatty():
            print(f"\r{len(verdicts)} of {len(named)}", end="", file=sys.stderr, flush=True)
    return verdicts


def _mount_in_private() -> None:
    """Keep what cases mount from everybody else, where this system can.

    Elsewhere the cases that mount are skipped.
    """
    new_namespace = 0x00020000  # CLONE_NEWNS, sched.h
    if sys.platform == "linux" and ctypes.CDLL(None).unshare(new_namespace) == 0:
        subprocess.run(["mount", "--make-rprivate", "/"], check=False, capture_output=True)


if __name__ == "__main__":
    sys.exit(main())
