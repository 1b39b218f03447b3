"""Only what is needed comes over the network, from every kind of server.

The cache misses nothing that a command needs.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pygit2
import pytest

from tests.harnesses.badinput.scene import object_id
from tests.support.caches import caches
from tests.support.fetching import install_key, mirrored, trust
from tests.support.git import git
from tests.support.git_daemon import git_daemon
from tests.support.git_http import GitHttp, Request, dumb_http, git_http
from tests.support.hosts import Host, Key, mirror
from tests.support.large import BULK, FILES, release
from tests.support.program import Ran
from tests.support.ssh import Ssh
from tests.support.upstreams import Upstream

NEEDED = {"third_party/up/a.wit": b"a\r\n", "third_party/up/deep/b.wit": b"b"}


@pytest.fixture
def big(large: Upstream) -> Iterator[GitHttp]:
    """A server of it."""
    with git_http(large.path.parent) as site:
        yield site


def wanted(host: Host, url: str, **keys: Key) -> Ran:
    """A sync of the directory `wit`, or of what the keys say."""
    plain: dict[str, Key] = {"tag": "v1", "from_": "wit", "local": not url.partition("://")[1]}
    host.manifest(mirror("up", url, **plain | keys))
    return host.run("sync")


def blobs_of(host: Host, *names: str) -> set[str]:
    """The blobs of mirrors and of the licences that cover them."""
    records = [host.record(name) for name in names or ("up",)]
    return {file["blob"] for record in records for file in (*record["files"], *record["licenses"])}


def assert_chosen(fetches: list[Request], blobs: set[str]) -> None:
    """First all but blobs, then these blobs; before, at most one attempt that was broken off."""
    *attempts, last = (
        fetches  # both ways at once, in whatever order they arrive, until it is known to be large
    )
    assert last.wants == blobs
    assert sorted(str(attempt.filter) for attempt in attempts) in (
        ["blob:none"],
        ["None", "blob:none"],
    )


# a large upstream


def test_of_a_large_upstream_only_the_blobs_of_the_selection_are_fetched(
    host: Host, big: GitHttp
) -> None:
    big.rate = 2_500_000
    assert wanted(host, big.url()).status == 0
    assert mirrored(host) == NEEDED
    assert len(blobs_of(host)) == 3  # the licence's is one
    assert_chosen(big.fetches(), blobs_of(host))
    assert big.visits() <= len(big.fetches())
    assert sum(request.answered for request in big.requests) < sum(map(len, BULK.values())) / 3


def test_what_the_cache_knows_to_be_large_is_fetched_without_blobs_at_once(
    host: Host, big: GitHttp
) -> None:
    wanted(host, big.url())
    had = blobs_of(host)
    big.requests.clear()
    assert wanted(host, big.url(), tag="v2").status == 0
    assert mirrored(host)["third_party/up/new.wit"] == b"new\n"
    assert len(big.fetches()) == 2
    assert_chosen(big.fetches(), blobs_of(host) - had)


def test_what_another_selection_needs_of_a_known_commit_is_fetched_in_one_request(
    host: Host, big: GitHttp
) -> None:
    wanted(host, big.url())
    had = blobs_of(host)
    big.requests.clear()
    assert wanted(host, big.url(), from_="more").status == 0
    assert mirrored(host) == {"third_party/up/c": b"c"}
    assert big.fetches()[-1].wants == blobs_of(host) - had
    assert len(big.fetches()) <= 2


def test_of_a_large_upstream_all_mirrors_are_fed_by_one_request_for_blobs(
    host: Host, big: GitHttp
) -> None:
    tables = [("wit", "v1", "wit"), ("more", "v1", "more"), ("new", "v2", "wit")]
    host.manifest("".join(mirror(n, big.url(), tag=t, from_=f) for n, t, f in tables))
    host.sync()
    assert mirrored(host, "more") == {"third_party/more/c": b"c"}
    assert_chosen(big.fetches(), blobs_of(host, "wit", "more", "new"))


SELECTIONS: dict[str, dict[str, str | list[str]]] = {
    "include": {"include": ["/wit/"]},
    "include of from": {"from_": "wit", "include": ["*.wit"]},
    "exclude": {"from_": "wit", "exclude": ["deep/"]},
}


@pytest.mark.parametrize("selection", SELECTIONS.values(), ids=SELECTIONS)
def test_patterns_choose_what_is_fetched(
    host: Host, big: GitHttp, selection: dict[str, str | list[str]]
) -> None:
    host.manifest(mirror("up", big.url(), tag="v1", **selection))
    host.sync()
    assert_chosen(big.fetches(), blobs_of(host))


def test_a_whole_tree_is_fetched_whole_at_once(host: Host, big: GitHttp) -> None:
    host.manifest(mirror("up", big.url(), tag="v1"))
    host.sync()
    assert len(mirrored(host)) == len(BULK) + len(FILES)
    assert [(f.filter, len(f.wants)) for f in big.fetches()] == [(None, 1)]
    assert big.visits() == 1


def test_a_commit_is_asked_for_without_a_list_of_refs(
    host: Host, large: Upstream, big: GitHttp
) -> None:
    commit = git(large.path, "rev-parse", "v1")
    host.manifest(mirror("up", big.url(), commit=commit, from_="wit"))
    host.sync()
    assert mirrored(host) == NEEDED
    assert_chosen(big.fetches(), blobs_of(host))
    assert not any("command=ls-refs" in request.lines for request in big.requests)


def test_verify_asks_for_exactly_what_it_compares(host: Host, big: GitHttp, tmp_path: Path) -> None:
    wanted(host, big.url())
    big.requests.clear()
    ran = host.run("verify", "--upstream", XDG_CACHE_HOME=str(tmp_path / "new"))
    assert ran.status == 0, ran.err
    *attempts, first = [fetch for fetch in big.fetches() if not fetch.wants <= blobs_of(host)]
    assert (first.filter, len(attempts) <= 1) == ("blob:none", True)


# a small upstream


def test_a_small_upstream_is_fetched_at_once_and_whole(
    host: Host, upstream: Upstream, site: GitHttp
) -> None:
    release(upstream.path, "v1", FILES)
    git(upstream.path, "config", "uploadpack.allowFilter", "true")
    assert wanted(host, site.url()).status == 0
    assert mirrored(host) == NEEDED
    asked = [(f.filter, len(f.wants)) for f in site.fetches()]
    meanwhile = [
        ("blob:none", 1)
    ]  # a slow machine is taken for a distant server, which is asked both ways at once
    assert [one for one in asked if one not in meanwhile] == [(None, 1)]
    assert asked.count(*meanwhile) <= 1


def test_of_many_refs_only_the_wanted_one_is_listed(
    host: Host, upstream: Upstream, site: GitHttp
) -> None:
    release(upstream.path, "v1", FILES)
    commit = git(upstream.path, "rev-parse", "v1")
    lines = "".join(f"{commit} refs/pull/{n}/head\n" for n in range(20_000))
    (upstream.path / "packed-refs").write_text(f"# pack-refs with: peeled fully-peeled \n{lines}")
    assert wanted(host, site.url()).status == 0
    assert sum(request.answered for request in site.requests) < 10_000


# servers


SERVERS: dict[str, tuple[int, dict[str, str]]] = {
    "version 2 that filters": (2, {}),
    "version 2 that does not filter": (2, {"allowFilter": "false"}),
    "version 0 that filters and gives any object": (0, {"allowAnySHA1InWant": "true"}),
    "version 0 that filters and gives no object by id": (0, {"allowReachableSHA1InWant": "false"}),
    "version 0 that does not filter": (0, {"allowFilter": "false"}),
    "version 0 that does neither": (
        0,
        {"allowFilter": "false", "allowReachableSHA1InWant": "false"},
    ),
}


@pytest.mark.parametrize(("version", "settings"), SERVERS.values(), ids=SERVERS)
def test_every_server_gives_what_is_needed(
    host: Host,
    large: Upstream,
    tmp_path: Path,
    scratch_home: Path,
    version: int,
    settings: dict[str, str],
) -> None:
    for key, value in settings.items():
        git(large.path, "config", f"uploadpack.{key}", value)
    with git_http(tmp_path, version=version) as site:
        ran = wanted(host, site.url())
        assert (ran.status, mirrored(host)) == (0, NEEDED), ran.err
        assert site.visits() <= 4
        assert wanted(host, site.url(), tag="v2").status == 0
        assert mirrored(host)["third_party/up/new.wit"] == b"new\n"
        site.requests.clear()
        assert_whole(host, scratch_home)
        assert site.requests == []


def assert_whole(host: Host, home: Path) -> None:
    """The cache has what the mirror needs, for git and libgit2.

    Neither asks anybody for what it has not.
    """
    cache = caches(home)[0]
    settings = git(cache, "config", "--file", "config", "--list").lower()
    assert "core.repositoryformatversion=0" in settings.splitlines()
    assert not any(word in settings for word in ("promisor", "partialclone", "extensions."))
    opened = pygit2.Repository(str(cache))
    for blob in blobs_of(host):
        assert git(cache, "cat-file", "-t", blob) == "blob"
        assert object_id("blob", opened[blob].read_raw()) == blob
    unwanted = object_id("blob", BULK[b"bulk/0/0"])
    git(cache, "cat-file", "--batch-check", stdin=f"{unwanted}\n".encode())


@pytest.mark.parametrize("filters", ["true", "false"])
def test_a_git_daemon_gives_what_is_needed(
    host: Host, large: Upstream, tmp_path: Path, scratch_home: Path, filters: str
) -> None:
    git(large.path, "config", "uploadpack.allowFilter", filters)
    with git_daemon(tmp_path) as base:
        ran = wanted(host, f"{base}/upstream")
    assert (ran.status, mirrored(host)) == (0, NEEDED), ran.err
    assert_whole(host, scratch_home)


@pytest.mark.parametrize("filters", ["true", "false"])
def test_an_ssh_server_gives_what_is_needed(
    host: Host, large: Upstream, ssh: Ssh, scratch_home: Path, filters: str
) -> None:
    git(large.path, "config", "uploadpack.allowFilter", filters)
    trust(scratch_home, ssh)
    install_key(ssh, scratch_home / ".ssh" / "id_ed25519")
    ran = wanted(host, f"ssh://{ssh.user}@127.0.0.1:{ssh.port}{large.path}")
    assert (ran.status, mirrored(host)) == (0, NEEDED), ran.err
    assert_whole(host, scratch_home)


@pytest.mark.parametrize("filters", ["true", "false"])
@pytest.mark.parametrize("prefix", ["", "file://"])
def test_a_local_repository_gives_what_is_needed(
    host: Host, large: Upstream, scratch_home: Path, prefix: str, filters: str
) -> None:
    git(large.path, "config", "uploadpack.allowFilter", filters)
    ran = wanted(host, prefix + str(large.path), local=True)
    assert (ran.status, mirrored(host)) == (0, NEEDED), ran.err
    assert_whole(host, scratch_home)


def test_a_server_of_files_only_is_named_as_such(
    host: Host, large: Upstream, tmp_path: Path
) -> None:
    git(large.path, "update-server-info")
    with dumb_http(tmp_path) as base:
        ran = wanted(host, f"{base}/upstream")
    assert (ran.status, list(host.snapshot())) == (3, ["third_party/mirrors.toml"])
    assert "dumb" in ran.err
    assert "\nhint: " in ran.err


# upstreams that are not whole themselves


@pytest.fixture(params=["http", "file", "path"])
def reach(request: pytest.FixtureRequest, site: GitHttp) -> Callable[[str], str]:
    """How to reach a repository of the test by its name."""
    schemes = {
        "http": site.url,
        "file": lambda n: f"file://{site.root / n}",
        "path": lambda n: str(site.root / n),
    }
    return schemes[request.param]


def lose(upstream: Upstream, content: bytes) -> str:
    """Take a blob from an upstream's object database; its id."""
    blob = object_id("blob", content)
    there = git(
        upstream.path, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)"
    ).splitlines()
    kept = "".join(f"{name}\n" for name in there if name != blob).encode()
    pack = git(upstream.path, "pack-objects", "-q", str(upstream.path / "pack"), stdin=kept)
    shutil.rmtree(upstream.path / "objects")
    (upstream.path / "objects" / "pack").mkdir(parents=True)
    for end in ("pack", "idx"):
        (upstream.path / f"pack-{pack}.{end}").rename(
            upstream.path / "objects" / "pack" / f"pack-{pack}.{end}"
        )
    return blob


def wanted_here(host: Host, url: str, **keys: str) -> Ran:
    return wanted(host, url, local=not url.startswith("http"), **keys)


@pytest.mark.parametrize("size", ["large", "small"])
def test_a_blob_that_is_missing_upstream_matters_only_to_who_needs_it(
    host: Host, request: pytest.FixtureRequest, reach: Callable[[str], str], size: str
) -> None:
    """A forge may have lost large files of a repository.

    A full clone of it fails, and one without blobs works.
    """
    upstream: Upstream = request.getfixturevalue("large" if size == "large" else "upstream")
    if size == "small":
        git(upstream.path, "config", "uploadpack.allowFilter", "true")
        release(upstream.path, "v1", FILES)
    blob = lose(upstream, FILES[b"more/c"])
    ran = wanted_here(host, reach("upstream"))
    assert (ran.status, mirrored(host)) == (0, NEEDED), ran.err
    before = host.snapshot()
    ran = wanted_here(host, reach("upstream"), from_="more")
    assert ran.status == 3
    assert blob in ran.err
    assert "upstream" in ran.err.partition("\nhint: ")[0]
    assert host.snapshot().keys() == before.keys()


def test_a_partial_clone_gives_what_it_has(
    host: Host, large: Upstream, tmp_path: Path, reach: Callable[[str], str]
) -> None:
    git(tmp_path, "clone", "-q", "--bare", "--filter=blob:none", f"file://{large.path}", "partial")
    partial = Upstream(tmp_path / "partial")
    git(partial.path, "config", "uploadpack.allowFilter", "true")
    git(partial.path, "config", "uploadpack.allowAnySHA1InWant", "true")
    for path in ("wit/a.wit", "wit/deep/b.wit", "LICENSE"):
        git(partial.path, "cat-file", "blob", f"v1:{path}")  # fetches it
    large.path.rename(tmp_path / "gone")
    ran = wanted_here(host, reach("partial"))
    assert (ran.status, mirrored(host)) == (0, NEEDED), ran.err
    ran = wanted_here(host, reach("partial"), from_="more")
    assert ran.status == 3
    assert "upstream" in ran.err.partition("\nhint: ")[0]


def test_a_shallow_clone_gives_what_it_has(
    host: Host, upstream: Upstream, tmp_path: Path, reach: Callable[[str], str]
) -> None:
    old = upstream.commit({"wit/old": b"old"})
    upstream.release("v1", {name.decode(): content for name, content in FILES.items()})
    git(tmp_path, "clone", "-q", "--bare", "--depth=1", f"file://{upstream.path}", "shallow")
    ran = wanted_here(host, reach("shallow"))
    assert (ran.status, mirrored(host)) == (0, NEEDED), ran.err
    host.manifest(
        mirror("up", reach("shallow"), commit=old, local=not reach("").startswith("http"))
    )
    ran = host.run("sync")
    assert ran.status == 3
    assert ran.err.splitlines()[0] == f"error: the upstream has no commit {old}"
