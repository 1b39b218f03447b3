"""Hosts: real git repositories that hold mirrors, and what their manifests say."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.git import git
from tests.support.program import Ran, run_tool

LOOKS = (
    ("status",),
    ("verify",),
    ("verify", "--index"),
    ("verify", "--rev", "HEAD"),
    ("check",),
    ("check", "--all"),
    ("check", "--range", "HEAD"),
)
"""The commands that look at a host, in every state that it has."""


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

    def run(self, *arguments: str, **options: Any) -> Ran:
        """With the input, the limit and the environment that `run_tool` takes."""
        return run_tool(self.path, *arguments, **options)

    def git(self, *arguments: str, **options: Any) -> str:
        """With the input and the environment that `git_bytes` takes."""
        return git(self.path, *arguments, **options)

    def sync(self, *arguments: str) -> Ran:
        """Run `sync`; it has to succeed."""
        ran = self.run("sync", *arguments)
        assert ran.status == 0, ran.err
        return ran

    def snapshot(self) -> dict[str, bytes]:
        """Every file below the host but git's own, with its bytes: to show that nothing changed."""
        files = (
            path
            for path in sorted(self.path.rglob("*"))
            if ".git" not in path.relative_to(self.path).parts[:1]
        )
        return {
            str(path.relative_to(self.path)): os.readlink(path).encode()
            if path.is_symlink()
            else path.read_bytes()
            for path in files
            if path.is_symlink() or path.is_file()
        }


Key = str | bool | int | list[str]
"""A value of a mirror's table in the manifest."""


def mirror(name: str, url: str, **keys: Key) -> str:
    """A manifest table; keys are given with `_` for `-`, and `from_` for `from`."""
    values = {"url": url, **keys}
    lines = [
        f"{key.rstrip('_').replace('_', '-')} = {json.dumps(value)}"
        for key, value in values.items()
    ]
    return f'[mirrors."{name}"]\n' + "\n".join(lines) + "\n"


def commit(host: Host, message: str = "a change") -> str:
    """Commit all that is changed; gives the id of the commit."""
    host.git("add", "--all")
    host.git("commit", "--quiet", "-m", message)
    return host.git("rev-parse", "HEAD")


def with_judging_server(host: Host, server: Path) -> Host:
    """The host with all hooks, and with an origin that has a hook too."""
    git(host.path, "clone", "--quiet", "--bare", str(host.path), str(server))
    host.git("remote", "add", "origin", str(server))
    host.git("fetch", "--quiet", "origin")
    for where, options in ((host, []), (Host(server), ["--pre-receive"])):
        assert where.run("hook", "install", *options).status == 0
    return host
