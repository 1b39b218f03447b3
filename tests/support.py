"""What the tests are made of: upstreams and hosts as real git repositories, and the program run as users run it."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests import forked

# one clock for all commits, so that ids are the same in every run
_CLOCK = {"GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z", "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z"}

CONFIGURATIONS = (
    (),
    ("-c", "core.autocrlf=true"),
    ("-c", "core.autocrlf=input"),
    ("-c", "core.eol=crlf"),
)
"""What a contributor's git may say of line endings, and what it has by itself on each system."""


def git(directory: Path, *arguments: str, stdin: bytes = b"", **environment: str) -> str:
    """Run git and give what it prints; CalledProcessError if it fails."""
    return git_bytes(directory, *arguments, stdin=stdin, **environment).decode("utf-8", "surrogateescape").strip()


def git_bytes(directory: Path, *arguments: str, stdin: bytes = b"", **environment: str) -> bytes:
    done = subprocess.run(
        ["git", *arguments],
        cwd=directory,
        input=stdin,
        capture_output=True,
        env={**os.environ, **_CLOCK, **environment},
        check=False,
    )
    if done.returncode != 0:
        raise AssertionError(f"git {' '.join(arguments)} failed:\n{done.stdout.decode()}{done.stderr.decode()}")
    return done.stdout


@dataclass(frozen=True)
class Ran:
    """A finished run of the program."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        return json.loads(self.out)


def run_tool(directory: Path, *arguments: str, stdin: bytes = b"", timeout: float = 60, **environment: str) -> Ran:
    """Run the program as a process of its own, in `directory`."""
    whole = {**os.environ, "PYTHONPATH": str(forked.ROOT), **environment}
    run = forked.run if forked.is_possible(whole) else _run_fresh
    status, out, err = run(directory, arguments, whole, stdin, timeout)
    ran = Ran(status, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))
    assert "Traceback" not in ran.err, ran.err
    return ran


def _run_fresh(
    directory: Path, arguments: tuple[str, ...], environment: Mapping[str, str], stdin: bytes, timeout: float
) -> tuple[int, bytes, bytes]:
    command = [sys.executable, "-m", "sync", *arguments]
    done = subprocess.run(
        command,
        cwd=directory,
        input=stdin,
        capture_output=True,
        timeout=timeout,
        env=environment,
        check=False,
        start_new_session=True,
    )
    return done.returncode, done.stdout, done.stderr


@dataclass(frozen=True)
class Upstream:
    """A repository to mirror from; its files are written through git's plumbing, so every byte is as given."""

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
            return git(self.path, "hash-object", "-w", "--no-filters", "--stdin-paths", stdin=names).splitlines()

    def tree(self, files: Mapping[str | bytes, bytes | tuple[str, bytes]]) -> str:
        """A tree of path → content, or path → (mode, content); for mode 160000 the content is a commit id."""
        entries = [value if isinstance(value, tuple) else ("100644", value) for value in files.values()]
        blobs = iter(self._blobs([content for mode, content in entries if mode != "160000"]))
        lines = []
        for path, (mode, content) in zip(files, entries, strict=True):
            named = content.decode() if mode == "160000" else next(blobs)
            name = path.encode() if isinstance(path, str) else path
            lines.append(f"{mode} {named}\t".encode() + name + b"\0")
        index = self.path / "scratch-index"
        index.unlink(missing_ok=True)
        git(self.path, "update-index", "-z", "--index-info", stdin=b"".join(lines), GIT_INDEX_FILE=str(index))
        return git(self.path, "write-tree", "--missing-ok", GIT_INDEX_FILE=str(index))

    def commit(
        self, files: Mapping[str | bytes, bytes | tuple[str, bytes]], *, message: str = "change", branch: str | None = "main"
    ) -> str:
        """A commit of exactly these files on top of the branch; on no branch at all if `branch` is None."""
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
            ["git", "rev-parse", "--verify", "-q", revision], cwd=self.path, capture_output=True, text=True, check=False
        )
        return done.stdout.strip() or None

    def release(self, tag: str, files: Mapping[str | bytes, bytes | tuple[str, bytes]]) -> str:
        """A commit of these files with a lightweight tag; its id."""
        commit = self.commit(files, message=tag)
        self.tag(tag, commit)
        return commit


@dataclass(frozen=True)
class Host:
    """A repository that holds mirrors."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> "Host":
        path.mkdir(parents=True)
        git(path, "init", "--quiet")
        git(path, "commit", "--quiet", "--allow-empty", "-m", "root")
        return cls(path)

    @property
    def third_party(self) -> Path:
        return self.path / "third_party"

    def manifest(self, text: str) -> None:
        self.third_party.mkdir(exist_ok=True)
        (self.third_party / "mirrors.toml").write_text(text)

    def record(self, name: str) -> dict:
        return json.loads((self.third_party / "provenance" / f"{name}.json").read_bytes())

    def run(self, *arguments: str, **options: object) -> Ran:
        return run_tool(self.path, *arguments, **options)

    def git(self, *arguments: str, **options: str) -> str:
        return git(self.path, *arguments, **options)

    def sync(self, *arguments: str) -> Ran:
        """Run `sync`; it has to succeed."""
        ran = self.run("sync", *arguments)
        assert ran.status == 0, ran.err
        return ran

    def snapshot(self) -> dict[str, bytes]:
        """Every file below the host but git's own, with its bytes: to show that nothing changed."""
        files = (path for path in sorted(self.path.rglob("*")) if ".git" not in path.relative_to(self.path).parts[:1])
        return {
            str(path.relative_to(self.path)): os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
            for path in files
            if path.is_symlink() or path.is_file()
        }


def mirror(name: str, url: str, **keys: str | bool | list[str]) -> str:
    """A manifest table; keys are given with `_` for `-`, and `from_` for `from`."""
    values = {"url": url, **keys}
    lines = [f"{key.rstrip('_').replace('_', '-')} = {json.dumps(value)}" for key, value in values.items()]
    return f'[mirrors."{name}"]\n' + "\n".join(lines) + "\n"
