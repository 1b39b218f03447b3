"""What a check comes to, as values: what each commit brings about, and what moved."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from policies.account import Moved
from policies.git.history import Commit
from policies.ways_out import Violation
from sync.errors import ExitStatus, VerbatimError


@dataclass(frozen=True, slots=True)
class Judgement:
    """The violations and notices that one commit, or the index, brings about."""

    label: str
    commit: Commit | None
    violations: tuple[Violation, ...]
    notices: tuple[Violation, ...] = ()


@dataclass(frozen=True, slots=True)
class Unasked:
    """A record that upstream was not asked about, or did not answer for."""

    mirror: str
    url: str | None
    """None where the record names none that can be read."""
    reason: str
    command: str
    """The command by which a reviewer asks."""


def unasked_line(unasked: Unasked) -> str:
    """Say it in a line; text in it comes from outside, and is not escaped."""
    url = f" of {unasked.url}" if unasked.url else ""
    return f"{unasked.mirror}{url}: {unasked.reason}; a reviewer asks: `{unasked.command}`"


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was judged, and what was found."""

    scope: str
    judged: int
    """The number of commits that touch what policies depend on.

    It is 1 for an index that does, and for the state of HEAD.
    """
    judgements: tuple[Judgement, ...]
    """The judgements that have violations or notices, newest first."""
    moved: tuple[Moved, ...] = ()
    """The provenance that moved, for a reviewer; it changes no verdict."""
    unasked: tuple[Unasked, ...] = ()
    """The records that upstream should have been asked about, and was not."""

    @property
    def is_clean(self) -> bool:
        return not any(judgement.violations for judgement in self.judgements)

    @property
    def exit_status(self) -> ExitStatus:
        """Violations come first: what could not be asked never hides them."""
        if not self.is_clean:
            return ExitStatus.FINDINGS
        return ExitStatus.COULD_NOT_CHECK if self.unasked else ExitStatus.CLEAN


def worth_a_report(judgements: Iterable[Judgement]) -> tuple[Judgement, ...]:
    return tuple(judgement for judgement in judgements if judgement.violations or judgement.notices)


@contextmanager
def met_in(label: str) -> Iterator[None]:
    """Say in an error in which commit, or index, it was met."""
    try:
        yield
    except VerbatimError as error:
        error.context = [f"in {label}", *error.context]
        raise
