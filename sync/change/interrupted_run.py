"""Finishes a run that was killed, by the journal that it left, or clears away what it had begun."""

from collections.abc import Callable

from sync.change.replace import finish, holding_index
from sync.change.workspace import discard_leftovers
from sync.git.repository import Repository
from sync.host.directory import explaining
from sync.host.find import Host
from sync.host.journal import Outcome, read_journal
from sync.signals import signals_held


def finish_interrupted(
    host: Host,
    repository: Repository,
    begins: Callable[[], None],
    ended: Callable[[Outcome], None],
) -> None:
    """Bring a host whose lock is held into the state before or after the run that was killed.

    `begins` is called if there is a run to finish, and `ended` with what it has to report, before
    any signal that came meanwhile. Each of its steps first hashes what is there.
    """
    if journal := read_journal(repository.git_directory):
        begins()
        with (
            explaining("finish an interrupted run"),
            signals_held(),
            holding_index(repository, journal.stage) as index,
        ):
            ended(finish(host.require_root(), repository, journal, index, resumed=True))
    discard_leftovers(host.require_root())
    repository.index.discard_leftovers()
