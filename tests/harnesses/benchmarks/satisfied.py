"""`sync` and `status` where nothing is to be done, against the bare imports and peers."""

import itertools
import subprocess
import sys
from functools import partial
from pathlib import Path

from tests.harnesses.benchmarks import peers
from tests.harnesses.benchmarks.harness import (
    IMPORTS,
    Command,
    Contender,
    Samples,
    alternate,
    environment,
    program,
    ratio,
)
from tests.harnesses.benchmarks.hosts import manifest, new_host, shipped_shape
from tests.harnesses.benchmarks.results import Floor, Result
from tests.harnesses.benchmarks.server import serving
from tests.harnesses.benchmarks.sizes import Sizes
from tests.harnesses.benchmarks.upstreams import monorepo, proposals

_TAGS = ("v0.2.12", "v0.3.0")
_SINGLES = ("cli", "http", "io", "random")
_LEAST = "import typer"
_COMMANDS = ("sync", "status")
_JOB = "satisfied `{}` of 18 mirrors"


def measure_satisfied(sizes: Sizes, stand_ins: Path, scratch: Path) -> list[Result]:
    """Both commands against `python -c "import pygit2, pydantic, typer"`."""
    monorepo(stand_ins / "WASI", _TAGS, files=6)
    proposals(stand_ins, scale=sizes.history)
    host = scratch / "satisfied"
    with serving(stand_ins) as url:
        wanted = shipped_shape(url, _TAGS, _SINGLES)
        new_host(host, manifest(wanted, checked_in=False))
        for name in (
            "sync",
            *_COMMANDS,
            *_COMMANDS,
        ):  # what it remembers is complete when it has found all well twice
            subprocess.run(
                program(name),
                cwd=host,
                env=environment(scratch / "home"),
                check=True,
                stdout=subprocess.DEVNULL,
            )
        contenders = [
            *(Contender(code, partial(_python, code, host)) for code in (IMPORTS, _LEAST)),
            *(Contender(name, partial(_command, name, host)) for name in _COMMANDS),
            *(peers.satisfied(wanted, scratch / "peers") if not sizes.is_quick else ()),
        ]
        samples = alternate(contenders, sizes, scratch, factor=3)
    found = [contender.name for contender in contenders[4:]]
    return [_result(samples, *pair) for pair in itertools.product(_COMMANDS, (IMPORTS, *found))]


def _result(samples: Samples, name: str, other: str) -> Result:
    against, goal = (f'`python -c "{IMPORTS}"`', "0.75") if other == IMPORTS else (other, "1")
    floor = Floor(f'`python -c "{_LEAST}"`', ratio(samples, _LEAST, other))
    return Result(_JOB.format(name), against, ratio(samples, name, other), goal, floor=floor)


def _python(code: str, host: Path, _: Path) -> list[Command]:
    return [Command([sys.executable, "-c", code], host)]


def _command(name: str, host: Path, _: Path) -> list[Command]:
    return [Command(program(name), host)]
