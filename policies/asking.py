"""Decide which upstreams a check may ask about the records that a change brings; pure.

A change must not choose whom CI talks to. So the state that it starts from decides.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from policies.facts import MirrorFacts, PolicedState
from policies.verdict import Unasked
from sync.errors import CouldNotCheckError, VerbatimError
from sync.judgement.findings import Finding
from sync.manifest.url_patterns import is_allowed
from sync.record.record import Record
from sync.urls import is_local, same_repository
from sync.verify.upstream import Audit, Subject

Ask = Callable[[Sequence[Subject]], Audit]
"""Asks the upstreams of records; a VerbatimError says why none of them could be asked."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """The records that a change brings: those to ask about, and those that nobody asks about."""

    subjects: tuple[Subject, ...]
    unasked: tuple[Unasked, ...]
    option: str
    """What names the state in `git verbatim verify`, such as `--rev REV`."""

    def answered(self, ask: Ask) -> tuple[Sequence[Finding], Mapping[str, VerbatimError]]:
        """Return what upstreams say, and by URL why some say nothing.

        What fails as a whole, such as a deadline, fails for each of them: it hides no violation.
        """
        try:
            audit = ask(self.subjects)
        except CouldNotCheckError as error:
            return (), {subject.url: error for subject in self.subjects}
        return audit.findings, audit.errors

    def left_open(self, errors: Mapping[str, VerbatimError]) -> tuple[Unasked, ...]:
        """Return what stays open, also where upstreams failed; `errors` has these by URL."""
        failed = (
            Unasked(
                subject.mirror.name,
                subject.url,
                "; ".join([errors[subject.url].message, *errors[subject.url].context]),
                _command(self.option, subject.mirror.name),
            )
            for subject in self.subjects
            if subject.url in errors
        )
        return (*self.unasked, *failed)


def inquire(
    start: PolicedState | None, bases: Sequence[PolicedState], after: PolicedState, option: str
) -> Inquiry:
    """Return what to ask about the records of a state that another state does not have.

    Only repositories that the records of the `bases` name may be asked, and URLs that a `[policy]
    upstreams` there allows. Without such a policy no other may be.
    """
    known = {
        same_repository(facts.record.url)
        for base in bases
        for facts in base.mirrors.values()
        if isinstance(facts.record, Record)
    }
    patterns = [base.allowed_upstreams for base in bases if base.allowed_upstreams is not None]

    def may_ask(url: str) -> bool:
        return same_repository(url) in known or any(is_allowed(url, one) for one in patterns)

    subjects, unasked = [], []
    before = start.mirrors if start is not None else {}
    for name, facts in after.mirrors.items():
        there = before.get(name)
        if facts.record_entry is None or (there and there.record_entry == facts.record_entry):
            continue
        told = _subject(facts, may_ask)
        if isinstance(told, Subject):
            subjects.append(told)
        else:
            url = facts.record.url if isinstance(facts.record, Record) else None
            unasked.append(Unasked(name, url, told, _command(option, name)))
    return Inquiry(tuple(subjects), tuple(unasked), option)


def _subject(facts: MirrorFacts, may_ask: Callable[[str], bool]) -> Subject | str:
    """Return what to ask about a record, or why nobody asks."""
    mirror, record = facts.mirror, facts.record
    if not isinstance(record, Record) or mirror is None:
        return "the record cannot be read, or the manifest does not have its mirror"
    if mirror.url != record.url:
        return f"the manifest names another upstream: {mirror.url}"
    if is_local(record.url):
        return "the upstream lies on the machine of whoever synced it"
    if not may_ask(record.url):
        return (
            "no record of the base has this URL, and no `[policy] upstreams` of the base allows it"
        )
    return Subject(mirror, record)


def _command(option: str, mirror: str) -> str:
    return f"git verbatim verify {option} --upstream {mirror}"
