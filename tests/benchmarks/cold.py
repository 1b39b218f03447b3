"""A cold sync of seven small upstreams over smart HTTP, against shallow clones and against peers on the same work."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks import peers
from tests.benchmarks.harness import BrokenRunError, Command, Contender, alternate, program, ratio
from tests.benchmarks.hosts import new_host, proposals_manifest
from tests.benchmarks.results import Result
from tests.benchmarks.server import serving
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.upstreams import PROPOSAL_TAG, PROPOSALS, proposals

REAL_UPSTREAMS = "GIT_VERBATIM_BENCH_UPSTREAMS"
_JOB = "cold `sync` of 7 upstreams, {}"
_FEWEST_FILES = 3
_OURS = "git-verbatim"
_CLONES = f"7 × `git clone --depth 1 --branch {PROPOSAL_TAG}`"
_SUBMODULES = f"7 × `git submodule add` and checkout of {PROPOSAL_TAG}"


def measure_cold(sizes: Sizes, stand_ins: Path, scratch: Path) -> list[Result]:
    """Everybody starts from an empty home and an empty host in each round."""
    real = os.environ.get(REAL_UPSTREAMS)
    upstreams = Path(real) if real else proposals(stand_ins, scale=sizes.history)
    return [
        result
        for prompt, place in ((False, "a server as the standard library makes it"), (True, "a server with TCP_NODELAY"))
        for result in _measure(sizes, upstreams, scratch, place, prompt=prompt)
    ]


def _measure(sizes: Sizes, upstreams: Path, scratch: Path, place: str, *, prompt: bool) -> list[Result]:
    with serving(upstreams, prompt=prompt) as url:
        samples = alternate(_contenders(url, with_peers=not sizes.is_quick), sizes, scratch)
    return [
        Result(_JOB.format(place), name, ratio(samples, _OURS, name), "0.6" if name == _CLONES else "1")
        for name in samples
        if name != _OURS
    ]


def _contenders(url: str, *, with_peers: bool) -> list[Contender]:
    return [
        Contender(_OURS, lambda place: [Command(program("sync"), new_host(place / "host", proposals_manifest(url)))], _check),
        Contender(_CLONES, lambda place: _clones(place, url)),
        Contender(_SUBMODULES, lambda place: _submodules(new_host(place / "host"), url)),
        *(Contender(peer.name, _job_of(peer, url), _check) for peer in (peers.installed() if with_peers else ())),
    ]


def _check(place: Path) -> None:
    for name in PROPOSALS:
        found = list((place / "host" / "third_party").glob(f"*{name}/**/*.wit"))
        if len(found) < _FEWEST_FILES:
            raise BrokenRunError(f"{name} has {len(found)} WIT files")


def _job_of(peer: peers.Peer, url: str) -> Callable[[Path], Sequence[Command]]:
    def job(place: Path) -> Sequence[Command]:
        host = new_host(place / "host")
        (host / peer.configuration_file).write_text(peer.configuration(url))
        return [Command([str(peer.program), *peer.arguments], host)]

    return job


def _clones(place: Path, url: str) -> list[Command]:
    options = ("--quiet", "--depth", "1", "--branch", PROPOSAL_TAG, "-c", "advice.detachedHead=false")
    return [Command(["git", "clone", *options, f"{url}/wasi-{name}", name], place) for name in PROPOSALS]


def _submodules(host: Path, url: str) -> list[Command]:
    """As people pin a tag: add, then check it out; `submodule add` takes branches only."""
    commands: list[Command] = []
    for name in PROPOSALS:
        path = f"third_party/{name}"
        commands += [
            Command(["git", "submodule", "--quiet", "add", f"{url}/wasi-{name}", path], host),
            Command(["git", "-C", path, "checkout", "--quiet", PROPOSAL_TAG], host),
        ]
    return commands
