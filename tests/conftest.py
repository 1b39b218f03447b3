"""Fixtures: a scratch home without anybody's configuration, upstreams and servers, hosts.

The upstreams and servers are real git; the program runs in the hosts. Scratch directories lie in
memory if there is room, unless TMPDIR says where: each sync has its file system written out, and
would wait for what all other tests have written to a disk.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support import forked
from tests.support.certificates import make_certificate
from tests.support.git import USER_CONFIGURATION
from tests.support.git_http import GitHttp, git_http
from tests.support.hosts import Host
from tests.support.ssh import Ssh, install_ssh, ssh_server, ssh_trouble
from tests.support.upstreams import Upstream

pytest_plugins = ["tests.support.browser", "tests.support.bundles", "tests.support.large"]

_MEMORY = Path("/dev/shm")
_ENOUGH = 4 << 30
"""More bytes than all tests together leave until they have passed."""

_GIT_CONFIGURATION = f"{USER_CONFIGURATION}[advice]\n\tdetachedHead = false\n"


def pytest_configure(config: pytest.Config) -> None:
    if "TMPDIR" in os.environ or not _has_room(_MEMORY):
        return
    scratch = tempfile.mkdtemp(prefix="git-verbatim-tests-", dir=_MEMORY)
    config.add_cleanup(partial(shutil.rmtree, scratch, ignore_errors=True))
    os.environ["TMPDIR"] = tempfile.tempdir = scratch
    # beside it, and not inside, since what a failed test leaves is kept
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


def _has_room(directory: Path) -> bool:
    """Whether files may be made there, and started as programs."""
    if sys.platform != "linux" or not os.access(directory, os.W_OK):
        return False
    system = os.statvfs(directory)
    free = system.f_bavail * system.f_frsize
    return free >= _ENOUGH and not system.f_flag & os.ST_NOEXEC


def _made_home(factory: pytest.TempPathFactory) -> Path:
    home = factory.mktemp("home")
    (home / ".gitconfig").write_text(_GIT_CONFIGURATION)
    return home


@pytest.fixture(scope="session", autouse=True)
def nothing_of_the_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep out the machine's git configuration, cache and ssh keys.

    They stay out of what several tests share, too.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("GIT_", "XDG_", "SSL_", "SSH_")) or name.lower().endswith("_proxy"):
                patch.delenv(name)
        patch.setenv("HOME", str(_made_home(tmp_path_factory)))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        # `git verbatim` is the program under test, also where a shell or a hook starts it
        programs = tmp_path_factory.mktemp("programs")
        forked.install(programs / "git-verbatim")
        path = [str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]
        patch.setenv("PATH", os.pathsep.join(path))
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


@pytest.fixture
def site(tmp_path: Path) -> Iterator[GitHttp]:
    """An HTTP server for every repository of the test."""
    with git_http(tmp_path) as site:
        yield site


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHttp]:
    """The same over HTTPS, with an authority that the environment names."""
    certificate = make_certificate(tmp_path / "tls")
    monkeypatch.setenv("GIT_SSL_CAINFO", str(certificate.authority))
    with git_http(tmp_path, certificate=certificate) as site:
        yield site


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[GitHttp]:
    """An HTTP server that lets one account in."""
    with git_http(tmp_path, account=("user", "s3cret")) as site:
        yield site


@pytest.fixture
def ssh(tmp_path: Path, scratch_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ssh]:
    """A server, and an ssh that takes the scratch home for the user's."""
    if trouble := ssh_trouble():
        pytest.skip(trouble)
    programs = install_ssh(scratch_home, tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    with ssh_server(tmp_path / "sshd") as server:
        yield server
