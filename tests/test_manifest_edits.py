"""Edits of the manifest: what people wrote survives, and the result is what was meant."""

import tomllib
from typing import Any

import pytest

from sync.manifest.edit import add_mirror_table, remove_tables
from sync.manifest.read import parse_manifest

VALUES = {"url": "https://example.org/new", "tag": "v2"}
ONE = '[mirrors."one"]\nurl = "https://example.org/one"  # why\ntag = "v1"\n'
TEXTS = {
    "nothing": "",
    "only comments": "# what this is\n\n# more\n",
    "defaults": '[defaults]\nsupplier = "me"\n',
    "a mirror": ONE,
    "a mirror with layout": "# top\n\n\n" + ONE + "\n\n# bottom\n",
    "a mirror without final newline": ONE.rstrip("\n"),
    "a bare key": ONE.replace('"one"', "one"),
    "aligned": '[mirrors."one"]\nurl     = "https://example.org/one"\ntag     = "v1"\nexclude = [\n  "a",  # because\n  "b",\n]\n',
    "a super table": "[mirrors]\n\n" + ONE,
    "an inline table": 'mirrors = { one = { url = "https://example.org/one", tag = "v1" } }\n',
    "an inline mirror": '[mirrors]\none = { url = "https://example.org/one", tag = "v1" }\n',
    "dotted keys": '[mirrors]\none.url = "https://example.org/one"\none.tag = "v1"\n',
    "defaults after mirrors": ONE + '\n[defaults]\nsupplier = "me"\n',
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_adding_keeps_every_line_and_adds_the_mirror(text: str) -> None:
    added = add_mirror_table(text, "new", dict(VALUES))
    assert tomllib.loads(added) == {
        **(old := tomllib.loads(text)),
        "mirrors": {**old.get("mirrors", {}), "new": VALUES},
    }
    parse_manifest(added.encode())
    if "mirrors = {" not in text:
        assert [line for line in text.splitlines() if line and line not in added.splitlines()] == []


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_removing_what_was_added_gives_the_same_document_back(text: str) -> None:
    back = remove_tables(add_mirror_table(text, "new", dict(VALUES)), ["new"])
    old = tomllib.loads(text)
    assert {"mirrors": {}, **tomllib.loads(back)} == {"mirrors": {}, **old}
    assert [line for line in back.splitlines() if line] == [
        line for line in text.splitlines() if line
    ]


@pytest.mark.parametrize("name", ["a.b", "a@b", "1", "a-b", "a+b"])
def test_a_name_of_any_kind_is_added_and_removed(name: str) -> None:
    added = add_mirror_table(ONE, name, dict(VALUES))
    assert tomllib.loads(added)["mirrors"][name] == VALUES
    assert remove_tables(added, [name]).strip() == ONE.strip()


def test_values_are_written_so_that_they_are_read_back() -> None:
    values: dict[str, Any] = {
        "url": 'https://example.org/"quoted"\\',
        "include": ["*.wit", "!a b"],
        "local": True,
    }
    assert tomllib.loads(add_mirror_table("", "new", dict(values)))["mirrors"]["new"] == values


def test_removing_one_of_two_keeps_the_others_comments() -> None:
    other = (
        '\n# about two\n[mirrors."two"]\nurl = "https://example.org/two"\ntag = "v1"  # pinned\n'
    )
    assert remove_tables(ONE + other, ["one"]).strip() == other.strip()
