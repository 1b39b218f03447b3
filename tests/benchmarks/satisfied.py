"""`sync` and `status` where nothing is to be done, against the bare imports."""

import subprocess
import sys
from functools import partial
from pathlib import Path

from tests.benchmarks.harness import IMPORTS, Command, Contender, alternate, environment, program, ratio
from tests.benchmarks.hosts import new_host, shipped_shape
from tests.benchmarks.results import Result
from tests.benchmarks.server import serving
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.upstreams import monorepo, proposals

_TAGS = ("v0.2.12", "v0.3.0")
_SINGLES = ("cli", "http", "io", "random", "sockets")
_JOB = "satisfied `{}` of 19 mirrors, no network"


def measure_satisfied(sizes: Sizes, stand_ins: Path, scratch: Path) -> list[Result]:
    """Both commands against `python -c "import pygit2, pydantic, typer"`."""
    monorepo(stand_ins / "WASI", _TAGS, files=6)
    proposals(stand_ins, scale=sizes.history)
    host = scratch / "satisfied"
    with serving(stand_ins) as url:
        new_host(host, shipped_shape(url, _TAGS, _SINGLES))
        subprocess.run(program("sync"), cwd=host, env=environment(scratch / "home"), check=True, stdout=subprocess.DEVNULL)
    contenders = [
        Contender("imports", lambda _: [Command([sys.executable, "-c", IMPORTS], host)]),
        *(Contender(name, partial(_command, name, host)) for name in ("sync", "status")),
    ]
    samples = alternate(contenders, sizes, scratch, factor=3)
    against = f'`python -c "{IMPORTS}"`'
    return [Result(_JOB.format(name), against, ratio(samples, name, "imports"), "2") for name in ("sync", "status")]


def _command(name: str, host: Path, _: Path) -> list[Command]:
    return [Command(program(name), host)]
