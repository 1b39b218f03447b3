"""Peers from PyPI, in a virtual environment of their own, each with its own configuration for the same job."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.harness import BUILD
from tests.benchmarks.upstreams import PROPOSAL_TAG, PROPOSALS

_ENVIRONMENT = BUILD / "bench-venv"
_PACKAGES = ("peru", "dfetch", "git-third-party", "pre-commit")
_FRAMEWORK = _ENVIRONMENT / "bin" / "pre-commit"


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool that vendors directories of git repositories."""

    name: str
    configuration_file: str
    configuration: Callable[[str], str]
    """Its configuration for the seven proposals, given the upstreams' base URL."""
    arguments: tuple[str, ...]

    @property
    def program(self) -> Path:
        return _ENVIRONMENT / "bin" / self.name


def installed() -> list[Peer]:
    """The peers that are there, installed first if need be; without a package index they are left out with a message."""
    _install_lacking()
    return [peer for peer in _PEERS if peer.program.exists()]


def hook_framework() -> Path | None:
    """The pre-commit framework's program; None where it could not be installed."""
    _install_lacking()
    return _FRAMEWORK if _FRAMEWORK.exists() else None


def _install_lacking() -> None:
    if all(program.exists() for program in (_FRAMEWORK, *(peer.program for peer in _PEERS))):
        return
    subprocess.run([sys.executable, "-m", "venv", str(_ENVIRONMENT)], check=True)
    done = subprocess.run([str(_ENVIRONMENT / "bin" / "pip"), "install", "--quiet", *_PACKAGES], check=False)
    if done.returncode != 0:
        print("peers could not be installed: they are left out of the table", file=sys.stderr)


def _peru(url: str) -> str:
    imports = "".join(f"  {name}: third_party/{name}\n" for name in PROPOSALS)
    modules = "".join(
        f"git module {name}:\n  url: {url}/wasi-{name}\n  rev: {PROPOSAL_TAG}\n  export: wit\n\n" for name in PROPOSALS
    )
    return f"imports:\n{imports}\n{modules}"


def _dfetch(url: str) -> str:
    projects = "".join(
        f"  - name: {name}\n    url: {url}/wasi-{name}\n    vcs: git\n"
        f"    tag: {PROPOSAL_TAG}\n    src: wit\n    dst: third_party/{name}\n"
        for name in PROPOSALS
    )
    return f"manifest:\n  version: '0.0'\n  projects:\n{projects}"


def _git_third_party(url: str) -> str:
    return "".join(
        f'[[third_party]]\ndir = "third_party/{name}"\nurl = "{url}/wasi-{name}"\npin = "{PROPOSAL_TAG}"\nsubdir = "wit"\n\n'
        for name in PROPOSALS
    )


_PEERS = (
    Peer("peru", "peru.yaml", _peru, ("sync",)),
    Peer("dfetch", "dfetch.yaml", _dfetch, ("update",)),
    Peer("git-third-party", "third-party.toml", _git_third_party, ("update",)),
)
