"""The figures of docs/security.md: each harness is run, and its output replaces the old figures.

All of them take hours: `make torture FIGURES="bad-input concurrency"` runs just these.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.project import ROOT

PAGE = ROOT / "docs" / "security.md"

HARNESSES: dict[str, tuple[str, ...]] = {
    "bad-input": ("tests.harnesses.badinput",),
    "crashes": ("tests.harnesses.crashes",),
    "concurrency": ("tests.harnesses.crashes.concurrency",),
    "real-repositories": ("tests.harnesses.real_repositories", "UPSTREAMS"),
    "generated": ("tests.harnesses.fuzz", "--examples", "1000000"),
    "guided": ("tests.harnesses.fuzz", "--seconds", "600"),
    "mutation": ("tests.harnesses.mutation",),
}
"""Figure → the module and its arguments.

UPSTREAMS stands for the directory of real repositories.
"""

_PLACE = r"(<!-- figure {}: [^\n]* -->\n\n).*?(\n<!-- end -->\n)"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.harnesses.figures",
        description="Measure the figures of docs/security.md anew.",
    )
    parser.add_argument(
        "figures", nargs="*", metavar="FIGURE", help=f"of {', '.join(HARNESSES)}; default: all"
    )
    parser.add_argument(
        "--upstreams", type=Path, help="bare repositories as owner/name, for real-repositories"
    )
    parser.add_argument(
        "--printed",
        type=Path,
        metavar="FILE",
        help="take what the harness of one figure has printed already",
    )
    options = parser.parse_args()
    if unknown := set(options.figures) - HARNESSES.keys():
        parser.error(f"no such figure: {', '.join(sorted(unknown))}")
    wanted = options.figures or [
        name for name in HARNESSES if options.upstreams or "UPSTREAMS" not in HARNESSES[name]
    ]
    failed = [name for name in wanted if not _measure(name, options.upstreams, options.printed)]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _measure(name: str, upstreams: Path | None, printed: Path | None) -> bool:
    """Whether the harness found nothing wrong; what it printed is on the page then."""
    if printed is not None:
        _replace(name, printed.read_text())
        return True
    command = [str(upstreams) if word == "UPSTREAMS" else word for word in HARNESSES[name]]
    print(f"{name}: python -m {' '.join(command)}", file=sys.stderr, flush=True)
    done = subprocess.run(
        [sys.executable, "-m", *command],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        env=os.environ,
    )
    if done.returncode != 0:
        print(done.stdout)
        return False
    _replace(name, done.stdout)
    return True


def _replace(name: str, said: str) -> None:
    text = PAGE.read_text()
    replaced, count = re.subn(
        _PLACE.format(name),
        lambda place: f"{place[1]}{said.strip()}\n{place[2]}",
        text,
        flags=re.DOTALL,
    )
    if count != 1:
        raise SystemExit(f"{PAGE.name} has no place for {name}")
    PAGE.write_text(replaced)


if __name__ == "__main__":
    sys.exit(main())
