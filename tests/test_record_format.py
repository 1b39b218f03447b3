"""The record's bytes are canonical, and the same for everybody.

For each way in which a record can be wrong there is a refusal with a reference of its own.
"""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sync.errors import RecordError, SelectionError
from sync.ids import RepoPath
from sync.model.mirrors import Mirror, Selection
from sync.model.values import Pin, PinKind
from sync.record.json_file import dump_record, parse_record
from tests.harnesses.fuzz.honest import honest
from tests.support.hosts import Host, mirror
from tests.support.upstreams import Upstream

GOOD = dump_record(honest())


def _edited(change: Callable[[Any], object]) -> bytes:
    document = json.loads(GOOD)
    change(document)
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def test_parsing_is_the_inverse_of_writing() -> None:
    assert parse_record(GOOD, "up") == honest()
    assert dump_record(parse_record(GOOD, "up")) == GOOD


def test_the_bytes_are_sorted_indented_json_with_a_final_newline() -> None:
    canonical = json.dumps(json.loads(GOOD), sort_keys=True, indent=2, ensure_ascii=False) + "\n"
    assert canonical.encode() == GOOD


def test_two_hosts_two_homes_and_two_locales_write_the_same_bytes(
    tmp_path: Path, upstream: Upstream
) -> None:
    upstream.release(
        "v1", {"wit/ä.wit": b"a", "wit/b": ("100755", b"b"), "LICENSE": b"l", "wit/deps/c": b"c"}
    )
    upstream.tag("v1-signed", "v1", annotated=True)
    environments = [
        {"TZ": "Asia/Kathmandu", "LC_ALL": "C", "PYTHONHASHSEED": "1"},
        {
            "TZ": "America/St_Johns",
            "LC_ALL": "C.UTF-8",
            "PYTHONHASHSEED": "2",
            "HOME": str(tmp_path),
        },
    ]
    written = []
    for number, environment in enumerate(environments):
        host = Host.create(tmp_path / f"host{number}")
        host.manifest(
            mirror("up", upstream.url, tag="v1-signed", from_="wit", local=True, exclude=["deps/"])
        )
        ran = host.run("sync", **environment)
        assert ran.status == 0, ran.err
        written.append((host.third_party / "provenance" / "up.json").read_bytes())
        assert str(host.path).encode() not in written[-1]
    assert written[0] == written[1]


BAD: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "record-unreadable"),
    "no JSON": (GOOD[:-3], "record-unreadable"),
    "a byte order mark": (b"\xef\xbb\xbf" + GOOD, "record-unreadable"),
    "a list": (b"[]\n", "record-unreadable"),
    "a missing key": (_edited(lambda r: r.pop("tree")), "record-unreadable"),
    "an unknown key": (_edited(lambda r: r.update(zebra=1)), "record-unreadable"),
    "a wrong type": (_edited(lambda r: r.update(mirror=1)), "record-unreadable"),
    "a size as text": (_edited(lambda r: r["files"][0].update(size="1")), "record-unreadable"),
    "a negative size": (_edited(lambda r: r["files"][0].update(size=-1)), "record-unreadable"),
    "a huge number": (
        GOOD.replace(b'"size": 1', b'"size": ' + b"9" * 5000, 1),
        "record-unreadable",
    ),
    "a short id": (_edited(lambda r: r.update(tree="0" * 39)), "record-unreadable"),
    "an id in capitals": (_edited(lambda r: r.update(tree="A" * 40)), "record-unreadable"),
    "an id with a newline": (
        _edited(lambda r: r.update(tree="0" * 40 + "\n")),
        "record-unreadable",
    ),
    "another mode": (_edited(lambda r: r["files"][0].update(mode="100664")), "record-unreadable"),
    "no files": (_edited(lambda r: r.update(files=[])), "record-unreadable"),
    "unsorted files": (_edited(lambda r: r["files"].reverse()), "record-unreadable"),
    "a file twice": (_edited(lambda r: r["files"].insert(0, r["files"][0])), "record-unreadable"),
    "a file in a file": (
        _edited(lambda r: r["files"].insert(1, {**r["files"][0], "path": "a/x"})),
        "record-unreadable",
    ),
    "a file deep in a file": (
        _edited(lambda r: r["files"].insert(1, {**r["files"][0], "path": "a/x/y"})),
        "record-unreadable",
    ),
    "an absolute path": (_edited(lambda r: r["files"][0].update(path="/a")), "record-unreadable"),
    "a path upwards": (_edited(lambda r: r["files"][0].update(path="../a")), "record-unreadable"),
    "a path quoted in vain": (
        _edited(lambda r: r["files"][0].update(path='"a"')),
        "record-unreadable",
    ),
    "a lone surrogate": (GOOD.replace(b'"path": "a"', b'"path": "\\ud800"'), "record-unreadable"),
    "a place upwards": (_edited(lambda r: r.update(places=["../up"])), "record-unreadable"),
    "an absolute place": (_edited(lambda r: r.update(places=["/up"])), "record-unreadable"),
    "a place of the tool's own": (
        _edited(lambda r: r.update(places=["third_party/provenance"])),
        "record-unreadable",
    ),
    "a place in a git directory": (
        _edited(lambda r: r.update(places=["crates/.git/up"])),
        "record-unreadable",
    ),
    "an empty place": (_edited(lambda r: r.update(places=[""])), "record-unreadable"),
    "no place": (_edited(lambda r: r.update(places=[])), "record-unreadable"),
    "unsorted places": (_edited(lambda r: r.update(places=["b", "a"])), "record-unreadable"),
    "a place twice": (_edited(lambda r: r.update(places=["a", "a"])), "record-unreadable"),
    "a path and places": (_edited(lambda r: r.update(path="up")), "record-unreadable"),
    "places in schema 1": (_edited(lambda r: r.update(schema=1)), "record-unreadable"),
    "broken base64": (_edited(lambda r: r["proof"].update(commit="AAA")), "record-unreadable"),
    "tabs": (GOOD.replace(b"  ", b"\t"), "record-not-canonical"),
    "CRLF": (GOOD.replace(b"\n", b"\r\n"), "record-line-endings"),
    "no final newline": (GOOD[:-1], "record-not-canonical"),
    "a blank line more": (GOOD + b"\n", "record-not-canonical"),
    "another order of keys": (
        json.dumps(dict(reversed(json.loads(GOOD).items())), indent=2).encode() + b"\n",
        "record-not-canonical",
    ),
    "escapes where none are needed": (GOOD.replace(b'"up"', b'"\\u0075p"'), "record-not-canonical"),
    "a key twice": (
        GOOD.replace(b'"mirror": "up",', b'"mirror": "x",\n  "mirror": "up",'),
        "record-not-canonical",
    ),
    "a newer schema": (_edited(lambda r: r.update(schema=3)), "record-newer"),
    "a newer schema with other keys": (b'{"schema": 7, "what": []}', "record-newer"),
    "schema zero": (_edited(lambda r: r.update(schema=0)), "record-unreadable"),
    "a merge conflict": (
        b"<<<<<<< ours\n" + GOOD + b"=======\n" + GOOD + b">>>>>>> theirs\n",
        "record-conflict",
    ),
    "a merge conflict inside": (
        GOOD.replace(b'  "tree"', b'<<<<<<< ours\n  "tree"'),
        "record-conflict",
    ),
    "another mirror": (_edited(lambda r: r.update(mirror="other")), "record-misplaced"),
}


@pytest.mark.parametrize(("data", "reference"), BAD.values(), ids=BAD)
def test_a_bad_record_is_refused_with_its_reference(data: bytes, reference: str) -> None:
    with pytest.raises(RecordError) as raised:
        parse_record(data, "up")
    assert raised.value.reference == reference
    assert "third_party/provenance/up.json" in raised.value.message
    assert raised.value.hint


SELECTION = Selection(exclude=("deps/", "left"), source=RepoPath(b"wit"))
DIFFERENT: dict[str, dict[str, Any]] = {
    "url": {"url": "https://example.org/other"},
    "from": {"selection": dataclasses.replace(SELECTION, source=RepoPath(b"other"))},
    "into": {"places": ("third_party/other",)},
}


@pytest.mark.parametrize(("key", "change"), DIFFERENT.items(), ids=DIFFERENT)
def test_what_differs_from_the_manifest_is_named(key: str, change: dict[str, Any]) -> None:
    mine = Mirror(
        "up", "https://example.org/up", Pin(PinKind.TAG, "v1"), ("third_party/up",), SELECTION
    )
    assert honest().differences(mine) == []
    assert [
        said.partition(":")[0] for said in honest().differences(dataclasses.replace(mine, **change))
    ] == [key]


def test_a_record_larger_than_any_that_is_read_is_not_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = parse_record(GOOD, "up")
    monkeypatch.setattr("sync.record.json_file.RECORD_BYTES", len(GOOD) - 1)
    with pytest.raises(SelectionError) as raised:
        dump_record(record)
    assert raised.value.reference == "record-too-large"
