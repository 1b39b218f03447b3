"""Makes commits by git itself, with the user's identity, hooks and signature.

A commit is made only on the HEAD that was looked at.
"""

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from sync.errors import HostError
from sync.git.index import IndexFile
from sync.git.process import NOT_THERE, last_lines, run_git
from sync.ids import ObjectId

_ALL = sys.maxsize


@dataclass(frozen=True, slots=True)
class Head:
    """Where HEAD is: its branch (None if it is detached) and its commit (None before the first)."""

    branch: str | None
    commit: ObjectId | None


def read_head(work_tree: Path) -> Head:
    """Where HEAD is; HostError if git cannot tell.

    Such a failure must not pass for a branch without commits.
    """
    branch = (
        run_git(work_tree, "symbolic-ref", "--quiet", "HEAD", answers=(0, NOT_THERE))
        .stdout.decode()
        .strip()
    )
    commit = (
        run_git(work_tree, "rev-parse", "--verify", "--quiet", "HEAD", answers=(0, NOT_THERE))
        .stdout.decode()
        .strip()
    )
    return Head(branch or None, ObjectId(commit) if commit else None)


def require_identity(work_tree: Path) -> None:
    """Raise HostError, with git's words, if git does not know who commits."""
    for name in ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"):
        done = run_git(work_tree, "var", name, check=False)
        if done.returncode != 0:
            raise HostError(
                "git does not know who commits",
                last_lines(done.stderr, most=_ALL),
                hint="set `git config user.name` and `git config user.email`, "
                "then run the command again",
                reference="identity-missing",
            )


def commit_index(index: IndexFile, head: Head, message: str, *, signoff: bool = False) -> ObjectId:
    """Commit an index of our own on top of `head`, or not at all.

    git reads HEAD when it starts, and moves a ref only from the commit that it read. Whether that
    commit was `head` is checked in between, where git would start an editor.
    """
    environment = {**os.environ, "GIT_INDEX_FILE": str(index.path), "GIT_EDITOR": _is_still(head)}
    command = (
        "commit",
        "--quiet",
        "--file=-",
        "--cleanup=verbatim",
        "--edit",
        "--no-status",
        "--no-verbose",
        *(["--signoff"] if signoff else []),
    )
    done = run_git(
        index.work_tree,
        *command,
        stdin=message.encode("utf-8", "surrogateescape"),
        environment=environment,
        check=False,
    )
    if done.returncode != 0:
        raise _not_committed(index.work_tree, head, done.stderr + done.stdout)
    return ObjectId(run_git(index.work_tree, "rev-parse", "HEAD").stdout.decode().strip())


def _is_still(head: Head) -> str:
    """A shell command that fails if HEAD is no longer at `head`."""
    return (
        f'test "$(git rev-parse --verify --quiet HEAD)" = {shlex.quote(head.commit or "")}'
        f' && test "$(git symbolic-ref --quiet HEAD)" = {shlex.quote(head.branch or "")} && :'
    )


def _not_committed(work_tree: Path, head: Head, said: bytes) -> HostError:
    if read_head(work_tree) != head:
        return HostError(
            "HEAD moved while the commit was made: nothing is committed",
            ["what was synced is in place, and staged"],
            reference="head-moved",
        )
    return HostError(
        "git commit failed: what was synced is in place, and staged",
        last_lines(said, most=_ALL),
        reference="commit-failed",
    )
