"""What each hook does when git calls it. A commit that touches nothing of ours costs one call of git and few imports."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from sync.errors import ExitStatus, UsageError
from sync.model import NO_COMMIT

if TYPE_CHECKING:
    from policies.check import Policy, Report
    from sync.git.process import StagedChange

_FIELDS_OF_PUSH = 4
_FIELDS_OF_RECEIVE = 3


def run_hook(arguments: Sequence[str]) -> int:
    """Run the hook that the first argument names, with those that git gave it; the exit status, 0 only if all is well.

    UsageError for what git would not call; every other error, too, keeps git from going on.
    """
    name, *given = arguments or [""]
    hook = HOOKS.get(name)
    if hook is None:
        from sync.names import did_you_mean

        hint = did_you_mean(name, HOOKS) or f"hooks: {', '.join(HOOKS)}"
        raise UsageError(f"there is no hook {name}", hint=hint, reference="hook-unknown")
    return hook(given)


def _judge_index(_: Sequence[str]) -> int:
    """pre-commit, pre-merge-commit: judge what git is about to commit."""
    changes = _staged_changes()
    return _say(_policy().check_staged(changes)) if changes else ExitStatus.CLEAN


def _judge_message(given: Sequence[str]) -> int:
    """commit-msg: judge what git is about to commit, and demand its trailers."""
    path = _message_file("commit-msg", given)
    changes = _staged_changes()
    if not changes:
        return ExitStatus.CLEAN
    from policies.hooks.message import read_message

    return _say(_policy().check_staged(changes, read_message(path)))


def _prepare_message(given: Sequence[str]) -> int:
    """prepare-commit-msg: add the trailers of the mirrors that the commit changes."""
    path = _message_file("prepare-commit-msg", given)
    changes = _staged_changes()
    if changes:
        from policies.hooks.message import add_trailers

        add_trailers(path, _policy().wanted_trailers(changes))
    return ExitStatus.CLEAN


def _judge_push(given: Sequence[str]) -> int:
    """pre-push: judge the commits that the remote lacks."""
    remote = given[0] if given else os.environ.get("PRE_COMMIT_REMOTE_NAME", "")
    pushed, there = [], []
    for _, local, _, at_remote in _pushes():
        if local != NO_COMMIT:
            pushed.append(local)
        if at_remote != NO_COMMIT:
            there.append(at_remote)
    return _say(_policy().check_push(remote, pushed, there)) if pushed else ExitStatus.CLEAN


def _pushes() -> list[list[str]]:
    """Lines of local ref, its commit, remote ref and its commit (githooks(5)), or what the pre-commit framework says instead."""
    if (tip := os.environ.get("PRE_COMMIT_TO_REF")) is not None:
        start = os.environ.get("PRE_COMMIT_FROM_REF") or NO_COMMIT
        return [["", tip, "", start]]
    return _lines_of_stdin("pre-push", _FIELDS_OF_PUSH)


def _judge_received(_: Sequence[str]) -> int:
    """pre-receive: judge the commits that this repository lacks."""
    pushed = [new for _, new, _ in _lines_of_stdin("pre-receive", _FIELDS_OF_RECEIVE) if new != NO_COMMIT]
    return _say(_policy().check_received(pushed)) if pushed else ExitStatus.CLEAN


HOOKS: Mapping[str, Callable[[Sequence[str]], int]] = {
    "pre-commit": _judge_index,
    "pre-merge-commit": _judge_index,
    "prepare-commit-msg": _prepare_message,
    "commit-msg": _judge_message,
    "pre-push": _judge_push,
    "pre-receive": _judge_received,
}


def _staged_changes() -> "list[StagedChange]":
    from sync.git.process import staged_changes

    return staged_changes()


def _policy() -> "Policy":
    from pathlib import Path

    from policies.check import Policy
    from sync.host import find_host

    return Policy(find_host(Path.cwd()).require_repository())


def _say(report: "Report") -> int:
    """Print what is refused on stderr, which git shows, also to who pushes to a server."""
    if report.is_clean:
        return ExitStatus.CLEAN
    from policies.render import render_report
    from sync.paint import paint_for

    sys.stderr.write(render_report(report, paint_for(sys.stderr)))
    return ExitStatus.FINDINGS


def _message_file(hook: str, given: Sequence[str]) -> str:
    if not given:
        raise UsageError(f"{hook} wants the file of the commit message", hint=f"git calls it: `git verbatim hook run {hook} FILE`")
    return given[0]


def _lines_of_stdin(hook: str, fields: int) -> list[list[str]]:
    if sys.stdin.isatty():
        raise UsageError(f"{hook} reads on stdin what git gives it", hint="let git call it")
    lines = [line.split(" ") for line in sys.stdin.read().splitlines()]
    for line in lines:
        ids = [field for field in line if len(field) == len(NO_COMMIT) and not set(field) - set("0123456789abcdef")]
        if len(line) != fields or len(ids) < 2:  # noqa: PLR2004 - old and new
            raise UsageError(
                f"{hook} does not understand its input", [" ".join(line)], hint="let git call it", reference="hook-input"
            )
    return lines
