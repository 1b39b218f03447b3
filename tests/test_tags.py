"""Tags that are not what their name says: renamed, nested, of no commit."""

import pytest

from tests.support import Host, Upstream, git, mirror

FILES = {"a.wit": b"a\n"}


def ref(upstream: Upstream, name: str, target: str) -> None:
    git(upstream.path, "update-ref", f"refs/tags/{name}", target)


def test_an_old_release_under_a_new_name_is_refused_unless_allowed(host: Host, upstream: Upstream) -> None:
    commit = upstream.commit(FILES)
    ref(upstream, "v2", upstream.tag("v1", commit, annotated=True))
    host.manifest(mirror("up", upstream.url, tag="v2", local=True))
    ran = host.run("sync")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith(
        "error: the tag v2 of mirror up is another one under this name\n  its object calls itself v1 [tag-renamed]\n"
    )
    assert ran.err.endswith('hint: ask upstream why; to take it all the same: allow = ["tag-renamed"]\n')
    host.manifest(mirror("up", upstream.url, tag="v2", local=True, allow=["tag-renamed"]))
    host.sync()
    assert host.record("up")["upstream"]["commit"] == commit
    assert host.run("verify").status == 0


@pytest.mark.parametrize("name", ["v1", "release/2.0", "é-1"])
def test_a_tag_that_names_itself_is_taken(host: Host, upstream: Upstream, name: str) -> None:
    upstream.tag(name, upstream.commit(FILES), annotated=True)
    host.manifest(mirror("up", upstream.url, tag=name, local=True))
    host.sync()


def test_of_nested_tags_the_outermost_has_to_name_itself(host: Host, upstream: Upstream) -> None:
    upstream.tag("inner", upstream.commit(FILES), annotated=True)
    upstream.tag("v1", "inner", annotated=True)
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    host.sync()
    assert len(host.record("up")["proof"]["tags"]) == 2


@pytest.mark.parametrize("kind", ["tree", "blob"])
def test_a_tag_of_no_commit_is_refused(host: Host, upstream: Upstream, kind: str) -> None:
    upstream.commit(FILES)
    upstream.tag("v1", {"tree": "main^{tree}", "blob": "main:a.wit"}[kind], annotated=True)
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    ran = host.run("sync")
    assert ran.status == 2
    assert "commit" in ran.err
    assert not (host.third_party / "up").exists()
