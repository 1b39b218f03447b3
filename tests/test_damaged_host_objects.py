"""Objects of the host that are cut off or changed on disk.

Each is an error in words, said soon, and never taken for something else.
"""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.git import git
from tests.support.hosts import Host, mirror
from tests.support.upstreams import Upstream

COMMANDS = [
    ("verify",),
    ("verify", "--index"),
    ("verify", "--rev", "HEAD"),
    ("verify", "--rev", "main"),
    ("status",),
    ("check",),
    ("check", "--all"),
    ("check", "--range", "HEAD~1..HEAD"),
    ("sync", "--commit"),
    ("report", "json"),
]


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A host with one mirror, every object of it loose."""
    top = tmp_path_factory.mktemp("damaged")
    upstream, host = Upstream.create(top / "upstream"), Host.create(top / "host")
    upstream.release("v1", {"a": b"a\n", "b/c": b"c\n"})
    host.git("branch", "-M", "main")
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    host.sync("--commit")
    return host.path


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-6])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [cut, flip], ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("revision", ["HEAD", "HEAD^{tree}", "HEAD:third_party/up/a"])
def test_a_damaged_object_ends_no_command_in_a_hang_or_a_crash(
    synced: Path, tmp_path: Path, revision: str, damage: Callable[[Path], None]
) -> None:
    for number, command in enumerate(COMMANDS):
        git(tmp_path, "clone", "--quiet", "--no-hardlinks", str(synced), f"host{number}")
        host = Host(tmp_path / f"host{number}")
        object_id = host.git("rev-parse", revision)
        path = host.path / ".git/objects" / object_id[:2] / object_id[2:]
        path.chmod(0o600)
        damage(path)
        before = host.snapshot()
        start = time.monotonic()
        ran = host.run(*command, timeout=20)
        assert time.monotonic() - start < 10
        assert ran.status in {0, 2, 3}, f"{command}: {ran}"
        assert (ran.status == 0) or ran.err.startswith("error: "), f"{command}: {ran}"
        assert "bug" not in ran.err
        assert host.snapshot() == before
