"""Fixtures: a scratch home without anybody's configuration, upstreams made with real git, hosts to run the program in."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import Host, Upstream

pytest_plugins = ["tests.browser", "tests.bundles"]

_GIT_CONFIGURATION = """\
[user]
\tname = Tester
\temail = tester@example.org
[init]
\tdefaultBranch = main
[advice]
\tdetachedHead = false
"""


def _made_home(factory: pytest.TempPathFactory) -> Path:
    home = factory.mktemp("home")
    (home / ".gitconfig").write_text(_GIT_CONFIGURATION)
    return home


@pytest.fixture(scope="session", autouse=True)
def nothing_of_the_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The machine's git configuration, cache and ssh keys stay out, also of what several tests share."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("GIT_", "XDG_", "SSL_", "SSH_")) or name.lower().endswith("_proxy"):
                patch.delenv(name)
        patch.setenv("HOME", str(_made_home(tmp_path_factory)))
        # `git verbatim` is the program under test, also where a shell or a hook starts it
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        yield


@pytest.fixture(autouse=True)
def scratch_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own for every test."""
    home = _made_home(tmp_path_factory)
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.fixture
def upstream(tmp_path: Path) -> Upstream:
    """An empty upstream repository."""
    return Upstream.create(tmp_path / "upstream")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host repository with one commit and no mirrors."""
    return Host.create(tmp_path / "host")
