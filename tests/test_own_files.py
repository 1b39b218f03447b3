"""The host's own files and sealed directories: what is accounted for, and how that is declared."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.change.own_files import narrowed
from sync.errors import HostError, ManifestError
from sync.host.listing import among
from sync.ids import Mode
from sync.judgement.strays import Accounts, find_strays
from sync.manifest.read import parse_manifest
from tests.support.git import git
from tests.support.hosts import Host, commit, mirror
from tests.support.upstreams import Upstream

MIRROR = '[mirrors.up]\nurl = "https://example.org/up"\ntag = "v1"\ninto = ["up", "/crates/up"]\n'


def strays(
    files: dict[str, int], *, own: tuple[str, ...] = (), sealed: tuple[str, ...] = ()
) -> list[str]:
    """What is stray among these files of a host with one mirror and a key file."""
    places = ["third_party/up", "third_party/licenses/up", "crates/deps/up"]
    accounts = Accounts.of(places, ["third_party/keys/up"], [*own], [*sealed])
    children = among((path.encode(), mode) for path, mode in files.items())
    return sorted(path.decode() for path in find_strays(children, accounts))


def files(*paths: str) -> dict[str, int]:
    return dict.fromkeys(paths, Mode.FILE)


# what accounts for files


def test_places_records_licences_keys_and_the_tools_files_are_accounted_for() -> None:
    there = files(
        "third_party/up/deep/whatever",
        "third_party/licenses/up/LICENSE",
        "third_party/provenance/up.json",
        "third_party/keys/up",
        "third_party/mirrors.toml",
        "third_party/.gitattributes",
        "third_party/.gitignore",
        "src/main.c",
    )
    assert strays(there) == []


def test_everything_else_in_a_guarded_directory_is_stray() -> None:
    there = files(
        "third_party/README",
        "third_party/some/deep/file",
        "third_party/keys/other",
        "third_party/provenance/README",
        "third_party/licenses/gone/LICENSE",
        "crates/deps/mine",
        "crates/src/lib.rs",
    )
    assert strays(there, sealed=("crates/deps",)) == [
        "crates/deps/mine",
        "third_party/README",
        "third_party/keys/other",
        "third_party/licenses/gone/LICENSE",
        "third_party/provenance/README",
        "third_party/some/deep/file",
    ]


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("BUILD", ["third_party/zlib/z.c"]),
        ("/third_party/zlib/", ["third_party/BUILD"]),
        ("/third_party/zlib", ["third_party/BUILD"]),
        ("zlib/", ["third_party/BUILD"]),
        ("*.c", ["third_party/BUILD", "third_party/zlib/BUILD"]),
        ("/third_party/*", []),
        ("/BUILD", ["third_party/BUILD", "third_party/zlib/BUILD", "third_party/zlib/z.c"]),
    ],
)
def test_own_patterns_mean_what_gitignore_says_from_the_hosts_root(
    pattern: str, left: list[str]
) -> None:
    there = files("third_party/BUILD", "third_party/zlib/BUILD", "third_party/zlib/z.c")
    assert strays(there, own=(pattern,)) == left


def test_a_later_pattern_takes_back_an_earlier_one() -> None:
    there = files("third_party/a.c", "third_party/b.c")
    assert strays(there, own=("*.c", "!b.c")) == ["third_party/b.c"]


def test_a_pattern_has_no_effect_among_records_and_licences() -> None:
    there = files("third_party/provenance/README", "third_party/licenses/other/README")
    assert strays(there, own=("README", "*")) == sorted(there)


def test_what_lies_beside_a_place_in_an_own_directory_is_own() -> None:
    there = files("crates/deps/up/a", "crates/deps/mine", "crates/deps/more/x")
    assert strays(there, own=("deps/", "/crates/*"), sealed=("crates",)) == []


def test_a_submodule_and_a_link_are_strays_too() -> None:
    there = {"third_party/sub": Mode.GITLINK, "crates/deps/link": Mode.SYMLINK}
    assert strays(there, sealed=("crates/deps",)) == ["crates/deps/link", "third_party/sub"]


def test_patterns_that_would_take_years_are_refused() -> None:
    there = files(*(f"third_party/{number}" for number in range(3000)))
    with pytest.raises(HostError) as raised:
        strays(there, own=tuple(f"a*b*c*{number}" for number in range(300)))
    assert raised.value.reference == "own-patterns-too-costly"


@given(
    st.lists(st.sampled_from("ab"), min_size=1, max_size=4).map("/".join),
    st.lists(st.sampled_from("ab"), min_size=1, max_size=4).map("/".join),
)
def test_a_narrowed_pattern_reaches_into_no_place_and_owns_what_lies_beside(
    named: str, place: str
) -> None:
    pattern = narrowed(f"/third_party/{named}/", [f"third_party/{place}"])
    if pattern is None:
        assert f"{named}/".startswith(f"{place}/")
    else:
        own = f'[host]\nown = ["{pattern}"]\n'
        table = MIRROR.replace('["up", "/crates/up"]', f'"{place}"')
        assert parse_manifest((own + table).encode()).own == (pattern,)
        beside = f"third_party/{named}/beside"
        accounts = Accounts.of([f"third_party/{place}"], [], [pattern], [])
        children = among([(beside.encode(), Mode.FILE)])
        assert list(find_strays(children, accounts)) == []


# what the manifest may say

BAD: dict[str, tuple[str, str]] = {
    "own, no list": ('own = "x"', "`own` is wrong"),
    "own, a number": ("own = [1]", "`own.0` is wrong"),
    "own, a comment": ('own = ["# x"]', "is no pattern"),
    "own, a place": ('own = ["/crates/up/"]', "reaches into a place of mirror up"),
    "own, in a place": ('own = ["/third_party/up/mine"]', "reaches into a place of mirror up"),
    "own, above a place": ('own = ["/third_party/"]', "reaches into a place of mirror up"),
    "own, too many": (f"own = {['x'] * 1001}", "`own` is wrong"),
    "sealed, no list": ('sealed = "/x"', "`sealed` is wrong"),
    "sealed, relative": ('sealed = ["crates"]', "does not begin with a slash"),
    "sealed, the root": ('sealed = ["/"]', "is the host's root"),
    "sealed, third_party": ('sealed = ["/third_party/x"]', "is sealed already"),
    "sealed, twice": ('sealed = ["/x", "/x/"]', "is there twice"),
    "sealed, upwards": ('sealed = ["/x/../y"]', "leaves its directory"),
    "sealed, a place": ('sealed = ["/crates/up"]', "is in a place, and so sealed already"),
    "sealed, in a place": ('sealed = ["/crates/up/a"]', "is in a place, and so sealed already"),
    "sealed, git's": ('sealed = ["/x/.git"]', "names a git directory"),
    "another key": ('owned = ["x"]', "unknown key `owned`"),
}


@pytest.mark.parametrize(("line", "said"), BAD.values(), ids=BAD)
def test_a_bad_host_table_is_refused(line: str, said: str) -> None:
    with pytest.raises(ManifestError) as raised:
        parse_manifest(f"{MIRROR}[host]\n{line}\n".encode())
    assert said in raised.value.message
    assert raised.value.context[0].startswith("third_party/mirrors.toml:6: host.")


# the commands


@pytest.fixture
def old(tmp_path: Path) -> Host:
    """A host that has a third_party/ of its own, full of things."""
    host = Host.create(tmp_path / "old")
    for path in ("zlib/z.c", "zlib/deep/z.h", "BUILD.bazel", "a b[1] /x", "#odd"):
        file = host.third_party / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x\n")
    (host.third_party / "link").symlink_to("zlib")
    commit(host, "what was here")
    return host


def test_init_declares_what_is_there_and_refuses_only_what_is_new(old: Host) -> None:
    ran = old.run("init")
    assert ran.status == 0
    assert [line for line in ran.out.splitlines() if line.startswith("own ")] == [
        "own   third_party/#odd (a file)",
        "own   third_party/BUILD.bazel (a file)",
        "own   third_party/a b\\[1\\]\\ / (1 file)",
        "own   third_party/link (a symlink to zlib)",
        "own   third_party/zlib/ (2 files)",
    ]
    commit(old, "adopt git-verbatim")
    assert old.run("check", "--all").status == 0
    (old.third_party / "zlib/new.c").write_text("own\n")
    commit(old, "more of our own")
    (old.third_party / "stray").write_text("stray\n")
    old.git("add", "--all")
    with pytest.raises(AssertionError, match="third_party/stray"):
        old.git("commit", "-m", "a stray")


def test_add_narrows_the_pattern_of_a_directory_above(old: Host, upstream: Upstream) -> None:
    upstream.release("v1", {"a": b"a\n"})
    old.run("init", "--no-hooks")
    commit(old, "adopt git-verbatim")
    into = ("--into", "zlib/up", "--into", "/deps/up")
    ran = old.run("add", "up", upstream.url, "--tag", "v1", "--local", *into, "--commit")
    assert ran.status == 0, ran.err
    manifest = (old.third_party / "mirrors.toml").read_text()
    assert '    "/third_party/zlib/*",  # 2 files\n' in manifest
    assert 'into = ["zlib/up", "/deps/up"]' in manifest
    assert old.git("status", "--porcelain") == ""
    assert old.run("check", "--all").status == 0
    assert old.run("verify").status == 0


def test_a_pattern_that_matches_nothing_and_a_sealed_directory_that_is_not_there_are_noted(
    host: Host, upstream: Upstream
) -> None:
    upstream.release("v1", {"a": b"a\n"})
    table = '[host]\nown = ["nothing"]\nsealed = ["/gone"]\n'
    host.manifest(table + mirror("up", upstream.url, tag="v1", local=True))
    host.sync("--commit")
    notices = [
        "`[host] own` has `nothing`, which matches nothing",
        "`[host] sealed` has `/gone`, where nothing is",
    ]
    for command in ("verify", "status"):
        ran = host.run(command)
        assert ran.status == 0
        assert [line for line in ran.out.splitlines() if line.startswith("note: ")] == [
            f"note: {notice}" for notice in notices
        ]
        assert host.run(command, "--json").json["notices"] == notices


def test_what_git_ignores_is_noted_in_a_repository_and_stray_in_a_tarball(
    host: Host, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.release("v1", {"a": b"a\n"})
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    (host.path / ".gitignore").write_text(".DS_Store\n")
    host.sync("--commit")
    (host.third_party / ".DS_Store").write_text("x")
    ran = host.run("verify")
    notice = "third_party/.DS_Store is accounted for by nothing, but git ignores it"
    assert (ran.status, f"note: {notice}" in ran.out) == (0, True)
    assert host.run("report", "json").status == 0
    unpacked = tmp_path / "unpacked"
    subprocess.run(["cp", "-r", host.path, unpacked], check=True)
    subprocess.run(["rm", "-rf", unpacked / ".git"], check=True)
    assert Host(unpacked).run("verify").status == 1


def test_an_own_pattern_decides_in_the_commit_that_has_it(host: Host, upstream: Upstream) -> None:
    upstream.release("v1", {"a": b"a\n"})
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    host.sync("--commit")
    base = host.git("rev-parse", "HEAD")
    (host.third_party / "mine").write_text("mine\n")
    stray = commit(host, "a stray")
    manifest = host.third_party / "mirrors.toml"
    manifest.write_text('[host]\nown = ["/third_party/mine"]\n' + manifest.read_text())
    commit(host, "declared")
    ran = host.run("check", "--range", f"{base}..HEAD", "--format", "json")
    assert [
        (judged["commit"], judged["violations"][0]["path"]) for judged in ran.json["commits"]
    ] == [(stray, "third_party/mine")]
    assert git(host.path, "log", "-1", "--format=%s") == "declared"
    assert host.run("check", "--all").status == 0
