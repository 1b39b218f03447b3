"""Hit every job at every point, judge what is left, and print the tables.

`python -m tests.harnesses.crashes` exits with status 1 if any case failed.
"""

import argparse
import multiprocessing
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from tests.harnesses.crashes import overlay
from tests.harnesses.crashes.judging import UNCLEAR, Law, Verdict, judge
from tests.harnesses.crashes.points import KINDS, SHORT, Point, parse_case
from tests.harnesses.crashes.running import list_points, list_sizes, preload
from tests.harnesses.crashes.scenes import JOBS, Scenes, compile_program, isolate
from tests.harnesses.crashes.table import render, render_failure, render_outcomes

Case = tuple[Point, str]
_QUICK = 8
_NO_OVERLAY = "CRASHES_NO_OVERLAY"
_laws: dict[str, Law] = {}


def main() -> int:
    options = _options()
    _start_again()
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(143)
    )  # so that the scratch directory goes away
    only = [parse_case(text) for text in options.only or ()]
    jobs = _possible(sorted({point.job for point, _ in only}) or options.job or list(JOBS))
    if not jobs:
        return 0
    with tempfile.TemporaryDirectory(prefix="git-verbatim-crashes-") as scratch:
        scenes = Scenes.build(Path(scratch), jobs)
        compile_program(scenes)
        isolate(scenes, scenes.root / "home")
        preload(scenes)
        cases = [case for case in only if case[0].job in jobs] or list(
            _cases(scenes, jobs, options.kind or KINDS)
        )
        most = _QUICK if options.quick else options.most or len(cases)
        cases = [cases[n * len(cases) // most] for n in range(most)] if most < len(cases) else cases
        print(f"{len(cases)} cases", file=sys.stderr, flush=True)
        verdicts = _judged(scenes, cases, options.jobs)
    failures = [verdict for verdict in verdicts if verdict.wrong]
    for verdict in failures:
        print(render_failure(verdict))
    for verdict in verdicts:
        if not verdict.reached:
            print(f"not reached: {verdict.point.named(verdict.kind)}: {verdict.point.detail}")
    print(render_outcomes(verdicts), render(verdicts), sep="\n\n")
    return 1 if failures or not verdicts else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.harnesses.crashes",
        description="Hit the program at every system call.",
    )
    parser.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        default=os.cpu_count() or 1,
        help="processes (default: one a processor)",
    )
    parser.add_argument("--quick", action="store_true", help=f"only a spread of {_QUICK} cases")
    parser.add_argument("--most", type=int, metavar="N", help="only a spread of N cases")
    parser.add_argument(
        "--only",
        action="append",
        metavar="JOB:CALL[@SCOPE]:K:KIND",
        help="just this case; may be repeated",
    )
    parser.add_argument(
        "--job", action="append", choices=list(JOBS), help="only this job; may be repeated"
    )
    parser.add_argument("--kind", action="append", choices=KINDS, help="only this; may be repeated")
    return parser.parse_args()


def _start_again() -> None:
    """Start this process again, once, with a fixed order of sets and with mounts of its own.

    With the same order in every run the K-th call is always the same one.
    """
    if _NO_OVERLAY in os.environ:
        return
    refusal = overlay.refusal()
    command = [
        *(() if refusal else overlay.UNSHARE),
        sys.executable,
        "-m",
        "tests.harnesses.crashes",
        *sys.argv[1:],
    ]
    os.execvpe(
        command[0], command, {**os.environ, "PYTHONHASHSEED": "0", _NO_OVERLAY: refusal or ""}
    )


def _possible(jobs: Sequence[str]) -> list[str]:
    refusal = os.environ[_NO_OVERLAY]
    skipped = [name for name in jobs if JOBS[name].overlay and refusal]
    if skipped:
        print(f"skipped, since no overlay can be mounted here ({refusal}): {', '.join(skipped)}")
    return [name for name in jobs if name not in skipped]


def _cases(scenes: Scenes, jobs: Sequence[str], kinds: Sequence[str]) -> Iterator[Case]:
    top = scenes.root / "listing"
    points = {name: list_points(scenes, JOBS[name], top / name) for name in jobs}
    for kind in kinds:
        for name in jobs:
            for point in (
                list_sizes(scenes, JOBS[name], top / name) if kind == SHORT else points[name]
            ):
                yield point, kind


def _judged(scenes: Scenes, cases: Sequence[Case], processes: int) -> list[Verdict]:
    verdicts = []
    pool = ProcessPoolExecutor(
        processes,
        multiprocessing.get_context("fork"),
        signal.signal,
        (signal.SIGTERM, signal.SIG_DFL),
    )
    try:
        running = [
            pool.submit(_judge, scenes, case, scenes.root / "cases" / str(n))
            for n, case in enumerate(cases)
        ]
        for number, done in enumerate(as_completed(running), 1):
            verdicts.append(verdict := done.result())
            if verdict.wrong:
                print(render_failure(verdict), file=sys.stderr, flush=True)
            if number % 100 == 0:
                print(f"{number} of {len(cases)}", file=sys.stderr, flush=True)
    finally:
        pool.shutdown(cancel_futures=True)
    return sorted(verdicts, key=lambda verdict: (verdict.kind, verdict.point))


def _judge(scenes: Scenes, case: Case, top: Path) -> Verdict:
    point, kind = case
    try:
        if point.job not in _laws:
            _laws[point.job] = Law.of(
                scenes, JOBS[point.job], scenes.root / "laws" / f"{point.job}-{os.getpid()}"
            )
        return judge(scenes, _laws[point.job], case, top)
    except Exception:  # noqa: BLE001 - a case that cannot be judged has failed; the others go on
        return Verdict(
            point, kind, [(UNCLEAR, f"cannot be judged: {traceback.format_exc()[-600:]}")]
        )


if __name__ == "__main__":
    sys.exit(main())
