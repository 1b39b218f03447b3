"""Patterns are git's, byte for byte: git's own answer is the expected one.

tests.harnesses.fuzz asks git for many more.
"""

from pathlib import Path

import pytest

from sync.selection.patterns import excess
from tests.harnesses.fuzz.against_git import git_says, new_repository, we_say

ROWS = [
    ("***/a", "b/a"),
    ("a/**/b", "a/b"),
    ("a/**", "a"),
    ("**", "a/b"),
    ("a**b", "acb"),
    ("??", "é"),
    ("[!a]", "é"),
    ("a\\ ", "a "),
    ("a ", "a"),
    ("a\\", "a"),
    ("[]a]", "]"),
    ("[a", "[a"),
    ("\\!a", "!a"),
    ("a/", "a/b"),
    ("[[:alpha:]-z]", "-"),
    ("[[:alph:]]", "a"),
    ("[[:]", ":"),
    ("[[:]]", ":]"),
    ("[[:digit]", "["),
    ("[[:alph:[[:digit:]b]", "1"),
]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_repository(tmp_path_factory.mktemp("patterns"))


@pytest.mark.parametrize(("line", "path"), ROWS)
def test_a_pattern_matches_what_git_ignores(repository: Path, line: str, path: str) -> None:
    assert we_say(line, path) == git_says(repository, line, path)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (["a"] * 1001, "there are 1,001 patterns, more than 1,000"),
        (["a" * 4097], "a pattern is longer than 4,096 letters"),
        (["a" * 1000] * 66, "the patterns together have 66,000 letters, more than 65,536"),
        (["a" * 60] * 1000, None),
    ],
)
def test_more_patterns_than_anybody_writes_are_named(lines: list[str], why: str | None) -> None:
    assert excess(lines) == why
