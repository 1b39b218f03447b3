"""`verify --upstream` says whether the record is true.

The upstream is asked again, and "could not check" is never "clean".
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.git import git
from tests.support.git_http import GitHttp, Trouble, git_http
from tests.support.hosts import Host, Key, mirror
from tests.support.misbehaving import status
from tests.support.program import Ran
from tests.support.upstreams import Upstream

FILES = {"a.wit": b"a\r\n", "deep/b.wit": b"b", "LICENSE": b"licence\n"}


@pytest.fixture
def trouble() -> list[Trouble]:
    """What goes wrong with the server, once something is put in."""
    return []


@pytest.fixture
def site(tmp_path: Path, trouble: list[Trouble]) -> Iterator[GitHttp]:
    with git_http(
        tmp_path, trouble=lambda handler, number: bool(trouble) and trouble[0](handler, number)
    ) as site:
        yield site


@pytest.fixture(params=["http", "local"])
def url(request: pytest.FixtureRequest, site: GitHttp, upstream: Upstream) -> str:
    """The upstream, over the network and as a local repository."""
    return site.url() if request.param == "http" else upstream.url


def synced(host: Host, url: str, **keys: Key) -> Host:
    """The host with one mirror, by default of tag v1."""
    pinned = {} if "commit" in keys else {"tag": "v1"}
    host.manifest(mirror("up", url, local=not url.startswith("http"), **(pinned | keys)))
    host.sync()
    return host


def all_rules(value: object) -> list[str]:
    """Every `rule` in the output, wherever it stands."""
    if isinstance(value, dict):
        own = [value["rule"]] if "rule" in value else []
        return own + [rule for inner in value.values() for rule in all_rules(inner)]
    return [rule for inner in value for rule in all_rules(inner)] if isinstance(value, list) else []


def ask(host: Host, *options: str) -> Ran:
    return host.run("verify", "--upstream", *options)


def findings(host: Host) -> tuple[int, list[str]]:
    """Exit status and rules of `verify --upstream`."""
    ran = ask(host, "--json")
    return ran.status, all_rules(ran.json)


# clean


@pytest.mark.parametrize("kind", ["lightweight", "annotated", "nested"])
def test_all_clean(host: Host, upstream: Upstream, url: str, kind: str) -> None:
    commit = upstream.commit(FILES)
    if kind == "nested":
        upstream.tag("inner", commit, annotated=True)
    upstream.tag("v1", "inner" if kind == "nested" else commit, annotated=kind != "lightweight")
    ran = ask(synced(host, url))
    assert (ran.status, ran.err) == (0, "")
    assert (
        ran.out
        == "verified: 1 mirror in the working tree, 3 files; files, records and upstream agree\n"
    )


def test_all_clean_without_a_cache(
    host: Host, upstream: Upstream, site: GitHttp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    upstream.release("v1", FILES)
    synced(host, site.url())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "new"))
    assert findings(host) == (0, [])


def test_a_commit_on_a_branch_is_clean(host: Host, upstream: Upstream, url: str) -> None:
    commit = upstream.commit(FILES)
    upstream.commit({"later": b"later"})
    assert findings(synced(host, url, commit=commit)) == (0, [])


def test_an_upstream_is_asked_once_for_all_its_mirrors(
    host: Host, upstream: Upstream, site: GitHttp
) -> None:
    upstream.release("v1", FILES)
    upstream.release("v2", FILES | {"new": b"new"})
    host.manifest(mirror("one", site.url(), tag="v1") + mirror("two", site.url(), tag="v2"))
    host.sync()
    site.requests.clear()
    assert findings(host) == (0, [])
    assert site.visits() == 1


def test_verify_alone_asks_nobody(host: Host, upstream: Upstream, site: GitHttp) -> None:
    upstream.release("v1", FILES)
    synced(host, site.url())
    site.requests.clear()
    assert (host.run("verify").status, site.requests) == (0, [])


def test_a_commit_of_the_host_is_checked_against_the_upstream(
    host: Host, upstream: Upstream, site: GitHttp
) -> None:
    upstream.release("v1", FILES)
    host.manifest(mirror("up", site.url(), tag="v1"))
    host.sync("--commit")
    (host.third_party / "up" / "a.wit").write_bytes(b"edited")
    assert ask(host, "--rev", "HEAD").status == 0


# findings about the pin


def test_a_moved_tag(host: Host, upstream: Upstream, url: str) -> None:
    old = upstream.release("v1", FILES)
    synced(host, url)
    new = upstream.commit({"other": b"other"})
    upstream.tag("v1", new, force=True)
    ran = ask(host)
    assert ran.status == 1
    assert ran.out == (
        "up\n"
        "  tag-moved\n"
        f"    the tag v1 of {url} names {new} now, the record says {old}\n"
        "1 finding in 1 of 1 mirror of the working tree\n"
    )


def test_a_tag_that_was_remade_annotated_has_moved(
    host: Host, upstream: Upstream, url: str
) -> None:
    commit = upstream.release("v1", FILES)
    synced(host, url)
    upstream.tag("v1", commit, annotated=True, force=True)
    assert findings(host) == (1, ["tag-moved"])


def test_a_tag_that_was_remade_lightweight_has_moved(
    host: Host, upstream: Upstream, url: str
) -> None:
    commit = upstream.commit(FILES)
    upstream.tag("v1", commit, annotated=True)
    synced(host, url)
    upstream.tag("v1", commit, force=True)
    assert findings(host) == (1, ["tag-moved"])


def test_a_deleted_tag(host: Host, upstream: Upstream, url: str) -> None:
    upstream.release("v1", FILES)
    synced(host, url)
    git(upstream.path, "tag", "--delete", "v1")
    ran = ask(host)
    assert ran.status == 1
    assert (
        ran.out
        == f"up\n  tag-deleted\n    {url} has no tag v1 any more\n1 finding in 1 of 1 mirror of the working tree\n"
    )


def test_a_tag_that_moved_in_an_emptied_upstream(host: Host, upstream: Upstream, url: str) -> None:
    upstream.release("v1", FILES)
    synced(host, url)
    git(upstream.path, "tag", "--delete", "v1")
    git(upstream.path, "update-ref", "-d", "refs/heads/main")
    assert findings(host) == (1, ["tag-deleted"])


def test_a_commit_that_only_a_fork_has(host: Host, upstream: Upstream, url: str) -> None:
    git(upstream.path, "config", "uploadpack.allowAnySHA1InWant", "true")
    upstream.commit({"main": b"main"})
    forks = upstream.commit(FILES, branch=None)
    ran = ask(synced(host, url, commit=forks))
    assert ran.status == 1
    assert ran.out == (
        "up\n"
        "  commit-unreachable\n"
        f"    no branch or tag of {url} reaches commit {forks}: it may be a fork's\n"
        "1 finding in 1 of 1 mirror of the working tree\n"
    )


def test_a_commit_that_only_a_pull_request_reaches_is_a_forks(
    host: Host, upstream: Upstream, url: str
) -> None:
    git(upstream.path, "config", "uploadpack.allowAnySHA1InWant", "true")
    upstream.commit({"main": b"main"})
    forks = upstream.commit(FILES, branch=None)
    git(upstream.path, "update-ref", "refs/pull/1/head", forks)
    assert findings(synced(host, url, commit=forks)) == (1, ["commit-unreachable"])


def test_a_commit_that_only_a_tag_reaches_is_upstreams(
    host: Host, upstream: Upstream, url: str
) -> None:
    upstream.commit({"main": b"main"})
    commit = upstream.commit(FILES, branch=None)
    upstream.tag(
        "v1",
        git(upstream.path, "commit-tree", "-p", commit, "-m", "next", upstream.tree(FILES)),
        annotated=True,
    )
    assert findings(synced(host, url, commit=commit)) == (0, [])


# findings about content: records were changed together with the files, so only upstream can tell


def rewrite(host: Host, change: Callable[[dict], object]) -> None:
    """Change the record as the tool would write it."""
    record = host.record("up")
    change(record)
    text = json.dumps(record, sort_keys=True, indent=2, ensure_ascii=False)
    (host.third_party / "provenance" / "up.json").write_text(text + "\n")


def test_a_licence_file_that_was_left_out_of_the_record(
    host: Host, upstream: Upstream, url: str
) -> None:
    upstream.release("v1", FILES)
    synced(host, url, from_="deep")
    assert (host.third_party / "licenses" / "up" / "LICENSE").read_bytes() == b"licence\n"
    rewrite(host, lambda record: record.update(licenses=[]))
    (host.third_party / "licenses" / "up" / "LICENSE").unlink()
    code, found = findings(host)
    assert code == 1
    assert "upstream-license-differs" in found


def test_a_licence_file_that_was_changed_together_with_the_record(
    host: Host, upstream: Upstream, url: str
) -> None:
    upstream.release("v1", FILES)
    synced(host, url, from_="deep")
    other = Upstream.create(host.path.parent / "other")
    other.release("v1", FILES | {"LICENSE": b"another licence\n"})
    twin = synced(Host.create(host.path.parent / "twin"), other.url, from_="deep")
    rewrite(host, lambda record: record.update(licenses=twin.record("up")["licenses"]))
    (host.third_party / "licenses" / "up" / "LICENSE").write_bytes(b"another licence\n")
    code, found = findings(host)
    assert code == 1
    assert "upstream-license-differs" in found


def test_files_that_were_changed_together_with_the_record(
    host: Host, upstream: Upstream, url: str
) -> None:
    """Neither proof nor record is of the tool's own making.

    The record is that of another upstream under this one's URL.
    """
    upstream.release("v1", FILES)
    synced(host, url)
    other = Upstream.create(host.path.parent / "other")
    other.release("v1", FILES | {"a.wit": b"forged\n"})
    twin = synced(Host.create(host.path.parent / "twin"), other.url)
    forged = twin.record("up")
    forged["upstream"]["url"] = url
    rewrite(host, lambda record: (record.clear(), record.update(forged)))
    (host.third_party / "up" / "a.wit").write_bytes(b"forged\n")
    assert host.run("verify").status == 0
    assert findings(host) == (1, ["tag-moved"])


# could not check


@pytest.mark.parametrize("answer", [status(404), status(403)], ids=["404", "403"])
def test_an_upstream_that_does_not_answer_could_not_be_checked(
    host: Host, upstream: Upstream, site: GitHttp, trouble: list[Trouble], answer: Trouble
) -> None:
    upstream.release("v1", FILES)
    synced(host, site.url())
    trouble.append(answer)
    ran = ask(host)
    assert ran.status == 3
    assert ran.out == "could not check all: 1 mirror in the working tree\n"
    assert ran.err.startswith("error: ")
    assert site.url() in ran.err


def test_an_upstream_that_is_gone_could_not_be_checked(
    host: Host, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.release("v1", FILES)
    with git_http(tmp_path) as site:
        synced(host, site.url())
    assert ask(host).status == 3


def test_a_local_upstream_that_is_gone_could_not_be_checked(host: Host, upstream: Upstream) -> None:
    upstream.release("v1", FILES)
    synced(host, upstream.url)
    upstream.path.rename(upstream.path.with_name("elsewhere"))
    assert ask(host).status == 3


def test_a_finding_about_another_mirror_does_not_hide_what_could_not_be_checked(
    host: Host, upstream: Upstream, site: GitHttp, tmp_path: Path
) -> None:
    upstream.release("v1", FILES)
    gone = Upstream.create(tmp_path / "gone")
    gone.release("v1", FILES)
    host.manifest(mirror("up", site.url(), tag="v1") + mirror("gone", site.url("gone"), tag="v1"))
    host.sync()
    gone.path.rename(tmp_path / "elsewhere")
    git(upstream.path, "tag", "--delete", "v1")
    ran = ask(host)
    assert ran.status == 3
    assert "tag-deleted" in ran.out
    assert site.url("gone") in ran.err


def test_what_could_not_be_checked_stands_in_the_json(
    host: Host, upstream: Upstream, site: GitHttp, trouble: list[Trouble]
) -> None:
    upstream.release("v1", FILES)
    synced(host, site.url())
    trouble.append(status(404))
    ran = ask(host, "--json")
    assert ran.status == 3
    assert site.url() in ran.out


def test_a_commit_that_the_upstream_gives_no_more_and_no_cache_has(
    host: Host, upstream: Upstream, site: GitHttp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The branch was rewritten, and nothing reaches the pinned commit any more.

    This is a finding, not a failure of the network.
    """
    commit = upstream.commit(FILES)
    synced(host, site.url(), commit=commit)
    git(upstream.path, "update-ref", "-d", "refs/heads/main")
    upstream.commit({"rewritten": b"rewritten"})
    git(upstream.path, "gc", "--quiet", "--prune=now")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "new"))
    assert findings(host) == (1, ["commit-unreachable"])
