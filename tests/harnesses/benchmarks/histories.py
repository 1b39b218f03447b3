"""Long histories of a host with mirrors.

The states are real and made by real syncs, and `git fast-import` writes the commits.
"""

import itertools
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.harnesses.benchmarks.harness import environment, program
from tests.harnesses.benchmarks.hosts import git, mirror_table, new_host
from tests.harnesses.benchmarks.server import serving
from tests.harnesses.benchmarks.sizes import Sizes
from tests.harnesses.benchmarks.upstreams import RELEASE, library

_MERGE_EVERY = 40
_START = 1_700_000_000
_DIRECTORIES = tuple(f"part{number:02}" for number in range(20))
_FILES = tuple(f"file{number}.txt" for number in range(10))
_PEOPLE = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "A"), ("EMAIL", "a@example.org"))
}


@dataclass(frozen=True, slots=True)
class Release:
    """One mirror at one tag, as a sync left it.

    It has lines for `git fast-import`, the manifest's table and the message's trailer.
    """

    lines: bytes
    table: str
    trailer: str


Releases = Mapping[str, Sequence[Release]]
"""Of each mirror, from its first tag to its last."""


@dataclass(frozen=True, slots=True)
class Seed:
    """A host whose mirrors went through all their tags.

    `first` is the commit that has each mirror at its first tag.
    """

    host: Path
    first: str
    releases: Releases
    places: tuple[str, ...] = ()
    """Where the mirrors lie outside third_party/, each in two places; none if they lie in it."""


def make_seed(sizes: Sizes, stand_ins: Path, scratch: Path, *, outside: bool = False) -> Seed:
    """Sync all mirrors to one tag after the other; `outside` of third_party/ in two places each."""
    names = [f"library{number:02}" for number in range(sizes.mirrors)]
    places = {
        n: [f"crates/{n}/{p}/deps" for p in ("core", "http")] if outside else [] for n in names
    }
    for name in names:
        library(stand_ins / f"{name}-{sizes.releases}", sizes.mirror_files, sizes.releases)
    host, commits = new_host(scratch / f"seed{'-outside' * outside}"), []
    variables = {**environment(scratch / "home"), **_PEOPLE}
    subprocess.run(program("init"), cwd=host, env=variables, check=True, stdout=subprocess.DEVNULL)
    with serving(stand_ins) as url:
        tables = [
            {n: _table(n, url, sizes.releases, tag, places[n]) for n in names}
            for tag in range(sizes.releases)
        ]
        for of_release in tables:
            (host / "third_party" / "mirrors.toml").write_text("".join(of_release.values()))
            subprocess.run(
                program("sync", "--commit"),
                cwd=host,
                env=variables,
                check=True,
                stdout=subprocess.DEVNULL,
            )
            commits.append(git(host, "rev-parse", "HEAD").strip())
    return Seed(
        host,
        commits[0],
        {
            n: [_release(host, c, n, t[n], places[n]) for c, t in zip(commits, tables, strict=True)]
            for n in names
        },
        tuple(place for each in places.values() for place in each),
    )


def _table(name: str, url: str, releases: int, tag: int, places: Sequence[str]) -> str:
    into = {"into": [f"/{place}" for place in places]} if places else {}
    return mirror_table(name, f"{url}/{name}-{releases}", RELEASE.format(tag), **into)


def _release(host: Path, commit: str, name: str, table: str, places: Sequence[str]) -> Release:
    directories = ("third_party/", "third_party/provenance/", "third_party/licenses/")
    lines = []
    for line in git(host, "ls-tree", commit, *directories, *places).splitlines():
        facts, _, path = line.partition("\t")
        mode, _, found = facts.split()
        if path in places or path.rpartition("/")[2] in {name, f"{name}.json"}:
            lines.append(f"M {mode} {found} {path}\n")
    message = git(host, "log", "-1", "--format=%B", commit).splitlines()
    return Release(
        "".join(lines).encode(),
        table,
        next(line for line in message if line.startswith(f"Mirror-Sync: {name} ")),
    )


def make_history(seed: Seed, path: Path, commits: int) -> Path:
    """A clone of the seed's host with that many commits on main.

    On top of main there are three more commits, on `elsewhere` and on `bumped`.
    """
    git(seed.host, "clone", "--quiet", "--no-checkout", str(seed.host), str(path))
    git(path, "checkout", "--quiet", "--detach", seed.first)
    importer = subprocess.Popen(
        ["git", "fast-import", "--quiet", "--force"], cwd=path, stdin=subprocess.PIPE
    )
    assert importer.stdin is not None
    with importer.stdin as stream:
        _write(_Writer(stream, seed), commits)
    if importer.wait() != 0:
        raise RuntimeError(f"git fast-import failed with {importer.returncode}")
    git(path, "checkout", "--quiet", "main")
    git(path, "update-ref", "refs/remotes/origin/main", "main")
    return path


def _write(writer: "_Writer", commits: int) -> None:
    """One turn after the other: a commit, or a side branch, a commit beside it and their merge."""
    releases = writer.seed.releases
    bumps = [
        {name: step} for step in range(1, min(map(len, releases.values()))) for name in releases
    ]
    at = dict.fromkeys(releases, 0)
    started = 0
    at = writer.commit("main", at, {}, from_=writer.seed.first, lines=_elsewhere())
    while writer.made < commits:
        is_merge = writer.made % _MERGE_EVERY == 0 and writer.made + 3 <= commits
        wanted = (
            (1 + is_merge * (writer.made // _MERGE_EVERY) % 2)
            if started * commits <= writer.made * len(bumps)
            else 0
        )
        now = bumps[started : started + wanted]
        started += len(now)
        at = writer.merge(at, now) if is_merge else writer.commit("main", at, _union(now))
    for name, moves in (
        ("elsewhere", [{}, {}, {}]),
        ("bumped", [{name: 0} for name in _three(releases)]),
    ):
        state = at
        for number, move in enumerate(moves):
            state = writer.commit(name, state, move, from_=None if number else "refs/heads/main")


def _elsewhere() -> bytes:
    return b"".join(
        _file(path, 0) for path in (*_FILES, *(f"{d}/{f}" for d in _DIRECTORIES for f in _FILES))
    )


def _file(path: str, number: int) -> bytes:
    content = f"{path} as of {number}\n".encode()
    return b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(content), content)


def _union(moves: Iterable[Mapping[str, int]]) -> dict[str, int]:
    return {name: step for move in moves for name, step in move.items()}


def _three(names: Iterable[str]) -> Iterator[str]:
    return itertools.islice(itertools.cycle(names), 3)


@dataclass(slots=True)
class _Writer:
    """Speaks to git fast-import (its manual, "Input Format")."""

    stream: IO[bytes]
    seed: Seed
    made: int = 0

    def merge(self, at: Mapping[str, int], moves: Sequence[Mapping[str, int]]) -> dict[str, int]:
        """A commit on each of two branches, and their merge.

        Each commit moves a mirror if there is one for its branch.
        """
        self.commit("side", at, _union(moves[:1]), from_="refs/heads/main")
        beside = self.commit("main", at, _union(moves[1:]))
        return self.commit("main", beside, _union(moves[:1]), merged="refs/heads/side")

    def commit(
        self,
        branch: str,
        at: Mapping[str, int],
        moves: Mapping[str, int],
        *,
        from_: str | None = None,
        merged: str | None = None,
        lines: bytes = b"",
    ) -> dict[str, int]:
        """Move mirrors, or else change a file elsewhere; the releases that mirrors are at now."""
        self.made += 1
        state = {**at, **moves}
        moved = [self.seed.releases[name][step] for name, step in moves.items()]
        message = (
            "\n".join([f"change {self.made}", "", *(release.trailer for release in moved)])
            .strip()
            .encode()
        )
        self.stream.write(
            b"commit refs/heads/%s\ncommitter A <a@example.org> %d +0000\n"
            % (branch.encode(), _START + self.made * 60)
        )
        self.stream.write(b"data %d\n%s\n" % (len(message), message))
        for command, commit in (("from", from_), ("merge", merged)):
            if commit is not None:
                self.stream.write(f"{command} {commit}\n".encode())
        self.stream.write(
            lines + (self._moves(moved, state) if moved else self._work(merged)) + b"\n"
        )
        return state

    def _moves(self, moved: Iterable[Release], state: Mapping[str, int]) -> bytes:
        manifest = "".join(
            self.seed.releases[name][step].table for name, step in state.items()
        ).encode()
        file = b"M 100644 inline third_party/mirrors.toml\ndata %d\n%s\n" % (
            len(manifest),
            manifest,
        )
        return b"".join(release.lines for release in moved) + file

    def _work(self, merged: str | None) -> bytes:
        """A change of a file.

        A merge brings the side branch's change, which is no change to any path that is looked at.
        """
        number = self.made
        path = f"{_DIRECTORIES[number % len(_DIRECTORIES)]}/{_FILES[number // len(_DIRECTORIES) % len(_FILES)]}"
        return b"" if merged else _file(path, number)
