"""Find what is wrong with a mirror in a state, and what of it is new there, by object ids alone."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

from policies.facts import Case, MirrorFacts, PolicedState
from policies.objects import Objects
from sync.ids import Mode, ObjectId, RepoPath
from sync.judgement.findings import (
    Difference,
    Finding,
    Held,
    ReadFile,
    Rule,
    compare_files,
    path_of,
    verify_mirror,
)
from sync.layout import license_directory
from sync.limits import MORE_THAN_RECORDED
from sync.model.values import Entry, FileFact
from sync.objects.tree import TreeEntry
from sync.record.places import Place
from sync.record.proof import proven_holding
from sync.record.record import Record

# A mirror with one of these findings has no record to rely on. A commit that changes any file of
# the mirror and leaves the finding in place is to blame for it again.
_NOTHING_TO_RELY_ON = frozenset(
    {Rule.MIRROR_WITHOUT_RECORD, Rule.RECORD_UNREADABLE, Rule.PROOF_BROKEN}
)
_OF_THE_RECORD = _NOTHING_TO_RELY_ON | {
    Rule.RECORD_WITHOUT_MIRROR,
    Rule.RECORD_DIFFERS_FROM_MANIFEST,
}
_MAX_CHANGED_FILES = 1_000
_KEPT_FINDINGS = 4096

_T = TypeVar("_T")
Right = Mapping[str, Mapping[RepoPath, FileFact]]
"""Directory → the files that may lie in it, by path."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A file of a mirror that is neither as the record has it nor as any parent has it."""

    directory: str
    """The directory of a copy or of the licences, from the host's root."""
    path: RepoPath
    """The path below that directory."""
    found: Entry | None
    """The file as it is now; None if it is gone."""


class Copies:
    """The findings about mirrors, by the objects of one repository."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._found: dict[tuple[object, ...], tuple[Finding, ...]] = {}
        self._detailed: dict[tuple[object, ...], frozenset[Finding]] = {}

    def brought_about(self, case: Case, facts: MirrorFacts) -> Iterator[Finding]:
        """Yield what is wrong with a mirror and was not wrong like this in any parent.

        If something was wrong before, further changes of the copy are still found.
        """
        before = [
            parent.mirrors[facts.name] for parent in case.parents if facts.name in parent.mirrors
        ]
        findings = self._findings(facts) if facts not in before else ()
        if not findings:
            return
        right = _what_is_right(facts)
        changed = tuple(islice(self._changed(case, facts, right), _MAX_CHANGED_FILES))
        new = [finding for finding in findings if self._is_new(finding, facts, before, changed)]
        yield from new
        if not any(finding.rule in _NOTHING_TO_RELY_ON for finding in new):
            yield from self._beyond(new, facts, changed, right or {})

    def _is_new(
        self,
        finding: Finding,
        facts: MirrorFacts,
        before: Sequence[MirrorFacts],
        changed: Sequence[Changed],
    ) -> bool:
        if finding.rule in _NOTHING_TO_RELY_ON and changed:
            return True
        if finding.rule in _OF_THE_RECORD:
            before = [parent for parent in before if parent.record_entry == facts.record_entry]
        return not all(
            any(self._had(detail, parent) for parent in before)
            for detail in self._to_have_had(finding, facts, before)
        )

    def _to_have_had(
        self, finding: Finding, facts: MirrorFacts, before: Sequence[MirrorFacts]
    ) -> Iterator[Finding]:
        """Yield what all has to have been there before, so that a finding is not new.

        Files that are far too many together may each have been there before, in a merge.
        """
        directory, record = finding.path, facts.record
        if (
            directory is None
            or finding != _far_too_many(facts.name, directory)
            or any(finding in self._findings(parent) for parent in before)
            or not isinstance(record, Record)
        ):
            yield from _details_of(finding, facts)
            return
        most = len(before) * MORE_THAN_RECORDED + 1
        for place, entry in _places(record, facts):
            if place.directory == directory and entry is not None:
                known = {fact.path for fact in place.files}
                found = islice(self._objects.files(entry), len(known) + most)
                extra = [FileFact.unread(file) for file in found if file.path not in known]
                yield from compare_files(facts.name, place.directory, (), extra, _nothing)

    def _had(self, detail: Finding, before: MirrorFacts) -> bool:
        return detail in self._details(before) or self._is_among_many(detail, before)

    def _is_among_many(self, detail: Finding, before: MirrorFacts) -> bool:
        """Whether an extra file was there before, as one of so many that they were not listed."""
        found = detail.found
        if found is None or detail.difference is not Difference.EXTRA:
            return False
        for directory, entry in before.directories:
            if detail.path == path_of(directory, found.path):
                there = self._objects.below(entry, found.path)
                is_same = there is not None and (there.mode, there.id) == (found.mode, found.blob)
                return is_same and _far_too_many(before.name, directory) in self._findings(before)
        return False

    def _details(self, facts: MirrorFacts) -> frozenset[Finding]:
        return _kept(
            self._detailed,
            facts,
            lambda: frozenset(
                d for finding in self._findings(facts) for d in _details_of(finding, facts)
            ),
        )

    # What is wrong.

    def _findings(self, facts: MirrorFacts) -> tuple[Finding, ...]:
        return _kept(self._found, facts, lambda: self._findings_about(facts))

    def _findings_about(self, facts: MirrorFacts) -> tuple[Finding, ...]:
        surplus: list[str] = []

        def look(record: Record) -> Held:
            files: dict[str, Sequence[FileFact]] = {}
            for place, entry in _places(record, facts):
                files[place.directory], too_many = self._held(entry, place)
                if too_many:
                    surplus.append(place.directory)
            return Held(files, self._objects.explaining_what(files), is_work_tree=False)

        found = verify_mirror(facts.name, facts.mirror, facts.record, look).findings
        return found + tuple(_far_too_many(facts.name, directory) for directory in surplus)

    def _held(
        self, entry: TreeEntry | None, place: Place[FileFact]
    ) -> tuple[Sequence[FileFact], bool]:
        """Return the files at a place's entry as facts, and whether there are far too many of them.

        A file that is as recorded has the record's own fact. If there are far too many files, only
        those at recorded paths are returned.
        """
        if entry is None:
            return (), False
        recorded = place.files
        if entry.mode == Mode.TREE and entry.id == place.tree:
            return recorded, False
        known = {fact.entry: fact for fact in recorded}
        limit = len(recorded) + MORE_THAN_RECORDED
        found = list(islice(self._objects.files(entry), limit + 1))
        paths = {fact.path for fact in recorded}
        # Recorded files do not count: otherwise, putting one back could make the others too many.
        too_many = sum(file.path not in paths for file in found) > MORE_THAN_RECORDED
        if too_many:
            there = ((fact.path, self._objects.below(entry, fact.path)) for fact in recorded)
            found = [Entry(path, one.mode, one.id) for path, one in there if one is not None]
        return sorted(known.get(file) or FileFact.unread(file) for file in found), too_many

    # What was changed.

    def _changed(self, case: Case, facts: MirrorFacts, right: Right | None) -> Iterator[Changed]:
        """Yield the files that are neither right nor as any parent has them.

        If nobody knows what is right, these are all files that are not as any parent has them.
        """
        # A parent without the mirror may have other things in its place, which nobody has judged as
        # the mirror's.
        having = [parent for parent in case.parents if facts.name in parent.mirrors]
        parents = (
            having or [parent for parent in case.parents if parent.is_governed] or case.parents
        )
        for directory in (*facts.places, license_directory(facts.name)):
            here, there = (
                self._at(case.state, directory),
                [self._at(parent, directory) for parent in parents],
            )
            wanted = {} if right is None else right.get(directory, {})
            for path, found in self._objects.changed(here, there, gone=right is None):
                entry = None if found is None else Entry(RepoPath(path), found.mode, found.id)
                if entry is None or path not in wanted or wanted[RepoPath(path)].entry != entry:
                    yield Changed(directory, RepoPath(path), entry)
            if parents:
                yield from (
                    Changed(directory, path, None)
                    for path in wanted
                    if self._is_gone(path, here, there)
                )

    def _is_gone(
        self, path: RepoPath, here: TreeEntry | None, there: Sequence[TreeEntry | None]
    ) -> bool:
        below = self._objects.below
        return below(here, path) is None and all(below(one, path) is not None for one in there)

    def _at(self, state: PolicedState, directory: str) -> TreeEntry | None:
        return self._objects.at(state.root.tree, os.fsencode(directory))

    def _beyond(
        self, new: Sequence[Finding], facts: MirrorFacts, changed: Sequence[Changed], right: Right
    ) -> Iterator[Finding]:
        """Yield findings for the changes that no new finding names.

        A record that names another place, or far too many files, would hide them otherwise.
        """
        said = {finding.path for finding in new}
        for one in changed:
            if said.isdisjoint({path_of(one.directory, one.path), one.directory}):
                expected = right.get(one.directory, {}).get(one.path)
                found = FileFact.unread(one.found) if one.found else None
                read = self._reading(found.blob if found else None)
                yield from compare_files(
                    facts.name, one.directory, filter(None, [expected]), filter(None, [found]), read
                )

    def _reading(self, blob: ObjectId | None) -> ReadFile:
        return lambda _: self._objects.explaining(blob)


def _kept(known: dict[tuple[object, ...], _T], facts: MirrorFacts, find: Callable[[], _T]) -> _T:
    """Return what is known of a mirror's facts, or find it and keep it.

    The key leaves out the parsed record, which may be large.
    """
    key = (facts.name, facts.mirror, *facts.content)
    if key not in known:
        if len(known) >= _KEPT_FINDINGS:
            known.clear()
        known[key] = find()
    return known[key]


def _what_is_right(facts: MirrorFacts) -> Right | None:
    """Return what may lie in each directory of a mirror according to its record.

    None if the record shows nothing.
    """
    record = facts.record
    if not isinstance(record, Record):
        return None
    if facts.mirror is not None and not facts.mirror.checked_in:
        return {}
    files, licenses = record.files, record.licenses
    if record.problems():
        shown = proven_holding(record.upstream, record.selection, record.copy.holding)
        if shown is None:
            return None
        files, licenses = (
            tuple(map(FileFact.unread, entries)) for entries in (shown.files, shown.licenses)
        )
    by_path = {fact.path: fact for fact in files}
    return {
        license_directory(facts.name): {fact.path: fact for fact in licenses},
        **dict.fromkeys(facts.places, by_path),
    }


def _details_of(finding: Finding, facts: MirrorFacts) -> Iterator[Finding]:
    """Yield the findings that a finding consists of: each missing file, each key that differs."""
    record = facts.record
    if not isinstance(record, Record):
        yield finding
    elif finding.rule is Rule.RECORD_DIFFERS_FROM_MANIFEST and facts.mirror is not None:
        yield from (
            replace(finding, message=difference) for difference in record.differences(facts.mirror)
        )
    elif finding.difference is Difference.MISSING and finding.expected is None:
        for place in record.places:
            if finding.path == place.directory:
                yield from compare_files(facts.name, place.directory, place.files, (), _nothing)
    else:
        yield finding


def _places(
    record: Record, facts: MirrorFacts
) -> Iterator[tuple[Place[FileFact], TreeEntry | None]]:
    entries = (entry for _, entry in facts.directories)
    return zip(record.places, entries, strict=True)


def _far_too_many(name: str, directory: str) -> Finding:
    message = f"holds more than {MORE_THAN_RECORDED:,} files that are not upstream's"
    return Finding(Rule.MIRROR_DIFFERS_FROM_RECORD, name, message, directory)


def _nothing(_: str) -> None:
    return None
