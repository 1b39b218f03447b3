"""`python -m tests.harnesses.benchmarks`: measure, and print the table.

With --write the table is also written into docs/performance.md.
"""

import argparse
import dataclasses
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.harnesses.benchmarks.cold import measure_cold
from tests.harnesses.benchmarks.derived import measure_derived
from tests.harnesses.benchmarks.directory import measure_directory
from tests.harnesses.benchmarks.harness import BUILD
from tests.harnesses.benchmarks.large import measure_large
from tests.harnesses.benchmarks.policies import measure_policies
from tests.harnesses.benchmarks.report import render_page, render_table
from tests.harnesses.benchmarks.reports import measure_reports
from tests.harnesses.benchmarks.results import Result
from tests.harnesses.benchmarks.satisfied import measure_satisfied
from tests.harnesses.benchmarks.sizes import QUICK, Sizes
from tests.harnesses.benchmarks.verifying import measure_verify
from tests.support.project import ROOT

_BENCHMARKS: Mapping[str, Callable[[Sizes, Path, Path], list[Result]]] = {
    "directory": measure_directory,
    "cold": measure_cold,
    "satisfied": measure_satisfied,
    "policies": measure_policies,
    "verify": measure_verify,
    "large": measure_large,
    "reports": measure_reports,
    "derived": measure_derived,
}


def main() -> None:
    options = _options()
    sizes = QUICK if options.quick else Sizes()
    if options.rounds:
        sizes = dataclasses.replace(sizes, rounds=options.rounds)
    results = _measure(
        options.only or list(_BENCHMARKS),
        sizes,
        BUILD / ("bench-quick" if options.quick else "bench-upstreams"),
    )
    print(render_table(results))
    print(f"\nMeasured with {_facts()}; {sizes.rounds} rounds.")
    if options.write:
        page = render_page(results, _facts(), sizes.rounds, _BENCHMARKS)
        (ROOT / "docs" / "performance.md").write_text(page, encoding="utf-8")


def _measure(names: list[str], sizes: Sizes, stand_ins: Path) -> list[Result]:
    results: list[Result] = []
    for name in names:
        print(f"measuring: {name}", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="git-verbatim-bench-") as scratch:
            found = _BENCHMARKS[name](sizes, stand_ins, Path(scratch))
        if len(names) > 1:
            print(render_table(found), file=sys.stderr)
        results += found
    return results


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.harnesses.benchmarks",
        description="Speed and memory, side by side with peers.",
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=list(_BENCHMARKS),
        help="measure just this; may be repeated",
    )
    parser.add_argument(
        "--rounds", type=int, metavar="N", help="how many rounds count (default: 5)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="tiny sizes, one round: only to see that it works"
    )
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    options = parser.parse_args()
    if options.write and (options.quick or options.only):
        parser.error("--write wants all of the benchmarks at their full sizes")
    return options


def _facts() -> str:
    git = subprocess.run(
        ["git", "--version"], capture_output=True, text=True, check=True
    ).stdout.split()[2]
    return f"git {git}, Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
