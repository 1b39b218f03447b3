"""Measures whole processes.

Contenders take turns within one run, so that a noisy machine is noisy for all of them.
"""

import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.harnesses.benchmarks.sizes import Sizes
from tests.support.project import ROOT

"""The checkout whose program is measured."""
BUILD = ROOT / "build"
IMPORTS = "import pygit2, pydantic, typer"

_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024

# proxies and git's own variables would change what is measured
_KEPT = ("PATH", "TMPDIR", "SSL_CERT_FILE", "SYSTEMROOT")


@dataclass(frozen=True, slots=True)
class Command:
    """One process to run."""

    arguments: Sequence[str]
    directory: Path
    statuses: tuple[int, ...] = (0,)
    stdin: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    """Of its environment, beside everybody's."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one turn of a contender took."""

    seconds: float
    peak_bytes: int
    """The largest resident set of any process: its own, and those that it started and awaited."""
    received_bytes: int = 0
    """What came from the server, where somebody counts."""


@dataclass(frozen=True, slots=True)
class Contender:
    """Somebody who does the job: `prepare` makes a fresh place for it, which is not measured."""

    name: str
    prepare: Callable[[Path], Sequence[Command]]
    check: Callable[[Path], None] = lambda _: None
    """Raises BrokenRunError unless the job was done; not measured."""
    clock: Callable[[Path], float] | None = None
    """The seconds that the job itself has measured, which count instead of the whole process's."""
    is_parallel: bool = False
    """Whether its processes run side by side instead of one after another."""


Samples = Mapping[str, Sequence[Sample]]


class BrokenRunError(RuntimeError):
    """A measured process failed: its time would mean nothing."""


def program(*arguments: str) -> list[str]:
    """The command line of the program under measurement."""
    return [sys.executable, "-m", "sync", *arguments]


def environment(home: Path) -> dict[str, str]:
    """A user's environment with nothing of this machine in it: an empty home and empty caches."""
    home.mkdir(parents=True, exist_ok=True)
    return {
        **{key: os.environ[key] for key in _KEPT if key in os.environ},
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
    }


def measure(
    commands: Sequence[Command], variables: Mapping[str, str], *, is_parallel: bool = False
) -> Sample:
    """Run the commands one after another, or side by side; BrokenRunError if one fails."""
    groups = [commands] if is_parallel else [[command] for command in commands]
    seconds, peak = 0.0, 0
    for group in groups:
        start = time.perf_counter()
        processes = [_start(command, variables) for command in group]
        peak = max(peak, *map(_peak_at_the_end, processes))
        seconds += time.perf_counter() - start
        for command, process in zip(group, processes, strict=True):
            _require_success(command, process.returncode)
    return Sample(seconds, peak)


def _start(command: Command, variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
    with open(command.stdin or os.devnull, "rb") as given, open(_log(command), "wb") as output:
        return subprocess.Popen(
            command.arguments,
            cwd=command.directory,
            env={**variables, **command.variables},
            stdin=given,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def _log(command: Command) -> Path:
    git_directory = command.directory / ".git"
    return (git_directory if git_directory.is_dir() else command.directory) / "bench-output"


def _peak_at_the_end(process: subprocess.Popen[bytes]) -> int:
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss * _MAXRSS_UNIT


def _require_success(command: Command, status: int) -> None:
    if status not in command.statuses:
        said = _log(command).read_bytes()[-2000:].decode("utf-8", "replace")
        raise BrokenRunError(f"{' '.join(command.arguments[:4])} ended with {status}:\n{said}")


def alternate(
    contenders: Sequence[Contender],
    sizes: Sizes,
    scratch: Path,
    *,
    factor: int = 1,
    meter: Callable[[], int] = lambda: 0,
) -> Samples:
    """Let the contenders take turns: a round to warm up, then `factor` times the usual number.

    Every other round goes backwards, so that nobody always follows the same one.
    `meter` says how many bytes the server has sent so far.
    """
    first = 0 if sizes.is_quick else -1
    samples: dict[str, list[Sample]] = {contender.name: [] for contender in contenders}
    with _small_process() as small:
        for number in range(first, sizes.rounds * (1 if sizes.is_quick else factor)):
            for contender in contenders if number % 2 else reversed(contenders):
                sample = _turn(contender, scratch / "turn", small, meter)
                if number >= 0:
                    samples[contender.name].append(sample)
    shutil.rmtree(scratch / "turn", ignore_errors=True)
    return samples


def _small_process() -> ProcessPoolExecutor:
    """A small process that starts the contenders.

    They inherit the peak of the process that starts them, and this one grows.
    """
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))


def _turn(
    contender: Contender, place: Path, small: ProcessPoolExecutor, meter: Callable[[], int]
) -> Sample:
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    commands, variables, before = contender.prepare(place), environment(place / "home"), meter()
    running = small.submit(measure, commands, variables, is_parallel=contender.is_parallel)
    sample = replace(running.result(), received_bytes=meter() - before)
    contender.check(place)
    return sample if contender.clock is None else replace(sample, seconds=contender.clock(place))


def median_seconds(samples: Sequence[Sample]) -> float:
    return statistics.median(sample.seconds for sample in samples)


def ratio(samples: Samples, one: str, other: str) -> float:
    """How long `one` takes for each second of `other`.

    It is the median over the rounds; each round compares neighbours in time.
    """
    pairs = zip(samples[one], samples[other], strict=True)
    return statistics.median(a.seconds / b.seconds for a, b in pairs)


def received_ratio(samples: Samples, one: str, other: str) -> float:
    """How much comes from the server for each byte that the other gets."""
    pairs = zip(samples[one], samples[other], strict=True)
    return statistics.median(a.received_bytes / b.received_bytes for a, b in pairs)


def extra_bytes(samples: Samples, one: str, other: str) -> float:
    """How much more memory `one` has at its peak than `other`, by the medians."""
    peaks = [
        statistics.median(sample.peak_bytes for sample in samples[name]) for name in (one, other)
    ]
    return peaks[0] - peaks[1]
