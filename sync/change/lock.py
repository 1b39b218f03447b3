"""Locks a host, so that runs take turns, and first finishes what an interrupted run began."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Protocol

from filelock import Timeout

from sync.change.interrupted_run import finish_interrupted
from sync.errors import HostError
from sync.git.repository import Repository
from sync.host.find import Host
from sync.host.journal import Outcome
from sync.host.locks import take_lock
from sync.layout import LOCK


class Notifier(Protocol):
    """Takes the messages for the user."""

    def notice(self, message: str) -> None: ...


@contextmanager
def held(host: Host, seconds: float, notifier: Notifier) -> Iterator[None]:
    """Hold the host's lock; HostError after `seconds` of waiting for it.

    An interrupted run is finished before anything else is read.
    """
    _, repository = host.require_work_tree()
    with _exclusively(repository, seconds, notifier):
        begins = partial(notifier.notice, "an earlier run was interrupted: finishing it first")
        ended = partial(report_rescued, notifier=notifier)
        finish_interrupted(host, repository, begins, ended)
        yield


def report_rescued(outcome: Outcome, notifier: Notifier) -> None:
    """Tell the user where the changes are that somebody made while the tool ran."""
    for path in outcome.rescued:
        notifier.notice(f"a change made meanwhile was kept: {path}")


@contextmanager
def _exclusively(repository: Repository, seconds: float, notifier: Notifier) -> Iterator[None]:
    path = repository.common_directory / LOCK
    notice = cache(notifier.notice)  # once, however long this waits
    waits = partial(notice, "waiting for another git-verbatim to finish with this repository")
    try:
        lock = take_lock(path, seconds, waits)
    except Timeout as error:
        raise HostError(
            "another git-verbatim is at work in this repository",
            [f"lock: {path}", f"waited: {seconds:g} s"],
            hint="wait for it to end, then run the command again",
            reference="host-locked",
        ) from error
    except OSError as error:
        raise HostError(
            "cannot lock the repository",
            [f"{path}: {(error.strerror or str(error)).lower()}"],
            hint=f"move {path} away" if path.is_symlink() else "make the git directory writable",
            reference="host-read-only",
        ) from error
    try:
        yield
    finally:
        lock.release()
