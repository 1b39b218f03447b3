"""Run git's hooks, at the cost of one git call and few imports if nothing of ours is touched."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from sync.errors import CouldNotCheckError, ExitStatus, UsageError
from sync.ids import NO_COMMIT

if TYPE_CHECKING:
    from policies.check import Policy
    from policies.git.changes import StagedChange
    from policies.verdict import CheckReport
    from sync.host.find import Host

_FIELDS_OF_PUSH = 4
_FIELDS_OF_RECEIVE = 3
_FEW_REFS = 8
_IDS_IN = {_FIELDS_OF_PUSH: (1, 3), _FIELDS_OF_RECEIVE: (0, 1)}


def run_hook(arguments: Sequence[str]) -> int:
    """Run the hook that the first argument names with the arguments that git gave it.

    Returns the exit status, which is 0 only if all is well. Raises UsageError for a hook that git
    would not call. Every other error, too, keeps git from going on.
    """
    name, *given = arguments or [""]
    hook = HOOKS.get(name)
    if hook is None:
        from sync.wording import did_you_mean

        hint = did_you_mean(name, HOOKS) or f"hooks: {', '.join(HOOKS)}"
        raise UsageError(f"there is no hook {name}", hint=hint, reference="hook-unknown")
    return hook(given)


def _judge_index(_: Sequence[str]) -> int:
    """Run pre-commit: judge what git is about to commit."""
    changes = _staged_changes()
    return _say(_policy().check_staged(changes)) if changes else ExitStatus.CLEAN


def _judge_merge(_: Sequence[str]) -> int:
    """Run pre-merge-commit: judge the merge that git is about to commit."""
    changes = _staged_changes()
    if not changes:
        return ExitStatus.CLEAN
    from policies.git.history import announced_merge_heads

    return _say(_policy().check_staged(changes, merged=announced_merge_heads()))


def _judge_message(given: Sequence[str]) -> int:
    """Run commit-msg: judge what git is about to commit, and demand its trailers."""
    path = _message_file("commit-msg", given)
    changes = _staged_changes()
    if not changes:
        return ExitStatus.CLEAN
    from policies.hooks.message import read_message

    return _say(_policy().check_staged(changes, read_message(path)))


def _prepare_message(given: Sequence[str]) -> int:
    """Run prepare-commit-msg: add the trailers of the mirrors that the commit changes."""
    path = _message_file("prepare-commit-msg", given)
    changes = _staged_changes()
    if changes:
        from policies.hooks.message import add_trailers

        add_trailers(path, _policy().wanted_trailers(changes))
    return ExitStatus.CLEAN


def _judge_push(given: Sequence[str]) -> int:
    """Run pre-push: judge the commits that the remote lacks."""
    remote, url = (
        given[:2]
        if len(given) > 1
        else (os.environ.get(f"PRE_COMMIT_REMOTE_{key}", "") for key in ("NAME", "URL"))
    )
    updates = [(at_remote, local) for _, local, _, at_remote in _pushes(given)]
    moved = [(old, new) for old, new in updates if new != NO_COMMIT]
    there = [old for old, _ in updates if old != NO_COMMIT]
    known_to = _known_to(remote, url, there)
    if not moved or _brings_nothing(moved, there, known_to):
        return ExitStatus.CLEAN
    scope, default = f"the push to {remote or 'a remote'}", f"refs/remotes/{remote}/HEAD"
    return _say(_policy().check_push(scope, moved, known_to, default))


def _known_to(remote: str, url: str, there: Sequence[str]) -> list[str]:
    """Return options of `git rev-list` for the refs that reach the commits that a remote has.

    For a remote without a name git gives its URL twice (githooks(5)). If nothing is known of the
    remote, which may be a new fork, these are the refs of all remotes: what is published elsewhere
    is not this push's doing.
    """
    from policies.git.changes import has_refs

    if remote and remote != url and has_refs(f"refs/remotes/{remote}/"):
        return [f"--remotes={remote}"]
    return [] if there else ["--remotes"]


def _pushes(given: Sequence[str]) -> list[list[str]]:
    """Return what is pushed as lines of local ref, its object id, remote ref and its object id.

    git gives them on standard input (githooks(5)), the pre-commit framework in the environment.
    """
    if given or "PRE_COMMIT" not in os.environ:
        return _lines_of_stdin("pre-push", _FIELDS_OF_PUSH)
    # The framework names revisions. If all of the history is new to the remote, it gives no range
    # but the local ref.
    tip = os.environ.get("PRE_COMMIT_TO_REF") or os.environ.get("PRE_COMMIT_LOCAL_BRANCH")
    if not tip:
        raise UsageError(
            "the pre-commit framework names no commits to judge",
            hint="pre-commit run --hook-stage pre-push --from-ref A --to-ref B",
            reference="hook-input",
        )
    start = os.environ.get("PRE_COMMIT_FROM_REF")
    return [["", _commit_named(tip), "", _commit_named(start) if start else NO_COMMIT]]


def _commit_named(revision: str) -> str:
    from sync.git.naming import named_commit

    commit = named_commit(_host().require_repository(), revision)
    if commit is None:
        raise UsageError(f"there is no commit {revision}", reference="revision-unknown")
    return commit


def _judge_received(_: Sequence[str]) -> int:
    """Run pre-receive: judge the commits that this repository lacks."""
    updates = [(old, new) for old, new, _ in _lines_of_stdin("pre-receive", _FIELDS_OF_RECEIVE)]
    moved = [(old, new) for old, new in updates if new != NO_COMMIT]
    known_to = ["--all"]
    if not moved or _brings_nothing(moved, [], known_to):
        return ExitStatus.CLEAN
    report = _policy().check_push("the push", moved, known_to)
    if report.is_clean:
        from policies.render import render_moved
        from sync.paint import paint_for

        sys.stderr.write(render_moved(report, paint_for(sys.stderr)))
    return _say(report)


def _brings_nothing(
    updates: Sequence[tuple[str, str]], there: Sequence[str], known_to: Sequence[str]
) -> bool:
    """Whether no update (old, new) of a ref changes third_party/, and no new commit touches it.

    That is so in most pushes. It is False if git cannot tell: the full check then says why.
    """
    from policies.git.changes import changes_nothing, outside_of
    from policies.git.history import Walk

    if len(updates) > _FEW_REFS or any(old == NO_COMMIT for old, _ in updates):
        return False
    tips = [new for _, new in updates]
    # A manifest that differs from these would be a change that is found.
    outside = {path for tip in tips for path in outside_of(tip)}
    if not all(changes_nothing(old, new, outside) for old, new in updates):
        return False
    try:
        return not Walk(tips, there, known_to).commits(sorted(outside))
    except CouldNotCheckError:
        return False


HOOKS: Mapping[str, Callable[[Sequence[str]], int]] = {
    "pre-commit": _judge_index,
    "pre-merge-commit": _judge_merge,
    "prepare-commit-msg": _prepare_message,
    "commit-msg": _judge_message,
    "pre-push": _judge_push,
    "pre-receive": _judge_received,
}


def _staged_changes() -> "list[StagedChange]":
    from policies.git.changes import staged_changes

    return staged_changes()


def _policy() -> "Policy":
    from policies.check import open_policy

    return open_policy(_host())


def _host() -> "Host":

    from sync.host.find import find_host_here

    return find_host_here()


def _say(report: "CheckReport") -> int:
    """Print what is refused on stderr, which git also shows to those who push to a server.

    Returns the exit status.
    """
    if report.is_clean:
        return ExitStatus.CLEAN
    from policies.render import render_report
    from sync.paint import paint_for

    sys.stderr.write(render_report(report, paint_for(sys.stderr)))
    return ExitStatus.FINDINGS


def _message_file(hook: str, given: Sequence[str]) -> str:
    if not given:
        raise UsageError(
            f"{hook} wants the file of the commit message",
            hint=f"git calls it: `git verbatim hook run {hook} FILE`",
        )
    return given[0]


def _is_id(field: str) -> bool:
    return len(field) == len(NO_COMMIT) and not set(field) - set("0123456789abcdef")


def _lines_of_stdin(hook: str, fields: int) -> list[list[str]]:
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError(f"{hook} reads on stdin what git gives it", hint="let git call it")
    # Only the first field can hold blanks, since what is pushed may be written as
    # `HEAD@{1 day ago}`. Refs may hold any bytes.
    text = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
    lines = (
        [line.rsplit(" ", fields - 1) for line in text.removesuffix("\n").split("\n")]
        if text
        else []
    )
    places = _IDS_IN[fields]
    for line in lines:
        if len(line) != fields or not all(_is_id(line[place]) for place in places):
            raise UsageError(
                f"{hook} does not understand its input",
                [" ".join(line)],
                hint="let git call it",
                reference="hook-input",
            )
    return lines
