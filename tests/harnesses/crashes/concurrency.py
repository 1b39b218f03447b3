"""Many processes sync different pins at once, while one looks.

`python -m tests.harnesses.crashes.concurrency` exits with status 1 on any failure.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import random
import stat
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event
from pathlib import Path

from tests.harnesses.crashes.judging import leftovers
from tests.harnesses.crashes.scenes import Files, Scenes, compile_program
from tests.support.hosts import Host, mirror
from tests.support.upstreams import Upstream

PINS = [f"v{n}" for n in range(1, 11)]
_MIRROR = "one"


@dataclass
class Sightings:
    """What a reader saw."""

    looks: int = 0
    trees: Counter[str] = field(default_factory=Counter)
    """How often each tree, by its id."""
    replaced: int = 0
    """Directories that were replaced while they were read, and so were read anew."""
    apart: int = 0
    """Looks between the replacement of the mirror and that of its record."""


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="git-verbatim-concurrency-") as scratch:
        scenes = Scenes.build(Path(scratch), [])
        compile_program(scenes)
        upstream, host = Upstream.create(scenes.root / "pins"), Host.create(scenes.root / "host")
        pins = {_release(upstream, pin): pin for pin in PINS}
        _ask_for(host, upstream, PINS[0], "first")
        sync = ["sync", *(["--commit"] if options.commit else [])]
        statuses = Counter([_sync(host, sync)])
        finished = multiprocessing.get_context("fork").Event()
        with ThreadPoolExecutor(options.writers) as writers, _one_process(finished) as reader:
            sightings = reader.submit(_look, host.third_party, options.looks)
            for counts in writers.map(
                lambda n: _write(host, upstream, sync, n, options.syncs), range(options.writers)
            ):
                statuses += counts
            finished.set()
            seen = sightings.result()
        wrong = _wrong(host, statuses, seen, pins)
    print(_table(options, statuses, seen, pins))
    for words in wrong:
        print(f"wrong: {words}")
    return 1 if wrong else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.harnesses.crashes.concurrency",
        description="Sync many pins at once, and look.",
    )
    parser.add_argument(
        "--writers",
        type=int,
        metavar="N",
        default=8,
        help="processes that change the pin and sync (default: 8)",
    )
    parser.add_argument(
        "--syncs", type=int, metavar="N", default=25, help="syncs of each (default: 25)"
    )
    parser.add_argument(
        "--commit",
        action="store_true",
        help="each sync commits, and every commit has to pass the policy",
    )
    parser.add_argument(
        "--looks", type=int, metavar="N", default=10_000, help="looks at least (default: 10000)"
    )
    return parser.parse_args()


def _release(upstream: Upstream, pin: str) -> str:
    """A release whose every file names it; its tree id."""
    files: Files = {
        f"{directory}/{n}": f"{pin} {n}\n".encode() for directory in ("a", "b/c") for n in range(10)
    }
    commit = upstream.release(pin, {**files, "LICENSE": b"licence\n", pin: b"only here\n"})
    return upstream.resolve(f"{commit}^{{tree}}") or ""


def _ask_for(host: Host, upstream: Upstream, pin: str, who: str) -> None:
    """Change the manifest as an editor does: a new file that takes the old one's name."""
    draft = host.path / f"mirrors.toml.{who}"
    draft.write_text(mirror(_MIRROR, upstream.url, tag=pin, local=True))
    host.third_party.mkdir(exist_ok=True)
    draft.replace(host.third_party / "mirrors.toml")


def _sync(host: Host, sync: Sequence[str]) -> tuple[int, bool]:
    """The exit status, and whether the run said that it waited.

    The words of a run that failed are shown.
    """
    done = _run(host, *sync)
    if done.returncode != 0:
        print(done.stderr, file=sys.stderr)
    return done.returncode, "waiting for another git-verbatim" in done.stderr


def _run(host: Host, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sync", *arguments],
        cwd=host.path,
        capture_output=True,
        text=True,
        check=False,
    )


def _write(
    host: Host, upstream: Upstream, sync: Sequence[str], writer: int, syncs: int
) -> Counter[tuple[int, bool]]:
    statuses: Counter[tuple[int, bool]] = Counter()
    for pin in random.Random(writer).choices(PINS, k=syncs):
        _ask_for(host, upstream, pin, str(writer))
        statuses[_sync(host, sync)] += 1
    return statuses


_finished: list[Event] = []


def _one_process(finished: Event) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        1, multiprocessing.get_context("fork"), _finished.append, (finished,)
    )


def _look(third_party: Path, looks: int) -> Sightings:
    """Look until the writers have finished, and at least so often.

    Each name leads at any time to one whole directory or file. A directory that was read is known
    to be whole if its name still leads to it afterwards: one that was replaced is deleted soon,
    also under a reader that has it open.
    """
    seen = Sightings()
    while seen.looks < looks or not _finished[0].is_set():
        directory = os.open(third_party / _MIRROR, os.O_RDONLY | os.O_DIRECTORY)
        try:
            tree = _tree_id(directory)
        except FileNotFoundError:
            tree = "incomplete"
        is_in_place = os.path.samestat(os.fstat(directory), os.stat(third_party / _MIRROR))
        os.close(directory)
        if not is_in_place:
            seen.replaced += 1
            continue
        record = json.loads((third_party / "provenance" / f"{_MIRROR}.json").read_bytes())
        seen.looks += 1
        seen.trees[tree] += 1
        seen.apart += record["tree"] != tree
    return seen


def _tree_id(directory: int) -> str:
    entries = []
    for name in os.listdir(directory):
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=directory)
        try:
            is_directory = stat.S_ISDIR(os.fstat(descriptor).st_mode)
            found = (
                _tree_id(descriptor) if is_directory else _id("blob", os.read(descriptor, 1 << 16))
            )
        finally:
            os.close(descriptor)
        mode = "40000" if is_directory else "100644"
        entries.append(
            (
                f"{name}/" if is_directory else name,
                f"{mode} {name}\0".encode() + bytes.fromhex(found),
            )
        )
    return _id("tree", b"".join(entry for _, entry in sorted(entries)))


def _id(kind: str, content: bytes) -> str:
    return hashlib.sha1(
        f"{kind} {len(content)}\0".encode() + content, usedforsecurity=False
    ).hexdigest()


def _wrong(
    host: Host, statuses: Counter[tuple[int, bool]], seen: Sightings, pins: dict[str, str]
) -> list[str]:
    wrong = [f"{n} syncs exit {status}" for (status, _), n in statuses.items() if status != 0]
    wrong += [
        f"{n} times a tree that is no pin's: {tree}"
        for tree, n in seen.trees.items()
        if tree not in pins
    ]
    host.git("add", "third_party/mirrors.toml")
    first = host.git("rev-list", "--max-parents=0", "HEAD")
    for command in (
        ["verify"],
        ["verify", "--index"],
        ["status"],
        ["check", "--range", f"{first}..HEAD"],
    ):
        if (ran := _run(host, *command)).returncode != 0:
            wrong.append(
                f"{' '.join(command)} exits {ran.returncode} at the end: {ran.stdout}{ran.stderr}"
            )
    return wrong + [f"left over: {name}" for name in sorted(leftovers(host))]


def _table(
    options: argparse.Namespace,
    statuses: Counter[tuple[int, bool]],
    seen: Sightings,
    pins: dict[str, str],
) -> str:
    whole = {pins[tree]: n for tree, n in seen.trees.items() if tree in pins}
    rows = {
        f"syncs ({options.writers} processes, {options.syncs} each, and one before)": statuses.total(),
        "of them exit 0": sum(n for (status, _), n in statuses.items() if status == 0),
        "of them waited for another": sum(n for (_, waited), n in statuses.items() if waited),
        "looks": seen.looks,
        "of them at a whole tree of one pin": sum(whole.values()),
        "of them between mirror and record": seen.apart,
        "read anew, since it was replaced meanwhile": seen.replaced,
        f"pins seen, of {len(PINS)}": len(whole),
        "least and most often seen": " and ".join(
            str(f(whole.values(), default=0)) for f in (min, max)
        ),
    }
    return "\n".join(
        ["| | |", "| --- | --: |", *(f"| {words} | {figure} |" for words, figure in rows.items())]
    )


if __name__ == "__main__":
    sys.exit(main())
