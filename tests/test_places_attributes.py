"""Outside third_party/ a block in the root's .gitattributes and .gitignore speaks for places.

What people write in these files stays as it is. A file that outranks the block is refused before
anything is written, and by every hook, range and push that brings one.
"""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sync.git.attributes import attributes_of, may_alter
from sync.host.attributes_and_ignores import attributes_line, protects
from sync.ids import RepoPath
from tests.support.git import CONFIGURATIONS, git
from tests.support.hosts import Host, commit, mirror, with_judging_server
from tests.support.program import Ran
from tests.support.upstreams import Upstream

BEGIN, END = "# git-verbatim: mirrors outside third_party/ are exact copies", "# git-verbatim: end"
IGNORED = "# git-verbatim: mirrors that are not checked in"
BLOCK_IN = {".gitattributes": BEGIN, ".gitignore": IGNORED}


@pytest.fixture
def released(upstream: Upstream) -> Upstream:
    for tag in ("v1", "v2"):
        upstream.release(tag, {"a.wit": f"{tag}\n".encode(), "crlf": b"one\r\ntwo\r\n"})
    return upstream


def want(host: Host, upstream: Upstream, tag: str = "v1", **keys: bool) -> None:
    into = ["/crates/wit/deps", "up"]
    host.manifest(mirror("up", upstream.url, tag=tag, into=into, local=True, **keys))


@pytest.fixture
def synced(host: Host, released: Upstream) -> Host:
    want(host, released)
    host.sync("--commit")
    return host


def write(host: Host, path: str, content: bytes | str) -> None:
    (host.path / path).parent.mkdir(parents=True, exist_ok=True)
    (host.path / path).write_bytes(content.encode() if isinstance(content, str) else content)


def whole(host: Host) -> tuple[object, ...]:
    return host.snapshot(), host.git("ls-files", "--stage"), host.git("rev-parse", "HEAD")


def refused(host: Host, *arguments: str) -> Ran:
    before = whole(host)
    ran = host.run(*arguments)
    assert ran.status == 2, ran
    assert whole(host) == before
    return ran


# what the block does


@pytest.mark.parametrize("user", ["", "* text=auto\n", "* text eol=crlf\n*.wit ident\n"])
def test_every_clone_has_upstreams_bytes_at_every_place(
    host: Host, released: Upstream, user: str
) -> None:
    write(host, ".gitattributes", user)
    commit(host, "attributes")
    want(host, released)
    host.sync("--commit")
    assert host.run("check", "--range", "HEAD~1..HEAD").status == 0
    for number, configured in enumerate(CONFIGURATIONS):
        clone = host.path.parent / f"clone{number}"
        git(host.path, *configured, "clone", "--quiet", str(host.path), str(clone))
        assert Host(clone).run("verify").status == 0
        assert (clone / "crates/wit/deps/crlf").read_bytes() == b"one\r\ntwo\r\n"


def test_a_plain_add_of_the_same_files_finds_nothing_to_do(host: Host, released: Upstream) -> None:
    write(host, ".gitattributes", "* text=auto eol=crlf\n")
    commit(host, "attributes")
    want(host, released)
    host.sync()
    staged = host.git("ls-files", "--stage")
    for configured in CONFIGURATIONS:
        host.git(*configured, "add", "--renormalize", "crates", "third_party/up")
        host.git(*configured, "add", "crates", "third_party/up")
        assert host.git("ls-files", "--stage") == staged


@pytest.mark.parametrize("name", BLOCK_IN)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("is_ended", [True, False])
def test_a_users_lines_before_and_after_the_block_stay_as_they_are(
    host: Host, released: Upstream, name: str, ending: str, *, is_ended: bool
) -> None:
    before = ending.join(["# mine", "*.orig -diff"]) + (ending if is_ended else "")
    write(host, name, before)
    commit(host, "mine")
    want(host, released, checked_in=name == ".gitattributes")
    host.sync("--commit")
    path = host.path / name
    with_block = path.read_bytes().decode()
    assert with_block.startswith(before)
    assert ("\r\n" in with_block) == (ending == "\r\n")
    assert with_block.count("\n") == with_block.count(ending)
    lines = with_block[len(before) :].strip().split(ending)
    assert (lines[0], lines[-1]) == (BLOCK_IN[name], END)
    after = f"{with_block}{'' if is_ended else ending}*.rej -diff{ending}"
    path.write_bytes(after.encode())
    commit(host, "mine, after")
    want(host, released, "v2", checked_in=name == ".gitattributes")
    host.sync("--commit")
    assert path.read_bytes().decode() == after
    assert host.run("check", "--range", "HEAD").status == 0
    assert host.run("remove", "up", "--commit").status == 0
    left = path.read_bytes().decode()
    assert left == f"{before}{'' if is_ended else ending}*.rej -diff{ending}"
    assert host.git("status", "--porcelain") == ""


@pytest.mark.parametrize("name", BLOCK_IN)
def test_edits_of_mine_are_neither_staged_nor_committed_nor_lost(
    host: Host, released: Upstream, name: str
) -> None:
    write(host, name, "# committed\n")
    commit(host, "mine")
    write(host, name, "# committed\n# staged\n")
    host.git("add", name)
    write(host, name, "# committed\n# staged\n# on disk\n")
    want(host, released, checked_in=False)
    host.sync("--commit")
    own = [
        [line for line in text.splitlines() if line in {"# committed", "# staged", "# on disk"}]
        for text in (
            host.git("show", f"HEAD:{name}"),
            host.git("show", f":{name}"),
            (host.path / name).read_text(),
        )
    ]
    assert [len(lines) for lines in own] == [1, 2, 3]
    for text in (host.git("show", f"HEAD:{name}"), host.git("show", f":{name}")):
        assert BLOCK_IN[name] in text.splitlines()


# what outranks it

OUTRANKING = ["crates/.gitattributes", "crates/wit/.gitattributes"]


@pytest.mark.parametrize("file", OUTRANKING)
@pytest.mark.parametrize(
    "line", ["* text=auto", "*.wit text eol=crlf", "** ident", "/** filter=lfs"]
)
def test_a_nearer_file_is_refused_first_and_the_printed_line_makes_the_same_command_pass(
    host: Host, released: Upstream, file: str, line: str
) -> None:
    write(host, file, f"{line}\n")
    commit(host, "nearer")
    want(host, released)
    for command in (("sync",), ("sync", "--dry-run"), ("sync", "--commit")):
        ran = refused(host, *command)
        assert ran.err.splitlines()[:3] == [
            f"error: {file} would have git change the bytes of mirrored files",
            "  it outranks what git-verbatim writes into .gitattributes",
            "  crates/wit/deps/a.wit",
        ]
    said = ran.err.splitlines()[-1]
    start = f"hint: add this line at the end of {file}: "
    assert said.startswith(start) and said.endswith("; then run the command again")
    added = said.removeprefix(start).removesuffix("; then run the command again")
    with (host.path / file).open("a") as attributes:
        attributes.write(f"{added}\n")
    host.git("commit", "--quiet", "-m", "as told", file)
    host.sync("--commit")
    assert host.run("check", "--range", "HEAD").status == 0
    assert host.run("status").out.splitlines() == ["up  v1  clean"]
    clone = host.path.parent / "clone"
    git(host.path, "-c", "core.autocrlf=true", "clone", "--quiet", str(host.path), str(clone))
    assert Host(clone).run("verify").status == 0


def test_a_nearer_file_that_a_still_nearer_one_puts_right_is_not_refused(
    host: Host, released: Upstream
) -> None:
    write(host, "crates/.gitattributes", "* text=auto\n")
    write(host, "crates/wit/.gitattributes", "deps/** -text\n")
    write(host, "crates/.gitattributes.txt", "* text\n")
    commit(host, "nearer")
    want(host, released)
    host.sync("--commit")
    assert host.run("check", "--range", "HEAD~1..HEAD").status == 0


@pytest.mark.parametrize("line", ["*.rs text", "/src/** text eol=crlf", "# * text", ""])
def test_a_nearer_file_that_changes_no_byte_is_nobodys_business(
    host: Host, released: Upstream, line: str
) -> None:
    write(host, "crates/.gitattributes", f"{line}\n")
    commit(host, "nearer")
    want(host, released)
    host.sync("--commit")
    assert host.run("check", "--range", "HEAD~1..HEAD").status == 0


def test_lines_after_the_block_that_outrank_it_are_refused_with_a_way_out_that_works(
    synced: Host, released: Upstream
) -> None:
    path = synced.path / ".gitattributes"
    block = path.read_text()
    path.write_text(f"{block}*.wit text eol=crlf\n")
    want(synced, released, "v2")
    ran = refused(synced, "sync")
    assert ran.err.splitlines()[0] == (
        "error: .gitattributes would have git change the bytes of mirrored files"
    )
    assert ran.err.splitlines()[-1] == (
        "hint: move what follows the block of git-verbatim in .gitattributes above it; "
        "then run the command again"
    )
    path.write_text(f"*.wit text eol=crlf\n{block}")
    synced.sync("--commit")
    assert synced.run("check", "--range", "HEAD~1..HEAD").status == 0


def test_what_is_not_checked_in_no_attributes_can_alter(host: Host, released: Upstream) -> None:
    write(host, "crates/.gitattributes", "* text=auto\n")
    commit(host, "nearer")
    want(host, released, checked_in=False)
    host.sync("--commit")


def test_a_block_that_is_gone_comes_back_with_the_next_sync_each_time(synced: Host) -> None:
    assert synced.run("sync").out == "up to date: 1 mirror\n"
    block = (synced.path / ".gitattributes").read_text()
    for _ in range(3):
        write(synced, ".gitattributes", "* text=auto\n")
        ran = synced.run("status")
        assert "note: `git add` would change the bytes of crates/wit/deps/crlf" in ran.out
        hint = "hint: keep git's conversions away from mirrors with `git verbatim sync`"
        assert hint in ran.out.splitlines()
        assert synced.run("sync").status == 0
        assert (synced.path / ".gitattributes").read_text() == f"* text=auto\n{block}"
        assert synced.run("status").out == "up  v1  clean\n"


@pytest.mark.parametrize("file", OUTRANKING)
def test_a_nearer_file_that_comes_later_is_told_by_status_and_sync_prints_the_line(
    synced: Host, file: str
) -> None:
    assert synced.run("sync").out == "up to date: 1 mirror\n"
    write(synced, file, "* text\n")
    for look in ("status", "verify"):
        ran = synced.run(look)
        assert (ran.status, "attributes-alter-bytes" in ran.out) == (1, True), ran
        assert "`git verbatim sync`" in ran.out.splitlines()[-1]
    ran = refused(synced, "sync")
    assert ran.err.splitlines()[0] == (
        f"error: {file} would have git change the bytes of mirrored files"
    )
    added = ran.err.rpartition(f"{file}: ")[2].partition("; then run")[0]
    write(synced, file, f"* text\n{added}\n")
    for command in ("sync", "status", "verify"):
        assert synced.run(command).status == 0


def test_a_nearer_file_that_comes_later_and_changes_no_byte_is_nobodys_business(
    host: Host, upstream: Upstream
) -> None:
    upstream.release("v1", {"a.wit": b"a\n"})
    want(host, upstream)
    host.sync("--commit")
    write(host, "crates/.gitattributes", "* text eol=lf\n")
    for command in ("sync", "status", "verify"):
        assert host.run(command).status == 0


# a commit that brings one

BRINGS = {
    "crates/.gitattributes": "*.wit text eol=crlf\n",
    "crates/wit/.gitattributes": "deps/a.wit ident text\n",
    ".gitattributes": "* text=auto\n",
}


@pytest.mark.parametrize("file", BRINGS)
def test_a_commit_that_makes_attributes_alter_bytes_is_refused_by_all_that_judge(
    synced: Host, file: str, tmp_path: Path
) -> None:
    server = tmp_path / "server.git"
    with_judging_server(synced, server)
    with (synced.path / file).open("a") as attributes:
        attributes.write(BRINGS[file])
    synced.git("add", file)
    words = "attributes-alter-bytes  up"
    ran = synced.run("check")
    assert (ran.status, words in ran.out) == (1, True), ran
    tried = _try(synced, "commit", "-m", "attributes")
    assert (tried.status, words in tried.err) == (1, True), tried
    synced.git("commit", "--quiet", "--no-verify", "-m", "attributes")
    for look in (("check", "--range", "HEAD~..HEAD"), ("check", "--all")):
        ran = synced.run(*look)
        assert (ran.status, words in ran.out) == (1, True), (look, ran)
    tried = _try(synced, "push", "origin", "HEAD:main")
    assert (tried.status, words in tried.err) == (1, True), tried
    tried = _try(synced, "push", "--no-verify", "origin", "HEAD:main")
    assert (tried.status, words in tried.err) == (1, True), tried
    assert git(server, "rev-parse", "main") == synced.git("rev-parse", "HEAD~")
    synced.git("revert", "--no-edit", "HEAD")
    assert synced.run("check", "--range", "HEAD~..HEAD").status == 0


def _try(host: Host, *arguments: str) -> Ran:
    done = subprocess.run(
        ["git", *arguments],
        cwd=host.path,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def test_a_commit_that_takes_the_block_away_is_refused(synced: Host) -> None:
    synced.git("rm", "--quiet", ".gitattributes")
    ran = synced.run("check")
    assert (ran.status, "attributes-alter-bytes  up" in ran.out) == (1, True), ran
    assert "crates/wit/deps" in ran.out


# a block that is not whole

BROKEN: dict[str, Callable[[str], str]] = {
    "no end": lambda text: text.replace(f"{END}\n", ""),
    "no beginning": lambda text: text.replace(f"{BEGIN}\n", "").replace(f"{IGNORED}\n", ""),
    "twice": lambda text: text + text,
    "an end before it": lambda text: f"{END}\n{text}",
}


def broken_version(host: Host, name: str, how: str) -> bytes:
    return BROKEN[how]((host.path / name).read_text()).encode()


@pytest.fixture(params=BLOCK_IN)
def name(request: pytest.FixtureRequest) -> str:
    file: str = request.param
    return file


@pytest.fixture
def with_block(host: Host, released: Upstream, name: str) -> Host:
    """A host whose file has a block, and whose manifest asks for v2."""
    want(host, released, checked_in=name == ".gitattributes")
    host.sync("--commit")
    want(host, released, "v2", checked_in=name == ".gitattributes")
    return host


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("option", [[], ["--commit"]], ids=["stage", "commit"])
def test_a_broken_block_on_disk_is_refused_and_the_way_out_works(
    with_block: Host, name: str, how: str, option: list[str]
) -> None:
    host = with_block
    write(host, name, broken_version(host, name, how))
    ran = refused(host, "sync", *option)
    assert ran.err.splitlines()[0] == (
        f"error: the block of git-verbatim in {name} is broken or there twice"
    )
    assert f"from {name}, then run the command again" in ran.err
    write(host, name, b"")
    host.sync(*option)
    assert BLOCK_IN[name] in (host.path / name).read_text().splitlines()


@pytest.mark.parametrize("option", [[], ["--commit"]], ids=["stage", "commit"])
def test_a_broken_block_in_the_index_is_refused_and_the_way_out_works(
    with_block: Host, name: str, option: list[str]
) -> None:
    host = with_block
    text = (host.path / name).read_bytes()
    write(host, name, broken_version(host, name, "no end"))
    host.git("add", name)
    write(host, name, text)
    ran = refused(host, "sync", *option)
    assert ran.err.splitlines()[:2] == [
        f"error: the block of git-verbatim in {name} is broken or there twice",
        f"  in the index; {name} on disk is whole",
    ]
    assert f"`git add {name}`, then run the command again" in ran.err
    host.git("add", name)
    host.sync(*option)


def test_a_broken_block_in_head_is_refused_before_anything_is_written(
    with_block: Host, name: str
) -> None:
    host = with_block
    text = (host.path / name).read_bytes()
    write(host, name, broken_version(host, name, "no end"))
    host.git("add", name)
    host.git("commit", "--quiet", "-m", "broken")
    write(host, name, text)
    host.git("add", name)
    ran = refused(host, "sync", "--commit")
    assert ran.err.splitlines()[:2] == [
        f"error: the block of git-verbatim in {name} is broken or there twice",
        f"  in HEAD; {name} on disk is whole",
    ]
    commands = ran.err.rpartition("place with `")[2].partition("`")[0]
    assert commands == f"git verbatim sync && git add {name} && git commit"
    subprocess.run(
        f"{commands} --quiet -m mended",
        shell=True,
        cwd=host.path,
        check=True,
        capture_output=True,
    )
    host.sync("--commit")
    assert host.git("status", "--porcelain") == ""
    assert host.run("check", "--all").status == 0


# whether the root's file protects all places without git being asked

PLACES = ["crates/wit/deps", "b/with blank"]
LINES = [attributes_line(place) for place in PLACES]
LONG = "/".join(["d" * 100] * 19)

ROOTS: dict[str, tuple[list[str], list[str], bool]] = {
    "the block alone": ([BEGIN, *LINES, END], PLACES, True),
    "lines before it": (["* text", BEGIN, *LINES, END], PLACES, True),
    "a line after it": ([BEGIN, *LINES, END, "* text"], PLACES, False),
    "a comment after it": ([BEGIN, *LINES, END, "# mine"], PLACES, False),
    "a line in it": ([BEGIN, *LINES, "* text", END], PLACES, False),
    "more places in it": ([BEGIN, *LINES, attributes_line("x"), END], PLACES, True),
    "other attributes first in its lines": (
        [BEGIN, *(line.replace(" linguist", " text ident linguist") for line in LINES), END],
        PLACES,
        False,
    ),
    "a place too few": ([BEGIN, LINES[0], END], PLACES, False),
    "no end": ([BEGIN, *LINES], PLACES, False),
    "no beginning": ([*LINES, END], PLACES, False),
    "nothing": ([], PLACES, False),
    "a line that git does not read": ([BEGIN, attributes_line(LONG), END], [LONG], False),
}


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("what", ROOTS)
def test_only_a_block_under_which_git_converts_nothing_counts_as_protecting(
    what: str, ending: str
) -> None:
    lines, places, expected = ROOTS[what]
    root = "".join(f"{line}{ending}" for line in lines).encode()
    assert protects(root, places) is expected
    if expected:
        paths = [f"{place}/sub/a.wit".encode() for place in places]
        assert not any(map(may_alter, attributes_of({RepoPath(b".gitattributes"): root}, paths)))
