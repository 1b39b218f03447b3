"""Measuring whole processes: contenders take turns within one run, so that a noisy machine is noisy for all of them."""

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.benchmarks.sizes import Sizes

ROOT = Path(__file__).resolve().parents[2]
"""The checkout whose program is measured."""
BUILD = ROOT / "build"
IMPORTS = "import pygit2, pydantic, typer"

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
    """The largest resident set of any of its processes."""


@dataclass(frozen=True, slots=True)
class Contender:
    """Somebody who does the job: `prepare` makes a fresh place for it, which is not measured."""

    name: str
    prepare: Callable[[Path], Sequence[Command]]
    check: Callable[[Path], None] = lambda _: None
    """Raises BrokenRunError unless the job was done; not measured."""
    clock: Callable[[Path], float] | None = None
    """The seconds that the job itself has measured, to count instead of those of the whole process."""


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


def measure(commands: Sequence[Command], variables: Mapping[str, str]) -> Sample:
    """Run the commands one after another; BrokenRunError if one fails."""
    seconds, peak = 0.0, 0
    for command in commands:
        taken, used = _measure_one(command, variables)
        seconds, peak = seconds + taken, max(peak, used)
    return Sample(seconds, peak)


def _measure_one(command: Command, variables: Mapping[str, str]) -> tuple[float, int]:
    git_directory = command.directory / ".git"
    log = (git_directory if git_directory.is_dir() else command.directory) / "bench-output"
    with open(command.stdin or os.devnull, "rb") as given, open(log, "wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            command.arguments,
            cwd=command.directory,
            env={**variables, **command.variables},
            stdin=given,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in command.statuses:
        said = log.read_bytes()[-2000:].decode("utf-8", "replace")
        raise BrokenRunError(f"{' '.join(command.arguments[:4])} ended with {process.returncode}:\n{said}")
    return seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def alternate(contenders: Sequence[Contender], sizes: Sizes, scratch: Path, *, factor: int = 1) -> Samples:
    """Let the contenders take turns: one round to warm up, then `factor` times the usual number of rounds."""
    first = 0 if sizes.is_quick else -1
    samples: dict[str, list[Sample]] = {contender.name: [] for contender in contenders}
    for number in range(first, sizes.rounds * (1 if sizes.is_quick else factor)):
        for contender in contenders:
            place = scratch / "turn"
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            sample = measure(contender.prepare(place), environment(place / "home"))
            contender.check(place)
            if contender.clock is not None:
                sample = replace(sample, seconds=contender.clock(place))
            if number >= 0:
                samples[contender.name].append(sample)
    shutil.rmtree(scratch / "turn", ignore_errors=True)
    return samples


def median_seconds(samples: Sequence[Sample]) -> float:
    return statistics.median(sample.seconds for sample in samples)


def ratio(samples: Samples, one: str, other: str) -> float:
    """How long `one` takes for each second of `other`: the median over the rounds, each of which compares neighbours in time."""
    pairs = zip(samples[one], samples[other], strict=True)
    return statistics.median(a.seconds / b.seconds for a, b in pairs)


def extra_bytes(samples: Samples, one: str, other: str) -> float:
    """How much more memory `one` has at its peak than `other`, by the medians."""
    peaks = [statistics.median(sample.peak_bytes for sample in samples[name]) for name in (one, other)]
    return peaks[0] - peaks[1]
