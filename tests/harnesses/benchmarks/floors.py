"""The least that a cold job takes with git and this program's libraries, without the program."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.harnesses.benchmarks.harness import Command
from tests.harnesses.benchmarks.hosts import Wanted, git, new_host

LEAST = "the least with git and the libraries"
LEAST_IN_FULL = """\
  For cold jobs these are, one after the other: `python -c "import pydantic, typer"`; git's fetches
  of all upstreams side by side, with `python -c "import pygit2"` beside them;
  `git archive | tar -x` of each directory, side by side; `git add`."""


def least(wanted: Sequence[Wanted], place: Path, blobs: Path | None = None) -> list[Command]:
    """Import the libraries that read a manifest, fetch, write and stage.

    With `blobs`, the fetch is one without blobs, and then one of these blobs.
    """
    host = new_host(place / "host")
    steps = [
        f"{_python('import pydantic, typer')}",
        _side_by_side([*(_fetch(w, place, blobs) for w in wanted), _python("import pygit2")]),
        _side_by_side([_write(w, place, host) for w in wanted]),
        f"git -C {host} add third_party",
    ]
    return [Command(["sh", "-c", "set -e\n" + "\n".join(steps)], place)]


def _python(statement: str) -> str:
    return shlex.join([sys.executable, "-c", statement])


def _fetch(wanted: Wanted, place: Path, blobs: Path | None) -> str:
    """Fetch into a repository that is there, and note the wanted tree beside it.

    No ref is written: git would tell the server of it in the second request, and wait for an
    answer.
    """
    git(place, "init", "--quiet", "--bare", wanted.name)
    there = f"git -C {place / wanted.name}"
    only = "--filter=blob:none " if blobs else ""
    first = f"{there} fetch --quiet --no-tags {only}--depth 1 {shlex.quote(wanted.url)} refs/tags/{wanted.tag}"
    steps = [first, f"{there} rev-parse FETCH_HEAD:{wanted.directory} >{place / wanted.name}.tree"]
    if blobs:
        steps.append(
            f"{there} fetch --quiet --no-tags {only}--stdin {shlex.quote(wanted.url)} <{blobs}"
        )
    return " && ".join(steps)


def _write(wanted: Wanted, place: Path, host: Path) -> str:
    target, bare = host / "third_party" / wanted.name, place / wanted.name
    archive = f'git -C {bare} archive "$(cat {bare}.tree)"'
    return f"mkdir -p {target} && {archive} | tar -x -C {target}"


def _side_by_side(commands: Sequence[str]) -> str:
    return " ".join(f"({command}) &" for command in commands) + " wait"
