"""The record of a derived form: canonical, strictly read, and compared with what it was made of."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.derived.json_file import dump_derived, parse_derived
from sync.derived.record import Content, DerivedRecord, InputFact, PatchFact, Tool
from sync.errors import NewerRecordError, RecordError
from sync.ids import Mode, ObjectId, RepoPath
from sync.model.values import FileFact, FormKind
from sync.objects.tree import hash_tree

A, B = ObjectId("a" * 40), ObjectId("b" * 40)
SHA256 = "c" * 64
THE_FILE = FileFact(RepoPath(b""), Mode.FILE, A, 3, SHA256)
INSIDE = (
    FileFact(RepoPath(b"a.wit"), Mode.FILE, A, 3, SHA256),
    FileFact(RepoPath(b"d/run"), Mode.EXECUTABLE, B, 4, SHA256),
)

BINARY = DerivedRecord(
    name="cli.wasm",
    kind=FormKind.WIT_BINARY,
    version=1,
    tool=Tool("wasm-tools", "1.262.0"),
    of="cli",
    of_path=None,
    inputs=(InputFact("cli", A, is_tree=True), InputFact("io", B, is_tree=True)),
    features=("a", "b"),
    patches=(),
    places=("third_party/cli.wasm", "x/cli.wasm"),
    outputs=(THE_FILE,),
    tree=None,
    content=None,
)
PACKED = DerivedRecord(
    name="z",
    kind=FormKind.GZIP,
    version=1,
    tool=None,
    of="cli",
    of_path=RepoPath("ä/b".encode()),
    inputs=(InputFact("cli", A, is_tree=True),),
    features=None,
    patches=(),
    places=("third_party/z",),
    outputs=(THE_FILE,),
    tree=None,
    content=Content(B, SHA256),
)
PATCHED = DerivedRecord(
    name="p",
    kind=FormKind.PATCHED,
    version=1,
    tool=None,
    of="cli",
    of_path=None,
    inputs=(InputFact("cli", A, is_tree=True),),
    features=None,
    patches=(PatchFact("third_party/b.patch", B, SHA256), PatchFact("a.patch", A, SHA256)),
    places=("third_party/p",),
    outputs=INSIDE,
    tree=hash_tree(fact.entry for fact in INSIDE),
    content=None,
)
EACH = {record.name: record for record in (BINARY, PACKED, PATCHED)}


@pytest.mark.parametrize("name", EACH)
def test_what_is_written_is_read_back(name: str) -> None:
    data = dump_derived(EACH[name])
    assert parse_derived(data, name) == EACH[name]
    assert (
        data
        == json.dumps(json.loads(data), indent=2, sort_keys=True, ensure_ascii=False).encode()
        + b"\n"
    )


def changed(record: DerivedRecord, *path: Any, value: Any = ...) -> bytes:
    """The record with one value changed, or taken away."""
    document = json.loads(dump_derived(record))
    *above, key = path
    place = document
    for one in above:
        place = place[one]
    if value is ...:
        del place[key]
    else:
        place[key] = value
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


BAD: dict[str, tuple[bytes, str]] = {
    "no JSON": (b"{", "is not JSON"),
    "a key more": (changed(BINARY, "clock", value=1), "extra"),
    "a key less": (changed(BINARY, "places"), "is no record: places"),
    "other indentation": (json.dumps(json.loads(dump_derived(BINARY))).encode(), "not canonical"),
    "an unknown form": (changed(BINARY, "form", value="wit-json"), "knows no form `wit-json`"),
    "another form's name": (changed(BINARY, "name", value="other"), "of another form, other"),
    "places out of order": (
        changed(BINARY, "places", value=["x/cli.wasm", "third_party/cli.wasm"]),
        "its places are not in order",
    ),
    "a place that leads out": (changed(BINARY, "places", value=["../x"]), "leaves its directory"),
    "a place of the tool": (
        changed(BINARY, "places", value=["third_party/provenance/x"]),
        "is reserved",
    ),
    "inputs without of": (changed(BINARY, "of", "name", value="else"), "is no input"),
    "an input that is neither": (
        changed(BINARY, "inputs", 0, "tree", value=None),
        "is not one of tree and blob",
    ),
    "no tool": (changed(BINARY, "tool", value=None), "`tool` does not fit"),
    "two outputs of a file": (
        changed(BINARY, "outputs", value=2 * json.loads(dump_derived(BINARY))["outputs"]),
        "it has one output",
    ),
    "an executable file": (changed(BINARY, "outputs", 0, "mode", value="100755"), "one output"),
    "patches of a binary": (
        changed(BINARY, "patches", value=json.loads(dump_derived(PATCHED))["patches"]),
        "`patches` of a form",
    ),
    "no content of an archive": (changed(PACKED, "content", value=None), "`content` of a form"),
    "two inputs of an archive": (
        changed(PACKED, "inputs", value=json.loads(dump_derived(BINARY))["inputs"]),
        "has one input",
    ),
    "another tree": (changed(PATCHED, "tree", value=B), "do not hash to its tree"),
    "a gitlink": (changed(PATCHED, "outputs", 0, "mode", value="160000"), "is no record"),
    "a path that leads out": (
        changed(PATCHED, "outputs", 0, "path", value="../a"),
        "is no plain path",
    ),
    "files out of order": (changed(PATCHED, "outputs", 0, "path", value="z"), "not in order"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_record_is_refused(case: str) -> None:
    data, message = BAD[case]
    name = "z" if b'"z"' in data else "p" if b'"p"' in data else "cli.wasm"
    with pytest.raises(RecordError) as caught:
        parse_derived(data, name)
    assert message in caught.value.message
    assert "git verbatim sync --discard-local" in (caught.value.hint or "")


def test_a_newer_schema_and_a_conflict_are_called_by_their_names() -> None:
    with pytest.raises(NewerRecordError, match="has schema 2, this version knows 1"):
        parse_derived(changed(BINARY, "schema", value=2), "cli.wasm")
    conflict = dump_derived(BINARY).replace(b'  "form"', b'<<<<<<< ours\n  "form"', 1)
    with pytest.raises(RecordError, match="holds an unresolved merge conflict"):
        parse_derived(conflict, "cli.wasm")
    with pytest.raises(RecordError, match="git converted it on checkout"):
        parse_derived(dump_derived(BINARY).replace(b"\n", b"\r\n"), "cli.wasm")


def test_a_form_is_stale_if_an_input_is_another_and_fresh_if_only_others_are() -> None:
    assert BINARY.stale({"cli": A, "io": B, "else": A}) == []
    assert BINARY.stale({"cli": B, "io": B}) == ["cli"]
    assert BINARY.stale({"cli": A}) == ["io"]


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    with pytest.raises(RecordError):
        parse_derived(data, "x")


@given(st.sampled_from(sorted(EACH)), st.data())
def test_no_byte_of_a_record_can_change_unseen(name: str, data: st.DataObject) -> None:
    whole = dump_derived(EACH[name])
    at = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda one: one != whole[at]))
    try:
        found = parse_derived(whole[:at] + bytes([byte]) + whole[at + 1 :], name)
    except RecordError:
        return
    assert found != EACH[name]
