"""`report --all` of a host in the shape of the shipped manifest, and of one with many files.

The first is compared with the bare imports.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.harnesses.benchmarks.harness import (
    IMPORTS,
    Command,
    Contender,
    alternate,
    environment,
    extra_bytes,
    median_seconds,
    program,
    ratio,
)
from tests.harnesses.benchmarks.hosts import manifest, mirror_table, new_host, shipped_shape
from tests.harnesses.benchmarks.results import Result
from tests.harnesses.benchmarks.server import serving
from tests.harnesses.benchmarks.sizes import Sizes
from tests.harnesses.benchmarks.upstreams import LARGE_TAG, large, monorepo, proposals

_TAGS = ("v0.2.12", "v0.3.0")
_SINGLES = ("cli", "http", "io", "random")


def measure_reports(sizes: Sizes, stand_ins: Path, scratch: Path) -> list[Result]:
    """Every format in one process.

    The shipped shape is compared with the imports, a large host with the clock and with the memory
    that the imports take.
    """
    monorepo(stand_ins / "WASI", _TAGS, files=6)
    proposals(stand_ins, scale=sizes.history)
    files = sizes.reported_mirrors * 200
    large(stand_ins / f"large-{files}", files)
    with serving(stand_ins) as url:
        shipped = _synced(
            scratch, "shipped", manifest(shipped_shape(url, _TAGS, _SINGLES), checked_in=False)
        )
        tables = [
            mirror_table(
                f"m{n}",
                f"{url}/large-{files}",
                LARGE_TAG,
                include=[f"/d{2 * n:03}/", f"/d{2 * n + 1:03}/"],
                into=f"m/{n}",
            )
            for n in range(sizes.reported_mirrors)
        ]
        many = _synced(scratch, "many", "".join(tables))
    samples = alternate(
        [
            Contender("imports", lambda _: [Command([sys.executable, "-c", IMPORTS], shipped)]),
            Contender("shipped", lambda place: _report(shipped, place)),
            Contender("many", lambda place: _report(many, place)),
        ],
        sizes,
        scratch,
    )
    job = f"`report --all` of {sizes.reported_mirrors} mirrors, {files:,} files"
    return [
        Result(
            "`report --all` of 18 mirrors",
            f'`python -c "{IMPORTS}"`',
            ratio(samples, "shipped", "imports"),
            "3",
        ),
        Result(job, "the clock", median_seconds(samples["many"]), "10", unit="s"),
        Result(
            f"{job}: peak memory",
            "the bare imports",
            extra_bytes(samples, "many", "imports") / 1e6,
            "300",
            unit="MB",
        ),
    ]


def _synced(scratch: Path, name: str, manifest: str) -> Path:
    host = new_host(scratch / name, manifest)
    subprocess.run(
        program("sync"),
        cwd=host,
        env=environment(scratch / "home"),
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return host


def _report(host: Path, place: Path) -> Sequence[Command]:
    return [Command(program("report", "--all", "-o", str(place / "reports")), host)]
