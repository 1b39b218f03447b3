"""The block that is ours in a file that people edit too: it comes and goes, all else stays."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import HostError
from sync.host.attributes_and_ignores import attributes_line, own_edits
from sync.host.marked_block import END, with_block
from sync.manifest.read import Manifest, parse_manifest
from tests.support.hosts import mirror

BEGIN = "# ours"
LINES = st.lists(st.sampled_from(["a", "", "# b", "c d"]), max_size=3)


def one_of(table: str) -> Manifest:
    return parse_manifest(table.encode())


@given(LINES, st.sampled_from(["\n", "\r\n"]), st.booleans(), LINES)
def test_a_block_that_comes_and_goes_leaves_the_text_as_it_was(
    own: list[str], ending: str, is_ended: bool, lines: list[str]
) -> None:
    present = ending.join(own) + (ending if is_ended else "")
    written = with_block(present, BEGIN, ["x", *lines], "f")
    assert written is not None and written.startswith(present)
    assert with_block(written, BEGIN, ["x", *lines], "f") == written
    assert (with_block(written, BEGIN, [], "f") or "") == present


@given(LINES)
def test_what_people_write_after_a_block_stays_after_it(own: list[str]) -> None:
    written = (with_block("before\n", BEGIN, ["x"], "f") or "") + "\n".join([*own, "after"])
    changed = with_block(written, BEGIN, ["y"], "f")
    assert changed == written.replace("x", "y", 1)
    assert with_block(written, BEGIN, [], "f") == "before\n" + "\n".join([*own, "after"])


def test_without_a_block_a_file_is_neither_made_nor_changed() -> None:
    assert with_block(None, BEGIN, [], "f") is None
    assert with_block("a", BEGIN, [], "f") == "a"
    assert with_block(with_block(None, BEGIN, ["x"], "f"), BEGIN, [], "f") is None


@pytest.mark.parametrize(
    "present",
    [
        f"{BEGIN}\nx\n",
        f"x\n{END}\n",
        f"{END}\n{BEGIN}\n",
        f"{BEGIN}\n{END}\n{BEGIN}\n{END}\n",
        f"{BEGIN}\n{BEGIN}\n{END}\n",
    ],
    ids=["no end", "no beginning", "turned round", "twice", "begun twice"],
)
def test_a_broken_or_doubled_block_is_refused(present: str) -> None:
    with pytest.raises(HostError) as raised:
        with_block(present, BEGIN, ["x"], "some/file")
    assert raised.value.reference == "block-broken"
    assert "some/file" in raised.value.message and BEGIN in raised.value.context[0]
    assert "delete these lines" in (raised.value.hint or "")


def test_a_block_that_begins_many_times_takes_no_time() -> None:
    began = time.process_time()
    with pytest.raises(HostError):
        with_block(f"{BEGIN}\n" * 50_000, BEGIN, [], "f")
    assert time.process_time() - began < 1


def test_each_file_has_the_lines_for_the_places_that_it_rules() -> None:
    inside = mirror("in", "https://example.org/in", tag="v1", checked_in=False)
    table = mirror(
        "out",
        "https://example.org/out",
        tag="v1",
        checked_in=False,
        into=["out", "/crates/a b/[x]", "/deps/y"],
    )
    edits = own_edits(one_of(inside + table))
    written = {path: edit(None) for path, edit in edits.items()}
    assert (written["third_party/.gitignore"] or b"").decode().splitlines()[1:-1] == [
        "/in/",
        "/licenses/in/",
        "/licenses/out/",
        "/out/",
    ]
    assert (written[".gitignore"] or b"").decode().splitlines()[1:-1] == [
        r"/crates/a b/\[x\]/",
        "/deps/y/",
    ]
    attributes = (written[".gitattributes"] or b"").decode().splitlines()[1:-1]
    assert [line.partition(" linguist-vendored")[0] for line in attributes] == [
        r'"/crates/a b/\\[x\\]/**"',
        "/deps/y/**",
    ]


def test_a_host_with_nothing_outside_third_party_has_no_block() -> None:
    edits = own_edits(one_of(mirror("in", "https://example.org/in", tag="v1")))
    assert {path: edit(None) for path, edit in edits.items() if edit(None) is not None} == {
        "third_party/.gitattributes": edits["third_party/.gitattributes"](None)
    }
    assert attributes_line("a").startswith("/a/** linguist-vendored -text ")
