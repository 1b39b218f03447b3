"""Finds tags that name two commits: in the records of one state, or in those of two; pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sync.ids import ObjectId
from sync.judgement.findings import Finding, Rule
from sync.layout import record_path
from sync.model.values import PinKind
from sync.quoting import quote_path
from sync.record.record import Record
from sync.urls import same_repository

_Tag = tuple[str, str]
"""Repository and tag."""

Tags = Mapping[_Tag, Mapping[ObjectId, Record]]
"""The tag of a repository → the commits that the tag names, each with a record that says so."""


def tags_of(records: Iterable[Record]) -> Tags:
    """The commits that the records give for each tag; a repository has one spelling here."""
    return _by_tag(_tagged(records))


def moved_tags(records: Iterable[Record], before: Iterable[Tags] = ()) -> Iterator[Finding]:
    """Find tag-moved: a record whose tag names another commit in a state `before`, or in this one.

    There is one finding for a record. What one of the states `before` has is not found again.
    """
    there, known = [*_tagged(records)], list(before)
    moved = {finding.mirror: finding for finding in _moved_since(there, known)}
    yield from moved.values()
    yield from (one for one in _contradictions(there, known) if one.mirror not in moved)


def _tagged(records: Iterable[Record]) -> Iterator[tuple[_Tag, Record]]:
    for record in records:
        if record.pin.kind is PinKind.TAG:
            yield (same_repository(record.url), record.pin.value), record


def _by_tag(tagged: Iterable[tuple[_Tag, Record]]) -> Tags:
    found: dict[_Tag, dict[ObjectId, Record]] = {}
    for tag, record in tagged:
        found.setdefault(tag, {}).setdefault(record.upstream.commit, record)
    return found


def _contradictions(
    tagged: Sequence[tuple[_Tag, Record]], known: Sequence[Tags]
) -> Iterator[Finding]:
    tags = _by_tag(tagged)
    for tag, record in tagged:
        is_old = any(tags[tag].keys() <= one.get(tag, {}).keys() for one in known)
        if not is_old and (other := _contradicting(record, tags[tag])):
            yield _finding(record, f"and for another mirror commit {other}")


def _moved_since(tagged: Sequence[tuple[_Tag, Record]], known: Sequence[Tags]) -> Iterator[Finding]:
    for tag, record in tagged:
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


def _finding(record: Record, other: str) -> Finding:
    message = (
        f"for the tag {record.pin} of {record.url} it says commit {record.upstream.commit}, {other}"
    )
    where = quote_path(record_path(record.mirror).encode())
    return Finding(Rule.TAG_MOVED, record.mirror, message, where)
