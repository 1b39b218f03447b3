"""The rules, each of which finds what is wrong in a state and was not wrong in any parent's."""

import os
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from policies.copies import Copies
from policies.facts import Case, FormFacts, MirrorFacts, PolicedState, Root
from policies.objects import Objects
from policies.states import States
from policies.trailers import parse_trailers, wanted_trailers
from sync.errors import CouldNotCheckError, RecordError
from sync.ids import Mode, ObjectId
from sync.judgement.allowed_upstreams import upstreams_not_allowed, urls_of
from sync.judgement.attributes import Altered, AlteringAttributes
from sync.judgement.findings import DIFFERENCES, Difference, Finding, Rule, path_of
from sync.judgement.guarded import GuardedRecord, guarded_files
from sync.judgement.moved_tags import moved_tags, tags_of
from sync.judgement.strays import LOOKALIKE, UNACCOUNTED, is_lookalike
from sync.layout import THIRD_PARTY, derived_record_path, is_in_third_party, record_path
from sync.manifest.url_patterns import is_allowed
from sync.model.values import Entry, FileFact, Pin
from sync.objects.tree import TreeEntry
from sync.quoting import quote_path
from sync.record.record import Record

if TYPE_CHECKING:
    from policies.derived_forms import DerivedForms

_MAX_STRAY_FILES = 1_000
_MAX_LOOKED_AT = 50_000
_LINKS = frozenset({Mode.SYMLINK, Mode.GITLINK})
_TOP = f"{THIRD_PARTY}/".encode()
_KEPT_ALTERED = 16  # Each answer may list every file of every mirror.


class Rules:
    """The rules over one repository.

    They read its objects by id only, so what a rule finds depends on the case alone.
    """

    def __init__(self, states: States) -> None:
        self._states = states
        self._objects: Objects = states.objects
        self._attributes = AlteringAttributes(states.objects.read, states.objects.repository.size)
        self._copies = Copies(states.objects)
        self._altered = lru_cache(_KEPT_ALTERED)(self._altered_in)

    @property
    def all(self) -> tuple[Callable[[Case], Iterator[Finding]], ...]:
        """Every rule that looks at states."""
        return (
            self.mirrors_and_records,
            self.derived_forms,
            self.moved_tags,
            self.upstreams_not_allowed,
            self.false_facts,
            self.unrecorded_files,
            self.attributes_that_alter_bytes,
        )

    def findings(self, case: Case) -> list[Finding]:
        """Return what all rules find."""
        return [finding for rule in self.all for finding in rule(case)]

    def mirrors_and_records(self, case: Case) -> Iterator[Finding]:
        """Find mirror-differs-from-record, record-differs-from-manifest and all else about mirrors.

        These are the rules of `verify`, mirror by mirror.
        """
        for facts in case.state.mirrors.values():
            yield from self._copies.brought_about(case, facts)

    def derived_forms(self, case: Case) -> Iterator[Finding]:
        """Find derived-differs-from-record, derived-stale and all else about derived forms."""
        for facts in case.state.forms.values():
            yield from self._forms.brought_about(case, facts)

    @cached_property
    def _forms(self) -> "DerivedForms":
        # A hook of a host without forms does not spend the 12 ms.
        from policies.derived_forms import DerivedForms

        return DerivedForms(self._objects)

    def moved_tags(self, case: Case) -> Iterator[Finding]:
        """Find tag-moved: for one tag of one repository two commits.

        Each parent is compared, since one side of a merge does not excuse the other. Offline nobody
        can know which of the two commits upstream has published, but one of them it has not.
        """
        mirrors = case.state.mirrors.values()
        new = [facts for facts in mirrors if not case.parents or _is_new(facts, case)]
        # Of a pin that no new record has, every parent has all that this state has.
        pins = {facts.record.pin for facts in new if isinstance(facts.record, Record)}
        before = [tags_of(_records(parent, pins)) for parent in case.parents]
        yield from moved_tags(_records(case.state, pins), before)

    def upstreams_not_allowed(self, case: Case) -> Iterator[Finding]:
        """Find upstream-not-allowed: a mirror from where the states before let none come from.

        A change cannot allow itself: what a range or push starts from decides, for a commit alone
        every parent, and without parents the state itself. What one of these already has from this
        URL stays.
        """
        before = (*case.bases, *case.parents)
        is_allowed_here = _allowing(case)
        if is_allowed_here is None:
            return
        for name, facts in case.state.mirrors.items():
            urls = (urls_of(one.mirror, one.record) for one in _all_of(name, before))
            had = {url for each in urls for url in each}
            yield from upstreams_not_allowed(name, facts.mirror, facts.record, is_allowed_here, had)

    def false_facts(self, case: Case) -> Iterator[Finding]:
        """Find mirror-differs-from-record for false sizes and SHA-256s of a new record.

        No tree id depends on these.
        """
        for name, facts in case.state.mirrors.items():
            before = [parent.mirrors[name] for parent in case.parents if name in parent.mirrors]
            # Files that a parent had not checked in could not be compared there.
            compared = [parent for parent in before if _is_here(parent) or not _is_here(facts)]
            if isinstance(facts.record, Record) and all(
                facts.record_entry != parent.record_entry for parent in compared
            ):
                yield from self._false_facts_of(
                    facts, facts.record, [parent.record for parent in compared]
                )

    def _false_facts_of(
        self, facts: MirrorFacts, record: Record, before: Sequence[Record | RecordError | None]
    ) -> Iterator[Finding]:
        known = {
            _content(fact)
            for parent in before
            if isinstance(parent, Record)
            for fact in (*parent.files, *parent.licenses)
        }
        told = {blob: (size, sha256) for blob, size, sha256 in known}
        false: dict[FileFact, tuple[int, str]] = {}
        for fact in (*record.files, *record.licenses):
            if _content(fact) not in known:
                true = self._true_facts(fact, facts) if _is_here(facts) else told.get(fact.blob)
                if true is not None and true != (fact.size, fact.sha256):
                    false[fact] = true
        for directory, fact in _recorded(record) if false else ():
            if fact in false:
                found = FileFact(*fact.entry, *false[fact])
                message, where = DIFFERENCES[Difference.FACTS], path_of(directory, fact.path)
                yield Finding(
                    Rule.MIRROR_DIFFERS_FROM_RECORD,
                    facts.name,
                    message,
                    where,
                    Difference.FACTS,
                    fact,
                    found,
                )

    def _true_facts(self, fact: FileFact, facts: MirrorFacts) -> tuple[int, str] | None:
        """Return the size and SHA-256 of a recorded blob.

        None if the repository lacks the blob and the mirror does not hold it; if it holds it,
        CouldNotCheckError is raised.
        """
        try:
            return self._objects.digest(fact.blob)
        except CouldNotCheckError:
            if any(self._holds(directory, fact) for _, directory in facts.directories):
                raise
            return None

    def _holds(self, directory: TreeEntry | None, fact: FileFact) -> bool:
        found = self._objects.below(directory, fact.path)
        return found is not None and found.id == fact.blob

    def unrecorded_files(self, case: Case) -> Iterator[Finding]:
        """Find unrecorded-file."""
        if not any(state.is_governed for state in (case.state, *case.parents)):
            return
        for path in islice(self._new_strays(case), _MAX_STRAY_FILES):
            message = LOOKALIKE if is_lookalike(path.partition(b"/")[0]) else UNACCOUNTED
            yield Finding(Rule.UNRECORDED_FILE, "", message, quote_path(path))

    def _new_strays(self, case: Case) -> Iterator[bytes]:
        # Where parents have mirrors, a parent without them does not count: what it brings is new.
        # Where none has, all count: a commit that adopts the tool is not to blame for old files.
        parents = [parent for parent in case.parents if parent.is_governed] or case.parents
        before = {stray for parent in parents for stray in parent.stray}
        new = [stray for stray in case.state.stray if stray not in before]
        trees = [self._objects.overlay((), parent.stray) for parent in parents] if new else []
        for stray in new:
            yield from self._new_files(
                stray, [self._objects.at(tree, stray.path) for tree in trees]
            )

    def _new_files(self, stray: Entry, before: Sequence[TreeEntry | None]) -> Iterator[bytes]:
        """Yield the files of a stray entry at paths where no parent has a file.

        Links, and what some systems take for a part of third_party/, are also new if they changed,
        since they can lead into copies.
        """
        changed = self._objects.changed(TreeEntry(b"", stray.mode, stray.blob), before, gone=False)
        for path, entry in islice(changed, _MAX_LOOKED_AT):
            is_another = entry is not None and (
                entry.mode in _LINKS or is_lookalike(stray.path.partition(b"/")[0])
            )
            there = (self._objects.below(one, path) for one in before)
            if is_another or not any(
                found is not None and found.mode != Mode.TREE for found in there
            ):
                yield stray.path + b"/" + path if path else stray.path
        if next(changed, None) is not None:
            yield stray.path  # There is far too much to say whether it was there before.

    def attributes_that_alter_bytes(self, case: Case) -> Iterator[Finding]:
        """Find attributes-alter-bytes."""
        if any(map(case.state.is_alike_under_attributes, case.parents)):
            return
        altered = self._altered(case.state.root)
        before = (
            {one for parent in case.parents for one in self._altered(parent.root)}
            if altered
            else set()
        )
        for one in altered:
            if one not in before:
                yield Finding(
                    Rule.ATTRIBUTES_ALTER_BYTES, one.mirror, one.how, quote_path(one.path)
                )

    def _altered_in(self, root: Root) -> tuple[Altered, ...]:
        state = self._states.read_if_possible(root)
        return self._attributes.altered_files(
            state.attribute_files,
            lambda: guarded_files(
                _guarded(state),
                state.own_files,
                state.attribute_files,
            ),
            tuple(path for path in _unaltered(state) if not is_in_third_party(path)),
        )


def _unaltered(state: PolicedState) -> Iterator[str]:
    """Yield the places that are checked in, and the key files."""
    each: list[MirrorFacts | FormFacts] = [*state.mirrors.values(), *state.forms.values()]
    for facts in each:
        if facts.is_checked_in:
            yield from facts.places
    yield from (os.fsdecode(entry.path) for entry in state.own_files)


def _guarded(state: PolicedState) -> Iterator[GuardedRecord]:
    for path_of_record, each in ((record_path, state.mirrors), (derived_record_path, state.forms)):
        for name, facts in each.items():
            blob = facts.record_entry.id if facts.record_entry else None
            where = path_of_record(name)
            yield GuardedRecord(name, where, blob, facts.record, facts.is_checked_in)


def missing_trailers(case: Case) -> Iterator[Finding]:
    """Find trailer-missing: changed mirrors whose trailer the commit's message lacks."""
    if case.message is None:
        return
    there = parse_trailers(case.message)
    for trailer in wanted_trailers(case.state, case.parents):
        if trailer not in there:
            yield Finding(
                Rule.TRAILER_MISSING, trailer.mirror, f"the message lacks the line `{trailer}`"
            )


def _allowing(case: Case) -> Callable[[str], bool] | None:
    """Return what says of a URL whether mirrors may come from there; None if all may."""
    deciding = case.bases or case.parents or (case.state,)
    patterns = [state.allowed_upstreams for state in deciding if state.has_manifest]
    if all(one is None for one in patterns):
        return None
    enough = any if case.bases else all
    return lambda url: enough(is_allowed(url, one) for one in patterns)


def _all_of(name: str, states: Iterable[PolicedState]) -> list[MirrorFacts]:
    return [state.mirrors[name] for state in states if name in state.mirrors]


def _is_new(facts: MirrorFacts, case: Case) -> bool:
    """Whether a parent does not have the mirror's record, or has another."""
    there = (parent.mirrors.get(facts.name) for parent in case.parents)
    return any(one is None or one.record_entry != facts.record_entry for one in there)


def _records(state: PolicedState, pins: Container[Pin]) -> Iterator[Record]:
    for facts in state.mirrors.values():
        if isinstance(facts.record, Record) and facts.record.pin in pins:
            yield facts.record


def _is_here(facts: MirrorFacts) -> bool:
    """Whether the mirror's files are to be in the repository."""
    return facts.mirror is None or facts.mirror.checked_in


def _recorded(record: Record) -> Iterator[tuple[str, FileFact]]:
    return ((place.directory, fact) for place in record.places for fact in place.files)


def _content(fact: FileFact) -> tuple[ObjectId, int, str]:
    return fact.blob, fact.size, fact.sha256
