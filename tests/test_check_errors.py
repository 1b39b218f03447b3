"""Bad input of `check` and of hooks: clear words, and exit status 2 or 3.

They never say "clean" where something could not be judged.
"""

import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.git import git, git_bytes
from tests.support.hosts import Host, mirror
from tests.support.originals import released, synced
from tests.support.program import Ran, run_tool
from tests.support.project import ROOT
from tests.support.upstreams import Upstream

NULL = "0" * 40
A_WIT = "third_party/up/a.wit"
MANIFEST = "third_party/mirrors.toml"
RECORD = "third_party/provenance/up.json"


@dataclass(frozen=True)
class Originals:
    """What the tests of this file copy."""

    upstream: Upstream
    host: Path


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Originals:
    place = tmp_path_factory.mktemp("originals")
    with released(place) as upstream:
        host = synced(place / "host", upstream)
        moved = Host(Path(shutil.copytree(host.path, place / "moved", symlinks=True)))
        moved.manifest(mirror("up", upstream.url, tag="v2", local=True))
        moved.sync()
        moved.git("add", MANIFEST)
    return Originals(upstream, host.path)


@pytest.fixture
def upstream(originals: Originals) -> Upstream:
    return originals.upstream


@pytest.fixture
def host(originals: Originals, tmp_path: Path) -> Host:
    """A repository of two commits with one mirror at v1, in sync; no hooks."""
    return Host(Path(shutil.copytree(originals.host, tmp_path / "host", symlinks=True)))


def hook(host: Host, name: str, *arguments: str, stdin: bytes = b"", **environment: str) -> Ran:
    return host.run("hook", "run", name, *arguments, stdin=stdin, **environment)


def assert_trouble(ran: Ran, status: int, *said: str) -> None:
    """Refused with this status and words that are no finding, no bug and no traceback."""
    assert (ran.status, ran.out) == (status, ""), ran
    assert ran.err.startswith("error: ")
    assert "bug in git-verbatim" not in ran.err
    for words in said:
        assert words in ran.err


def commit(host: Host, subject: str = "change") -> str:
    host.git("commit", "--quiet", "--allow-empty", "-m", subject)
    return host.git("rev-parse", "HEAD")


def edit(host: Host) -> None:
    """Stage an edit of the mirror."""
    (host.path / A_WIT).write_text("edited\n")
    host.git("add", A_WIT)


def move_pin(host: Host, upstream: Upstream) -> str:
    """Stage an honest sync to v2, which was made once; the trailer that its commit has to have."""
    shutil.rmtree(host.path)
    shutil.copytree(upstream.path.parent / "moved", host.path, symlinks=True)
    return f"Mirror-Sync: up v2 {git(upstream.path, 'rev-parse', 'v2^{tree}')}"


def clean(scope: str) -> str:
    return f"clean: no mirror is changed without its provenance in {scope}\n"


def untouched(scope: str) -> str:
    return f"clean: nothing of third_party/ is touched in {scope}\n"


# hooks called by hand


def test_an_unknown_hook_is_answered_with_the_nearest(host: Host) -> None:
    assert hook(host, "pre-pusch") == Ran(
        2, "", "error: there is no hook pre-pusch\nhint: did you mean pre-push?\n"
    )
    assert_trouble(hook(host, "post-checkout"), 2, "there is no hook post-checkout")
    assert_trouble(hook(host, "\x1b[31m"), 2, "there is no hook \\x1b[31m")
    assert_trouble(
        host.run("hook", "run"),
        2,
        "hint: hooks: pre-commit, pre-merge-commit, prepare-commit-msg, commit-msg, pre-push, pre-receive",
    )


@pytest.mark.parametrize("name", ["commit-msg", "prepare-commit-msg"])
def test_a_message_hook_wants_a_file_that_it_can_read(
    host: Host, upstream: Upstream, tmp_path: Path, name: str
) -> None:
    move_pin(host, upstream)
    assert hook(host, name) == Ran(
        2,
        "",
        f"error: {name} wants the file of the commit message\nhint: git calls it: `git verbatim hook run {name} FILE`\n",
    )
    missing = tmp_path / "missing"
    assert hook(host, name, str(missing)) == Ran(
        2, "", f"error: cannot read or write: no such file or directory\n  {missing}\n"
    )
    assert hook(host, name, str(tmp_path)) == Ran(
        2, "", f"error: cannot read or write: is a directory\n  {tmp_path}\n"
    )


def line(host: Host, *, pushed: str = "HEAD", ref: bytes = b"refs/heads/main") -> bytes:
    """What git tells pre-push of a new branch."""
    return b"%s %s %s %s\n" % (ref, host.git("rev-parse", pushed).encode(), ref, NULL.encode())


@pytest.mark.parametrize("name", ["pre-push", "pre-receive"])
@pytest.mark.parametrize(
    "given",
    [
        b"garbage\n",
        b"\n",
        b"\0\0\0\n",
        b"\xff\xfe\n",
        b"a b c\n",
        b"a b c d\n",
        b"one two three four five\n",
        b"ref " + b"g" * 40 + b" ref " + b"0" * 40 + b"\n",
        b"ref " + b"A" * 40 + b" ref " + b"0" * 40 + b"\n",
        b"0" * 40 + b" " + b"a" * 40 + b" ref extra\n",
        b"ref " + b"a" * 39 + b" ref " + b"0" * 40 + b"\n",
        b"ref " + b"a" * 64 + b" ref " + b"0" * 64 + b"\n",
        b"a" * 40 + b" nothing " + b"0" * 40 + b"\n",
        b"a" * 100_000,
    ],
    ids=lambda given: repr(given[:12]),
)
def test_what_git_would_not_say_is_not_understood(host: Host, name: str, given: bytes) -> None:
    assert_trouble(
        hook(host, name, "origin", "url", stdin=given),
        2,
        f"{name} does not understand its input",
        "let git call it",
    )


def test_nonsense_after_a_good_line_is_not_overlooked(host: Host) -> None:
    assert_trouble(
        hook(host, "pre-push", "origin", "url", stdin=line(host) + b"garbage\n"),
        2,
        "does not understand its input",
    )


@pytest.mark.parametrize("name", ["pre-push", "pre-receive"])
def test_a_hook_that_reads_its_input_does_not_wait_at_a_terminal(host: Host, name: str) -> None:
    controller, terminal = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "sync", "hook", "run", name]
    try:
        done = subprocess.run(
            command,
            cwd=host.path,
            stdin=terminal,
            env=environment,
            capture_output=True,
            timeout=30,
            check=False,
        )
    finally:
        os.close(controller)
        os.close(terminal)
    assert (done.returncode, done.stdout) == (2, b"")
    assert (
        done.stderr.decode()
        == f"error: {name} reads on stdin what git gives it\nhint: let git call it\n"
    )


def test_a_push_of_nothing_is_clean(host: Host) -> None:
    assert hook(host, "pre-push", "origin", "url") == Ran(0, "", "")
    deletion = f"(delete) {NULL} refs/heads/old {host.git('rev-parse', 'HEAD')}\n".encode()
    assert hook(host, "pre-push", "origin", "url", stdin=deletion) == Ran(0, "", "")


@pytest.mark.parametrize(
    "ref",
    [b"refs/heads/\xff\xfe", "refs/heads/zweig-ü".encode(), b"HEAD@{0 seconds ago}", b":/a b c d"],
)
def test_refs_may_be_named_as_git_allows_and_revisions_written_with_blanks(
    host: Host, ref: bytes
) -> None:
    """Git gives pre-push the source as the user wrote it."""
    edit(host)
    bad = commit(host, "edit")
    ran = hook(
        host,
        "pre-push",
        "origin",
        "url",
        stdin=line(host, ref=ref).replace(ref, b"refs/heads/x").replace(b"refs/heads/x", ref, 1),
    )
    assert (ran.status, f"commit {bad[:12]}  edit\n" in ran.err) == (1, True), ran


def test_a_pushed_object_that_is_not_there_cannot_be_judged(host: Host) -> None:
    pushed = b"refs/heads/x %s refs/heads/x %s\n" % (b"ab" * 20, NULL.encode())
    assert_trouble(
        hook(host, "pre-push", "origin", "url", stdin=pushed),
        3,
        f"this repository lacks object {'ab' * 20}",
    )


# an unreadable manifest

Damage = Callable[[Host], None]


def write(path: str, content: bytes) -> Damage:
    def damage(host: Host) -> None:
        shutil.rmtree(host.path / path) if (host.path / path).is_dir() else (
            host.path / path
        ).unlink()
        (host.path / path).write_bytes(content)

    return damage


def link(path: str) -> Damage:
    def damage(host: Host) -> None:
        (host.path / path).rename(host.path / "moved")
        (host.path / path).symlink_to(
            os.path.relpath(host.path / "moved", (host.path / path).parent)
        )

    return damage


def directory(path: str) -> Damage:
    def damage(host: Host) -> None:
        (host.path / path).unlink()
        (host.path / path).mkdir()
        (host.path / path / "inside").write_text("inside\n")

    return damage


CONFLICT = b"<<<<<<< ours\na = 1\n=======\na = 2\n>>>>>>> theirs\n"
MANIFESTS: Mapping[str, tuple[Damage, str]] = {
    "no TOML": (write(MANIFEST, b"[mirrors\n"), "third_party/mirrors.toml:1"),
    "conflict markers": (write(MANIFEST, CONFLICT), "third_party/mirrors.toml:1"),
    "not UTF-8": (write(MANIFEST, b'[defaults]\nsupplier = "\xff"\n'), "third_party/mirrors.toml"),
    "UTF-16": (write(MANIFEST, "[defaults]\n".encode("utf-16")), "third_party/mirrors.toml"),
    "an unknown key": (
        write(MANIFEST, b"[mirrors.up]\nurl = 'https://example.org/x'\nurll = 1\n"),
        "urll",
    ),
    "a link": (link(MANIFEST), "third_party/mirrors.toml is no plain file"),
    "a directory": (directory(MANIFEST), "third_party/mirrors.toml is no plain file"),
}


@pytest.mark.parametrize(("damage", "said"), MANIFESTS.values(), ids=MANIFESTS)
def test_an_unreadable_manifest_is_trouble_at_every_place(
    host: Host, damage: Damage, said: str
) -> None:
    before = host.git("rev-parse", "HEAD")
    damage(host)
    host.git("add", "--all")
    assert_trouble(host.run("check"), 2, said, "in the index")
    assert_trouble(hook(host, "pre-commit"), 2, said, "in the index")
    message = host.path / ".git/COMMIT_EDITMSG"
    assert_trouble(hook(host, "prepare-commit-msg", str(message)), 2, said)
    bad = commit(host, "broken")
    host.git("checkout", "--quiet", before, "--", "third_party")
    commit(host, "mended")
    broken = f"in commit {bad[:12]}"
    assert_trouble(host.run("check", "--range", f"{before}..HEAD"), 2, said, broken)
    assert_trouble(hook(host, "pre-push", "origin", "url", stdin=line(host)), 2, said, broken)


# an unreadable record


def newer(host: Host) -> None:
    record = host.path / RECORD
    record.write_text(record.read_text().replace('"schema": 2', '"schema": 999'))


RECORDS: Mapping[str, Damage] = {
    "no JSON": write(RECORD, b"{"),
    "empty": write(RECORD, b""),
    "conflict markers": write(RECORD, CONFLICT),
    "not UTF-8": write(RECORD, b'{"schema": "\xff"}\n'),
    "very deep": write(RECORD, b"[" * 200_000),
    "a huge number": write(RECORD, b'{"schema": ' + b"9" * 10_000 + b"}\n"),
    "a newer schema": newer,
    "a link": link(RECORD),
    "a directory": directory(RECORD),
}


@pytest.mark.parametrize("damage", RECORDS.values(), ids=RECORDS)
def test_an_unreadable_record_is_a_finding_at_every_place(host: Host, damage: Damage) -> None:
    before = host.git("rev-parse", "HEAD")
    damage(host)
    host.git("add", "third_party")
    ran = hook(host, "pre-commit")
    assert (ran.status, "  record-unreadable  up\n" in ran.err) == (1, True), ran
    bad = commit(host, "broken")
    host.git("checkout", "--quiet", before, "--", "third_party")
    commit(host, "mended")
    ran = host.run("check", "--range", f"{before}..HEAD")
    assert (ran.status, f"commit {bad[:12]}  broken\n  record-unreadable  up\n" in ran.out) == (
        1,
        True,
    ), ran
    assert f"refused: 1 violation in {before}..HEAD\n" in ran.out


# an unreadable index


def test_a_corrupt_index_cannot_be_judged(host: Host) -> None:
    edit(host)
    (host.path / ".git/index").write_bytes(b"DIRC\0\0\0\2 garbage")
    for ran in (
        host.run("check"),
        hook(host, "pre-commit"),
        hook(host, "commit-msg", ".git/COMMIT_EDITMSG"),
    ):
        assert_trouble(ran, 2, "error: cannot read the index\n")


def test_a_locked_index_can_be_read(host: Host) -> None:
    edit(host)
    (host.path / ".git/index.lock").write_bytes(b"")
    assert host.run("check").status == 1
    assert hook(host, "pre-commit").status == 1


@pytest.mark.parametrize("path", [A_WIT, MANIFEST, RECORD])
def test_unresolved_conflicts_are_trouble(host: Host, path: str) -> None:
    stages = b"".join(
        b"100644 %s %d\t%s\n" % (host.git("rev-parse", f"HEAD:{path}").encode(), n, path.encode())
        for n in (1, 2, 3)
    )
    git_bytes(host.path, "update-index", "--force-remove", path)
    git_bytes(host.path, "update-index", "--index-info", stdin=stages)
    ran = host.run("check")
    assert ran == Ran(
        2, "", f"error: the index holds unresolved conflicts\n  {path}\nhint: resolve them first\n"
    )
    assert hook(host, "pre-commit") == ran


def test_unresolved_conflicts_elsewhere_are_not_looked_at(host: Host) -> None:
    blob = host.git("rev-parse", f"HEAD:{A_WIT}").encode()
    git_bytes(
        host.path,
        "update-index",
        "--index-info",
        stdin=b"".join(b"100644 %s %d\town\n" % (blob, n) for n in (1, 2, 3)),
    )
    assert host.run("check").status == 0
    edit(host)
    assert host.run("check").status == 1


@pytest.mark.parametrize("kind", ["split", "sparse", "version 4", "untracked cache"])
def test_every_kind_of_index_is_judged(host: Host, kind: str) -> None:
    (host.path / "own").mkdir()
    (host.path / "own/file").write_text("own\n")
    host.git("add", "own")
    commit(host)
    match kind:
        case "split":
            host.git("update-index", "--split-index")
        case "sparse":
            host.git("sparse-checkout", "set", "--cone", "--sparse-index", "own")
        case "version 4":
            host.git("update-index", "--index-version", "4")
        case _:
            host.git("update-index", "--force-untracked-cache")
    assert host.run("check").status == 0
    assert hook(host, "pre-commit") == Ran(0, "", "")
    blob = git(host.path, "hash-object", "-w", "--stdin", stdin=b"edited\n")
    host.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{A_WIT}")
    assert host.run("check").status == 1
    ran = hook(host, "pre-commit")
    assert (ran.status, f"    {A_WIT}: content differs\n" in ran.err) == (1, True)


def test_a_file_that_is_only_meant_to_be_added_is_not_committed_and_not_judged(host: Host) -> None:
    (host.path / "third_party/up/new.wit").write_text("new\n")
    host.git("add", "--intent-to-add", "third_party/up/new.wit")
    assert host.run("check").status == 0
    host.git("add", "third_party/up/new.wit")
    assert host.run("check").status == 1


# missing objects


@pytest.fixture
def long(host: Host) -> Host:
    """With ten honest commits more."""
    for number in range(10):
        (host.path / "own").write_text(f"{number}\n")
        host.git("add", "own")
        commit(host, f"own {number}")
    return host


def clone(host: Host, directory: Path, *options: str) -> Host:
    host.git("config", "uploadpack.allowFilter", "true")
    host.git("config", "uploadpack.allowAnySHA1InWant", "true")
    git(directory, "clone", "--quiet", *options, f"file://{host.path}", "clone")
    return Host(directory / "clone")


def test_a_range_that_begins_before_a_shallow_clone_does_is_not_judged(
    long: Host, tmp_path: Path
) -> None:
    shallow = clone(long, tmp_path, "--depth=4")
    assert shallow.run("check", "--range", "HEAD~3..HEAD").status == 0
    ran = shallow.run("check", "--range", "HEAD~4..HEAD")
    assert_trouble(
        ran, 3, "this clone is shallow and does not have HEAD~4", "git fetch --unshallow"
    )
    shallow.git("fetch", "--quiet", "--unshallow")
    assert shallow.run("check", "--range", "HEAD~4..HEAD").status == 0


def test_the_depth_that_is_named_suffices(long: Host, tmp_path: Path) -> None:
    """As CI does it: some commits of the branch, and where it began, each fetched alone."""
    shallow = clone(long, tmp_path, "--depth=4")
    base = long.git("rev-parse", "HEAD~4")
    shallow.git("fetch", "--quiet", "--depth=1", "origin", base)
    ran = shallow.run("check", "--range", f"{base}..HEAD")
    if ran.status == 0:  # git knows by itself that the hidden parent is the base
        return
    cut = long.git("rev-parse", "HEAD~3")
    assert_trouble(
        ran,
        3,
        f"this clone is shallow and hides parents of commit {cut[:12]}",
        "git fetch --depth=5",
    )
    shallow.git("fetch", "--quiet", "--depth=5")
    assert shallow.run("check", "--range", f"{base}..HEAD").status == 0


def test_a_branch_that_a_shallow_clone_cuts_off_is_not_judged_as_if_it_were_whole(
    long: Host, tmp_path: Path
) -> None:
    base = long.git("rev-parse", "HEAD")
    long.git("checkout", "--quiet", "-b", "side", "HEAD~5")
    edit(long)
    bad = commit(long, "edit")
    long.git("revert", "--no-edit", "HEAD")
    for number in range(5):
        commit(long, f"side {number}")
    long.git("checkout", "--quiet", "main")
    long.git("merge", "--quiet", "--no-edit", "side")
    shallow = clone(long, tmp_path, "--depth=3", "--branch=main")
    assert_trouble(
        shallow.run("check", "--range", f"{base}..HEAD"),
        3,
        "this clone is shallow and hides parents of commit",
    )
    shallow.git("fetch", "--quiet", "--unshallow")
    ran = shallow.run("check", "--range", f"{base}..HEAD")
    assert (ran.status, f"commit {bad[:12]}  edit\n" in ran.out) == (1, True)


def test_the_whole_history_of_a_shallow_clone_cannot_be_judged(long: Host, tmp_path: Path) -> None:
    shallow = clone(long, tmp_path, "--depth=3")
    assert_trouble(
        shallow.run("check", "--range", f"{NULL}..HEAD"),
        3,
        "this clone is shallow and hides parents of commit",
    )
    assert shallow.run("check", "--all").status == 0
    shallow.git("fetch", "--quiet", "--unshallow")
    assert shallow.run("check", "--range", f"{NULL}..HEAD").status == 0


@pytest.mark.parametrize("filtered", ["blob:none", "tree:0"])
def test_a_partial_clone_that_lacks_what_must_be_read_is_not_called_clean(
    long: Host, tmp_path: Path, filtered: str
) -> None:
    partial = clone(long, tmp_path, f"--filter={filtered}", "--no-checkout")
    long.path.rename(tmp_path / "away")  # git would fetch by itself what it needs
    ran = partial.run("check", "--range", f"{NULL}..HEAD")
    assert_trouble(ran, 3)
    assert_trouble(
        partial.run("check", "--all"),
        3,
        "this repository lacks object",
        "`git fetch --refetch --no-filter`",
    )


def object_file(host: Host, revision: str) -> Path:
    name = host.git("rev-parse", revision)
    return host.path / ".git/objects" / name[:2] / name[2:]


NEEDED = [
    "HEAD~1",
    "HEAD~1^{tree}",
    "HEAD~1:third_party",
    f"HEAD~1:{MANIFEST}",
    f"HEAD~1:{RECORD}",
    "HEAD~1:third_party/provenance",
]


@pytest.mark.parametrize("revision", NEEDED)
def test_a_missing_object_that_must_be_read_is_not_called_clean(
    host: Host, upstream: Upstream, revision: str
) -> None:
    move_pin(host, upstream)
    commit(host, "move")
    commit(host, "on top")
    object_file(host, revision).unlink()
    ran = host.run("check", "--range", f"{NULL}..HEAD")
    assert_trouble(ran, 3)


@pytest.mark.parametrize("length", ["nothing", "half"])
@pytest.mark.parametrize("revision", ["HEAD:third_party", f"HEAD:{MANIFEST}", f"HEAD:{RECORD}"])
def test_a_truncated_object_is_not_called_clean_and_not_waited_for(
    host: Host, revision: str, length: str
) -> None:
    file = object_file(host, revision)
    file.chmod(0o644)
    os.truncate(file, 0 if length == "nothing" else file.stat().st_size // 2)
    assert_trouble(host.run("check", "--all", timeout=10), 3)


def test_content_of_a_mirror_that_no_commit_changes_may_be_missing(long: Host) -> None:
    """The ids decide. Only the line number of a finding is lost."""
    object_file(long, f"HEAD:{A_WIT}").unlink()
    assert long.run("check", "--range", "HEAD~10..HEAD") == Ran(0, untouched("HEAD~10..HEAD"), "")
    edit(long)
    ran = long.run("check")
    assert (ran.status, f"    {A_WIT}: content differs\n" in ran.out) == (1, True)


# messages


def run_on_message(host: Host, name: str, message: bytes) -> tuple[Ran, bytes]:
    """Run a hook over a file of this message; what it says, and the message then."""
    file = host.path / ".git/COMMIT_EDITMSG"
    file.write_bytes(message)
    return hook(host, name, ".git/COMMIT_EDITMSG"), file.read_bytes()


SCISSORS = b"# ------------------------ >8 ------------------------\n# Do not modify or remove the line above.\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"subject\n", b"subject\n\n%s\n"),
        (b"subject", b"subject\n\n%s\n"),
        ("Gr\u00fc\u00dfe\n".encode("latin-1"), b"Gr\xfc\xdfe\n\n%s\n"),
        (b"subject\n\n# comment\n", b"subject\n\n%s\n\n# comment\n"),
        (
            b"subject\n\nSigned-off-by: T <t@example.org>\n",
            b"subject\n\nSigned-off-by: T <t@example.org>\n%s\n",
        ),
        (b"subject\n\nMirror-Sync: up v1 " + b"0" * 40 + b"\n", b"subject\n\n%s\n"),
        (
            b"subject\n\nMirror-Sync: other v1 " + b"0" * 40 + b"\n",
            b"subject\n\nMirror-Sync: other v1 " + b"0" * 40 + b"\n%s\n",
        ),
        (
            b"subject\n\n" + SCISSORS + b"diff --git a/x b/x\n",
            b"subject\n\n%s\n\n" + SCISSORS + b"diff --git a/x b/x\n",
        ),
    ],
)
def test_a_trailer_is_added_where_git_looks_for_it(
    host: Host, upstream: Upstream, before: bytes, after: bytes
) -> None:
    trailer = move_pin(host, upstream).encode()
    ran, message = run_on_message(host, "prepare-commit-msg", before)
    assert (ran, message.rstrip()) == (Ran(0, "", ""), (after % trailer).rstrip())
    if b"comment" in before:
        assert run_on_message(host, "prepare-commit-msg", message) == (ran, message)
    assert run_on_message(host, "commit-msg", message) == (ran, message)


@pytest.mark.parametrize(
    "message",
    [
        b"subject\n\n%s\n",
        b"subject\r\n\r\n%s\r\n",
        b"Gr\xfc\xdfe\n\n%s\n",
        b"subject\n\n%s\n%s\n",
        b"subject\n\n%s\n\nmore text\n\nSigned-off-by: T <t@example.org>\n",
        b"squashed\n\n* one\n\n%s\n\n* two\n",
        b"subject\n\nMirror-Sync: up v1 0000000000000000000000000000000000000000\n%s\n",
        b"subject\n\nmirror-sync:\t%s  \n",
        "subject\n".encode("utf-16") + b"\n\n%s\n",
        b"subject\n\n%s\n# comment\n" + SCISSORS + b"diff\n",
    ],
)
def test_a_trailer_is_found_wherever_the_message_has_it(
    host: Host, upstream: Upstream, message: bytes
) -> None:
    trailer = move_pin(host, upstream).encode()
    if b"mirror-sync:\t" in message:
        trailer = trailer.removeprefix(b"Mirror-Sync: ")
    assert run_on_message(host, "commit-msg", message.replace(b"%s", trailer))[0] == Ran(0, "", "")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"subject\n",
        b"# %s\n",
        b"subject\n\n> %s\n",
        b"subject %s\n",
        b"subject\n\n%s and more\n",
        b"subject\n\n" + SCISSORS + b"%s\n",
        b"subject\n\n%s",
    ],
)
def test_what_only_looks_like_a_trailer_is_none(
    host: Host, upstream: Upstream, message: bytes
) -> None:
    trailer = move_pin(host, upstream).encode()
    if message.endswith(b"\n%s"):
        message = message.replace(b"%s", trailer.decode().encode("utf-16"))
    ran, _ = run_on_message(host, "commit-msg", message.replace(b"%s", trailer))
    assert (ran.status, "  trailer-missing  up\n" in ran.err) == (1, True), ran


@pytest.mark.parametrize(
    "message", [b"%s\n", b"\n\n%s\n# comment\n", b"\n%s\n" + SCISSORS + b"diff\n"]
)
def test_a_message_of_trailers_alone_is_none(
    host: Host, upstream: Upstream, message: bytes
) -> None:
    """A message of trailers alone counts as no message.

    Otherwise git would take what prepare-commit-msg has added for a message, though somebody
    decided not to write one.
    """
    trailer = move_pin(host, upstream).encode()
    ran, _ = run_on_message(host, "commit-msg", message.replace(b"%s", trailer))
    assert_trouble(ran, 2, "error: the commit message is empty but for its trailers\n")


@pytest.mark.parametrize(
    ("char", "verbose"), [("#", False), ("#", True), (";", True), ("auto", False)]
)
def test_a_message_written_in_an_editor_gets_its_trailer(
    host: Host, upstream: Upstream, char: str, *, verbose: bool
) -> None:
    trailer = move_pin(host, upstream)
    assert host.run("hook", "install").status == 0
    editor = host.path.parent / "editor"
    editor.write_text(
        '#!/bin/sh\nsed "1s/^/subject/" "$1" > "$1.new" && mv "$1.new" "$1"\n'
    )  # into the empty first line
    editor.chmod(0o755)
    host.git(
        "-c",
        f"core.commentChar={char}",
        "commit",
        "--quiet",
        *(["--verbose"] if verbose else []),
        GIT_EDITOR=str(editor),
    )
    assert host.git("log", "-1", "--format=%B") == f"subject\n\n{trailer}"
    assert host.git("log", "-1", "--format=%(trailers:key=Mirror-Sync)") == trailer


def test_a_message_begun_in_an_editor_has_room_for_a_subject(
    host: Host, upstream: Upstream
) -> None:
    trailer = move_pin(host, upstream).encode()
    ran, message = run_on_message(host, "prepare-commit-msg", b"\n# comment\n")
    assert (ran, message) == (Ran(0, "", ""), b"\n\n%s\n# comment\n" % trailer)


def test_a_message_in_another_encoding_is_committed_as_it_is(
    host: Host, upstream: Upstream
) -> None:
    trailer = move_pin(host, upstream)
    assert host.run("hook", "install").status == 0
    git_bytes(
        host.path,
        "-c",
        "i18n.commitEncoding=latin1",
        "commit",
        "--quiet",
        "--file=-",
        stdin=b"Gr\xfc\xdfe\n",
    )
    raw = git_bytes(host.path, "cat-file", "commit", "HEAD")
    assert raw.endswith(b"\n\nGr\xfc\xdfe\n\n%s\n" % trailer.encode())
    moved, said = host.run("check", "--range", "HEAD~1..HEAD").out.splitlines(keepends=True)
    assert (moved.startswith("moved: up: pin "), said) == (True, clean("HEAD~1..HEAD"))


# paths


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        (b"third_party/\xff\xfe", "unrecorded-file"),
        (b"third_party/up/caf\xe9.wit", "mirror-differs-from-record"),
        (b"third_party/up/new\nline", "mirror-differs-from-record"),
        (b"third_party/up/\x1b[31m", "mirror-differs-from-record"),
        (b"third_party/licenses/up/\xff", "mirror-differs-from-record"),
        (b"third_party/provenance/\xff.json", "unrecorded-file"),
    ],
)
def test_a_path_of_any_bytes_is_found_and_shown_harmlessly(
    host: Host, path: bytes, rule: str
) -> None:
    blob = git(host.path, "hash-object", "-w", "--stdin", stdin=b"x\n").encode()
    git_bytes(
        host.path, "update-index", "-z", "--index-info", stdin=b"100644 %s\t%s\0" % (blob, path)
    )
    staged = host.run("check")
    commit(host)
    ranged = host.run("check", "--range", "HEAD~1..HEAD")
    for ran in (staged, ranged):
        assert (ran.status, f"  {rule}" in ran.out) == (1, True), ran
        assert all(character.isprintable() or character == "\n" for character in ran.out)
        assert "\nline" not in ran.out


def test_a_path_of_any_bytes_elsewhere_is_nobodys_business(host: Host) -> None:
    blob = git(host.path, "hash-object", "-w", "--stdin", stdin=b"x\n").encode()
    git_bytes(
        host.path, "update-index", "-z", "--index-info", stdin=b"100644 %s\tsrc/\xff\0" % blob
    )
    assert host.run("check").status == 0
    commit(host)
    assert host.run("check", "--range", f"{NULL}..HEAD").status == 0


# ranges


@pytest.mark.parametrize(
    "text",
    [
        "",
        "..",
        "...",
        "HEAD~1...HEAD",
        "main...",
        "nonsense",
        "nonsense..HEAD",
        "HEAD..nonsense",
        "HEAD..HEAD..HEAD",
        "HEAD~99..HEAD",
        "HEAD~1 HEAD",
        "--all",
        "--all..HEAD",
        "-n1..HEAD",
        "^HEAD",
        "HEAD^!",
        "HEAD^{tree}",
        "HEAD..HEAD^{tree}",
        "^HEAD~1..HEAD",
        "refs/heads/nonsense..HEAD",
        "refs/main..HEAD",
        f"HEAD..{NULL}",
        f"{'ab' * 20}..HEAD",
        "\x1b[31m..HEAD",
        "\udcff..HEAD",
        "x" * 100_000,
    ],
    ids=lambda text: ascii(text[:20]),
)
def test_what_is_no_range_is_said_to_be_none(host: Host, text: str) -> None:
    assert_trouble(host.run("check", "--range", text), 2, "hint: write ")


def test_ranges_are_gits(host: Host) -> None:
    start = host.git("rev-parse", "HEAD")
    edit(host)
    bad = commit(host, "edit")
    host.git("tag", "-a", "-m", "bad", "bad", bad)
    commit(host, "on top")
    for text in (f"{start[:10]}..main", "HEAD~2..bad", f"{NULL}..HEAD", "HEAD", f"{start}.."):
        ran = host.run("check", "--range", text)
        assert (ran.status, f"commit {bad[:12]}  edit\n" in ran.out) == (1, True), text
    for text in ("bad..HEAD", "HEAD..HEAD", f"HEAD..{bad}"):
        assert host.run("check", "--range", text) == Ran(0, untouched(text), "")
    for text in ("..HEAD", "..", ""):  # what a script says whose variable is empty
        assert_trouble(host.run("check", "--range", text), 2, "is no range")


EMPTIES = {  # what whoever pushes can call a tag or a branch, so that `NAME..HEAD` would be empty
    "origin/main": "refs/tags/origin/main",
    "main": "refs/tags/main",
    "heads/main": "refs/tags/heads/main",
    "tags/v1": "refs/tags/tags/v1",
    "v1": "refs/heads/v1",
    "origin": "refs/heads/origin",
}


@pytest.mark.parametrize("suffix", ["", "~0", "^0", "^{}", "^{commit}"])
@pytest.mark.parametrize("name", EMPTIES)
def test_a_name_that_several_refs_have_is_refused_in_a_range(
    host: Host, name: str, suffix: str
) -> None:
    start = host.git("rev-parse", "HEAD")
    host.git("update-ref", "refs/remotes/origin/main", start)
    host.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    host.git("tag", "v1", start)
    edit(host)
    bad = commit(host, "edit")
    judged = host.run("check", "--range", f"{name}{suffix}..HEAD")
    assert judged.status == (0 if name in {"main", "heads/main"} else 1)
    host.git("update-ref", EMPTIES[name], bad)
    for text in (f"{name}{suffix}..HEAD", f"{start}..{name}{suffix}", f"{name}{suffix}"):
        ran = host.run("check", "--range", text)
        assert_trouble(
            ran,
            2,
            f"error: `{name}` is ambiguous: ",
            f"  it could be {EMPTIES[name]}\n",
            "\nhint: write the full name, such as ref",
        )
    said = host.run("check", "--range", f"{name}..HEAD").err.splitlines()
    way_out = said[-1].rpartition(" ")[2]
    assert host.run("check", "--range", f"{start}..{way_out}{suffix}").status in {0, 1}


def test_a_whole_name_an_id_and_head_are_what_they_are_whatever_else_is_called_so(
    host: Host,
) -> None:
    start = host.git("rev-parse", "HEAD")
    host.git("update-ref", "refs/remotes/origin/main", start)
    (host.path / ".git/FETCH_HEAD").write_text(f"{start}\t\tbranch 'main' of elsewhere\n")
    edit(host)
    bad = commit(host, "edit")
    for name in ("refs/remotes/origin/main", start, "FETCH_HEAD", "HEAD"):
        host.git("update-ref", f"refs/heads/{name}", bad)
        host.git("update-ref", f"refs/tags/{name}", bad)
    host.git("update-ref", "refs/heads/@", bad)
    names = ["refs/remotes/origin/main", start, "FETCH_HEAD", "HEAD~1", "@~1", "@{1}"]
    for name in names:
        ran = host.run("check", "--range", f"{name}..HEAD")
        assert (ran.status, f"commit {bad[:12]}  edit\n" in ran.out) == (1, True), name


def test_a_whole_name_that_is_not_there_is_not_looked_for_elsewhere(host: Host) -> None:
    """A tag may be called `refs/remotes/origin/main`, and git would take it."""
    edit(host)
    host.git("tag", "refs/remotes/origin/main", commit(host, "edit"))
    ran = host.run("check", "--range", "refs/remotes/origin/main..HEAD")
    assert_trouble(ran, 2, "error: there is no commit refs/remotes/origin/main\n")
    assert_trouble(
        host.run("verify", "--rev", "refs/remotes/origin/main"), 2, "error: there is no commit"
    )


def test_a_branch_called_like_an_abbreviated_id_is_ambiguous(host: Host) -> None:
    start = host.git("rev-parse", "HEAD")
    edit(host)
    bad = commit(host, "edit")
    assert host.run("check", "--range", f"{start[:8]}..HEAD").status == 1
    host.git("branch", start[:8], bad)
    said = f"error: `{start[:8]}` is ambiguous"
    ran = host.run("check", "--range", f"{start[:8]}..HEAD")
    assert_trouble(
        ran, 2, said, f"  it could be refs/heads/{start[:8]}\n  it could be object {start}\n"
    )


@pytest.mark.parametrize("search", [":/edit", "HEAD^{/edit}", "main^{/edit}~0"])
def test_a_search_of_messages_begins_no_range(host: Host, search: str) -> None:
    edit(host)
    commit(host, "edit")
    assert_trouble(
        host.run("check", "--range", f"{search}..HEAD"), 2, "takes whichever commit says so"
    )


def test_an_ambiguous_name_is_refused_wherever_one_is_written(host: Host) -> None:
    host.git("tag", "main", "HEAD")
    said = "error: `main` is ambiguous"
    assert_trouble(host.run("verify", "--rev", "main"), 2, said)
    named: dict[str, Any] = {
        "PRE_COMMIT": "1",
        "PRE_COMMIT_FROM_REF": "HEAD~1",
        "PRE_COMMIT_TO_REF": "main",
    }
    assert_trouble(hook(host, "pre-push", **named), 2, said)


def test_questions_exclude_one_another(host: Host) -> None:
    assert_trouble(host.run("check", "--all", "--staged"), 2, "three different questions")
    assert_trouble(host.run("check", "--range", "HEAD", "--all"), 2, "three different questions")


# no repository, no commit


def test_outside_of_git_nothing_can_be_judged(tmp_path: Path) -> None:
    (tmp_path / "message").write_text("subject\n")
    for arguments in (["check"], ["check", "--all"], ["check", "--range", "HEAD"]):
        assert_trouble(run_tool(tmp_path, *arguments), 2, "error: this is not a git repository\n")
    for name in ("pre-commit", "pre-merge-commit", "commit-msg", "prepare-commit-msg"):
        assert_trouble(run_tool(tmp_path, "hook", "run", name, "message"), 2)


@pytest.mark.parametrize("directory", ["nowhere", "."])
def test_a_repository_that_git_does_not_find_is_not_called_clean(
    host: Host, directory: str
) -> None:
    edit(host)
    assert_trouble(hook(host, "pre-commit", GIT_DIR=directory), 2)


def test_a_repository_with_a_broken_head_is_not_called_clean(host: Host) -> None:
    edit(host)
    (host.path / ".git/HEAD").write_text("garbage\n")
    assert_trouble(hook(host, "pre-commit"), 2)
    assert_trouble(host.run("check"), 2)


def test_before_the_first_commit_the_index_is_judged_by_itself(host: Host, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "new")
    new = Host(tmp_path / "new")
    assert new.run("check").status == 0
    assert_trouble(new.run("check", "--all"), 2, "error: there is no commit yet\n")
    assert_trouble(new.run("check", "--range", "HEAD~1..HEAD"), 2, "error: there is no commit")
    shutil.copytree(host.third_party, new.third_party)
    new.git("add", "--all")
    assert new.run("check").status == 0
    assert hook(new, "pre-commit") == Ran(0, "", "")
    edit(new)
    for ran in (new.run("check"), hook(new, "pre-commit")):
        assert (ran.status, "  mirror-differs-from-record  up\n" in ran.out + ran.err) == (1, True)


# what hides a commit from git


def hidden(host: Host) -> tuple[str, str, str]:
    """A bad commit between two good ones: start, bad, and the end that takes it back."""
    start = host.git("rev-parse", "HEAD")
    edit(host)
    bad = commit(host, "edit")
    host.git("revert", "--no-edit", "HEAD")
    return start, bad, commit(host, "end")


def replaced_commit(host: Host, start: str, bad: str) -> None:
    good = git(host.path, "commit-tree", "-p", start, "-m", "good", f"{start}^{{tree}}")
    host.git("replace", bad, good)


def replaced_tree(host: Host, start: str, bad: str) -> None:
    host.git(
        "replace",
        host.git("rev-parse", f"{bad}:third_party"),
        host.git("rev-parse", f"{start}:third_party"),
    )


def replaced_blob(host: Host, start: str, bad: str) -> None:
    host.git(
        "replace",
        host.git("rev-parse", f"{bad}:{A_WIT}"),
        host.git("rev-parse", f"{start}:{A_WIT}"),
    )


def replaced_child(host: Host, start: str, bad: str) -> None:
    """The child of the bad commit, replaced by one that never had it as its parent."""
    child = host.git("rev-list", "--reverse", f"{bad}..HEAD").split()[0]
    host.git(
        "replace",
        child,
        git(host.path, "commit-tree", "-p", start, "-m", "good", f"{child}^{{tree}}"),
    )


def grafted(host: Host, start: str, bad: str) -> None:
    child = host.git("rev-list", "--reverse", f"{bad}..HEAD").split()[0]
    (host.path / ".git/info").mkdir(exist_ok=True)
    (host.path / ".git/info/grafts").write_text(f"{child} {start}\n")


@pytest.mark.parametrize(
    "hide", [replaced_commit, replaced_tree, replaced_blob, replaced_child, grafted]
)
@pytest.mark.parametrize(
    "environment", [{}, {"GIT_NO_REPLACE_OBJECTS": "1"}], ids=["replacing", "not replacing"]
)
def test_replacements_and_grafts_hide_no_commit(
    host: Host, hide: Callable[[Host, str, str], None], environment: dict[str, str]
) -> None:
    start, bad, _ = hidden(host)
    hide(host, start, bad)
    ran = host.run("check", "--range", f"{start}..HEAD", **environment)
    assert (ran.status, f"commit {bad[:12]}  edit\n" in ran.out) == (1, True), ran
    ran = hook(host, "pre-push", "origin", "url", stdin=line(host), **environment)
    assert (ran.status, f"commit {bad[:12]}  edit\n" in ran.err) == (1, True), ran


def test_a_replaced_head_hides_no_staged_edit(host: Host) -> None:
    """Git would then compare the index with the edited tree."""
    start, bad, _ = hidden(host)
    host.git("reset", "--quiet", "--hard", start)
    edit(host)
    host.git("replace", f"{start}^{{tree}}", f"{bad}^{{tree}}")
    assert hook(host, "pre-commit").status == 1
    assert host.run("check").status == 1


@pytest.mark.parametrize(
    "setting",
    ["GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS"],
)
def test_the_users_way_to_write_paths_hides_nothing(host: Host, setting: str) -> None:
    start, bad, _ = hidden(host)
    environment: dict[str, Any] = {setting: "1"}
    ran = host.run("check", "--range", f"{start}..HEAD", **environment)
    assert (ran.status, f"commit {bad[:12]}  edit\n" in ran.out) == (1, True), ran
    edit(host)
    assert host.run("check", **environment).status == 1
    assert hook(host, "pre-commit", **environment).status == 1


@pytest.mark.parametrize(
    "setting",
    [
        "diff.ignoreSubmodules=all",
        "core.fileMode=false",
        "core.ignoreCase=true",
        "diff.noprefix=true",
        "log.follow=true",
    ],
)
def test_the_users_configuration_hides_nothing(host: Host, setting: str) -> None:
    start = host.git("rev-parse", "HEAD")
    host.git("config", *setting.split("="))
    host.git("update-index", "--chmod=+x", A_WIT)
    assert hook(host, "pre-commit").status == 1
    bad = commit(host, "mode")
    git(host.path, "update-index", "--add", "--cacheinfo", f"160000,{start},third_party/up/module")
    assert hook(host, "pre-commit").status == 1
    worse = commit(host, "submodule")
    ran = host.run("check", "--range", f"{start}..HEAD")
    assert ran.status == 1
    assert [row.split()[1] for row in ran.out.splitlines() if row.startswith("commit ")] == [
        bad[:12],
        worse[:12],
    ]
