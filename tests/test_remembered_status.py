"""Whoever has nothing to do loads nothing, and says with its memory what it says without."""

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.hosts import Host, mirror
from tests.support.laws import each
from tests.support.program import Ran
from tests.support.project import ROOT
from tests.support.upstreams import Content, Upstream

HEAVY = {"pydantic", "pygit2", "rich", "filelock", "asyncio", "tomlkit"}
HOUR_NS = 3600 * 10**9
COMMANDS = ("status", "sync")
EXAMPLES = int(os.environ.get("GLANCE_LAW_EXAMPLES", "5"))
"""How many sequences of edits are tried; `make laws` tries many more."""
KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIJ8mXDzRqKqX6nmvGqKVhLkCmTPlYwBzkWg9wH0Vn3Gz"
SIGNERS = f"zoe@example.org ssh-ed25519 {KEY}\n"
FILES: dict[Any, Content] = {
    "LICENSE": b"do as you like\n",
    "wit/a.wit": b"package a;\n",
    "wit/b.wit": b"package b;\n",
    "wit/deps/c.wit": b"package c;\n",
    "wit/crlf.wit": b"package d;\r\n",
    "wit/empty": b"",
    "wit/run": ("100755", b"#!/bin/sh\n"),
    "wit/link": ("120000", b"a.wit"),
    'wit/n\xe4me "quoted".wit'.encode("latin-1"): b"odd\n",
}


def make_host(path: Path, upstream: Upstream) -> Host:
    """A host with a mirror that is checked in, one with keys, and one that is not checked in."""
    host = Host.create(path)
    keys: dict[str, Any] = {"url": upstream.url, "tag": "v1", "local": True}
    host.manifest(
        mirror(
            "one",
            **keys,
            from_="wit",
            into="wasi/one",
            allow=["name-not-utf8", "name-windows-character"],
        )
        + mirror("two", **keys, include=["/LICENSE", "a.wit"], allowed_signers="keys/two")
        + mirror("three", **keys, from_="wit/deps", checked_in=False)
    )
    (host.third_party / "keys").mkdir()
    (host.third_party / "keys" / "two").write_text(SIGNERS)
    host.sync()
    host.git("add", "third_party")
    host.git("commit", "--quiet", "-m", "mirrors")
    return host


@pytest.fixture(scope="module")
def prototype(tmp_path_factory: pytest.TempPathFactory) -> Host:
    """A host to copy, with what it remembers."""
    place = tmp_path_factory.mktemp("glance")
    upstream = Upstream.create(place / "upstream")
    upstream.release("v1", FILES)
    upstream.release("v2", {**FILES, "wit/a.wit": b"package a2;\n"})
    host = make_host(place / "host", upstream)
    settle(host)
    return host


def copied(prototype: Host, path: Path) -> Host:
    """A copy that remembers as if it had looked at its own files an hour from now.

    No file is new any more by then.
    """
    host = Host(shutil.copytree(prototype.path, path, symlinks=True))
    for command in COMMANDS:
        body = remembered(host, command)
        body["root"] = str(path)
        body["looked"] += HOUR_NS
        for directory, rows in body["seen"].items():
            for row in rows:
                row[1] = stat_data(host.path / directory / row[0])
        seal(memory(host, command), json.dumps(body).encode())
    return host


@pytest.fixture
def host(prototype: Host, tmp_path: Path) -> Host:
    return copied(prototype, tmp_path / "host")


def memory(host: Host, command: str) -> Path:
    return host.path / ".git" / f"git-verbatim.{command}"


def take_away(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def forget(host: Host) -> None:
    for command in COMMANDS:
        take_away(memory(host, command))


def loaded(
    directory: Path, *arguments: str, heavy: frozenset[str] | set[str] = HEAVY, **environment: str
) -> tuple[Ran, set[str]]:
    """A run in a fresh interpreter, and what of the heavy modules it has loaded."""
    whole = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, "-X", "importtime", "-m", "sync", *arguments]
    done = subprocess.run(command, cwd=directory, env=whole, capture_output=True, check=False)
    lines = done.stderr.decode().splitlines(keepends=True)
    modules = {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}
    said = "".join(line for line in lines if not line.startswith("import time:"))
    tops = {name.partition(".")[0] for name in modules}
    return Ran(done.returncode, done.stdout.decode(), said), tops & heavy


def settle(host: Host) -> None:
    """Have both commands remember, of just now, that all is well, and what they saw of it."""
    forget(host)
    for command in (*COMMANDS, *COMMANDS):
        assert host.run(command).status == 0


def remembered(host: Host, command: str) -> dict:
    return json.loads(memory(host, command).read_bytes().partition(b"\n")[2])


def looked_later(host: Host, command: str) -> None:
    """Have a command remember as if it had looked an hour from now.

    It does not believe what it remembers of a file that changed within two seconds before.
    """
    body = remembered(host, command)
    body["looked"] += HOUR_NS
    seal(memory(host, command), json.dumps(body).encode())


def stat_data(path: Path) -> list[int]:
    status = path.lstat()
    return [status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def seal(path: Path, body: bytes) -> None:
    path.write_bytes(sha256(body).hexdigest().encode() + b"\n" + body)


# who has nothing to do


@pytest.mark.parametrize("command", COMMANDS)
def test_a_satisfied_run_loads_nothing(host: Host, command: str) -> None:
    forget(host)
    first, modules = loaded(host.path, command)
    assert modules >= {"pydantic", "pygit2"}
    for arguments in ((command,), (command, "two"), ("-C", "third_party", command, "t*", "one")):
        ran, modules = loaded(host.path, *arguments)
        assert (ran.status, ran.err, modules) == (0, "", set())
    assert loaded(host.path, command)[0] == first


@pytest.mark.parametrize("hook", ["pre-commit", "commit-msg"])
def test_a_hook_that_has_nothing_to_judge_loads_less_than_a_dataclass_takes(
    host: Host, hook: str
) -> None:
    host.git("reset", "-q")
    (host.path / "message").write_text("Do something else\n")
    given = ["message"] if hook == "commit-msg" else []
    assert loaded(
        host.path, "hook", "run", hook, *given, heavy=HEAVY | {"dataclasses", "difflib"}
    ) == (Ran(0, "", ""), set())


def test_what_is_remembered_is_told_for_the_chosen_mirrors(host: Host) -> None:
    assert host.run("status", "t*").out == "two    v1  clean, commit not signed\nthree  v1  clean\n"
    assert host.run("sync", "t*").out == "up to date: 2 mirrors\n"
    assert host.run("sync", "no").err.startswith("error: there is no mirror no\nhint: ")


def test_a_file_that_only_looks_changed_is_hashed_once(host: Host) -> None:
    settle(host)
    os.utime(host.third_party / "wasi/one/a.wit")
    for command in COMMANDS:
        host.run(command)
        looked_later(host, command)
        before = memory(host, command).stat()
        assert loaded(host.path, command)[1] == set()
        assert memory(host, command).stat().st_ino == before.st_ino


@pytest.mark.parametrize("command", ["verify", "check", "report"])
def test_no_other_command_believes_what_is_remembered(host: Host, command: str) -> None:
    for name in COMMANDS:
        assert memory(host, name).exists()
    assert loaded(host.path, command)[1] >= {"pygit2"}


def test_outside_of_git_nothing_is_remembered(host: Host, tmp_path: Path) -> None:
    unpacked = tmp_path / "unpacked"
    shutil.copytree(host.third_party, unpacked / "third_party", symlinks=True)
    before = sorted(unpacked.rglob("*"))
    assert all(loaded(unpacked, "status")[1] >= {"pydantic"} for _ in range(2))
    assert sorted(unpacked.rglob("*")) == before


@pytest.mark.parametrize("name", ["GIT_DIR", "GIT_INDEX_FILE"])
def test_where_the_environment_leads_nothing_is_believed(host: Host, name: str) -> None:
    where = host.path / ".git" if name == "GIT_DIR" else host.path / ".git" / "index"
    environment: dict[str, Any] = {name: str(where)}
    assert loaded(host.path, "status", **environment)[1] >= {"pygit2"}


def test_a_linked_worktree_remembers_for_itself(host: Host) -> None:
    linked = host.path.parent / "linked"
    host.git("worktree", "add", "--quiet", str(linked))
    first, second = (loaded(linked, "status") for _ in range(2))
    assert "three  v1  absent (not checked in)\n" in second[0].out
    assert (first[0], first[1] >= {"pygit2"}) == (second[0], True)
    assert [loaded(where, "status")[1] for where in (linked, host.path)] == [set(), set()]


def test_where_nothing_can_be_written_nothing_fails(host: Host) -> None:
    forget(host)
    for command in COMMANDS:
        (host.path / ".git" / f"git-verbatim.{command}.new").mkdir()
    assert [host.run(command).status for command in (*COMMANDS, *COMMANDS)] == [0, 0, 0, 0]
    assert not any(memory(host, command).exists() for command in COMMANDS)


def test_a_run_waits_for_another_that_holds_the_host(host: Host) -> None:
    command = [sys.executable, "-m", "sync", "sync"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with open(host.path / ".git" / "git-verbatim.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = subprocess.Popen(command, cwd=host.path, env=environment, stderr=subprocess.PIPE)
        assert run.stderr is not None
        said = run.stderr.readline()
    assert said == b"waiting for another git-verbatim to finish with this repository\n"
    assert (run.communicate()[1], run.returncode) == (b"", 0)


# the law: with what is remembered and without it, both commands say the same

Edit = Callable[[Host], object]
A = "wasi/one/a.wit"
PLACE = "third_party/wasi/one"
EMPTY = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


def same_size(host: Host) -> None:
    path = host.third_party / A
    if not path.is_file():
        return
    before = path.stat()
    path.write_bytes(b"package z;\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replaced(content: bytes) -> Edit:
    def edit(host: Host) -> None:
        path = host.third_party / A
        path.with_name("new").write_bytes(content)
        path.with_name("new").replace(path)

    return edit


def written(path: str, content: bytes) -> Edit:
    def edit(host: Host) -> None:
        there = host.third_party / path
        there.parent.mkdir(parents=True, exist_ok=True)
        take_away(there)
        there.write_bytes(content)

    return edit


def appended(path: str, content: bytes) -> Edit:
    def edit(host: Host) -> None:
        with (host.third_party / path).open("ab") as file:
            file.write(content)

    return edit


def moded(path: str, mode: int) -> Edit:
    return lambda host: (host.third_party / path).chmod(mode)


def removed(path: str) -> Edit:
    def edit(host: Host) -> None:
        there = host.third_party / path
        take_away(there)

    return edit


def linked(path: str, target: str) -> Edit:
    def edit(host: Host) -> None:
        removed(path)(host)
        (host.third_party / path).symlink_to(target)

    return edit


def made(path: str) -> Edit:
    return lambda host: (host.path / path).mkdir(parents=True, exist_ok=True)


def moved_behind_link(host: Host) -> None:
    if not (host.third_party / "wasi").is_symlink():
        (host.third_party / "wasi").rename(host.third_party / "elsewhere")
        (host.third_party / "wasi").symlink_to("elsewhere")


def git(*arguments: str) -> Edit:
    def edit(host: Host) -> None:
        subprocess.run(["git", *arguments], cwd=host.path, capture_output=True, check=False)

    return edit


def checked_out_with_crlf(host: Host) -> None:
    """The index's stat data are clean then, and the bytes are others."""
    (host.third_party / "wasi" / ".gitattributes").write_text("* text eol=crlf\n")
    (host.third_party / A).unlink(missing_ok=True)
    git("checkout", "--", f"third_party/{A}")(host)


def edited(path: str, old: str, new: str) -> Edit:
    def edit(host: Host) -> None:
        there = host.third_party / path
        if there.is_file():
            there.write_text(there.read_text().replace(old, new))

    return edit


def announced(host: Host) -> None:
    git("rm", "--cached", "-q", "third_party/wasi/one/empty")(host)
    git("add", "-N", "third_party/wasi/one/empty")(host)


def everywhere(change: Callable[[Path], object]) -> Edit:
    """A change of what is remembered, where that is a file."""
    return lambda host: [change(memory(host, c)) for c in COMMANDS if memory(host, c).is_file()]


def resealed(old: str, new: str) -> Callable[[Path], object]:
    def change(path: Path) -> None:
        body = path.read_bytes().partition(b"\n")[2]
        seal(path, body.replace(old.encode(), new.encode()))

    return change


def swapped(make: Callable[[Path], object]) -> Callable[[Path], object]:
    def change(path: Path) -> None:
        path.unlink()
        make(path)

    return change


EDITS: dict[str, Edit] = {
    "same size, same mtime": same_size,
    "touched": lambda host: os.utime(host.third_party / A, follow_symlinks=False),
    "executable": moded("wasi/one/b.wit", 0o755),
    "not executable": moded("wasi/one/run", 0o644),
    "setuid": moded("wasi/one/run", 0o4755),
    "group writable": moded("wasi/one/b.wit", 0o664),
    "another inode": replaced(b"package a;\n"),
    "another file": replaced(b"package q;\n"),
    "written again": written(A, b"package a;\n"),
    "extra file": written("wasi/one/more.wit", b"more\n"),
    "extra file beside": written("wasi/more.wit", b"more\n"),
    "extra directory": written("wasi/one/more/more.wit", b"more\n"),
    "extra empty directory": made("third_party/wasi/one/nothing"),
    "extra licence": written("licenses/two/COPYING", b"more\n"),
    "deleted": removed("wasi/one/b.wit"),
    "deleted altogether": removed("wasi/one"),
    "deleted what is not checked in": removed("three"),
    "link to elsewhere": linked("wasi/one/link", "b.wit"),
    "link in place of a file": linked(A, "b.wit"),
    "link on the way": moved_behind_link,
    "fifo in place of a file": lambda host: (removed(A)(host), os.mkfifo(host.third_party / A)),
    "checked out with crlf": checked_out_with_crlf,
    "attributes nearer": written("wasi/.gitattributes", b"* text\n"),
    "attributes of the repository": written("../.git/info/attributes", b"*.wit text\n"),
    "attributes at the root": written("../.gitattributes", b"* text=auto\n"),
    "a filter": lambda host: (
        git("config", "filter.x.clean", "cat")(host),
        written("wasi/.gitattributes", b"* filter=x\n")(host),
    ),
    "another filter": git("config", "filter.x.clean", "sed s/a/b/"),
    "own attributes edited": appended(".gitattributes", b"/wasi text\n"),
    "own attributes gone": removed(".gitattributes"),
    "own ignore rules edited": edited(".gitignore", "three", "four"),
    "record edited": edited("provenance/one.json", '"wasi/one"', '"wasi/two"'),
    "record with a line more": appended("provenance/one.json", b"\n"),
    "record gone": removed("provenance/two.json"),
    "orphan": written("provenance/other.json", b"{}"),
    "empty directory as a record": made("third_party/provenance/other.json"),
    "key edited": appended("keys/two", b"# more\n"),
    "key bad": appended("keys/two", b"nonsense\n"),
    "key gone": removed("keys/two"),
    "comment in manifest": appended("mirrors.toml", b"# more\n"),
    "another pin": edited("mirrors.toml", 'tag = "v1"', 'tag = "v2"'),
    "manifest broken": appended("mirrors.toml", b"[[\n"),
    "manifest gone": removed("mirrors.toml"),
    "licence concluded": edited("mirrors.toml", 'from = "wit"', 'from = "wit"\nlicense = "x"'),
    "file modes off": git("config", "core.fileMode", "false"),
    "symlinks off": git("config", "core.symlinks", "false"),
    "autocrlf": git("config", "core.autocrlf", "true"),
    "no bare repository": git("config", "core.bare", "true"),
    "another work tree": git("config", "core.worktree", "../../upstream"),
    "an extension": lambda host: (
        git("config", "core.repositoryFormatVersion", "1")(host),
        git("config", "extensions.x", "1")(host),
    ),
    "removed from the index": git("rm", "--cached", "-q", f"third_party/{A}"),
    "record removed from the index": git("rm", "--cached", "-q", "third_party/provenance/one.json"),
    "only announced": announced,
    "other bytes in the index": git(
        "update-index",
        "--cacheinfo",
        f"100644,{EMPTY},third_party/{A}",
    ),
    "other mode in the index": git("update-index", "--chmod=+x", f"third_party/{A}"),
    "more in the index": git("update-index", "--add", "--cacheinfo", f"100644,{EMPTY},{PLACE}/x"),
    "what is not checked in is added": git("add", "-f", "third_party/three"),
    "sparse": git("sparse-checkout", "set", "--no-cone", "/*", "!/third_party/wasi/"),
    "not sparse": git("sparse-checkout", "disable"),
    "skipped": git("update-index", "--skip-worktree", f"third_party/{A}"),
    "committed": lambda host: (git("add", "-A")(host), git("commit", "-qm", "all")(host)),
    "back": git("checkout", "-qf", "HEAD", "--", "."),
    "journal": lambda host: (host.path / ".git" / "git-verbatim.journal").write_text("{}"),
    "workspace": made("third_party/.git-verbatim"),
    "index leftovers": lambda host: (host.path / ".git" / "git-verbatim.index-token").touch(),
}

# the last of them stays: nothing can be written in its place
MEMORIES: dict[str, Edit] = {
    "memory cut": everywhere(lambda path: os.truncate(path, 1000)),
    "memory empty": everywhere(lambda path: path.write_bytes(b"")),
    "memory damaged": everywhere(lambda path: path.write_bytes(path.read_bytes()[:-9])),
    "memory of another program": everywhere(resealed('"program":"', '"program":"x')),
    "memory of another form": everywhere(lambda path: seal(path, b'{"mirrors":[1]}')),
    "memory of a list": everywhere(lambda path: seal(path, b"[]")),
    "memory without a part": everywhere(resealed('"seen":', '"saw":')),
    "memory of another place": everywhere(resealed('"root":"', '"root":"/x')),
    "memory a link": everywhere(swapped(lambda path: path.symlink_to("config"))),
    "memory a fifo": everywhere(swapped(os.mkfifo)),
    "memory unreadable": everywhere(lambda path: path.chmod(0)),
    "memory a directory": everywhere(swapped(Path.mkdir)),
}


@dataclass
class Twins:
    """Two hosts to which the same happens; one remembers."""

    remembering: Host
    forgetful: Host

    def edit(self, edit: Edit) -> None:
        for host in (self.remembering, self.forgetful):
            try:
                edit(host)
            except OSError:
                continue  # there is nothing to edit any more

    def run(self, command: str) -> None:
        forget(self.forgetful)
        said = self._said(self.remembering, command), self._said(self.forgetful, command)
        assert said[0] == said[1], command

    def _said(self, host: Host, command: str) -> tuple[int, str, str, dict[str, bytes]]:
        ran = host.run(command, "--deadline", "20") if command == "sync" else host.run(command)
        name = re.compile(re.escape(host.path.name) + r"\b")
        out, err = name.sub("HOST", ran.out), name.sub("HOST", ran.err)
        return (
            ran.status,
            out,
            err,
            host.snapshot() if not any(p.is_fifo() for p in host.third_party.rglob("*")) else {},
        )


def make_twins(prototype: Host, place: Path) -> Twins:
    return Twins(*(copied(prototype, place / name) for name in ("remembering", "forgetful")))


@pytest.fixture
def twins(prototype: Host, tmp_path: Path) -> Twins:
    return make_twins(prototype, tmp_path)


@pytest.mark.parametrize("command", COMMANDS)
def test_of_twins_only_one_believes_what_it_remembers(twins: Twins, command: str) -> None:
    forget(twins.forgetful)
    assert [
        bool(loaded(host.path, command)[1]) for host in (twins.remembering, twins.forgetful)
    ] == [False, True]


@pytest.mark.parametrize("name", each(4, EDITS))
def test_after_any_edit_both_say_what_they_say_without_memory(twins: Twins, name: str) -> None:
    twins.edit(EDITS[name])
    for command in ("status", "sync", "status", "sync"):
        twins.run(command)


def test_whatever_is_remembered_both_say_what_they_say_without_memory(twins: Twins) -> None:
    for edit in MEMORIES.values():
        twins.edit(edit)
        for command in COMMANDS:
            twins.run(command)


@pytest.mark.parametrize("command", COMMANDS)
def test_an_edit_in_the_tick_of_the_look_is_seen(host: Host, command: str) -> None:
    settle(host)
    path = host.third_party / A
    path.write_bytes(b"package z;\n")
    body = remembered(host, command)
    (row,) = (row for row in body["seen"]["third_party/wasi/one"] if row[0] == "a.wit")
    row[1] = stat_data(path)
    seal(memory(host, command), json.dumps(body).encode())
    assert host.run(command, "one").status != 0


@given(st.lists(st.sampled_from([*EDITS, *MEMORIES, *COMMANDS, *COMMANDS]), min_size=2, max_size=6))
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[*HealthCheck])
def test_after_any_sequence_of_edits_both_say_what_they_say_without_memory(
    prototype: Host, tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    place = tmp_path_factory.mktemp("law")
    twins = make_twins(prototype, place)
    for step in (*steps, *COMMANDS):
        twins.run(step) if step in COMMANDS else twins.edit((EDITS | MEMORIES)[step])
    shutil.rmtree(place)
