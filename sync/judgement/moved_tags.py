"""Finds tags that name two commits: in the records of one state, or in those of two; pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sync.ids import ObjectId
from sync.judgement.findings import Finding, Rule
from sync.layout import record_path
from sync.model import PinKind
from sync.quoting import quote_path
from sync.record.record import Record
from sync.urls import same_repository

Tags = Mapping[tuple[str, str], Mapping[ObjectId, Record]]
"""Repository and tag → the commits that the tag names, each with a record that says so."""


def tags_of(records: Iterable[Record]) -> Tags:
    """The commits that the records give for each tag; a repository has one spelling here."""
    found: dict[tuple[str, str], dict[ObjectId, Record]] = {}
    for record in records:
        if (tag := _tag_of(record)) is not None:
            found.setdefault(tag, {}).setdefault(record.upstream.commit, record)
    return found


def moved_tags(records: Iterable[Record], before: Iterable[Tags] = ()) -> Iterator[Finding]:
    """Find tag-moved: a record whose tag names another commit in a state `before`, or in this one.

    There is one finding for a record. What one of the states `before` has is not found again.
    """
    there, known = list(records), list(before)
    moved = {finding.mirror: finding for finding in _moved_since(there, known)}
    yield from moved.values()
    yield from (one for one in _contradictions(there, known) if one.mirror not in moved)


def _contradictions(records: Sequence[Record], known: Sequence[Tags]) -> Iterator[Finding]:
    tags = tags_of(records)
    for record in records:
        if (tag := _tag_of(record)) is None:
            continue
        is_old = any(tags[tag].keys() <= one.get(tag, {}).keys() for one in known)
        if not is_old and (other := _contradicting(record, tags[tag])):
            yield _finding(record, f"and for another mirror commit {other}")


def _moved_since(records: Sequence[Record], known: Sequence[Tags]) -> Iterator[Finding]:
    for record in records:
        if (tag := _tag_of(record)) is None:
            continue
        for one in known:
            commits = one.get(tag, {})
            if record.upstream.commit in commits:
                continue
            if other := _contradicting(record, commits):
                yield _finding(record, f"where commit {other} was recorded before")
                break


def _contradicting(record: Record, commits: Mapping[ObjectId, Record]) -> ObjectId | None:
    """Another commit that a record proves for the same tag; None if there is none.

    A record without a proof says nothing: that it is there is a finding of its own.
    """
    others = sorted(commits.keys() - {record.upstream.commit})
    proven = (commit for commit in others if not commits[commit].problems())
    other = next(proven, None)
    return None if other is None or record.problems() else other


def _tag_of(record: Record) -> tuple[str, str] | None:
    if record.pin.kind is not PinKind.TAG:
        return None
    return same_repository(record.url), record.pin.value


def _finding(record: Record, other: str) -> Finding:
    message = (
        f"for the tag {record.pin} of {record.url} it says commit {record.upstream.commit}, {other}"
    )
    where = quote_path(record_path(record.mirror).encode())
    return Finding(Rule.TAG_MOVED, record.mirror, message, where)
