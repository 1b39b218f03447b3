"""Stand-ins for upstreams, generated as real git repositories.

The bytes, and so the ids, are the same in every run.
"""

import random
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

PROPOSALS = ("cli", "clocks", "filesystem", "http", "io", "random", "sockets")
PROPOSAL_TAG = "v0.2.6"
LARGE_TAG = "v1"
FORGE_TAG = "v280"
FORGE_DIRECTORY = "source/core"
RELEASE = "v{}"
_WHO = b"A <a@example.org>"
_LARGE_FILE_BYTES = 4096
_FILES_IN_DIRECTORY = 100
_FORGE_TAGS = 301
_OTHER_DIRECTORIES = ("docs", "test", "imports", ".github")

Commit = tuple[Iterable[tuple[str, bytes]], Sequence[str]]
"""The files that a commit adds or changes, and the refs it gets."""


@dataclass(frozen=True, slots=True)
class Forge:
    """How much an upstream with a long history, many directories and many pull requests holds."""

    files: int = 3_500
    directories: int = 400
    commits: int = 5_200
    """After the first, each of two files."""
    refs: int = 20_000
    mirrored_files: int = 100
    """In FORGE_DIRECTORY."""


def proposals(directory: Path, *, scale: float = 1) -> Path:
    """Seven small upstreams in the shape of the WASI proposals.

    They have WIT files, documents, a licence and some history.
    """
    for name in PROPOSALS:
        _made(directory / f"wasi-{name}", partial(_proposal_commits, random.Random(name), scale))
    return directory


def monorepo(path: Path, tags: Iterable[str], files: int) -> None:
    """One upstream with all proposals below `proposals/`, and a release for each tag."""
    _made(path, lambda: _monorepo_commits(random.Random(path.name), tags, files))


def library(path: Path, files: int, releases: int) -> None:
    """An upstream of some source files, a few of which change from release to release."""
    _made(path, lambda: _library_commits(random.Random(path.name), files, releases))


def forge(path: Path, shape: Forge) -> None:
    """An upstream that has grown for years, kept as a forge keeps it: packed, refs and all."""
    _made(path, lambda: _forge_commits(random.Random("forge"), shape), packed=True)


def large(path: Path, count: int) -> None:
    """An upstream of `count` files of 4 KB."""
    _made(path, lambda: [(large_files(count), _tags(LARGE_TAG))])


def large_files(count: int) -> Iterator[tuple[str, bytes]]:
    """Paths and contents of `count` files of 4 KB, one at a time."""
    chooser = random.Random(count)
    lines = _lines(chooser)
    for number in range(count):
        text = (
            b"".join(chooser.choices(lines, k=_LARGE_FILE_BYTES // 40))[: _LARGE_FILE_BYTES - 1]
            + b"\n"
        )
        yield f"d{number // _FILES_IN_DIRECTORY:03}/f{number % _FILES_IN_DIRECTORY:03}.txt", text


def _proposal_commits(chooser: random.Random, scale: float) -> Iterator[Commit]:
    commits = max(2, int(chooser.randint(60, 200) * scale))
    wit = [f"wit/{_word(chooser)}-{n}.wit" for n in range(chooser.randint(8, 15))]
    others = [
        f"{chooser.choice(_OTHER_DIRECTORIES)}/{_word(chooser)}-{n}.md"
        for n in range(chooser.randint(12, 75))
    ]
    paths = [*wit, *others, "README.md"]
    yield (
        [
            ("LICENSE.md", _text(chooser, 11_000)),
            *((path, _text(chooser, 3_000)) for path in paths),
        ],
        (),
    )
    for number in range(1, commits):
        refs = _tags(PROPOSAL_TAG) if number == commits * 9 // 10 else ()
        yield [(path, _text(chooser, 3_000)) for path in chooser.sample(paths, 2)], refs


def _library_commits(chooser: random.Random, files: int, releases: int) -> Iterator[Commit]:
    paths = [
        f"{chooser.choice(('src', 'include', 'src/util'))}/{_word(chooser)}-{n}.c"
        for n in range(files)
    ]
    yield (
        [("LICENSE", _text(chooser, 11_000)), *((path, _text(chooser, 3_000)) for path in paths)],
        _tags(RELEASE.format(0)),
    )
    for number in range(1, releases):
        yield (
            [(path, _text(chooser, 3_000)) for path in chooser.sample(paths, min(5, files))],
            _tags(RELEASE.format(number)),
        )


def _monorepo_commits(chooser: random.Random, tags: Iterable[str], files: int) -> Iterator[Commit]:
    yield [("LICENSE.md", _text(chooser, 11_000))], ()
    for tag in tags:
        paths = [
            f"proposals/{name}/wit/{_word(chooser)}-{n}.wit"
            for name in PROPOSALS
            for n in range(files)
        ]
        yield [(path, _text(chooser, 3_000)) for path in paths], _tags(tag)


def _forge_commits(chooser: random.Random, shape: Forge) -> Iterator[Commit]:
    """Files of some 5 KB; a commit changes three lines in each of two."""
    pool = _lines(chooser)
    paths = list(_forge_paths(chooser, shape))
    texts = {path: chooser.choices(pool, k=chooser.randint(20, 180)) for path in paths}
    yield [("LICENSE", _text(chooser, 11_000)), *((p, b"".join(texts[p])) for p in paths)], ()
    pulls = tags = 0
    for number in range(1, shape.commits + 1):
        changed = chooser.sample(paths, 2)
        for path in changed:
            for _ in range(3):
                texts[path][chooser.randrange(len(texts[path]))] = chooser.choice(pool)
        wanted_pulls = (shape.refs - _FORGE_TAGS) * number // shape.commits
        wanted_tags = _FORGE_TAGS * number // shape.commits
        refs = [f"refs/pull/{pull}/head" for pull in range(pulls, wanted_pulls)]
        refs += _tags(*(RELEASE.format(tag) for tag in range(tags, wanted_tags)))
        pulls, tags = wanted_pulls, wanted_tags
        yield [(path, b"".join(texts[path])) for path in changed], refs


def _forge_paths(chooser: random.Random, shape: Forge) -> Iterator[str]:
    """Directories up to four deep; the mirrored one has four below it."""
    for number in range(shape.mirrored_files):
        below = ("", "", "io/", "text/", "test/", "test/data/")[number % 6]
        yield f"{FORGE_DIRECTORY}/{below}{_word(chooser)}-{number}.cc"
    directories = ["source", "docs", "examples"]
    while len(directories) < shape.directories - 5:
        above = chooser.choice([d for d in directories if d.count("/") < 3])
        directories.append(f"{above}/{_word(chooser)}{len(directories)}")
    for number in range(shape.files - shape.mirrored_files):
        yield f"{directories[number % len(directories)]}/{_word(chooser)}-{number}.cc"


def _tags(*names: str) -> list[str]:
    return [f"refs/tags/{name}" for name in names]


def _word(chooser: random.Random) -> str:
    return "".join(chooser.choices("abcdefghijklmnopqrstuvwxyz", k=chooser.randint(3, 10)))


def _line(chooser: random.Random) -> bytes:
    return " ".join(_word(chooser) for _ in range(chooser.randint(4, 11))).encode() + b"\n"


def _lines(chooser: random.Random) -> list[bytes]:
    """Of which large files are put together, faster than of words."""
    return [_line(chooser) for _ in range(20_000)]


def _text(chooser: random.Random, size: int) -> bytes:
    return b"".join(_line(chooser) for _ in range(chooser.randint(size // 80, size // 30)))


def _made(path: Path, commits: Callable[[], Iterable[Commit]], *, packed: bool = False) -> None:
    """Make a bare repository of the commits, unless an earlier run made it."""
    if (path / "complete").exists():
        return
    path.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["git", "init", "--quiet", "--bare", "--initial-branch=main", "."], cwd=path, check=True
    )
    importer = subprocess.Popen(
        ["git", "fast-import", "--quiet", "--force"], cwd=path, stdin=subprocess.PIPE
    )
    assert importer.stdin is not None
    with importer.stdin as stream:
        _import(stream, commits())
    if importer.wait() != 0:
        raise RuntimeError(f"git fast-import failed with {importer.returncode}")
    for command in (("pack-refs", "--all"), ("repack", "-a", "-d", "-f", "-q")) if packed else ():
        subprocess.run(["git", *command], cwd=path, check=True)
    (path / "complete").touch()


def _import(stream: IO[bytes], commits: Iterable[Commit]) -> None:
    """Speak to git fast-import (its manual, "Input Format")."""
    for number, (files, refs) in enumerate(commits):
        stream.write(
            b"commit refs/heads/main\ncommitter %s %d +0000\ndata 7\nchange\n"
            % (_WHO, 1_700_000_000 + number * 3600)
        )
        for path, content in files:
            stream.write(
                b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(content), content)
            )
        for ref in refs:
            stream.write(b"reset %s\nfrom refs/heads/main\n\n" % ref.encode())
