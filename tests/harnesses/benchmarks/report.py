"""The table, and docs/performance.md around it; pure."""

from collections.abc import Iterable, Sequence

from tests.harnesses.benchmarks.floors import LEAST_IN_FULL
from tests.harnesses.benchmarks.results import Result

_PAGE = """\
# Performance

What git-verbatim promises about speed and memory, and what was measured. This page is written by
`python -m tests.harnesses.benchmarks --write` (`make bench`);
nothing fails because of these numbers.

{table}

Measured with {facts}; {rounds} rounds.

## How it is measured

- **Whole processes**, from start to exit, imports and all, as a user waits for them.
- **Side by side in one run.** The program and what it is compared with take turns (A B B A …), after one round that is
  not counted. For each round the time of one is divided by that of the other; the table shows the median of these
  ratios. Absolute times say more about a machine than about a program, so there are none.
- **Cold means cold.** In each round everybody gets an empty home, an empty cache and a fresh host repository.
- **Over smart HTTP at a distance.** `git http-backend` (protocol version 2, filters allowed as forges do) answers behind a
  small threaded server in a process of its own. For the first two jobs a proxy stands before it: each byte takes half a
  round trip each way, however many are on the way, and each new connection takes a whole one, as TCP's handshake does. The
  round trips are 0, 50 and 150 ms; once, no more than 20 Mbit/s come down besides. The proxy counts the bytes that come
  down. TLS (one or two round trips more for each connection), TCP's slow start and lost packets are not imitated.
- **Upstreams are generated** with real git, the same in every run: one in the shape of protobuf (3,500 files in 400
  directories, 60,000 objects, 20,000 refs, of which nearly all are `refs/pull/N/head`), of which one directory of 100 files
  is wanted; seven in the shape of the WASI proposal repositories at 0.2.6; one in the shape of the monorepo; one of many
  files of 4 KB. `GIT_VERBATIM_BENCH_LARGE=DIR` takes a real bare repository instead of the first, with a tag and a
  directory in `GIT_VERBATIM_BENCH_LARGE_TAG` and `…_LARGE_DIRECTORY`; `GIT_VERBATIM_BENCH_UPSTREAMS=DIR` takes real bare
  repositories `wasi-cli`, `wasi-clocks` … instead of the seven.
- **Side by side** means: repositories that are there and empty, and seven processes that are started together.
- **Peers** come from PyPI into a virtual environment of their own, each with its own configuration for the same job:
  the `wit` directory of seven repositories at one tag. It is checked that they wrote it. Where nothing is to be done, each
  has what the satisfied host has, 18 directories, and the server answers without a proxy.
- **A floor** is told where a goal is missed, or there is none: what the least work that any program would have to do
  took in the same run, in the same turns, compared with the same thing.
{least}
- **Hooks** are judged in a host with 20 mirrors of 50 files, made by real syncs: as a command, and as the hook file that
  `hook install` writes, with GIT_INDEX_FILE set as git sets it. "Bare imports" there is `python -c "import pygit2, json"`.
  The pre-commit framework runs one hook of its own configuration that does nothing (`language: system`, `entry: "true"`),
  in the same host, with the same file staged.
- **Histories** are written by `git fast-import`: work on 30 things elsewhere, a merge every forty commits, and 200 honest
  moves of a mirror to its next tag, with the trees, records, manifests and trailers that real syncs made. For some the two
  sides of a merge move two mirrors. The time of the engine is that of `Policy.check_range` in a process that has imported
  everything, git's own walk included.
- **A push** brings three commits on top of 100,000 that the remote has; a hook on one commit is judged in the same repository.
- **Reports** are all formats in one process, written to disk, each time verified first.
- **Memory** is the largest resident set of any process of the run, git's included, less that of
  `python -c "import pygit2, pydantic, typer"`; for a range less that of a tenth of the commits that move mirrors as often:
  that is what commits add, and the windows that are mapped of a larger pack, 16 MB at most. A small process starts
  everybody, since Linux counts what a process was before it became another one.

## How to read it

A ratio of 0.5 means half the time. The goal is the most that is allowed. A ratio that is near its goal may be on either
side of it on another machine, or on this one an hour later.

    python -m tests.harnesses.benchmarks              # all of it
    python -m tests.harnesses.benchmarks --only cold  # one job: {jobs}
    python -m tests.harnesses.benchmarks --rounds 9   # steadier
    python -m tests.harnesses.benchmarks --quick      # tiny sizes: shows only that the benchmarks work
"""


def render_table(results: Sequence[Result]) -> str:
    """The results as a markdown table."""
    lines = ["| job | compared with | goal | measured | |", "|---|---|--:|--:|---|"]
    for result in results:
        sign = "≥" if result.is_minimum else "≤"
        goal = (
            f"{sign} {_number(float(result.goal), result.unit, result.goal)}"
            if result.goal
            else "–"
        )
        measured = _number(result.measured, result.unit, f"{result.measured:.2f}")
        lines.append(
            f"| {result.job} | {result.against} | {goal} | {measured} | {_verdict(result)} |"
        )
    return "\n".join(lines)


def _verdict(result: Result) -> str:
    if result.goal is not None and result.is_met:
        return "met"
    floor = f"floor {result.floor.measured:.2f}: {result.floor.what}" if result.floor else ""
    return "; ".join(filter(None, ("missed" if result.goal else "", floor)))


def _number(value: float, unit: str, ratio: str) -> str:
    return f"{value:,.0f} {unit}" if unit else ratio


def render_page(results: Sequence[Result], facts: str, rounds: int, jobs: Iterable[str]) -> str:
    """All of docs/performance.md."""
    return _PAGE.format(
        table=render_table(results),
        facts=facts,
        rounds=rounds,
        least=LEAST_IN_FULL,
        jobs=", ".join(jobs),
    )
