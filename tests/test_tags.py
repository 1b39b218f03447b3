"""Tags that are not what their name says: renamed, nested, or of no commit.

There are also tags that read as something else, and tags that move.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sync.manifest.read import parse_manifest
from sync.model.values import Pin, PinKind
from sync.selection.renamed_tag import other_name
from tests.support import fetching
from tests.support.caches import delete
from tests.support.git import git
from tests.support.git_http import GitHttp
from tests.support.hosts import Host, mirror
from tests.support.upstreams import Upstream

FILES = {"a.wit": b"a\n"}


def ref(upstream: Upstream, name: str, target: str) -> None:
    git(upstream.path, "update-ref", f"refs/tags/{name}", target)


def test_an_old_release_under_a_new_name_is_refused_unless_allowed(
    host: Host, upstream: Upstream
) -> None:
    commit = upstream.commit(FILES)
    ref(upstream, "v2", upstream.tag("v1", commit, annotated=True))
    host.manifest(mirror("up", upstream.url, tag="v2", local=True))
    ran = host.run("sync")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith(
        "error: the tag v2 of mirror up is another one under this name\n  its object calls itself v1 [tag-renamed]\n"
    )
    assert ran.err.endswith(
        'hint: ask upstream why; to take it all the same: allow = ["tag-renamed"]\n'
    )
    host.manifest(mirror("up", upstream.url, tag="v2", local=True, allow=["tag-renamed"]))
    host.sync()
    assert host.record("up")["upstream"]["commit"] == commit
    assert host.run("verify").status == 0


def test_a_tag_that_hides_its_name_behind_another_header_has_none() -> None:
    """Such as git does not take from a server (`test_malformed_objects`), but a record might hold."""
    plain = f"object {'1' * 40}\ntype commit\ntag v1\ntagger A <a@b> 1 +0000\n\nm\n"
    hidden = plain.replace("\ntag v1", "\ngpgsig-sha256 x\ntag v1", 1)
    [up] = parse_manifest(mirror("up", "https://example.org/x", tag="v1").encode()).mirrors.values()
    assert [other_name(up, [raw.encode()]) for raw in (plain, hidden)] == [None, "nothing"]


def test_a_record_that_passes_its_tag_off_as_another_is_found_offline(
    host: Host, upstream: Upstream
) -> None:
    upstream.tag("v1", upstream.commit(FILES), annotated=True)
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    host.sync("--commit")
    host.manifest(mirror("up", upstream.url, tag="v2", local=True))
    record = host.third_party / "provenance/up.json"
    record.write_bytes(record.read_bytes().replace(b'"refs/tags/v1"', b'"refs/tags/v2"'))
    host.git("commit", "--quiet", "--all", "-m", "forged")
    for command in (["verify"], ["verify", "--rev", "HEAD"], ["check", "--all"]):
        ran = host.run(*command)
        assert (ran.status, "record-differs-from-manifest" in ran.out) == (1, True), ran


def test_a_second_mirror_of_an_annotated_tag_records_the_tag_too(
    host: Host, upstream: Upstream
) -> None:
    tag = upstream.tag("v1", upstream.commit({**FILES, "b/c": b"c\n"}), annotated=True)
    host.manifest(mirror("one", upstream.url, tag="v1", local=True))
    host.sync()
    host.manifest(
        mirror("one", upstream.url, tag="v1", local=True, from_="b")
        + mirror("two", upstream.url, tag="v1", local=True)
    )
    host.sync()
    assert [host.record(name)["upstream"]["tag"] for name in ("one", "two")] == [tag, tag]


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


ELSE = {
    "a commit id": "0123456789abcdef0123456789abcdef01234567",
    "a commit id as status shortens it": "0123456789ab",
    "a commit id in capitals": "DEADBEEF",
    "a commit id in full width": "\uff44\uff45\uff41\uff44beef",
    "a mirror that is removed": "removed",
    "git's HEAD": "HEAD",
    "a branch": "heads/main",
    "the words of a commit": "commit\u00a00123456789ab",
    "a move of the pin": "v1\u2192v2",
}


@pytest.mark.parametrize("tag", ELSE.values(), ids=ELSE)
def test_a_tag_that_reads_as_something_else_is_written_as_a_ref(
    host: Host, upstream: Upstream, tag: str
) -> None:
    ref(upstream, tag, upstream.commit(FILES))
    assert host.run("hook", "install").status == 0
    host.manifest(mirror("up", upstream.url, tag=tag, local=True))
    host.sync("--commit")
    tree, said = host.record("up")["tree"], f"refs/tags/{tag}"
    message = host.git("log", "-1", "--format=%B")
    assert message == f"third_party: sync up to {said}\n\nMirror-Sync: up {said} {tree}"
    assert "trailer-missing" not in host.run("check", "--range", "HEAD^..HEAD").out
    assert host.run("status").out.splitlines()[0].split("  ")[1] == said
    [status] = host.run("status", "--json").json["mirrors"]
    assert (status["pin"], status["recorded_pin"]) == (said, said)


def test_a_tag_named_as_its_commit_is_told_from_the_commit(host: Host, upstream: Upstream) -> None:
    commit = upstream.commit(FILES)
    other = upstream.commit({"a.wit": b"other\n"})
    ref(upstream, commit, other)
    host.manifest(mirror("up", upstream.url, commit=commit, local=True))
    host.sync("--commit")
    assert host.git("log", "-1", "--format=%s") == f"third_party: sync up to {commit[:12]}"
    host.manifest(mirror("up", upstream.url, tag=commit, local=True))
    assert f"{commit[:12]} \u2192 refs/tags/{commit}" in host.run("sync", "--dry-run").out
    ran = host.run("check")
    assert (ran.status, "the manifest says refs/tags/" in host.run("verify").out) == (0, True)
    host.sync("--commit")
    assert host.git("log", "-1", "--format=%s") == f"third_party: sync up to refs/tags/{commit}"
    report = host.run("report", "json").json["components"][0]
    assert (report["pin"], report["version"]["upstream"], commit in report["purl"]) == (
        f"refs/tags/{commit}",
        None,
        False,
    )


@pytest.mark.parametrize(
    "tag",
    [
        "v1",
        "1.0",
        "20240910",
        "2024a",
        "3.12.0a1",
        "curl-8_1_0",
        "release/2",
        "headline",
        "a+b",
        "\u7248\u672c1",
    ],
)
def test_other_tags_are_written_as_they_are(tag: str) -> None:
    assert str(Pin(PinKind.TAG, tag)) == tag


# tags that move


def _selected_otherwise(host: Host) -> None:
    manifest = host.third_party / "mirrors.toml"
    manifest.write_text(manifest.read_text().replace('from = "wit"', 'from = "lib"'))


def _gone_from_disk(host: Host) -> None:
    """And from the host's own objects, which would be enough to put the file back."""
    blob = host.record("up")["files"][0]["blob"]
    shutil.rmtree(host.third_party / "up")
    shutil.rmtree(host.path / ".git/objects" / blob[:2])


ASKING = {"another selection": _selected_otherwise, "files that are gone": _gone_from_disk}
"""Why upstream is asked again."""


@pytest.mark.parametrize("over", ["http", "a path"])
@pytest.mark.parametrize("change", ASKING.values(), ids=ASKING)
def test_a_moved_tag_stops_the_sync_and_both_ids_are_printed(
    host: Host,
    upstream: Upstream,
    site: GitHttp,
    scratch_home: Path,
    change: Callable[[Host], None],
    over: str,
) -> None:
    old = upstream.release("v1", {"wit/a.wit": b"1", "lib/b": b"b"})
    url = site.url() if over == "http" else upstream.url
    host.manifest(mirror("up", url, tag="v1", from_="wit", local=over == "a path"))
    host.sync()
    new = upstream.commit({"wit/a.wit": b"2", "lib/b": b"b"})
    upstream.tag("v1", new, force=True)
    change(host)
    delete(scratch_home / ".cache")  # which has the recorded commit: nobody would be asked
    before = host.snapshot(), host.git("ls-files", "--stage")
    ran = host.run("sync")
    assert (ran.status, host.snapshot(), host.git("ls-files", "--stage")) == (2, *before)
    assert ran.err.splitlines() == [
        "error: the tag v1 of mirror up has moved",
        f"  recorded: {old}",
        f"  upstream: {new}",
        f"  url: {url}",
        f'hint: ask upstream why; to take the new commit, pin it in the manifest: commit = "{new}"',
    ]


def test_the_record_wins_over_a_moved_tag_while_the_cache_has_its_commit(
    host: Host, upstream: Upstream, site: GitHttp
) -> None:
    upstream.release("v1", fetching.FILES)
    fetching.sync_of(host, site.url(), from_="deep")
    upstream.tag("v1", upstream.commit({"deep/b.wit": b"changed"}), force=True)
    assert fetching.sync_of(host, site.url()) == fetching.MIRRORED
