"""Hooks, ranges and pushes watch every path that any manifest in them names as a place.

That a changed copy outside third_party/ is refused like one inside, by every route and in every
shape of history, is in test_histories.py and test_generated_histories.py.
"""

import subprocess
from pathlib import Path

import pytest

from policies.git.history import Walk
from sync.manifest.outside import paths_outside
from sync.manifest.read import parse_manifest
from tests.support.git import git
from tests.support.hosts import Host, commit, mirror, with_judging_server
from tests.support.program import Ran
from tests.support.upstreams import Upstream

DIFFERS = "mirror-differs-from-record"


@pytest.fixture
def released(upstream: Upstream) -> Upstream:
    for tag in ("v1", "v2"):
        upstream.release(tag, {"a.wit": f"{tag}\n".encode(), "sub/b.wit": b"b\n"})
    return upstream


def want(host: Host, upstream: Upstream, *into: str, tag: str = "v1") -> None:
    host.manifest(mirror("up", upstream.url, into=list(into), tag=tag, local=True))


@pytest.fixture
def synced(host: Host, released: Upstream) -> Host:
    (host.path / "src").mkdir()
    (host.path / "src/main.c").write_text("mine\n")
    commit(host, "mine")
    want(host, released, "/crates/x", "x")
    host.sync("--commit")
    return host


def edit(host: Host, path: str, content: str = "edited\n") -> str:
    """A commit of one file; its id."""
    (host.path / path).parent.mkdir(parents=True, exist_ok=True)
    (host.path / path).write_text(content)
    host.git("add", path)
    host.git("commit", "--quiet", "-m", "edit")
    return host.git("rev-parse", "HEAD")


def blamed(host: Host, text: str) -> dict[str, set[str]]:
    """Commit → the rules that it breaks, by `check --range`."""
    ran = host.run("check", "--range", text, "--format", "json")
    assert ran.status in {0, 1}, ran
    return {
        judged["commit"]: {one["rule"] for one in judged["violations"]}
        for judged in ran.json["commits"]
        if judged["violations"]
    }


# which paths a range is walked for


@pytest.mark.parametrize("form", ["/crates/p{}/x", "/p{}/x", "/a/b/c{}/x"])
def test_with_very_many_places_an_edit_in_each_is_found_and_none_beside_them(
    host: Host, released: Upstream, form: str
) -> None:
    places = [form.format(number) for number in range(30)]
    want(host, released, *places)
    host.sync("--commit")
    start = host.git("rev-parse", "HEAD")
    bad = [edit(host, f"{place[1:]}/a.wit") for place in (places[0], places[29])]
    edit(host, f"{places[7][1:]}-beside/a.wit")
    bad.append(edit(host, f"{places[3][1:].rpartition('/')[0]}/.gitattributes", "* text\n"))
    edit(host, "src/other")
    assert list(blamed(host, f"{start}..HEAD")) == bad[::-1]


def test_an_edit_is_found_where_nothing_else_of_the_range_touches_third_party(
    synced: Host,
) -> None:
    start = synced.git("rev-parse", "HEAD")
    edit(synced, "src/main.c")
    bad = edit(synced, "crates/x/sub/b.wit")
    edit(synced, "src/main.c", "more\n")
    assert blamed(synced, f"{start}..HEAD") == {bad: {DIFFERS}}
    assert blamed(synced, f"{bad}..HEAD") == {}


def test_which_commits_a_walk_gives_newest_first(
    synced: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rough one also gives those that change something beside places, at the same top.

    Of look-alikes it only says that there are some.
    """
    start = synced.git("rev-parse", "HEAD")
    changed = ["crates/x/a.wit", "src/main.c", "crates/other/b", "third_party/x/a.wit"]
    made = [edit(synced, path) for path in changed]
    monkeypatch.chdir(synced.path)
    for outside, exactly, roughly in (
        (["crates/x"], [3, 0], [3, 0]),
        (["crates/x", "crates/y"], [3, 0], [3, 2, 0]),
        ([], [3], [3]),
    ):
        walk = Walk([made[-1]], [start])
        assert [made.index(one) for one in walk.commits(outside)] == exactly
        with walk.roughly() as rough:
            assert [made.index(one) for one in rough.commits(outside)] == roughly
            assert rough.are_all()


@pytest.mark.parametrize("path", ["third_~1/a", "Third_Party/a", ".GITATTRIBUTES", "gitatt~1"])
def test_a_rough_walk_says_that_it_left_out_lookalikes(
    synced: Host, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    start = synced.git("rev-parse", "HEAD")
    made = edit(synced, path)
    monkeypatch.chdir(synced.path)
    walk = Walk([made], [start])
    assert walk.commits([]) == [made]
    with walk.roughly() as rough:
        assert (rough.commits([]), rough.are_all()) == ([], False)


def test_a_place_counts_that_only_the_manifest_before_names(
    synced: Host, released: Upstream
) -> None:
    start = synced.git("rev-parse", "HEAD")
    bad = edit(synced, "crates/x/a.wit")
    want(synced, released, "x")
    synced.sync("--commit", "--discard-local")
    assert not (synced.path / "crates").exists()
    assert blamed(synced, f"{start}..HEAD") == {bad: {DIFFERS}}
    assert blamed(synced, f"{bad}..HEAD") == {}
    edit(synced, "crates/x/a.wit", "the host's own from now on\n")
    assert blamed(synced, f"{bad}..HEAD") == {}


def test_a_place_counts_that_only_a_manifest_in_the_middle_names(
    synced: Host, released: Upstream
) -> None:
    start = synced.git("rev-parse", "HEAD")
    want(synced, released, "x", "/lib/x")
    synced.sync("--commit")
    bad = edit(synced, "lib/x/a.wit")
    synced.git("checkout", "--quiet", "HEAD~", "--", "lib")
    synced.git("commit", "--quiet", "-m", "mended")
    want(synced, released, "/crates/x", "x")
    synced.sync("--commit")
    assert blamed(synced, f"{start}..HEAD") == {bad: {DIFFERS}}


def test_what_lay_in_a_place_before_it_was_one_is_nobodys_fault(
    host: Host, released: Upstream
) -> None:
    edit(host, "crates/x/a.wit", "the host's own\n")
    edit(host, "crates/x/a.wit", "and once more\n")
    want(host, released, "/crates/x")
    host.sync("--commit", "--discard-local")
    assert blamed(host, "HEAD") == {}


def test_a_branch_from_before_a_place_that_edits_it_is_refused_where_it_is_merged(
    host: Host, released: Upstream
) -> None:
    edit(host, "crates/x/a.wit", "v1\n")
    host.git("branch", "side")
    want(host, released, "/crates/x")
    host.sync("--commit")
    start = host.git("rev-parse", "HEAD")
    host.git("switch", "--quiet", "side")
    edit(host, "crates/x/a.wit", "edited\n")
    host.git("switch", "--quiet", "main")
    host.git("merge", "--quiet", "--no-edit", "-X", "theirs", "side")
    assert (host.path / "crates/x/a.wit").read_text() == "edited\n"
    assert blamed(host, f"{start}..HEAD") == {host.git("rev-parse", "HEAD"): {DIFFERS}}


def test_files_that_a_dropped_mirror_leaves_outside_are_the_hosts_own(synced: Host) -> None:
    start = synced.git("rev-parse", "HEAD")
    synced.git("rm", "--quiet", "-r", "third_party")
    synced.git("commit", "--quiet", "-m", "no mirrors any more")
    edit(synced, "crates/x/a.wit")
    assert blamed(synced, f"{start}..HEAD") == {}


def test_a_record_that_names_a_place_that_the_manifest_does_not_is_watched_there(
    synced: Host,
) -> None:
    """The commit that brings such a record is refused, and so is each edit after it."""
    record = synced.third_party / "provenance/up.json"
    record.write_text(record.read_text().replace('"third_party/x"', '"lib/x"'))
    (synced.path / "lib").mkdir()
    synced.git("mv", "third_party/x", "lib/x")
    first = commit(synced, "a record moved by hand")
    second = edit(synced, "lib/x/a.wit")
    found = blamed(synced, "HEAD")
    assert list(found) == [second, first]
    assert "record-differs-from-manifest" in found[first]
    assert found[second] == {DIFFERS}


ABOVE = {
    "a symlink": "rm -rf crates && ln -s src crates",
    "a file": "rm -rf crates && echo mine >crates",
    "nothing": "rm -rf crates",
    "a submodule": "git rm -rq crates && "
    "git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),crates; rm -rf crates",
}


@pytest.mark.parametrize("what", ABOVE)
def test_what_takes_the_place_of_a_directory_above_is_found(synced: Host, what: str) -> None:
    subprocess.run(ABOVE[what], shell=True, cwd=synced.path, check=True)
    if what != "a submodule":
        synced.git("add", "--all", "crates")
    ran = synced.run("check", "--format", "json")
    assert (ran.status, {one["rule"] for one in ran.violations}) == (1, {DIFFERS}), ran
    synced.git("commit", "--quiet", "-m", "replaced")
    head = synced.git("rev-parse", "HEAD")
    assert blamed(synced, "HEAD~..HEAD") == {head: {DIFFERS}}
    assert synced.run("verify", "--rev", "HEAD").status == 1


# every way to write the same path

SPELLINGS = [
    'into = "/crates/x"',
    "into = '/crates/x'",
    'into = "/crates/x/"',
    'into = ["x", "/crates/x"]',
    'into = [\n  # why\n  "/crates/x",\n]',
    'into = """/crates/x"""',
    'into = """\n/crates/x"""',
    "into = '''\n/crates/x'''",
    'into = """\\\n    /crates/x"""',
    'into = """\\\r\n/crates/x"""',
    'into = "\\u002Fcrates/x"',
    'into = "\\U0000002fcrates\\u002fx"',
    'into = "/\\u0063rates/x"',
    '"into" = "/crates/x"',
    '"\\u0069nto" = "/crates/x"',
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_however_the_manifest_writes_a_path_it_is_watched(spelling: str) -> None:
    text = f'[mirrors.up]\nurl = "https://example.org/up"\ntag = "v1"\n{spelling}\n'.encode()
    assert "crates/x" in parse_manifest(text).mirrors["up"].places
    assert paths_outside(text) == ("crates/x",)


@pytest.mark.parametrize(
    "text",
    [
        b'mirrors.up = { url = "https://example.org/up", tag = "v1", into = "/crates/x" }\n',
        b'mirrors.up.url = "https://example.org/up"\nmirrors.up.tag = "v1"\nmirrors."up".into = "/crates/x"\n',
        b'[mirrors]\nup.url = "https://example.org/up"\nup.tag = "v1"\nup.into = ["/crates/x"]\n',
    ],
)
def test_in_every_kind_of_table_too(text: bytes) -> None:
    assert parse_manifest(text).mirrors["up"].places == ("crates/x",)
    assert paths_outside(text) == ("crates/x",)


# hooks and pushes


@pytest.fixture
def pushing(synced: Host, tmp_path: Path) -> Host:
    """A host with all hooks, whose server has some too."""
    return with_judging_server(synced, tmp_path / "server.git")


def tried(host: Host, *arguments: str) -> Ran:
    done = subprocess.run(
        ["git", *arguments], cwd=host.path, capture_output=True, text=True, check=False
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def test_no_commit_and_no_push_of_an_edit_at_a_place_outside_passes(pushing: Host) -> None:
    (pushing.path / "crates/x/a.wit").write_text("edited\n")
    for command in (
        ("commit", "-a", "-m", "edited"),
        ("commit", "-m", "edited", "crates/x/a.wit"),
        ("commit", "-m", "edited", "crates"),
    ):
        ran = tried(pushing, *command)
        assert (ran.status, "crates/x/a.wit: content differs" in ran.err) == (1, True), ran
    assert tried(pushing, "commit", "--no-verify", "-a", "-m", "edited").status == 0
    for options in ((), ("--no-verify",)):
        ran = tried(pushing, "push", *options, "origin", "HEAD:main")
        assert (ran.status, "crates/x/a.wit: content differs" in ran.err) == (1, True), ran


def test_a_sync_of_all_places_passes_every_hook_with_its_trailer(
    pushing: Host, released: Upstream
) -> None:
    want(pushing, released, "/crates/x", "x", "/lib/x", tag="v2")
    pushing.sync()
    ran = tried(pushing, "commit", "-a", "-m", "sync")
    assert ran.status == 0, ran
    tree = pushing.git("rev-parse", "HEAD:lib/x")
    assert pushing.git("log", "-1", "--format=%(trailers)") == f"Mirror-Sync: up v2 {tree}"
    ran = tried(pushing, "push", "origin", "HEAD:main")
    assert ran.status == 0, ran


def test_a_commit_that_lacks_one_of_the_places_is_refused(
    pushing: Host, released: Upstream
) -> None:
    want(pushing, released, "/crates/x", "x", tag="v2")
    pushing.sync()
    pushing.git("add", "third_party/mirrors.toml")
    pushing.git("reset", "--quiet", "--", "crates")
    ran = tried(pushing, "commit", "-m", "half")
    assert (ran.status, "crates/x/a.wit: content differs" in ran.err) == (1, True), ran


def test_a_bare_repository_verifies_every_place_by_revision(synced: Host, tmp_path: Path) -> None:
    edit(synced, "crates/x/a.wit")
    git(tmp_path, "clone", "--quiet", "--bare", str(synced.path), "bare.git")
    bare = Host(tmp_path / "bare.git")
    assert bare.run("verify", "--rev", "HEAD~").status == 0
    ran = bare.run("verify", "--rev", "HEAD")
    assert (ran.status, "crates/x/a.wit: content differs" in ran.out) == (1, True), ran
