"""Host repositories and manifests for the program under measurement."""

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.harnesses.benchmarks.upstreams import PROPOSAL_TAG, PROPOSALS


@dataclass(frozen=True, slots=True)
class Wanted:
    """A directory of an upstream at a tag; every tool has its own words for it."""

    name: str
    url: str
    tag: str
    directory: str


def new_host(path: Path, manifest: str | None = None) -> Path:
    """A fresh git repository with one commit, and the manifest if there is one."""
    path.mkdir(parents=True)
    git(path, "init", "--quiet", "--initial-branch=main")
    git(
        path,
        "-c",
        "user.name=A",
        "-c",
        "user.email=a@example.org",
        "commit",
        "--quiet",
        "--allow-empty",
        "--message=root",
    )
    if manifest is not None:
        (path / "third_party").mkdir()
        (path / "third_party" / "mirrors.toml").write_text(manifest)
    return path


def mirror_table(name: str, url: str, tag: str, **keys: str | bool | list[str]) -> str:
    """A mirror's table of the manifest; `_` in a key stands for `-`, and `from_` for `from`."""
    values: Mapping[str, str | bool | list[str]] = {"url": url, "tag": tag, **keys}
    lines = [
        f"{key.rstrip('_').replace('_', '-')} = {json.dumps(value)}"
        for key, value in values.items()
    ]
    return "\n".join([f'[mirrors."{name}"]', *lines, "", ""])


def manifest(wanted: Iterable[Wanted], **keys: str | bool | list[str]) -> str:
    """Of a mirror for each."""
    return "".join(mirror_table(w.name, w.url, w.tag, from_=w.directory, **keys) for w in wanted)


def small_upstreams(base_url: str) -> list[Wanted]:
    """The seven proposals at 0.2.6, each from its own repository."""
    return [Wanted(n, f"{base_url}/wasi-{n}", PROPOSAL_TAG, "wit") for n in PROPOSALS]


def shipped_shape(base_url: str, tags: Iterable[str], singles: Iterable[str]) -> list[Wanted]:
    """As the shipped manifest: most from one repository at two tags, some from their own."""
    return [
        *(
            Wanted(f"{name}-{tag}", f"{base_url}/WASI", tag, f"proposals/{name}/wit")
            for tag in tags
            for name in PROPOSALS
        ),
        *(
            Wanted(f"single-{name}", f"{base_url}/wasi-{name}", PROPOSAL_TAG, "wit")
            for name in singles
        ),
    ]


def git(directory: Path, *arguments: str, **variables: str) -> str:
    """What git prints when it is run there."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=directory,
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, **variables},
    )
    return done.stdout.decode()
