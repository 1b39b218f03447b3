"""One directory of a large upstream, cold: time and bytes received, against git's sparse clone."""

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.harnesses.benchmarks.floors import LEAST, least
from tests.harnesses.benchmarks.harness import (
    BrokenRunError,
    Command,
    Contender,
    Samples,
    alternate,
    program,
    ratio,
    received_ratio,
)
from tests.harnesses.benchmarks.hosts import Wanted, git, manifest, new_host
from tests.harnesses.benchmarks.proxy import at_distance
from tests.harnesses.benchmarks.results import Floor, Result
from tests.harnesses.benchmarks.server import serving
from tests.harnesses.benchmarks.sizes import Line, Sizes
from tests.harnesses.benchmarks.upstreams import FORGE_DIRECTORY, FORGE_TAG, forge

REAL_UPSTREAM = "GIT_VERBATIM_BENCH_LARGE"
_REAL_TAG = "GIT_VERBATIM_BENCH_LARGE_TAG"
_REAL_DIRECTORY = "GIT_VERBATIM_BENCH_LARGE_DIRECTORY"
_OURS = "git-verbatim"
_CLONE = "`git clone --depth 1 --filter=blob:none --sparse`, `git sparse-checkout set`"


@dataclass(frozen=True, slots=True)
class _Upstream:
    path: Path
    tag: str
    directory: str

    def wanted(self, base_url: str) -> Wanted:
        return Wanted("part", f"{base_url}/{self.path.name}", self.tag, self.directory)

    def blobs(self) -> dict[str, str]:
        """Path below the directory → blob id."""
        listed = git(self.path, "ls-tree", "-r", "-z", f"{self.tag}:{self.directory}")
        lines = (line.partition("\t") for line in listed.rstrip("\0").split("\0"))
        return {path: facts.split()[2] for facts, _, path in lines}


def measure_directory(sizes: Sizes, stand_ins: Path, scratch: Path) -> list[Result]:
    """Over each line; everybody starts from an empty home in each round."""
    upstream = _upstream(sizes, stand_ins)
    blobs = scratch / "blobs"
    blobs.write_text("".join(f"{blob}\n" for blob in upstream.blobs().values()))
    samples: dict[Line, Samples] = {}
    with serving(upstream.path.parent) as url:
        for line in (*sizes.distances, *sizes.narrow):
            with at_distance(url, line) as distance:
                contenders = _contenders(upstream, upstream.wanted(distance.url), blobs)
                samples[line] = alternate(contenders, sizes, scratch, meter=distance.received)
    job = "one directory of a large upstream, cold"
    bytes_received = max(received_ratio(of_line, _OURS, _CLONE) for of_line in samples.values())
    return [
        *(
            Result(
                f"{job}, {line}",
                _CLONE,
                ratio(of_line, _OURS, _CLONE),
                "0.8",
                floor=Floor(LEAST, ratio(of_line, LEAST, _CLONE)),
            )
            for line, of_line in samples.items()
        ),
        Result(f"{job}: bytes received, the most over any line", _CLONE, bytes_received, "1"),
    ]


def _upstream(sizes: Sizes, stand_ins: Path) -> _Upstream:
    if real := os.environ.get(REAL_UPSTREAM):
        return _Upstream(Path(real).resolve(), os.environ[_REAL_TAG], os.environ[_REAL_DIRECTORY])
    forge(stand_ins / "forge", sizes.forge)
    return _Upstream(stand_ins / "forge", FORGE_TAG, FORGE_DIRECTORY)


def _contenders(upstream: _Upstream, wanted: Wanted, blobs: Path) -> list[Contender]:
    return [
        Contender(
            _OURS, partial(_sync, wanted), partial(_check, upstream, "host/third_party/part")
        ),
        Contender(
            _CLONE, partial(_clone, wanted), partial(_check, upstream, f"clone/{wanted.directory}")
        ),
        Contender(
            LEAST,
            partial(least, [wanted], blobs=blobs),
            partial(_check, upstream, "host/third_party/part"),
        ),
    ]


def _check(upstream: _Upstream, directory: str, place: Path) -> None:
    lacking = [path for path in upstream.blobs() if not os.path.lexists(place / directory / path)]
    if lacking:
        raise BrokenRunError(f"{directory} lacks {lacking[0]}")


def _sync(wanted: Wanted, place: Path) -> list[Command]:
    return [Command(program("sync"), new_host(place / "host", manifest([wanted])))]


def _clone(wanted: Wanted, place: Path) -> list[Command]:
    options = ("--quiet", "--depth", "1", "--filter=blob:none", "--sparse")
    configuration = ("-c", "advice.detachedHead=false")
    clone = ("clone", *options, *configuration, "--branch", wanted.tag, wanted.url, "clone")
    return [
        Command(["git", *clone], place),
        Command(["git", "-C", "clone", "sparse-checkout", "set", wanted.directory], place),
    ]
