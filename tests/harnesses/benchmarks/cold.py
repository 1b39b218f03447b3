"""A cold sync of seven small upstreams, against git on its own and peers on the same work."""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.harnesses.benchmarks import peers
from tests.harnesses.benchmarks.floors import LEAST, least
from tests.harnesses.benchmarks.harness import (
    BrokenRunError,
    Command,
    Contender,
    Samples,
    alternate,
    program,
    ratio,
)
from tests.harnesses.benchmarks.hosts import Wanted, git, manifest, new_host, small_upstreams
from tests.harnesses.benchmarks.proxy import at_distance
from tests.harnesses.benchmarks.results import Floor, Result
from tests.harnesses.benchmarks.server import serving
from tests.harnesses.benchmarks.sizes import Line, Sizes
from tests.harnesses.benchmarks.upstreams import PROPOSALS, proposals

REAL_UPSTREAMS = "GIT_VERBATIM_BENCH_UPSTREAMS"
_FEWEST_FILES = 3
_OURS = "git-verbatim"
_FETCHES = "7 × `git fetch --depth 1` side by side"
_CLONES = "7 × `git clone --depth 1` in sequence"
_SUBMODULES = "7 × `git submodule add` and checkout"
_GOALS_AT_50_MS = {_FETCHES: "1", _CLONES: "0.35"}
_GOAL_OF_PEERS = "0.5"


def measure_cold(sizes: Sizes, stand_ins: Path, scratch: Path) -> list[Result]:
    """Everybody starts from an empty home and an empty host in each round."""
    real = os.environ.get(REAL_UPSTREAMS)
    upstreams = Path(real).resolve() if real else proposals(stand_ins, scale=sizes.history)
    found = peers.installed() if not sizes.is_quick else []
    samples: dict[Line, Samples] = {}
    with serving(upstreams) as url:
        for line in sizes.distances:
            with at_distance(url, line) as distance:
                contenders = _contenders(small_upstreams(distance.url), found)
                samples[line] = alternate(contenders, sizes, scratch)
    others = [_FETCHES, _CLONES, _SUBMODULES, *(peer.name for peer in found)]
    return [_result(samples[line], other, line) for other in others for line in samples]


def _result(samples: Samples, other: str, line: Line) -> Result:
    goal = _GOALS_AT_50_MS.get(other, _GOAL_OF_PEERS)
    return Result(
        f"cold `sync` of 7 small upstreams, {line}",
        other,
        ratio(samples, _OURS, other),
        goal if other not in _GOALS_AT_50_MS or line == Line(50) else None,
        floor=Floor(LEAST, ratio(samples, LEAST, other)),
    )


def _contenders(wanted: Sequence[Wanted], found: Sequence[peers.Peer]) -> list[Contender]:
    return [
        Contender(_OURS, partial(_sync, wanted), _check),
        Contender(_FETCHES, partial(_fetches, wanted), is_parallel=True),
        Contender(LEAST, partial(least, wanted), _check),
        Contender(_CLONES, partial(_clones, wanted)),
        Contender(_SUBMODULES, partial(_submodules, wanted)),
        *(Contender(peer.name, partial(_peer, peer, wanted), _check) for peer in found),
    ]


def _check(place: Path) -> None:
    for name in PROPOSALS:
        found = list((place / "host" / "third_party").glob(f"*{name}/**/*.wit"))
        if len(found) < _FEWEST_FILES:
            raise BrokenRunError(f"{name} has {len(found)} WIT files")


def _sync(wanted: Sequence[Wanted], place: Path) -> list[Command]:
    return [Command(program("sync"), new_host(place / "host", manifest(wanted)))]


def _peer(peer: peers.Peer, wanted: Sequence[Wanted], place: Path) -> list[Command]:
    return [peer.job(place / "host", wanted)]


def _fetches(wanted: Sequence[Wanted], place: Path) -> list[Command]:
    """Into repositories that are there."""
    commands = []
    for w in wanted:
        git(place, "init", "--quiet", "--bare", w.name)
        fetch = ("fetch", "--quiet", "--depth", "1", w.url, f"refs/tags/{w.tag}")
        commands.append(Command(["git", *fetch], place / w.name))
    return commands


def _clones(wanted: Sequence[Wanted], place: Path) -> list[Command]:
    options = ("--quiet", "--depth", "1", "-c", "advice.detachedHead=false")
    return [
        Command(["git", "clone", *options, "--branch", w.tag, w.url, w.name], place) for w in wanted
    ]


def _submodules(wanted: Sequence[Wanted], place: Path) -> list[Command]:
    """As people pin a tag: add, then check it out; `submodule add` takes branches only."""
    host = new_host(place / "host")
    commands: list[Command] = []
    for w in wanted:
        path = f"third_party/{w.name}"
        commands += [
            Command(["git", "submodule", "--quiet", "add", w.url, path], host),
            Command(["git", "-C", path, "checkout", "--quiet", w.tag], host),
        ]
    return commands
