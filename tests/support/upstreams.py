"""Upstreams: real git repositories to mirror from."""

import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.support.git import git

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
        git(path, "init", "--quiet", "--bare")
        # as GitHub does; without it a server refuses commits that no ref names
        git(path, "config", "uploadpack.allowReachableSHA1InWant", "true")
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
        parents = []
        if branch is not None and (parent := self.resolve(f"refs/heads/{branch}")):
            parents = ["-p", parent]
        commit = git(self.path, "commit-tree", *parents, "-m", message, self.tree(files))
        if branch is not None:
            git(self.path, "update-ref", f"refs/heads/{branch}", commit)
        return commit

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
        commit = self.commit(files, message=tag)
        self.tag(tag, commit)
        return commit
