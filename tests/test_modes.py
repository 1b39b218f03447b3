"""What permissions say: the executable bit as git knows it, bits that no tree can say, and disks that cannot tell."""

from pathlib import Path

import pytest

from tests.support import Host, Upstream, mirror

FILES = {"a.txt": b"a\n", "run.sh": ("100755", b"#!/bin/sh\n"), "sub/b.txt": b"b\n", "link": ("120000", b"a.txt")}


@pytest.fixture
def synced(host: Host, upstream: Upstream) -> Host:
    """A host with a mirror, `up`, of a file, an executable, a file below a directory, and a link; committed."""
    upstream.release("v1", FILES)
    upstream.release("v2", {**FILES, "a.txt": b"second\n"})
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    host.sync("--commit")
    return host


def _file(host: Host, path: str) -> Path:
    return host.third_party / "up" / path


@pytest.mark.parametrize(("bit", "word"), [(0o4000, "setuid"), (0o2000, "setgid"), (0o1000, "sticky")])
def test_a_bit_that_no_tree_can_say_is_drift(synced: Host, bit: int, word: str) -> None:
    script = _file(synced, "run.sh")
    script.chmod(0o755 | bit)
    ran = synced.run("verify")
    assert (ran.status, ran.out.splitlines()[:3]) == (
        1,
        ["up", "  mirror-differs-from-record", f"    third_party/up/run.sh: mode differs: {word}"],
    )
    assert synced.run("status").status == 1
    assert synced.run("report").status == 1
    refused = synced.run("sync")
    assert (refused.status, "third_party/up/run.sh" in refused.err) == (2, True)
    synced.sync("--discard-local")
    assert script.stat().st_mode & 0o7777 == 0o755
    assert synced.run("verify").status == 0


def test_a_bit_that_no_tree_can_say_is_drift_on_a_licence_beside_a_mirror(host: Host, upstream: Upstream) -> None:
    upstream.release("v1", {"LICENSE": b"free\n", "lib/a.c": b"int a;\n"})
    host.manifest(mirror("up", upstream.url, tag="v1", from_="lib", local=True))
    host.sync("--commit")
    (host.third_party / "licenses/up/LICENSE").chmod(0o4644)
    ran = host.run("verify")
    assert (ran.status, "third_party/licenses/up/LICENSE: mode differs: setuid\n" in ran.out) == (1, True)


@pytest.mark.parametrize(("file", "directory"), [(0o600, 0o700), (0o664, 0o2775), (0o666, 0o1777), (0o444, 0o555)])
def test_permissions_that_git_does_not_record_are_nothing(synced: Host, file: int, directory: int) -> None:
    _file(synced, "a.txt").chmod(file)
    _file(synced, "sub").chmod(directory)
    assert synced.run("verify").status == 0
    assert synced.run("status").status == 0
    assert synced.run("sync").out == "up to date: 1 mirror\n"
