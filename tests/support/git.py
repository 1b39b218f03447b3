"""Git, run as a test needs it: with one clock, and an error that says what it printed."""

import os
import subprocess
from pathlib import Path
from typing import Any

# one clock for all commits, so that ids are the same in every run
_CLOCK = {"GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z", "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z"}

CONFIGURATIONS = (
    (),
    ("-c", "core.autocrlf=true"),
    ("-c", "core.autocrlf=input"),
    ("-c", "core.eol=crlf"),
)
"""What a contributor's git may say of line endings, and what it has by itself on each system."""

IDENTITY = "Tester <tester@example.org> 1767323045 +0000"
"""Who has made a commit, and when, as a commit says it: the user and the clock of the tests."""

USER_CONFIGURATION = """\
[maintenance]
\tauto = false
[user]
\tname = Tester
\temail = tester@example.org
[init]
\tdefaultBranch = main
"""
"""What a test's user has in .gitconfig, at the least.

Git's own housekeeping stays out: it doubles the time of a commit, and leaves a lock of its own where
it is hit.
"""


def git(directory: Path, *arguments: str, **options: Any) -> str:
    """Give what git prints as text; the options are those of `git_bytes`."""
    return git_bytes(directory, *arguments, **options).decode("utf-8", "surrogateescape").strip()


def git_bytes(directory: Path, *arguments: str, stdin: bytes = b"", **environment: str) -> bytes:
    """Run git and give what it prints; AssertionError if it fails."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=directory,
        input=stdin,
        capture_output=True,
        env={**os.environ, **_CLOCK, **environment},
        check=False,
    )
    if done.returncode != 0:
        raise AssertionError(
            f"git {' '.join(arguments)} failed:\n{done.stdout.decode()}{done.stderr.decode()}"
        )
    return done.stdout
