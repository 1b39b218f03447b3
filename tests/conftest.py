"""Fixtures: a scratch home without anybody's configuration, upstreams made with real git, hosts to run the program in."""

import os
import sys
from pathlib import Path

import pytest

from tests.support import Host, Upstream

pytest_plugins = ["tests.browser", "tests.bundles"]


@pytest.fixture(autouse=True)
def scratch_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own for every test: git's configuration, the cache and ssh keys of the machine stay out."""
    home = tmp_path_factory.mktemp("home")
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Tester\n\temail = tester@example.org\n[init]\n\tdefaultBranch = main\n[advice]\n\tdetachedHead = false\n"
    )
    for name in list(os.environ):
        if name.startswith(("GIT_", "XDG_", "SSL_", "SSH_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    # `git verbatim` is the program under test, also where a shell or a hook starts it
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return home


@pytest.fixture
def upstream(tmp_path: Path) -> Upstream:
    """An empty upstream repository."""
    return Upstream.create(tmp_path / "upstream")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host repository with one commit and no mirrors."""
    return Host.create(tmp_path / "host")
