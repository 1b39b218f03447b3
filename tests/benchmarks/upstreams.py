"""Stand-ins for upstreams, generated as real git repositories: the same bytes, and so the same ids, in every run."""

import random
import subprocess
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import IO

PROPOSALS = ("cli", "clocks", "filesystem", "http", "io", "random", "sockets")
PROPOSAL_TAG = "v0.2.6"
LARGE_TAG = "v1"
RELEASE = "v{}"
_WHO = b"A <a@example.org>"
_LARGE_FILE_BYTES = 4096
_FILES_IN_DIRECTORY = 100
_OTHER_DIRECTORIES = ("docs", "test", "imports", ".github")

Commit = tuple[Iterable[tuple[str, bytes]], str | None]
"""The files that a commit adds or changes, and the tag it gets."""


def proposals(directory: Path, *, scale: float = 1) -> Path:
    """Seven small upstreams in the shape of the WASI proposals: WIT files, documents, a licence and some history."""
    for name in PROPOSALS:
        _made(directory / f"wasi-{name}", partial(_proposal_commits, random.Random(name), scale))
    return directory


def monorepo(path: Path, tags: Iterable[str], files: int) -> None:
    """One upstream with all proposals below `proposals/`, and a release for each tag."""
    _made(path, lambda: _monorepo_commits(random.Random(path.name), tags, files))


def library(path: Path, files: int, releases: int) -> None:
    """An upstream of some source files, a few of which change from release to release."""
    _made(path, lambda: _library_commits(random.Random(path.name), files, releases))


def large(path: Path, count: int) -> None:
    """An upstream of `count` files of 4 KB."""
    _made(path, lambda: [(large_files(count), LARGE_TAG)])


def large_files(count: int) -> Iterator[tuple[str, bytes]]:
    """Paths and contents of `count` files of 4 KB, one at a time."""
    chooser = random.Random(count)
    lines = [_line(chooser) for _ in range(20_000)]
    for number in range(count):
        text = b"".join(chooser.choices(lines, k=_LARGE_FILE_BYTES // 40))[: _LARGE_FILE_BYTES - 1] + b"\n"
        yield f"d{number // _FILES_IN_DIRECTORY:03}/f{number % _FILES_IN_DIRECTORY:03}.txt", text


def _proposal_commits(chooser: random.Random, scale: float) -> Iterator[Commit]:
    commits = max(2, int(chooser.randint(60, 200) * scale))
    wit = [f"wit/{_word(chooser)}-{n}.wit" for n in range(chooser.randint(8, 15))]
    others = [f"{chooser.choice(_OTHER_DIRECTORIES)}/{_word(chooser)}-{n}.md" for n in range(chooser.randint(12, 75))]
    paths = [*wit, *others, "README.md"]
    yield [("LICENSE.md", _text(chooser, 11_000)), *((path, _text(chooser, 3_000)) for path in paths)], None
    for number in range(1, commits):
        tag = PROPOSAL_TAG if number == commits * 9 // 10 else None
        yield [(path, _text(chooser, 3_000)) for path in chooser.sample(paths, 2)], tag


def _library_commits(chooser: random.Random, files: int, releases: int) -> Iterator[Commit]:
    paths = [f"{chooser.choice(('src', 'include', 'src/util'))}/{_word(chooser)}-{n}.c" for n in range(files)]
    yield [("LICENSE", _text(chooser, 11_000)), *((path, _text(chooser, 3_000)) for path in paths)], RELEASE.format(0)
    for number in range(1, releases):
        yield [(path, _text(chooser, 3_000)) for path in chooser.sample(paths, min(5, files))], RELEASE.format(number)


def _monorepo_commits(chooser: random.Random, tags: Iterable[str], files: int) -> Iterator[Commit]:
    yield [("LICENSE.md", _text(chooser, 11_000))], None
    for tag in tags:
        paths = [f"proposals/{name}/wit/{_word(chooser)}-{n}.wit" for name in PROPOSALS for n in range(files)]
        yield [(path, _text(chooser, 3_000)) for path in paths], tag


def _word(chooser: random.Random) -> str:
    return "".join(chooser.choices("abcdefghijklmnopqrstuvwxyz", k=chooser.randint(3, 10)))


def _line(chooser: random.Random) -> bytes:
    return " ".join(_word(chooser) for _ in range(chooser.randint(4, 11))).encode() + b"\n"


def _text(chooser: random.Random, size: int) -> bytes:
    return b"".join(_line(chooser) for _ in range(chooser.randint(size // 80, size // 30)))


def _made(path: Path, commits: Callable[[], Iterable[Commit]]) -> None:
    """Make a bare repository of the commits, unless an earlier run made it."""
    if (path / "complete").exists():
        return
    path.mkdir(parents=True, exist_ok=True)
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", "."], cwd=path, check=True)
    importer = subprocess.Popen(["git", "fast-import", "--quiet", "--force"], cwd=path, stdin=subprocess.PIPE)
    assert importer.stdin is not None
    with importer.stdin as stream:
        _import(stream, commits())
    if importer.wait() != 0:
        raise RuntimeError(f"git fast-import failed with {importer.returncode}")
    (path / "complete").touch()


def _import(stream: IO[bytes], commits: Iterable[Commit]) -> None:
    """Speak to git fast-import (its manual, "Input Format")."""
    for number, (files, tag) in enumerate(commits):
        stream.write(b"commit refs/heads/main\ncommitter %s %d +0000\ndata 7\nchange\n" % (_WHO, 1_700_000_000 + number * 3600))
        for path, content in files:
            stream.write(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(content), content))
        if tag is not None:
            stream.write(b"reset refs/tags/%s\nfrom refs/heads/main\n\n" % tag.encode())
