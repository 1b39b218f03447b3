"""What permissions say: the executable bit as git knows it, and bits that no tree can say.

Some disks cannot tell.
"""

import io
import os
import tarfile
from pathlib import Path

import pytest

from tests.support.git import git_bytes
from tests.support.hosts import Host, mirror
from tests.support.upstreams import Content, Upstream

FILES: dict[str, Content] = {
    "a.txt": b"a\n",
    "run.sh": ("100755", b"#!/bin/sh\n"),
    "sub/b.txt": b"b\n",
    "link": ("120000", b"a.txt"),
}


@pytest.fixture
def synced(host: Host, upstream: Upstream) -> Host:
    """A host with a mirror, `up`, that is committed.

    The mirror has a file, an executable, a file below a directory, and a link.
    """
    upstream.release("v1", FILES)
    upstream.release("v2", {**FILES, "a.txt": b"second\n"})
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    host.sync("--commit")
    return host


def _file(host: Host, path: str) -> Path:
    return host.third_party / "up" / path


@pytest.mark.parametrize(
    ("bit", "word"), [(0o4000, "setuid"), (0o2000, "setgid"), (0o1000, "sticky")]
)
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


def test_a_bit_that_no_tree_can_say_is_drift_on_a_licence_beside_a_mirror(
    host: Host, upstream: Upstream
) -> None:
    upstream.release("v1", {"LICENSE": b"free\n", "lib/a.c": b"int a;\n"})
    host.manifest(mirror("up", upstream.url, tag="v1", from_="lib", local=True))
    host.sync("--commit")
    (host.third_party / "licenses/up/LICENSE").chmod(0o4644)
    ran = host.run("verify")
    assert (ran.status, "third_party/licenses/up/LICENSE: mode differs: setuid\n" in ran.out) == (
        1,
        True,
    )


@pytest.mark.parametrize(
    ("file", "directory"), [(0o600, 0o700), (0o664, 0o2775), (0o666, 0o1777), (0o444, 0o555)]
)
def test_permissions_that_git_does_not_record_are_nothing(
    synced: Host, file: int, directory: int
) -> None:
    _file(synced, "a.txt").chmod(file)
    _file(synced, "sub").chmod(directory)
    assert synced.run("verify").status == 0
    assert synced.run("status").status == 0
    assert synced.run("sync").out == "up to date: 1 mirror\n"


# a disk or mount on which git takes modes from the index


def _everything(host: Host, mode: int) -> None:
    for path in host.third_party.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.chmod(mode)


def _link_as_file(path: Path) -> None:
    target = os.readlink(path)
    path.unlink()
    path.write_text(target)


_SWITCHED_OFF = {
    "the repository's configuration": {},
    "the environment": {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.fileMode",
        "GIT_CONFIG_VALUE_0": "no",
    },
}


@pytest.mark.parametrize("mode", [0o644, 0o755, 0o777])
@pytest.mark.parametrize("by", _SWITCHED_OFF)
def test_where_git_takes_modes_from_the_index_so_do_we(synced: Host, by: str, mode: int) -> None:
    if by == "the repository's configuration":
        synced.git("config", "core.fileMode", "false")
    environment = _SWITCHED_OFF[by]
    _everything(synced, mode)
    assert synced.git("status", "--porcelain", **environment) == ""
    for command in ("verify", "status", "report", "sync"):
        ran = synced.run(command, **environment)
        assert (ran.status, "not judged" in ran.out + ran.err) == (0, False), ran
    synced.manifest((synced.third_party / "mirrors.toml").read_text().replace('"v1"', '"v2"'))
    ran = synced.run("sync", "--commit", **environment)
    assert (ran.status, "a change made meanwhile" in ran.err) == (0, False), ran.err
    assert synced.run("verify", "--index").status == 0
    assert synced.run("check", "--all").status == 0
    assert not (synced.third_party / ".git-verbatim").exists()
    assert synced.run("remove", "up", **environment).status == 0
    assert not (synced.third_party / "up").exists()


def test_a_mirror_moves_where_git_takes_modes_from_the_index(synced: Host) -> None:
    synced.git("config", "core.fileMode", "false")
    _everything(synced, 0o755)
    with (synced.third_party / "mirrors.toml").open("a") as manifest:
        manifest.write('into = "elsewhere"\n')
    ran = synced.run("sync", "--commit")
    assert (ran.status, "a change made meanwhile" in ran.err, _file(synced, "").exists()) == (
        0,
        False,
        False,
    ), ran.err
    assert synced.run("check", "--all").status == 0


def test_a_mode_that_the_index_has_otherwise_is_drift_whatever_the_disk_says(synced: Host) -> None:
    synced.git("config", "core.fileMode", "false")
    synced.git("update-index", "--chmod=+x", "third_party/up/a.txt")
    _everything(synced, 0o755)
    ran = synced.run("verify")
    assert (
        ran.status,
        ran.out.count("mode differs"),
        "third_party/up/a.txt: mode differs" in ran.out,
    ) == (1, 1, True)


def test_content_and_special_bits_are_judged_where_modes_are_the_indexs(synced: Host) -> None:
    synced.git("config", "core.fileMode", "false")
    _everything(synced, 0o755)
    _file(synced, "a.txt").write_text("edited\n")
    _file(synced, "run.sh").chmod(0o4755)
    _file(synced, "sub/b.txt").chmod(0o2755)
    out = synced.run("verify").out
    assert "up/a.txt: content differs" in out
    assert "up/run.sh: mode differs: setuid" in out
    assert "up/sub/b.txt: mode differs: setgid" in out


def test_a_link_that_is_a_file_is_one_where_git_takes_it_for_one(synced: Host) -> None:
    _link_as_file(_file(synced, "link"))
    ran = synced.run("verify")
    assert (ran.status, "up/link: is a file of another kind" in ran.out) == (1, True)
    synced.git("config", "core.symlinks", "false")
    assert synced.git("status", "--porcelain") == ""
    assert synced.run("verify").status == 0
    assert synced.run("status").status == 0
    assert synced.run("sync").out == "up to date: 1 mirror\n"
    _file(synced, "link").write_text("elsewhere")
    ran = synced.run("verify")
    assert (ran.status, "up/link: content differs" in ran.out) == (1, True)


def test_modes_that_neither_disk_nor_index_tells_are_not_judged_and_that_is_said(
    host: Host, upstream: Upstream
) -> None:
    upstream.release("v1", FILES)
    host.manifest(mirror("up", upstream.url, tag="v1", checked_in=False, local=True))
    host.sync("--commit")
    host.git("config", "core.fileMode", "false")
    _everything(host, 0o755)
    ran = host.run("verify")
    assert (ran.status, "modes of 2 files not judged" in ran.out) == (0, True)
    assert "modes of 2 files not judged" in host.run("status").out
    _file(host, "a.txt").write_text("edited\n")
    assert host.run("verify").status == 1


# an unpacked archive, without git


@pytest.fixture
def unpacked(synced: Host, tmp_path: Path) -> Host:
    """What a release archive of the host unpacks to."""
    archive = git_bytes(synced.path, "archive", "HEAD")
    unpacked = Host(tmp_path / "unpacked")
    unpacked.path.mkdir()
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(unpacked.path, filter="data")
    return unpacked


@pytest.mark.parametrize("mode", [0o644, 0o755, 0o777])
def test_an_archive_that_cannot_hold_modes_is_judged_by_content_and_says_so(
    unpacked: Host, mode: int
) -> None:
    _everything(unpacked, mode)
    files = 1 if mode == 0o644 else 2
    words = f"modes of {files} file{'s' if files > 1 else ''} not judged: nothing here tells them"
    ran = unpacked.run("verify")
    assert (ran.status, words in ran.out) == (0, True), ran
    assert unpacked.run("verify", "--json").json["mirrors"][0]["unjudged_modes"] == files
    report = unpacked.run("report")
    assert (report.status, report.err) == (0, f"note: {words}\n")
    _file(unpacked, "a.txt").write_text("edited\n")
    ran = unpacked.run("verify")
    assert (ran.status, "up/a.txt: content differs" in ran.out, "mode differs" in ran.out) == (
        1,
        True,
        False,
    )
    assert unpacked.run("report").status == 1


def test_an_archive_that_cannot_hold_links_is_judged_by_what_they_name(unpacked: Host) -> None:
    _link_as_file(_file(unpacked, "link"))
    _everything(unpacked, 0o777)
    ran = unpacked.run("verify")
    assert (ran.status, "modes of 3 files not judged" in ran.out) == (0, True), ran
    assert unpacked.run("report", "nix").status == 0
    _file(unpacked, "link").write_text("elsewhere")
    assert unpacked.run("verify").status == 1


def test_an_archive_that_holds_modes_is_judged_by_them(unpacked: Host) -> None:
    assert unpacked.run("verify").status == 0
    _file(unpacked, "a.txt").chmod(0o755)
    ran = unpacked.run("verify")
    assert (ran.status, "third_party/up/a.txt: mode differs" in ran.out) == (1, True)
    _file(unpacked, "a.txt").chmod(0o644)
    _link_as_file(_file(unpacked, "link"))
    (unpacked.third_party / "another").symlink_to("up")
    ran = unpacked.run("verify")
    assert (ran.status, "third_party/up/link: is a file of another kind" in ran.out) == (1, True)
