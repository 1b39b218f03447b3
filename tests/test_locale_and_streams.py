"""What a process may be started with.

It may have any locale and encoding, closed or full streams, no home, or a directory that is gone.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.forked import FRESH_HOOKS
from tests.support.git import git
from tests.support.hosts import Host
from tests.support.project import ROOT
from tests.support.upstreams import Upstream

TROUBLE = 2


@pytest.fixture
def named(upstream: Upstream) -> Upstream:
    """An upstream with a name beyond ASCII, and beyond every code page."""
    upstream.release("v1", {"é.txt": b"a\n", "Δ/日本.txt": b"b\n"})
    return upstream


def add(upstream: Upstream, *options: str) -> str:
    return " ".join(["add", "up", upstream.url, "--local", "--tag", "v1", *options])


def shell(
    host: Host, arguments: str, redirections: str = "", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Run the program by way of a shell, which can close its streams."""
    return subprocess.run(
        f"exec {sys.executable} -m sync {arguments} {redirections}",
        shell=True,
        cwd=host.path,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )


LEGACY = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
ENCODINGS: dict[str, tuple[dict[str, str], str]] = {
    "ascii, strictly": ({"PYTHONIOENCODING": "ascii:strict"}, "ascii"),
    "cp437": ({"PYTHONIOENCODING": "cp437"}, "cp437"),
    "cp1252": ({"PYTHONIOENCODING": "cp1252"}, "cp1252"),
    "utf-16": ({"PYTHONIOENCODING": "utf-16"}, "utf-16"),
    "a C locale": ({"LC_ALL": "C"}, "utf-8"),
    "a C locale without UTF-8": (LEGACY, "ascii"),
    "a C locale without UTF-8, and an encoding": ({**LEGACY, "PYTHONIOENCODING": "cp437"}, "cp437"),
}


@pytest.mark.parametrize(("environment", "encoding"), ENCODINGS.values(), ids=ENCODINGS)
def test_output_is_written_in_any_encoding_with_what_it_lacks_escaped(
    host: Host, named: Upstream, environment: dict[str, str], encoding: str
) -> None:
    host.run("init", "--no-hooks")
    done = shell(host, add(named, "--into", "é", "--commit"), **environment)
    assert done.returncode == 0, done.stderr
    commit, tree = git(named.path, "rev-parse", "v1^{commit}", "v1^{tree}").splitlines()
    expected = (
        f"up  v1  third_party/é\n  commit {commit[:12]}, tree {tree[:12]}\n  + é.txt\n  + Δ/日本.txt\n"
        f"synced 1 mirror, commit {host.git('rev-parse', 'HEAD')[:12]}\n"
    )
    assert done.stdout.decode(encoding) == expected.encode(encoding, "backslashreplace").decode(
        encoding
    )
    assert git(host.path, "rev-parse", "HEAD:third_party/é") == tree
    assert (host.third_party / "é" / "Δ" / "日本.txt").read_bytes() == b"b\n"
    assert shell(host, "verify", **environment).returncode == 0


@pytest.mark.parametrize(("environment", "encoding"), ENCODINGS.values(), ids=ENCODINGS)
def test_errors_and_help_are_written_in_any_encoding(
    host: Host, environment: dict[str, str], encoding: str
) -> None:
    host.run("init", "--no-hooks")
    refused = shell(host, "add é /nowhere --local --tag v1", **environment)
    assert (refused.returncode, refused.stdout) == (TROUBLE, b"")
    wanted = "error: `é` is no mirror name".encode(encoding, "backslashreplace").decode(encoding)
    assert refused.stderr.decode(encoding).splitlines()[0] == wanted
    assert shell(host, "add --é", **environment).returncode == TROUBLE
    helped = shell(host, "add --help", **environment)
    assert (helped.returncode, helped.stderr) == (0, b"")


def test_reports_are_utf_8_whatever_is_printed(host: Host, named: Upstream) -> None:
    host.run("init", "--no-hooks")
    shell(host, add(named, "--commit"))
    written = shell(host, "report json -o report.json", **LEGACY)
    assert written.returncode == 0, written.stderr
    printed = shell(host, "report json", **LEGACY)
    assert (
        printed.stdout
        == (host.path / "report.json").read_bytes()
        == shell(host, "report json").stdout
    )


def test_a_hook_refuses_in_any_encoding(host: Host, named: Upstream) -> None:
    host.run("init", **{FRESH_HOOKS: "1"})
    shell(host, add(named, "--commit"))
    (host.third_party / "up" / "é.txt").write_bytes(b"edited\n")
    host.git("add", "-A")
    done = shell(host, "hook run pre-commit", PYTHONIOENCODING="ascii")
    assert (done.returncode, rb"third_party/up/\xe9.txt" in done.stderr) == (1, True), done.stderr


@pytest.mark.parametrize("option", ["--from", "--exclude"])
def test_an_argument_that_the_manifest_cannot_hold_is_refused(
    host: Host, named: Upstream, option: str
) -> None:
    host.run("init", "--no-hooks")
    before = host.snapshot()
    done = shell(host, add(named, option, "$(printf '\\377')"))
    assert (done.returncode, host.snapshot()) == (TROUBLE, before)
    assert done.stderr.decode().splitlines() == [
        f"error: {option} is not UTF-8",
        r"  \udcff",
        "hint: the manifest is UTF-8 and cannot hold it; name what is named in UTF-8",
    ]


def test_a_repository_may_lie_where_no_name_is_utf_8(tmp_path: Path, named: Upstream) -> None:
    host = Host.create(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")))
    host.run("init", **{FRESH_HOOKS: "1"})
    assert shell(host, add(named, "--commit")).returncode == 0
    git(host.path, "worktree", "add", "--quiet", "../linked")
    for place in (host, Host(host.path.parent / "linked")):
        for command in ("status", "verify", "check --all", "report json"):
            done = shell(place, command)
            assert done.returncode == 0, done.stderr


# streams


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_with_closed_streams_it_does_the_same(host: Host, named: Upstream, closed: str) -> None:
    """Git does so too.

    Otherwise the first file that is opened would be taken for a stream, and written over.
    """
    host.run("init", "--no-hooks")
    assert shell(host, add(named, "--commit"), closed).returncode == 0
    assert shell(host, "verify", closed).returncode == 0
    assert host.git("fsck") == ""
    (host.third_party / "up" / "é.txt").write_bytes(b"edited\n")
    assert shell(host, "verify", closed).returncode == 1
    assert shell(host, "verify nothing", closed).returncode == TROUBLE
    assert shell(host, "--help", closed).returncode == 0


@pytest.mark.parametrize("hook", ["pre-push", "pre-receive"])
def test_a_hook_that_is_given_nothing_to_read_does_not_pass(host: Host, hook: str) -> None:
    done = shell(host, f"hook run {hook}", "<&-")
    assert (done.returncode, done.stderr) == (
        TROUBLE,
        f"error: {hook} reads on stdin what git gives it\nhint: let git call it\n".encode(),
    )


@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-", ">&- 2>/dev/full"])
def test_an_error_that_nobody_can_be_told_is_no_finding(host: Host, redirection: str) -> None:
    assert shell(host, "sync", redirection).returncode == TROUBLE


# home and directory

_NOBODY = ["unshare", "--user", "--map-user=54321"]


def is_nobody_possible() -> bool:
    return (
        shutil.which("unshare") is not None
        and subprocess.run([*_NOBODY, "true"], capture_output=True, check=False).returncode == 0
    )


def as_nobody(host: Host, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the program without HOME, as a user who has no entry in passwd.

    Many containers run programs so.
    """
    kept = {key: value for key, value in os.environ.items() if key != "HOME"}
    return subprocess.run(
        [*_NOBODY, sys.executable, "-m", "sync", *arguments],
        cwd=host.path,
        capture_output=True,
        text=True,
        check=False,
        env={**kept, "PYTHONPATH": str(ROOT), **environment},
    )


@pytest.mark.skipif(not is_nobody_possible(), reason="this system makes no user that is nobody's")
def test_a_user_without_a_home_is_told_what_the_cache_needs(
    host: Host, named: Upstream, tmp_path: Path
) -> None:
    host.run("init", "--no-hooks")
    before = host.snapshot()
    arguments = ("add", "up", named.url, "--local", "--tag", "v1")
    for environment, said in (({}, "not set"), ({"HOME": "relative"}, "relative")):
        done = as_nobody(host, *arguments, **environment)
        assert done.stderr == (
            f"error: no home directory is known for the cache\n  HOME: {said}\n"
            "hint: set HOME, or XDG_CACHE_HOME, to a directory that can be written\n"
        )
        assert (done.returncode, host.snapshot()) == (TROUBLE, before)
    done = as_nobody(host, *arguments, XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stderr
    for command in ("status", "sync", "verify", "report"):
        assert as_nobody(host, command).returncode == 0
    refused = as_nobody(
        host,
        "add",
        "far",
        "ssh://git@127.0.0.1:1/up",
        "--tag",
        "v1",
        XDG_CACHE_HOME=str(tmp_path / "cache"),
    )
    assert (refused.returncode, refused.stderr.splitlines()[0]) == (
        3,
        "error: the upstream cannot be reached",
    )


@pytest.mark.parametrize("arguments", ["init", "sync", "check", "add up /up"])
def test_a_directory_that_is_gone_is_named_as_the_trouble(host: Host, arguments: str) -> None:
    (host.path / "gone").mkdir()
    done = subprocess.run(
        f"rmdir ../gone; exec {sys.executable} -m sync {arguments}",
        shell=True,
        cwd=host.path / "gone",
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stderr) == (
        TROUBLE,
        "error: the directory you are in does not exist any more\nhint: change to one that does\n",
    )


@pytest.mark.parametrize(
    "environment", [{"TMPDIR": "/nowhere"}, {"TERM": "dumb"}, {"COLUMNS": "0"}], ids=str
)
def test_it_works_with_an_odd_environment(
    host: Host, named: Upstream, environment: dict[str, str]
) -> None:
    host.run("init", "--no-hooks")
    assert shell(host, add(named, "--commit"), **environment).returncode == 0
    assert shell(host, "check --all", **environment).returncode == 0
    assert shell(host, "--help", **environment).returncode == 0
