"""Peers from PyPI, in a virtual environment of their own.

Each has its own configuration for the same job.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tests.harnesses.benchmarks.harness import (
    BUILD,
    BrokenRunError,
    Command,
    Contender,
    environment,
    measure,
)
from tests.harnesses.benchmarks.hosts import Wanted, new_host

_ENVIRONMENT = BUILD / "bench-venv"
_PACKAGES = ("peru", "dfetch", "git-third-party", "pre-commit")
_FRAMEWORK = _ENVIRONMENT / "bin" / "pre-commit"


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool that vendors directories of git repositories."""

    name: str
    configuration_file: str
    configuration: Callable[[Sequence[Wanted]], str]
    arguments: tuple[str, ...]

    @property
    def program(self) -> Path:
        return _ENVIRONMENT / "bin" / self.name

    def job(self, host: Path, wanted: Sequence[Wanted]) -> Command:
        """All that is wanted, into a new host."""
        new_host(host)
        (host / self.configuration_file).write_text(self.configuration(wanted))
        return Command([str(self.program), *self.arguments], host)


def installed() -> list[Peer]:
    """The peers that are there, installed first if need be.

    Without a package index they are left out with a message.
    """
    _install_lacking()
    return [peer for peer in _PEERS if peer.program.exists()]


def satisfied(wanted: Sequence[Wanted], scratch: Path) -> Iterator[Contender]:
    """The peers that are there, each in a host of its own where nothing is left to do."""
    for peer in installed():
        home = environment(scratch / f"{peer.name}-home")
        command = replace(peer.job(scratch / peer.name, wanted), variables=home)
        measure([command], {})
        for w in wanted:
            if not any((command.directory / "third_party" / w.name).iterdir()):
                raise BrokenRunError(f"{peer.name} has not made {w.name}")
        yield Contender(peer.name, partial(_again, command))


def _again(command: Command, _: Path) -> list[Command]:
    return [command]


def hook_framework() -> Path | None:
    """The pre-commit framework's program; None where it could not be installed."""
    _install_lacking()
    return _FRAMEWORK if _FRAMEWORK.exists() else None


def _install_lacking() -> None:
    if all(program.exists() for program in (_FRAMEWORK, *(peer.program for peer in _PEERS))):
        return
    subprocess.run([sys.executable, "-m", "venv", str(_ENVIRONMENT)], check=True)
    done = subprocess.run(
        [str(_ENVIRONMENT / "bin" / "pip"), "install", "--quiet", *_PACKAGES], check=False
    )
    if done.returncode != 0:
        print("peers could not be installed: they are left out of the table", file=sys.stderr)


def _peru(wanted: Sequence[Wanted]) -> str:
    """Its names have no dots."""
    names = {w: w.name.replace(".", "-") for w in wanted}
    imports = "".join(f"  {names[w]}: third_party/{w.name}\n" for w in wanted)
    modules = "".join(
        f"git module {names[w]}:\n  url: {w.url}\n  rev: {w.tag}\n  export: {w.directory}\n\n"
        for w in wanted
    )
    return f"imports:\n{imports}\n{modules}"


def _dfetch(wanted: Sequence[Wanted]) -> str:
    projects = "".join(
        f"  - name: {w.name}\n    url: {w.url}\n    vcs: git\n"
        f"    tag: {w.tag}\n    src: {w.directory}\n    dst: third_party/{w.name}\n"
        for w in wanted
    )
    return f"manifest:\n  version: '0.0'\n  projects:\n{projects}"


def _git_third_party(wanted: Sequence[Wanted]) -> str:
    return "".join(
        f'[[third_party]]\ndir = "third_party/{w.name}"\nurl = "{w.url}"\npin = "{w.tag}"\nsubdir = "{w.directory}"\n\n'
        for w in wanted
    )


_PEERS = (
    Peer("peru", "peru.yaml", _peru, ("sync",)),
    Peer("dfetch", "dfetch.yaml", _dfetch, ("update",)),
    Peer("git-third-party", "third-party.toml", _git_third_party, ("update",)),
)
