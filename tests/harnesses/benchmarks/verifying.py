"""`verify` of a large mirror, against git hashing the same files."""

import subprocess
import sys
from pathlib import Path

from tests.harnesses.benchmarks.harness import (
    IMPORTS,
    Command,
    Contender,
    alternate,
    environment,
    extra_bytes,
    program,
    ratio,
)
from tests.harnesses.benchmarks.hosts import mirror_table, new_host
from tests.harnesses.benchmarks.results import Floor, Result
from tests.harnesses.benchmarks.server import serving
from tests.harnesses.benchmarks.sizes import Sizes
from tests.harnesses.benchmarks.upstreams import LARGE_TAG, large

_JOB = "`verify` of {:,} files of 4 KB"
_HASH = "`git hash-object --no-filters --stdin-paths`"
_LEAST = """\
import hashlib, sys
for line in sys.stdin:
    with open(line[:-1], "rb", buffering=0) as file:
        hashlib.sha1(file.read(), usedforsecurity=False).digest()
"""


def measure_verify(sizes: Sizes, stand_ins: Path, scratch: Path) -> list[Result]:
    """Time against `git hash-object`, and peak memory above the imports."""
    name = f"large-{sizes.large_files}"
    large(stand_ins / name, sizes.large_files)
    host = scratch / "verified"
    with serving(stand_ins) as url:
        new_host(host, mirror_table("large", f"{url}/{name}", LARGE_TAG))
        subprocess.run(
            program("sync"),
            cwd=host,
            env=environment(scratch / "home"),
            check=True,
            stdout=subprocess.DEVNULL,
        )
    paths = scratch / "paths"
    files = (path for path in (host / "third_party" / "large").rglob("*") if path.is_file())
    paths.write_text("".join(f"{path.relative_to(host)}\n" for path in files))
    contenders = [
        Contender(
            "git",
            lambda _: [
                Command(["git", "hash-object", "--no-filters", "--stdin-paths"], host, stdin=paths)
            ],
        ),
        Contender("verify", lambda _: [Command(program("verify"), host)]),
        Contender("least", lambda _: [Command([sys.executable, "-c", _LEAST], host, stdin=paths)]),
        Contender("imports", lambda _: [Command([sys.executable, "-c", IMPORTS], host)]),
    ]
    samples = alternate(contenders, sizes, scratch)
    floor = Floor(
        "`python` that reads and hashes them in one thread", ratio(samples, "least", "git")
    )
    job = _JOB.format(sizes.large_files)
    return [
        Result(job, _HASH, ratio(samples, "verify", "git"), "1.3", floor=floor),
        Result(
            f"{job}: peak memory",
            "the bare imports",
            extra_bytes(samples, "verify", "imports") / 1e6,
            "200",
            unit="MB",
        ),
    ]
