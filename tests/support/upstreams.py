"""Upstreams: real git repositories to mirror from."""

import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.support.git import IDENTITY, git

Content = bytes | tuple[str, bytes]
"""What a file holds, or its mode and that; for mode 160000 the id of a commit."""


class Files(Protocol):
    """A mapping of paths, as text or bytes, to contents."""

    def items(self) -> Iterable[tuple[Any, Content]]: ...


@dataclass(frozen=True)
class Upstream:
    """A repository to mirror from.

    Its files are written through git's plumbing, so every byte is as given.
    """

    path: Path

    @classmethod
    def create(cls, path: Path) -> "Upstream":
        path.mkdir(parents=True)
        git(path, "init", "--quiet", "--bare", "--template=")
        with (path / "config").open("a") as configuration:
            # as GitHub does; without it a server refuses commits that no ref names
            configuration.write("[uploadpack]\n\tallowReachableSHA1InWant = true\n")
        return cls(path)

    @property
    def url(self) -> str:
        return str(self.path)

    def blob(self, content: bytes) -> str:
        return git(self.path, "hash-object", "-w", "--stdin", "--literally", stdin=content)

    def _blobs(self, contents: Sequence[bytes]) -> list[str]:
        """All by one process."""
        with tempfile.TemporaryDirectory() as scratch:
            paths = [Path(scratch, str(number)) for number in range(len(contents))]
            for path, content in zip(paths, contents, strict=True):
                path.write_bytes(content)
            names = "".join(f"{path}\n" for path in paths).encode()
            return git(
                self.path, "hash-object", "-w", "--no-filters", "--stdin-paths", stdin=names
            ).splitlines()

    def tree(self, files: Files) -> str:
        """A tree of path → content, or path → (mode, content).

        For mode 160000 the content is a commit id.
        """
        entries = [
            (path, *(value if isinstance(value, tuple) else ("100644", value)))
            for path, value in files.items()
        ]
        blobs = iter(self._blobs([content for _, mode, content in entries if mode != "160000"]))
        lines = []
        for path, mode, content in entries:
            named = content.decode() if mode == "160000" else next(blobs)
            name = path.encode() if isinstance(path, str) else path
            lines.append(f"{mode} {named}\t".encode() + name + b"\0")
        index = self.path / "scratch-index"
        index.unlink(missing_ok=True)
        git(
            self.path,
            "update-index",
            "-z",
            "--index-info",
            stdin=b"".join(lines),
            GIT_INDEX_FILE=str(index),
        )
        return git(self.path, "write-tree", "--missing-ok", GIT_INDEX_FILE=str(index))

    def commit(self, files: Files, *, message: str = "change", branch: str | None = "main") -> str:
        """A commit of exactly these files on top of the branch.

        It is on no branch at all if `branch` is None.
        """
        if branch is None:
            return git(self.path, "commit-tree", "-m", message, self.tree(files))
        return self._import(files, message, branch)

    def _import(self, files: Files, message: str, branch: str, tag: str | None = None) -> str:
        """The commit, and a lightweight tag of it, by one process."""
        ref = f"refs/heads/{branch}"
        lines = [
            f"commit {ref}\nmark :1\ncommitter {IDENTITY}\n".encode(),
            _data(f"{message}\n".encode()),
            f"from {ref}^0\ndeleteall\n".encode() if self._has(branch) else b"",
            *(_file(path, content) for path, content in files.items()),
            b"\nget-mark :1\n",
            b"" if tag is None else f"reset refs/tags/{tag}\nfrom :1\n\n".encode(),
        ]
        # objects stay loose however many they are, as those of other commits do
        options = ["-c", "fastimport.unpackLimit=1000000"]
        return git(
            self.path,
            *options,
            "fast-import",
            "--quiet",
            "--cat-blob-fd=1",
            stdin=b"".join(lines),
        )

    def _has(self, branch: str) -> bool:
        if (self.path / "refs/heads" / branch).exists():
            return True
        is_packed = (self.path / "packed-refs").exists()
        return is_packed and self.resolve(f"refs/heads/{branch}") is not None

    def tag(self, name: str, target: str, *, annotated: bool = False, force: bool = False) -> str:
        """Tag a commit, or another tag; what the ref then names."""
        options = [*(["-a", "-m", name] if annotated else []), *(["--force"] if force else [])]
        git(self.path, "tag", *options, name, target)
        return git(self.path, "rev-parse", f"refs/tags/{name}")

    def resolve(self, revision: str) -> str | None:
        done = subprocess.run(
            ["git", "rev-parse", "--verify", "-q", revision],
            cwd=self.path,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.strip() or None

    def release(self, tag: str, files: Files) -> str:
        """A commit of these files with a lightweight tag; its id."""
        return self._import(files, tag, "main", tag)


def _file(path: str | bytes, content: Content) -> bytes:
    """The line of an import for one file, with what it holds."""
    mode, held = content if isinstance(content, tuple) else ("100644", content)
    name = path.encode() if isinstance(path, str) else path
    for special in (b"\\", b'"', b"\n"):
        name = name.replace(special, b"\\n" if special == b"\n" else b"\\" + special)
    if mode == "160000":
        return b'M 160000 %b "%b"\n' % (held, name)
    return b'M %b inline "%b"\n' % (mode.encode(), name) + _data(held)


def _data(content: bytes) -> bytes:
    return b"data %d\n%b\n" % (len(content), content)
