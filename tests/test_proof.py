"""The proof: an honest record hangs together, and a change of any part of it is found.

Hashing alone finds it.
"""

import base64
import copy
import dataclasses
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync.errors import RecordError
from sync.ids import Mode
from sync.model.mirrors import Selection
from sync.objects.commits import commit_time, commit_tree, tag_name, tag_target
from sync.objects.tree import TreeEntry, build_trees, dump_tree, object_id
from sync.record.json_file import dump_record, parse_record
from tests.harnesses.fuzz.honest import Objects, honest, record_of
from tests.support.changed import changed_record
from tests.support.git import git_bytes
from tests.support.upstreams import Upstream

Json = Any
MANY = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def is_found(data: bytes) -> bool:
    """Whether a changed record is refused, or its proof does not hold."""
    try:
        return bool(parse_record(data, "up").problems())
    except RecordError:
        return True


def _dump(document: Json) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


PATHS = st.lists(
    st.sampled_from([b"a", b"b", b"wit", b"deps", b"LICENSE", b"COPYING.md"]),
    min_size=1,
    max_size=3,
).map(b"/".join)


def _possible(files: dict[bytes, bytes]) -> dict[bytes, bytes]:
    directories = {
        path[:at] for path in files for at in range(len(path)) if path[at : at + 1] == b"/"
    }
    return {path: content for path, content in files.items() if path not in directories}


FILES = (
    st.dictionaries(PATHS, st.binary(max_size=4), min_size=1, max_size=8)
    .map(_possible)
    .filter(bool)
)


@MANY
@given(files=FILES, tags=st.integers(0, 3), time=st.integers(0, 4_000_000_000), data=st.data())
def test_an_honest_record_has_no_problems_and_survives_writing(
    files: dict[bytes, bytes], tags: int, time: int, data: st.DataObject
) -> None:
    directories = sorted({path.rpartition(b"/")[0] for path in files})
    source = data.draw(st.sampled_from(directories))
    below = sorted(
        p.removeprefix(source + b"/") for p in files if p.startswith(source + b"/") or not source
    )
    left_out = (
        data.draw(st.sets(st.sampled_from(below), max_size=len(below) - 1))
        if len(below) > 1
        else set()
    )
    record = record_of(
        files,
        source,
        selection=Selection(exclude=tuple(f"/{p.decode()}" for p in sorted(left_out))),
        tags=tags,
        time=time,
    )
    assert record.problems() == []
    assert parse_record(dump_record(record), "up") == record


# every single change of a record is found

UNPROVABLE = {"url", "ref", "size", "sha256"}
"""What no git object says: compared with the manifest and with the bytes on disk instead."""


def _leaves(value: Json, way: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict | list) and value:
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from _leaves(value[key], (*way, key))
    else:
        yield way


def _get(document: Json, way: tuple[str | int, ...]) -> Json:
    for key in way:
        document = document[key]
    return document


def _changed(way: tuple[str | int, ...], change: Callable[[Json], Json]) -> bytes:
    document = json.loads(dump_record(honest()))
    holder = _get(document, way[:-1])
    holder[way[-1]] = change(holder[way[-1]])
    return _dump(document)


ALL = list(_leaves(json.loads(dump_record(honest()))))
PROVABLE = [way for way in ALL if way[-1] not in UNPROVABLE and way[0] != "places"]


def _name(way: tuple[str | int, ...]) -> str:
    return ".".join(map(str, way))


def _other(value: Json) -> Json:
    """A different value that the schema allows where it can."""
    match value:
        case None:
            return "0" * 40
        case [] | {}:
            return ["x"]
        case int():
            return value + 1
        case "100644":
            return "100755"
        case str() if value.endswith("Z") and "T" in value:
            return value.replace("1", "2", 1)
        case str() if len(value) in {40, 64} and set(value) <= set("0123456789abcdef"):
            return ("1" if value[0] == "0" else "0") + value[1:]
        case _:
            return f"{value}x"


@pytest.mark.parametrize("way", PROVABLE, ids=_name)
def test_a_changed_value_is_found(way: tuple[str | int, ...]) -> None:
    assert is_found(_changed(way, _other))


@pytest.mark.parametrize(
    "way",
    [way for way in PROVABLE if _get(json.loads(dump_record(honest())), way) != []],
    ids=_name,
)
def test_a_value_that_is_taken_away_is_found(way: tuple[str | int, ...]) -> None:
    assert is_found(
        _changed(
            way,
            lambda value: [] if isinstance(value, list) else "" if isinstance(value, str) else None,
        )
    )


LISTS = ["files", "licenses", "proof.tags", "proof.trees", "selection.exclude"]


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("at", [0, -1], ids=["first", "last"])
def test_an_element_that_is_taken_away_is_found(name: str, at: int) -> None:
    way = tuple(name.split("."))
    assert is_found(
        _changed(
            way, lambda value: [element for n, element in enumerate(value) if n != at % len(value)]
        )
    )


@pytest.mark.parametrize("name", LISTS)
def test_an_element_that_is_there_twice_is_found(name: str) -> None:
    way = tuple(name.split("."))
    if name == "selection.exclude":
        pytest.skip("a pattern that is written twice selects the same")
    assert is_found(_changed(way, lambda value: [value[0], *value]))


@pytest.mark.parametrize("name", ["files", "proof.tags", "proof.trees"])
def test_another_order_is_found(name: str) -> None:
    assert is_found(_changed(tuple(name.split(".")), lambda value: value[::-1]))


@MANY
@given(way=st.sampled_from([way for way in ALL if way[0] == "proof"]), data=st.data())
def test_any_bit_of_a_proof_object_that_flips_is_found(
    way: tuple[str | int, ...], data: st.DataObject
) -> None:
    def flip(text: str) -> str:
        raw = bytearray(base64.b64decode(text))
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        return base64.b64encode(raw).decode()

    assert is_found(_changed(way, flip))


def test_a_file_that_was_never_upstreams_is_found() -> None:
    document = json.loads(dump_record(honest()))
    extra = copy.deepcopy(document["files"][0]) | {"path": "zz"}
    document["files"].append(extra)
    assert is_found(_dump(document))


def test_files_and_tree_changed_together_are_found() -> None:
    """What a careful forger would do: the record agrees with itself, but not with the commit."""
    record = honest()
    blob = object_id("blob", b"forged")
    forged = (record.files[0]._replace(blob=blob, size=6), *record.files[1:])
    tree = build_trees(fact.entry for fact in forged)[b""].id
    assert changed_record(record, files=forged, tree=tree).problems() != []


def test_two_files_exchanged_are_found() -> None:
    record = honest()
    one, other = record.files
    forged = (one._replace(blob=other.blob), other._replace(blob=one.blob))
    assert (
        changed_record(
            record, files=forged, tree=build_trees(f.entry for f in forged)[b""].id
        ).problems()
        != []
    )


def test_a_wider_selection_than_was_copied_is_found() -> None:
    assert dataclasses.replace(honest(), selection=Selection(exclude=("deps/",))).problems() != []


def test_another_commit_with_the_same_tree_is_found() -> None:
    record = honest()
    commit = record.upstream.commit_object.replace(b"message", b"another")
    assert changed_record(record, commit_object=commit).problems() != []


def _said(**raw: Any) -> list[str]:
    """What is said of the honest record with other raw objects."""
    return changed_record(honest(), **raw).problems()


def test_what_is_wrong_is_said() -> None:
    record = honest()
    upstream = record.upstream
    tags, commit, trees = upstream.tag_objects, upstream.commit_object, record.holding.proof_trees
    assert _said() == []
    assert _said(commit_object=b"x") == ["not a commit object: it has no time"]
    other_tag = tags[0] + b"x"
    assert _said(tag_objects=(other_tag, tags[1])) == [
        f"a tag object of the proof hashes to {object_id('tag', other_tag)}, expected {record.upstream.tag}"
    ]
    assert _said(tag_objects=tags[:1]) == [
        f"the tag does not lead to commit {record.upstream.commit}"
    ]
    assert _said(tag_objects=(b"x",)) == ["not a tag object that leads to a commit"]
    later = commit.replace(b"1767323045", b"1767323046")
    assert _said(commit_object=later) == [
        f"the commit object hashes to {object_id('commit', later)}, the record says {record.upstream.commit}",
        "the commit's time is 2026-01-02T03:04:06Z, the record says 2026-01-02T03:04:05Z",
    ]
    assert _said(proof_trees=(*trees, b"")) == [
        "the proof holds tree objects that it does not need"
    ]
    missing = object_id("tree", trees[0])
    assert _said(proof_trees=trees[1:]) == [
        f"neither the proof nor the files have the tree object {missing}"
    ]


# the raw objects


def test_gits_own_objects_are_read(upstream: Upstream) -> None:
    upstream.release("v1", {"a": b"a"})
    tag = upstream.tag("v1-annotated", "v1", annotated=True)
    commit = upstream.resolve("v1")
    assert commit
    raw = git_bytes(upstream.path, "cat-file", "commit", commit)
    assert object_id("commit", raw) == commit
    assert commit_tree(raw) == upstream.resolve("v1^{tree}")
    assert commit_time(raw) == "2026-01-02T03:04:05Z"
    assert tag_target(git_bytes(upstream.path, "cat-file", "tag", tag)) == commit


COMMITS = {
    "empty": b"",
    "a tag": b"object " + b"0" * 40 + b"\ntype commit\n",
    "no tree": b"author A <a> 1 +0000\ncommitter A <a> 1 +0000\n\n",
    "a tree that is not first": b"parent " + b"0" * 40 + b"\ntree " + b"0" * 40 + b"\n",
    "a short tree": b"tree " + b"0" * 39 + b"\n",
}


@pytest.mark.parametrize("raw", COMMITS.values(), ids=COMMITS)
def test_what_is_no_commit_has_no_tree(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"^not a commit object: it names no tree$"):
        commit_tree(raw)


TIMES = {
    "no committer": (b"tree x\nauthor A <a> 1 +0000\n\n", "^not a commit object: it has no time$"),
    "a committer in the message": (b"tree x\n\ncommitter A <a> 1 +0000\n", "it has no time"),
    "a committer between paragraphs": (
        b"tree x\n\na\n\ncommitter A <a> 1 +0000\n\nb\n",
        "it has no time",
    ),
    "no number": (b"committer A <a> one +0000\n\n", "it has no time"),
    "a number past all dates": (
        b"committer A <a> 999999999999999999 +0000\n\n",
        "too large|out of range",
    ),
    "the year 999": (b"committer A <a> -30610224001 +0000\n\n", "it has no time"),
    "before all years": (b"committer A <a> -99999999999 +0000\n\n", "out of range"),
}


@pytest.mark.parametrize(("raw", "words"), TIMES.values(), ids=TIMES)
def test_a_commit_without_a_time_is_refused(raw: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        commit_time(raw)


def test_a_commits_time_is_utc_wherever_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    try:
        assert (
            commit_time(b"tree x\ncommitter A <a> 1767323045 +0100\n\n") == "2026-01-02T03:04:05Z"
        )
        assert (
            commit_time(b"tree x\ncommitter A <a> -30610224000 -1200\n\n") == "1000-01-01T00:00:00Z"
        )
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_tag_says_its_name() -> None:
    tag = b"object %s\ntype commit\ntag v1 \xe4\ntagger A\n\ntag v2\n" % (b"1" * 40)
    assert tag_name(tag) == b"v1 \xe4"
    assert tag_name(tag.replace(b"tag v1 \xe4\n", b"")) is None


@pytest.mark.parametrize("kind", ["tree", "blob"])
def test_a_tag_that_leads_to_no_commit_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match=r"^not a tag object that leads to a commit$"):
        tag_target(f"object {'0' * 40}\ntype {kind}\ntag x\n".encode())


def test_the_objects_of_these_tests_are_gits(upstream: Upstream) -> None:
    objects = Objects()
    commit = objects.commit({b"a": b"1", b"d/b": b"2"})
    for name, kind in ((commit, "commit"), (objects.tag(commit, "commit", "v"), "tag")):
        done = subprocess.run(
            ["git", "hash-object", "-t", kind, "--stdin", "--literally"],
            cwd=upstream.path,
            input=objects.read(name),
            capture_output=True,
            check=True,
        )
        assert done.stdout.decode().strip() == name


def test_a_tree_object_that_git_would_not_write_is_no_proof() -> None:
    record = honest()
    doubled = dump_tree([TreeEntry(b"wit", Mode.TREE, record.holding.upstream_tree)] * 2)
    raw = record.upstream.commit_object
    commit = raw.replace(commit_tree(raw).encode(), object_id("tree", doubled).encode())
    forged = changed_record(
        record,
        commit_object=commit,
        proof_trees=(*record.holding.proof_trees, doubled),
        tag_objects=(),
        commit=object_id("commit", commit),
        tag=None,
    )
    assert forged.problems() != []
