"""Host repositories and manifests for the program under measurement."""

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.benchmarks.upstreams import PROPOSAL_TAG, PROPOSALS


def new_host(path: Path, manifest: str | None = None) -> Path:
    """A fresh git repository with one commit, and the manifest if there is one."""
    path.mkdir(parents=True)
    git(path, "init", "--quiet", "--initial-branch=main")
    git(path, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "--quiet", "--allow-empty", "--message=root")
    if manifest is not None:
        (path / "third_party").mkdir()
        (path / "third_party" / "mirrors.toml").write_text(manifest)
    return path


def mirror_table(name: str, url: str, tag: str, **keys: str | bool | list[str]) -> str:
    """A mirror's table of the manifest; `_` in a key stands for `-`, and `from_` for `from`."""
    values: Mapping[str, str | bool | list[str]] = {"url": url, "tag": tag, **keys}
    lines = [f"{key.rstrip('_').replace('_', '-')} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join([f'[mirrors."{name}"]', *lines, "", ""])


def proposals_manifest(base_url: str) -> str:
    """The seven proposals at 0.2.6, each from its own repository."""
    return "".join(mirror_table(n, f"{base_url}/wasi-{n}", PROPOSAL_TAG, from_="wit") for n in PROPOSALS)


def shipped_shape(base_url: str, tags: Iterable[str], singles: Iterable[str]) -> str:
    """A manifest in the shape of the shipped one: most mirrors from one repository at two tags, some from their own."""
    tables = [
        mirror_table(f"{name}-{tag}", f"{base_url}/WASI", tag, from_=f"proposals/{name}/wit", checked_in=False)
        for tag in tags
        for name in PROPOSALS
    ]
    tables += [
        mirror_table(f"single-{name}", f"{base_url}/wasi-{name}", PROPOSAL_TAG, from_="wit", checked_in=False) for name in singles
    ]
    return "".join(tables)


def git(directory: Path, *arguments: str, **variables: str) -> str:
    """What git prints when it is run there."""
    done = subprocess.run(["git", *arguments], cwd=directory, check=True, stdout=subprocess.PIPE, env={**os.environ, **variables})
    return done.stdout.decode()
