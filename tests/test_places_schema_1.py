"""A host from before: its records have schema 1, with one place each, and its manifest no new key.

It works unchanged, and nothing is rewritten until something is to be written there anyway, or until
`sync --rewrite-records` is asked to.
"""

import json
import shutil
from collections.abc import Callable

import pytest

from tests.support.hosts import LOOKS, Host, mirror
from tests.support.upstreams import Upstream

RECORD = "third_party/provenance/up.json"


@pytest.fixture
def released(upstream: Upstream) -> Upstream:
    for tag in ("v1", "v2"):
        upstream.release(
            tag, {"LICENSE": b"free\n", "wit/a.wit": f"{tag}\n".encode(), "wit/sub/b.wit": b"b\n"}
        )
    return upstream


def want(host: Host, upstream: Upstream, tag: str = "v1", **keys: str | list[str]) -> None:
    host.manifest(mirror("up", upstream.url, tag=tag, from_="wit", local=True, **keys))


def as_schema_1(record: bytes) -> bytes:
    """What an earlier version wrote of a mirror at third_party/up."""
    old = record.replace(b'"places": [\n    "third_party/up"\n  ],', b'"path": "up",')
    old = old.replace(b'"schema": 2,', b'"schema": 1,')
    assert len(old) < len(record) - 20
    return old


@pytest.fixture
def before(host: Host, released: Upstream) -> Host:
    """A host with one mirror, committed as an earlier version would have."""
    want(host, released)
    host.sync()
    path = host.path / RECORD
    path.write_bytes(as_schema_1(path.read_bytes()))
    host.git("add", "third_party")
    host.git("commit", "--quiet", "-m", "from before")
    return host


def test_everything_that_looks_finds_it_clean(before: Host) -> None:
    for look in [*LOOKS, ("report", "json")]:
        ran = before.run(*look)
        assert ran.status == 0, (look, ran)
    assert before.run("verify", "--json").json["mirrors"][0]["places"] == ["third_party/up"]


def test_a_changed_file_is_found_as_ever(before: Host) -> None:
    (before.path / "third_party/up/a.wit").write_text("edited\n")
    assert before.run("verify").status == 1
    before.git("commit", "--quiet", "-a", "-m", "edited")
    ran = before.run("check", "--range", "HEAD~..HEAD")
    assert (ran.status, "third_party/up/a.wit: content differs" in ran.out) == (1, True), ran


def test_a_sync_that_has_nothing_to_do_rewrites_nothing(before: Host) -> None:
    written = {path: path.lstat().st_mtime_ns for path in before.third_party.rglob("*")}
    content = (before.path / RECORD).read_bytes()
    for options in ([], ["--commit"], ["--offline"]):
        assert before.sync(*options).out == "up to date: 1 mirror\n"
    assert {path: path.lstat().st_mtime_ns for path in before.third_party.rglob("*")} == written
    assert (before.path / RECORD).read_bytes() == content
    assert before.git("status", "--porcelain") == ""


def test_another_mirror_is_synced_and_this_record_stays(before: Host, released: Upstream) -> None:
    content = (before.path / RECORD).read_bytes()
    ran = before.run(
        "add", "more", released.url, "--tag", "v2", "--into", "/crates/more", "--local", "--commit"
    )
    assert ran.status == 0, ran
    assert (before.path / RECORD).read_bytes() == content
    assert before.record("more")["schema"] == 2
    for look in [*LOOKS, ("report", "json")]:
        assert before.run(*look).status == 0, look


def test_rewrite_records_migrates_it_without_the_upstream(before: Host, released: Upstream) -> None:
    shutil.rmtree(released.path)
    files = before.snapshot()
    ran = before.run("sync", "--rewrite-records", "--dry-run")
    assert (ran.status, "record of schema 1 → 2" in ran.out) == (0, True), ran
    assert before.snapshot() == files
    before.sync("--rewrite-records", "--offline", "--commit")
    assert {path for path, content in before.snapshot().items() if files[path] != content} == {
        RECORD
    }
    old = json.loads(files[RECORD])
    assert before.record("up") == {
        **{key: value for key, value in old.items() if key != "path"},
        "places": ["third_party/up"],
        "schema": 2,
    }
    for look in [*LOOKS, ("report", "json")]:
        assert before.run(*look).status == 0, look
    assert before.sync("--rewrite-records").out == "up to date: 1 mirror\n"


@pytest.mark.parametrize(
    ("tag", "keys", "places"),
    [
        ("v1", {"into": ["up", "/crates/up"]}, ["crates/up", "third_party/up"]),
        ("v1", {"into": "/crates/up"}, ["crates/up"]),
        ("v2", {}, ["third_party/up"]),
    ],
    ids=["a second place", "another place", "another pin"],
)
def test_what_is_written_anyway_is_written_as_schema_2(
    before: Host, released: Upstream, tag: str, keys: dict, places: list[str]
) -> None:
    want(before, released, tag, **keys)
    assert before.run("verify").status == 1
    before.sync("--commit")
    record = before.record("up")
    assert (record["schema"], record["places"]) == (2, places)
    for look in [*LOOKS, ("report", "json")]:
        assert before.run(*look).status == 0, look


@pytest.mark.parametrize("into", ["up", ["up"], "up/"])
def test_a_manifest_that_spells_out_the_same_place_is_answered_by_it(
    before: Host, released: Upstream, into: str | list[str]
) -> None:
    content = (before.path / RECORD).read_bytes()
    want(before, released, into=into)
    before.sync("--commit")
    assert (before.path / RECORD).read_bytes() == content
    for look in [*LOOKS, ("report", "json")]:
        assert before.run(*look).status == 0, look


@pytest.mark.parametrize(
    "spoil",
    [
        lambda record: record.replace(b'"path": "up"', b'"path": "/up"'),
        lambda record: record.replace(b'"path": "up"', b'"path": "../up"'),
        lambda record: record.replace(b'"path": "up"', b'"path": "licenses"'),
        lambda record: record.replace(b'"path": "up"', b'"path": ["up"]'),
        lambda record: record.replace(b'"path": "up",', b'"places": [\n    "third_party/up"\n  ],'),
        lambda record: record.replace(b'"schema": 1', b'"schema": 2'),
        lambda record: record.replace(b'"schema": 1', b'"schema": 3'),
        lambda record: record.replace(b'"schema": 1', b'"schema": 0'),
        lambda record: record.replace(b'"path": "up",', b'"path": "up",\n  "path": "up",'),
    ],
)
def test_a_record_that_is_neither_schema_is_a_finding(
    before: Host, spoil: Callable[[bytes], bytes]
) -> None:
    path = before.path / RECORD
    content = path.read_bytes()
    path.write_bytes(spoil(content))
    assert path.read_bytes() != content
    ran = before.run("verify")
    assert (ran.status, "record-unreadable" in ran.out) == (1, True), ran
    before.git("add", RECORD)
    ran = before.run("check")
    assert (ran.status, "record-unreadable" in ran.out) == (1, True), ran
