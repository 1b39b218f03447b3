"""Patterns are git's, byte for byte: whatever pattern and path, git's own answer is the expected one."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from sync.patterns import last_match, parse_pattern

GLOBS = st.text(st.sampled_from(list("ab*?[]!^-/\\ #.:é\\*/")), min_size=1, max_size=9)
CLASSES = st.sampled_from(
    [
        "[[:alpha:]]",
        "[[:digit:]b]",
        "[![:space:]]",
        "[a-c]",
        "[!a-b]",
        "[]a]",
        "[^]]",
        "[c-a]",
        "[[:nope:]]",
        "[\\]]",
        "[a",
        "***",
        "a/**",
        "**/",
    ]
)
LINES = st.lists(st.one_of(GLOBS, CLASSES), min_size=1, max_size=3).map("".join)
NAMES = st.text(st.sampled_from(list("abc]-[!é 1\\*")), min_size=1, max_size=3).filter(lambda name: name.strip())
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("patterns")
    subprocess.run(["git", "init", "--quiet", str(path)], check=True)
    return path


def git_says(repository: Path, line: str, path: str) -> bool:
    """Whether git, judging level by level, ignores the path as a file for this one pattern."""
    (repository / ".git/info/exclude").write_bytes(line.encode() + b"\n")
    done = subprocess.run(
        ["git", "-c", "core.ignoreCase=false", "check-ignore", "--no-index", "--quiet", "-z", "--stdin"],
        cwd=repository,
        input=path.encode() + b"\0",
        capture_output=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0


def we_say(line: str, path: str) -> bool:
    pattern = parse_pattern(line)
    parts = path.encode().split(b"/")
    levels = [b"/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
    return pattern is not None and any(
        last_match((pattern,), level, is_directory=depth < len(levels)) for depth, level in enumerate(levels, 1)
    )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much])
@given(line=LINES, path=PATHS)
@example(line="***/a", path="b/a")
@example(line="a/**/b", path="a/b")
@example(line="a/**", path="a")
@example(line="**", path="a/b")
@example(line="a**b", path="acb")
@example(line="??", path="é")
@example(line="[!a]", path="é")
@example(line="a\\ ", path="a ")
@example(line="a ", path="a")
@example(line="a\\", path="a")
@example(line="[]a]", path="]")
@example(line="[a", path="[a")
@example(line="\\!a", path="!a")
@example(line="a/", path="a/b")
def test_a_pattern_matches_what_git_ignores(repository: Path, line: str, path: str) -> None:
    assume(not line.startswith("!") and "//" not in line)
    assert we_say(line, path) == git_says(repository, line, path)
