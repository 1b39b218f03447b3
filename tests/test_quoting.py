"""Words from outside: paths quoted as git quotes them and back, and nearest names.

Text that is shown cannot act on a terminal.
"""

import subprocess
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.quoting import printable, quote_path, unquote_path
from sync.wording import did_you_mean, nearest
from tests.support.git import git_bytes
from tests.support.upstreams import Upstream

# no surrogates and no NUL: what a path in a tree can be
PATHS = st.one_of(
    st.binary(min_size=1), st.text(min_size=1).map(lambda t: t.encode("utf-8", "surrogatepass"))
)


@given(PATHS)
def test_unquoting_is_the_inverse_of_quoting(path: bytes) -> None:
    assert unquote_path(quote_path(path)) == path


@given(st.sets(PATHS, min_size=2, max_size=2))
def test_two_paths_are_never_written_alike(paths: set[bytes]) -> None:
    one, other = paths
    assert quote_path(one) != quote_path(other)


@given(st.text())
def test_only_what_quoting_writes_is_read(text: str) -> None:
    try:
        path = unquote_path(text)
    except ValueError:
        return
    assert quote_path(path) == text


EXAMPLES = [
    b"plain",
    b"a b",
    "ä/é".encode(),
    b'q"q',
    b"b\\b",
    b"n\nn",
    b"t\tt",
    b"\x01\x1b\x7f",
    b"\xff",
    "ä".encode() + b"/\xe4",
    "\u202e".encode(),
]


def test_quoting_is_gits(upstream: Upstream) -> None:
    """Plain UTF-8 as with core.quotePath=false, anything else as with core.quotePath=true."""
    upstream.commit(dict.fromkeys(EXAMPLES, b""))
    listed = {}
    for setting in ("true", "false"):
        command = ("-c", f"core.quotePath={setting}", "ls-tree", "-r", "--name-only", "main")
        listed[setting] = git_bytes(upstream.path, *command).splitlines()
    raw = git_bytes(upstream.path, "ls-tree", "-r", "-z", "--name-only", "main").split(b"\0")[:-1]
    for path, quoted, plain in zip(raw, listed["true"], listed["false"], strict=True):
        is_plain = plain == path and _is_utf8(path)
        assert quote_path(path).encode() == (plain if is_plain else quoted)


def _is_utf8(path: bytes) -> bool:
    try:
        path.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_git_reads_what_is_quoted(upstream: Upstream) -> None:
    blob = upstream.blob(b"")
    lines = "".join(
        f"100644 blob {blob}\t{quote_path(path)}\n" for path in EXAMPLES if b"/" not in path
    )
    tree = (
        subprocess.run(
            ["git", "mktree"],
            cwd=upstream.path,
            input=lines.encode(),
            capture_output=True,
            check=True,
        )
        .stdout.decode()
        .strip()
    )
    names = git_bytes(upstream.path, "ls-tree", "-z", "--name-only", tree).split(b"\0")[:-1]
    assert sorted(names) == sorted(path for path in EXAMPLES if b"/" not in path)


@pytest.mark.parametrize(
    "text",
    [
        '"a',
        '"',
        '""',
        '"a"',
        '"\\a',
        'a"',
        '"\\q"',
        '"\\400"',
        '"\\3"',
        '"\\141"',
        "a\nb",
        "\ud800",
    ],
)
def test_what_quoting_would_not_write_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - a surrogate is refused in Python's own words
        unquote_path(text)


@settings(max_examples=300)
@given(st.text(st.characters(codec=None)))
def test_printable_text_holds_no_control_and_no_bidirectional_characters(text: str) -> None:
    shown = printable(text)
    assert {unicodedata.category(c) for c in shown}.isdisjoint({"Cc", "Cf", "Cs", "Zl", "Zp"})
    shown.encode()


SHOWN = {
    "plain ä 漢": "plain ä 漢",
    "\x1b[31m": "\\x1b[31m",
    "a\nb": "a\\x0ab",
    "\x9b2J": "\\x9b2J",
    "\u202eexe": "\\u202eexe",
    "\u2028": "\\u2028",
    "\U000e0041": "\\U000e0041",
    "\ud800": "\\ud800",
    "[/x] :smile: ::error::": "[/x] :smile: ::error::",
}


@pytest.mark.parametrize(("text", "shown"), SHOWN.items(), ids=map(ascii, SHOWN))
def test_printable_escapes_what_acts_and_nothing_else(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("wasi-cil", ["wasi-cli"]),
        ("WASI-CLI", ["wasi-cli"]),
        ("wasi-cli", ["wasi-cli"]),
        ("zebra", []),
        ("", []),
    ],
)
def test_the_nearest_names_come_first(word: str, expected: list[str]) -> None:
    assert nearest(word, ["wasi-cli", "other", "third"])[:1] == expected


def test_names_that_differ_in_case_alone_are_all_known() -> None:
    assert sorted(nearest("readme", ["README", "Readme"])) == ["README", "Readme"]


def test_a_hint_names_all_that_are_near() -> None:
    assert did_you_mean("v1.0.2", ["v1.0.1", "v1.0.3"]) in {
        "did you mean v1.0.1 or v1.0.3?",
        "did you mean v1.0.3 or v1.0.1?",
    }
    assert did_you_mean("x", ["v1.0.1"]) is None


def test_many_long_names_are_compared_within_a_second() -> None:
    names = ["a" * 180 + f"{number:010}" for number in range(4000)]
    began = time.process_time()
    assert did_you_mean("a" * 180 + "000000123x", names) is not None
    assert time.process_time() - began < 5


def test_a_word_longer_than_any_name_is_compared_with_nothing() -> None:
    assert did_you_mean("a" * 1_000_000, ["a" * 999_999]) is None
