"""Fuzz the readers of outside bytes, or try many generated examples.

`python -m tests.harnesses.fuzz` prints a table, and exits with status 1 on any failure. What
crashes a target is left in crashes/TARGET/: give it a name that says what it is, and the test suite
keeps it.
"""

import argparse
import sys
from pathlib import Path

from tests.harnesses.fuzz import generated, guided
from tests.harnesses.fuzz.against_git import AGAINST_GIT
from tests.harnesses.fuzz.targets import TARGETS

CRASHES = Path(__file__).parent / "crashes"


def main() -> int:
    options = _options()
    if options.examples:
        return _try_examples(
            options.target or [*TARGETS, *AGAINST_GIT], options.examples, options.jobs
        )
    return _fuzz(
        [target for target in options.target if target in TARGETS] or list(TARGETS), options.seconds
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.harnesses.fuzz", description="Fuzz what reads bytes from outside."
    )
    parser.add_argument(
        "target",
        nargs="*",
        metavar="TARGET",
        help=f"{', '.join(TARGETS)}; with --examples also {', '.join(AGAINST_GIT)}",
    )
    parser.add_argument(
        "--seconds",
        type=int,
        metavar="N",
        default=600,
        help="for each target, guided by coverage (default: 600)",
    )
    parser.add_argument(
        "--examples", type=int, metavar="N", help="generate N examples instead, over all targets"
    )
    parser.add_argument(
        "--jobs", type=int, metavar="N", default=1, help="processes for the examples (default: 1)"
    )
    options = parser.parse_args()
    if unknown := {*options.target} - {*TARGETS, *AGAINST_GIT}:
        parser.error(f"there is no target {min(unknown)}")
    return options


def _fuzz(targets: list[str], seconds: int) -> int:
    print(guided.HEADER, flush=True)
    failed = False
    for target in targets:
        (CRASHES / target).mkdir(parents=True, exist_ok=True)
        fuzzed = guided.fuzz(target, seconds, CRASHES / target)
        print(fuzzed, flush=True)
        if fuzzed.crash or not fuzzed.executions:
            failed = True
            print(fuzzed.output[-3000:], file=sys.stderr)
    return 1 if failed else 0


def _try_examples(targets: list[str], examples: int, jobs: int) -> int:
    print(generated.HEADER, flush=True)
    tried = []
    for one in generated.try_all(targets, examples, jobs):
        print(one, flush=True)
        tried.append(one)
    whole = generated.Tried(
        "all", sum(one.examples for one in tried), sum(one.failures for one in tried)
    )
    print(whole)
    return 1 if whole.failures else 0


if __name__ == "__main__":
    sys.exit(main())
