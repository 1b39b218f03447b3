"""What a place may not be: each is one clear error before anything is written."""

import subprocess
from pathlib import Path

import pytest

from tests.support.git import git
from tests.support.hosts import Host, commit, mirror
from tests.support.meanwhile import run_meanwhile
from tests.support.program import Ran
from tests.support.upstreams import Upstream

HINT_INTO = "or give the mirror another `into`"


@pytest.fixture
def released(upstream: Upstream) -> Upstream:
    upstream.release("v1", {"a.wit": b"a\n", "sub/b.wit": b"b\n"})
    return upstream


def at(upstream: Upstream, *into: str, name: str = "up", **keys: list[str]) -> str:
    return mirror(name, upstream.url, into=list(into), tag="v1", local=True, **keys)


def refused(host: Host, *arguments: str) -> Ran:
    """A sync that is refused changes no file, no entry of the index and no commit."""
    before = host.snapshot(), host.git("ls-files", "--stage"), host.git("rev-parse", "HEAD")
    ran = host.run("sync", *arguments)
    assert ran.status == 2, ran
    after = host.snapshot(), host.git("ls-files", "--stage"), host.git("rev-parse", "HEAD")
    assert after == before
    assert not (host.third_party / ".git-verbatim").exists()
    return ran


# what the manifest may not say

NOT_A_PLACE = {
    "/": "`into` names the host's root",
    "//crates": "`into` is absolute: `/crates`",
    "/crates/../deps": "`into` leaves its directory: `crates/../deps` holds `..`",
    "/crates/./deps": "`into` is no plain path: `crates/./deps`",
    "/crates\\deps": "`into` is no plain path: `crates\\deps`",
    "/third_party/x": "`into` begins in third_party/ without a slash in front: write `x`",
    "/third_party": "`into` begins in third_party/ without a slash in front: write `.`",
    "/Third_Party/x": "`into` is reserved for the tool: `/Third_Party/x`",
    "/.git": "`into` names a git directory: `/.git`",
    "/.git/hooks": "`into` names a git directory: `/.git/hooks`",
    "/crates/.GIT/x": "`into` names a git directory: `/crates/.GIT/x`",
    "/crates/git~1": "`into` names a git directory: `/crates/git~1`",
    "/.gitattributes": "`into` is reserved for the tool: `/.gitattributes`",
    "/crates/.gitattributes": "`into` is reserved for the tool: `/crates/.gitattributes`",
    "/.gitignore/x": "`into` is reserved for the tool: `/.gitignore/x`",
    "/.gitmodules": "`into` is reserved for the tool: `/.gitmodules`",
    "licenses": "`into` is reserved for the tool: `licenses`",
    "licenses/up": "`into` is reserved for the tool: `licenses/up`",
    "provenance/up": "`into` is reserved for the tool: `provenance/up`",
    "mirrors.toml": "`into` is reserved for the tool: `mirrors.toml`",
    ".git-verbatim": "`into` is reserved for the tool: `.git-verbatim`",
    "/crates/nul.txt": "`into` names `nul.txt`, which Windows cannot hold",
    "/crates/a:b": "`into` names `a:b`, which Windows cannot hold",
    "/crates/dot./x": "`into` names `dot.`, which Windows cannot hold",
    "/crates/blank /x": "`into` names `blank `, which Windows cannot hold",
    f"/{'d/' * 120}x": "`into` is deeper than 100 directories",
    f"/{'d' * 2100}": "`into` has more than 2,000 bytes",
}


@pytest.mark.parametrize("into", NOT_A_PLACE, ids=lambda into: into[:30] or "nothing")
def test_the_manifest_cannot_name_it(host: Host, released: Upstream, into: str) -> None:
    for written in (into, ["fine", into]):
        host.manifest(mirror("up", released.url, tag="v1", into=written, local=True))
        ran = refused(host)
        first, second = ran.err.splitlines()[:2]
        assert first.startswith(f"error: {NOT_A_PLACE[into]}"), ran.err
        assert second == "  third_party/mirrors.toml:4: mirrors.up.into", ran.err


MALFORMED = [
    "[]",
    "5",
    "true",
    '""',
    '["/crates/x", ""]',
    '["/crates/x", 5]',
    '[["/crates/x"]]',
    "{ place = '/crates/x' }",
]


@pytest.mark.parametrize("value", MALFORMED)
def test_into_is_a_path_or_a_list_of_some(host: Host, released: Upstream, value: str) -> None:
    host.manifest(mirror("up", released.url, tag="v1", local=True) + f"into = {value}\n")
    ran = refused(host)
    assert ran.err.splitlines() == [
        "error: `into` is a path, or a list of at least one",
        "  third_party/mirrors.toml:5: mirrors.up.into",
    ]


@pytest.mark.parametrize("again", ["/crates/x", "/crates/x/"])
def test_a_place_is_named_once(host: Host, released: Upstream, again: str) -> None:
    host.manifest(at(released, "/crates/x", again))
    ran = refused(host)
    assert ran.err.splitlines() == [
        "error: `into` names `/crates/x` twice",
        "  third_party/mirrors.toml:3: mirrors.up.into",
        "hint: each place is named once",
    ]


NESTED = {
    "the same": ("/crates/x", "/crates/x"),
    "in another": ("/crates/x", "/crates/x/y"),
    "above another": ("/crates/x/y", "/crates"),
    "the same on Windows": ("/crates/x", "/crates/X"),
    "in another on Windows": ("/crates/x", "/CRATES/x/y"),
}


@pytest.mark.parametrize("how", NESTED)
@pytest.mark.parametrize("mirrors", [1, 2])
def test_no_place_lies_in_or_above_another(
    host: Host, released: Upstream, how: str, mirrors: int
) -> None:
    one, other = NESTED[how]
    if mirrors == 2:
        host.manifest(at(released, one) + "\n" + at(released, other, name="other"))
        words = "error: mirror other overlaps mirror up: both lie in"
    elif how == "the same":
        return
    else:
        host.manifest(at(released, one, other))
        words = "error: two places of mirror up overlap:"
    ran = refused(host)
    assert ran.err.startswith(words), ran.err


def test_no_place_lies_around_a_key_file(host: Host, released: Upstream) -> None:
    host.manifest(
        at(released, "/crates/x")
        + 'allowed-signers = "/crates/x/keys"\n\n[mirrors.more]\nurl = "https://example.org/m"\ntag = "v1"\n'
    )
    ran = refused(host)
    assert ran.err.splitlines()[0] == (
        "error: `allowed-signers` overlaps mirror up: `/crates/x/keys`"
    )


def test_add_takes_and_refuses_the_same(host: Host, released: Upstream) -> None:
    host.run("init", "--no-hooks")
    add = ("add", "up", released.url, "--tag", "v1", "--local", "--into")
    ran = host.run(*add, "/third_party/x")
    assert (ran.status, "write `x`" in ran.err) == (2, True), ran
    assert host.run(*add, "/crates/x").status == 0
    assert (host.path / "crates/x/a.wit").read_bytes() == b"a\n"
    assert 'into = "/crates/x"' in (host.third_party / "mirrors.toml").read_text()


# longer than Windows can hold, once cloned


LIMIT = "and a clone on Windows holds 254 [path-windows-too-long]"


def test_a_path_that_no_clone_on_windows_can_hold_is_refused_with_the_number_unless_allowed(
    host: Host, released: Upstream
) -> None:
    deep = "/" + "/".join(["directory"] * 25) + "/x"
    host.manifest(at(released, "short", deep))
    ran = refused(host)
    place = deep[1:]
    assert ran.err.splitlines()[:2] == [
        "error: mirror up cannot copy a.wit exactly",
        f"  its path in the host has {len(place) + len('/a.wit')} characters, {LIMIT}",
    ]
    assert 'allow = ["path-windows-too-long"]' in ran.err
    host.manifest(at(released, "short", deep, allow=["path-windows-too-long"]))
    host.sync("--commit")
    assert (host.path / place / "sub/b.wit").read_bytes() == b"b\n"
    assert host.run("check", "--all").status == 0


# what lies there on disk

LINKS = ["crates", "crates/x"]


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("is_committed", [True, False])
def test_no_place_lies_behind_a_symlink(
    host: Host, released: Upstream, tmp_path: Path, link: str, *, is_committed: bool
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (host.path / link).parent.mkdir(exist_ok=True)
    (host.path / link).symlink_to(elsewhere)
    if is_committed:
        commit(host, "a link")
    host.manifest(at(released, "up", "/crates/x"))
    for options in ([], ["--discard-local"], ["--dry-run"]):
        ran = refused(host, *options)
        assert ran.err.splitlines()[0] == f"error: {link} is a symlink", ran.err
        assert ran.err.splitlines()[-1].endswith(HINT_INTO)
    assert list(elsewhere.iterdir()) == []
    subprocess.run(["mv", link, f"{link}.old"], cwd=host.path, check=True)
    assert host.run("sync").status == 0
    assert list(elsewhere.iterdir()) == []


def test_a_symlink_within_the_host_is_one_too(host: Host, released: Upstream) -> None:
    (host.path / "src").mkdir()
    (host.path / "src/mine").write_text("mine\n")
    (host.path / "crates").symlink_to("src")
    host.manifest(at(released, "/crates/x"))
    assert refused(host).err.startswith("error: crates is a symlink\n")


@pytest.mark.parametrize("link", LINKS)
def test_a_symlink_that_is_made_between_plan_and_apply_is_not_followed(
    host: Host, released: Upstream, tmp_path: Path, link: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (host.path / "crates").mkdir()
    host.manifest(at(released, "up", "/crates/x"))
    there = host.third_party / ".git-verbatim/0"
    ran = run_meanwhile(host.path, str(there), None, "sync", linked=(link, str(elsewhere)))
    assert ran.status == 2, ran
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("file", ["crates", "crates/x"])
def test_a_file_is_no_directory_to_lie_in(host: Host, released: Upstream, file: str) -> None:
    (host.path / file).parent.mkdir(exist_ok=True)
    (host.path / file).write_text("mine\n")
    host.manifest(at(released, "/crates/x"))
    ran = refused(host, "--discard-local")
    assert ran.err.splitlines()[0] == f"error: {file} is no directory"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Somebody's repository."""
    made = Host.create(tmp_path / "library")
    (made.path / "precious").write_text("precious\n")
    commit(made, "precious")
    return made.path


@pytest.mark.parametrize("where", ["crates", "crates/x", "crates/x/sub"])
def test_no_place_is_in_or_above_a_submodule(
    host: Host, released: Upstream, library: Path, where: str
) -> None:
    host.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), where)
    host.git("commit", "--quiet", "-m", "submodule")
    host.manifest(at(released, "/crates/x"))
    for options in ([], ["--discard-local"], ["--dry-run"]):
        ran = refused(host, *options)
        assert ran.err.splitlines()[0] == f"error: {where} is a submodule", ran.err
    assert (host.path / where / "precious").exists()


@pytest.mark.parametrize("where", ["crates", "crates/x", "crates/x/sub"])
def test_no_place_is_in_or_above_another_repository(
    host: Host, released: Upstream, library: Path, where: str
) -> None:
    (host.path / where).parent.mkdir(parents=True, exist_ok=True)
    library.rename(host.path / where)
    host.manifest(at(released, "/crates/x"))
    ran = refused(host, "--discard-local")
    assert ran.err.splitlines()[0] == f"error: {where} is a git repository of its own", ran.err
    assert (host.path / where / "precious").exists()


@pytest.mark.parametrize("where", ["crates", "crates/x", "crates/x/sub"])
def test_no_place_is_in_or_above_a_mount(
    host: Host, released: Upstream, tmp_path: Path, where: str
) -> None:
    (tmp_path / "mounted").mkdir()
    (host.path / where).mkdir(parents=True)
    bind = ["mount", "--bind", str(tmp_path / "mounted"), str(host.path / where)]
    if subprocess.run(bind, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        host.manifest(at(released, "/crates/x"))
        ran = refused(host, "--discard-local")
        assert ran.err.splitlines()[0] == f"error: something is mounted at {where}", ran.err
    finally:
        subprocess.run(["umount", str(host.path / where)], check=True)


def test_a_place_elsewhere_than_a_mounted_third_party_is_refused(
    host: Host, released: Upstream
) -> None:
    """Nothing can be exchanged between two file systems in one step."""
    host.third_party.mkdir()
    mount = ["mount", "-t", "tmpfs", "tmpfs", str(host.third_party)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        host.manifest(at(released, "/crates/x"))
        ran = refused(host)
        assert ran.err.splitlines() == [
            "error: third_party is mounted, and crates/x is not in it",
            "  nothing can be exchanged between two file systems in one step",
            "hint: unmount it: `umount third_party`; or give the mirror another `into`",
        ]
    finally:
        subprocess.run(["umount", str(host.third_party)], check=True)


def test_a_directory_with_files_of_others_is_not_taken_over(host: Host, released: Upstream) -> None:
    for name in ("a.wit", "lib.rs", "sub/mine"):
        (host.path / "crates/x" / name).parent.mkdir(parents=True, exist_ok=True)
        (host.path / "crates/x" / name).write_text("mine\n")
    commit(host, "mine")
    host.manifest(at(released, "/crates/x"))
    ran = refused(host)
    assert ran.err.splitlines()[1:4] == [f"  crates/x/{n}" for n in ("a.wit", "lib.rs", "sub/mine")]


def test_what_is_staged_at_a_place_and_nowhere_else_is_not_lost(
    host: Host, released: Upstream
) -> None:
    blob = git(host.path, "hash-object", "-w", "--stdin", stdin=b"precious\n")
    host.git("update-index", "--add", "--cacheinfo", f"100644,{blob},crates/x/mine")
    host.manifest(at(released, "/crates/x"))
    ran = refused(host)
    assert ran.err.splitlines()[1] == "  crates/x/mine", ran.err
