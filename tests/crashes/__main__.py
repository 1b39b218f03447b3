"""`python -m tests.crashes`: hit every job at every point, judge what is left, print the table; exit 1 on any failure."""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from tests.crashes.judging import UNCLEAR, Law, Verdict, judge
from tests.crashes.points import ERRORS, KILL, SHORT, Point, parse_case
from tests.crashes.running import list_points, preload
from tests.crashes.scenes import JOBS, Scenes, compile_program, isolate
from tests.crashes.table import render, render_failure, render_outcomes

Case = tuple[Point, str]
_QUICK = 60
_worker: dict[str, Law] = {}
_scenes: list[Scenes] = []


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the scratch directory goes away
    only = [parse_case(text) for text in options.only or ()]
    jobs = sorted({point.job for point, _ in only}) or options.job or list(JOBS)
    with tempfile.TemporaryDirectory(prefix="git-verbatim-crashes-") as scratch:
        scenes = Scenes.build(Path(scratch), jobs)
        compile_program(scenes)
        cases = only or list(_cases(scenes, jobs, options.kind or [KILL, *ERRORS, SHORT]))
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
    parser = argparse.ArgumentParser(prog="python -m tests.crashes", description="Kill or fail the program at every system call.")
    parser.add_argument("--jobs", type=int, metavar="N", default=os.cpu_count() or 1, help="processes (default: one a processor)")
    parser.add_argument("--quick", action="store_true", help=f"only a spread of about {_QUICK} cases")
    parser.add_argument("--most", type=int, metavar="N", help="only a spread of N cases")
    parser.add_argument("--only", action="append", metavar="JOB:CALL[@SCOPE]:K:KIND", help="just this case; may be repeated")
    parser.add_argument("--job", action="append", choices=list(JOBS), help="only this job; may be repeated")
    parser.add_argument("--kind", action="append", choices=[KILL, *ERRORS, SHORT], help="only this; may be repeated")
    return parser.parse_args()


def _cases(scenes: Scenes, jobs: Sequence[str], kinds: Sequence[str]) -> Iterator[Case]:
    points = {name: list_points(scenes, JOBS[name], scenes.root / "listing" / name) for name in jobs}
    for kind in kinds:
        for name in jobs:
            if kind == SHORT:
                yield from ((point, kind) for point in _sizes(scenes, name))
            else:
                yield from ((point, kind) for point in points[name])


def _sizes(scenes: Scenes, job: str) -> list[Point]:
    """Limits at which some file of the job ends in a short write: strace can forge the count, but not write less.

    With RLIMIT_FSIZE the kernel writes what fits, and fails the next write with EFBIG.
    """
    top = scenes.root / "listing" / job
    sizes = {path.lstat().st_size for path in top.rglob("*") if path.is_file() and not {"bin", "log"} & {*path.parts}}
    return [Point(job, "write", "main", size - 1) for size in sorted(sizes) if 0 < size < 50_000]


def _judged(scenes: Scenes, cases: Sequence[Case], processes: int) -> list[Verdict]:
    verdicts = []
    pool = ProcessPoolExecutor(processes, initializer=_prepare, initargs=(scenes,))
    try:
        for number, done in enumerate(as_completed([pool.submit(_judge, case, n) for n, case in enumerate(cases)]), 1):
            verdicts.append(verdict := done.result())
            if verdict.wrong:
                print(render_failure(verdict), file=sys.stderr, flush=True)
            if number % 100 == 0:
                print(f"{number} of {len(cases)}", file=sys.stderr, flush=True)
    finally:
        pool.shutdown(cancel_futures=True)
    return sorted(verdicts, key=lambda verdict: (verdict.kind, verdict.point))


def _prepare(scenes: Scenes) -> None:
    """In each worker, once."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    isolate(scenes, scenes.root / "home")
    preload(scenes)
    _scenes.append(scenes)


def _judge(case: Case, number: int) -> Verdict:
    scenes, (point, kind) = _scenes[0], case
    top = scenes.root / "cases" / str(number)
    try:
        if point.job not in _worker:
            _worker[point.job] = Law.of(scenes, JOBS[point.job], scenes.root / "laws" / f"{point.job}-{os.getpid()}")
        return judge(scenes, _worker[point.job], case, top)
    except Exception:  # noqa: BLE001 - a case that cannot be judged is a failure, and the others go on
        return Verdict(point, kind, [(UNCLEAR, f"cannot be judged: {traceback.format_exc()[-600:]}")])
    finally:
        shutil.rmtree(top, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
