"""`sync` of a large upstream into an empty mirror, staged, against a shallow clone.

Both go over the same transport.
"""

import sys
from pathlib import Path

from tests.harnesses.benchmarks.harness import (
    IMPORTS,
    Command,
    Contender,
    alternate,
    extra_bytes,
    program,
    ratio,
)
from tests.harnesses.benchmarks.hosts import mirror_table, new_host
from tests.harnesses.benchmarks.results import Floor, Result
from tests.harnesses.benchmarks.server import serving
from tests.harnesses.benchmarks.sizes import Sizes
from tests.harnesses.benchmarks.upstreams import LARGE_TAG, large

_JOB = "`sync` of {:,} files of 4 KB into an empty mirror, staged"
_CLONE = ("git", "clone", "--quiet", "--depth", "1", "-c", "advice.detachedHead=false")


def measure_large(sizes: Sizes, stand_ins: Path, scratch: Path) -> list[Result]:
    """Time against `git clone --depth 1`, and peak memory above the imports.

    All caches are empty in each round. The floor is a clone that is on the disk when it is said to
    be done, as what `sync` wrote is.
    """
    name = f"large-{sizes.large_files}"
    large(stand_ins / name, sizes.large_files)
    with serving(stand_ins) as base:
        url = f"{base}/{name}"
        manifest = mirror_table("large", url, LARGE_TAG)
        contenders = [
            Contender(
                "clone",
                lambda place: [Command([*_CLONE, "--branch", LARGE_TAG, url, "clone"], place)],
            ),
            Contender(
                "sync", lambda place: [Command(program("sync"), new_host(place / "host", manifest))]
            ),
            Contender(
                "durable",
                lambda place: [
                    Command([*_CLONE, "--branch", LARGE_TAG, url, "clone"], place),
                    Command(["sync", "--file-system", "clone"], place),
                ],
            ),
            Contender("imports", lambda place: [Command([sys.executable, "-c", IMPORTS], place)]),
        ]
        samples = alternate(contenders, sizes, scratch)
    floor = Floor("the clone, then `sync --file-system`", ratio(samples, "durable", "clone"))
    job = _JOB.format(sizes.large_files)
    return [
        Result(job, "`git clone --depth 1`", ratio(samples, "sync", "clone"), "1.04", floor=floor),
        Result(
            f"{job}: peak memory",
            "the bare imports",
            extra_bytes(samples, "sync", "imports") / 1e6,
            "150",
            unit="MB",
        ),
    ]
