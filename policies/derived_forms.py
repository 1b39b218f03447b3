"""Find what is wrong with derived forms in a state, and what of it is new there.

A form that needs no tool is made again where it, or what it is made of, is new or was not right.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice

from policies.facts import Case, FormFacts, MirrorFacts
from policies.objects import Objects
from sync.derived.forms import patched
from sync.derived.ingredients import Ingredients, Input, PatchFile
from sync.derived.record import DerivedRecord
from sync.errors import CouldNotCheckError, SelectionError
from sync.ids import Mode
from sync.judgement.derived_forms import HeldForm, judge_form, made_otherwise
from sync.judgement.findings import (
    DIFFERENCES,
    Difference,
    Finding,
    Rule,
    path_of,
)
from sync.limits import LARGEST_READ, MORE_THAN_RECORDED
from sync.model.values import Entry, FileFact, FormKind
from sync.objects.tree import TreeEntry
from sync.record.record import Record

# A form with one of these findings has no record to rely on. A commit that changes any of its files
# and leaves the finding in place is to blame for it again.
_NOTHING_TO_RELY_ON = frozenset({Rule.DERIVED_WITHOUT_RECORD, Rule.RECORD_UNREADABLE})

_KEPT_APPLIED = 16  # Each may hold every file that its patches change.


class DerivedForms:
    """The findings about derived forms, by the objects of one repository."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._kept: dict[tuple[Input, tuple[PatchFile, ...]], patched.Applied] = {}

    def brought_about(self, case: Case, facts: FormFacts) -> Iterator[Finding]:
        """Yield what is wrong with a form and was not wrong like this in any parent."""
        before = [parent.forms[facts.name] for parent in case.parents if facts.name in parent.forms]
        if facts in before:
            return
        findings = self._findings(facts)
        had = {one for parent in before for one in self._findings(parent)}
        for finding in findings:
            is_touched = not any(parent.copies == facts.copies for parent in before)
            if finding not in had or (finding.rule in _NOTHING_TO_RELY_ON and is_touched):
                yield finding
        if not findings:
            yield from self._newly_contradicted(facts, before)

    def _newly_contradicted(
        self, facts: FormFacts, before: Sequence[FormFacts]
    ) -> Iterator[Finding]:
        """Yield what contradicts a record with which all else agrees, and did not in any parent.

        A parent in which something else was wrong, or what is here now was not, could not tell.
        """
        if found := [*self._contradictions(facts)]:
            same = [one for one in before if _compared(one) == _compared(facts)]
            clean = (one for one in same if not self._findings(one))
            had = {finding for one in clean for finding in self._contradictions(one)}
            yield from (finding for finding in found if finding not in had)

    def _contradictions(self, facts: FormFacts) -> Iterator[Finding]:
        """Find what contents and recipe show of a record."""
        yield from self._false_facts(facts)
        yield from self._made_again(facts)

    def _findings(self, facts: FormFacts) -> tuple[Finding, ...]:
        record = facts.record
        files: dict[str, Sequence[FileFact]] = {}
        if isinstance(record, DerivedRecord):
            files = {place: self._held(entry, record) for place, entry in facts.copies}
        held = HeldForm(
            files,
            dict(facts.inputs),
            dict(facts.patches),
            self._objects.explaining_what(files),
            is_work_tree=False,
        )
        return judge_form(facts.name, facts.form, record, held).findings

    def _held(self, entry: TreeEntry | None, record: DerivedRecord) -> Sequence[FileFact]:
        """What lies in a place, as facts: what is as recorded has the record's own fact."""
        if entry is None:
            return ()
        if record.tree is not None and (entry.mode, entry.id) == (Mode.TREE, record.tree):
            return record.outputs
        known = {fact.entry: fact for fact in record.outputs}
        limit = len(record.outputs) + MORE_THAN_RECORDED
        found = islice(self._objects.files(entry), limit)
        return sorted(known.get(file) or FileFact.unread(file) for file in found)

    def _false_facts(self, facts: FormFacts) -> Iterator[Finding]:
        """Find false sizes and SHA-256s of a record, on which no object id depends."""
        record, form = facts.record, facts.form
        if not isinstance(record, DerivedRecord) or form is None or not form.checked_in:
            return
        for fact in record.outputs:
            if self._objects.digest(fact.blob) != (fact.size, fact.sha256):
                path = path_of(record.places[0], fact.path)
                message, facts_differ = DIFFERENCES[Difference.FACTS], Difference.FACTS
                rule = Rule.DERIVED_DIFFERS_FROM_RECORD
                yield Finding(rule, record.name, message, path, facts_differ, fact)

    # Made again.

    def _made_again(self, facts: FormFacts) -> Iterator[Finding]:
        """Find what making a form again shows of its record, if that needs no tool."""
        record, form, source = facts.record, facts.form, facts.source
        if not isinstance(record, DerivedRecord) or form is None or record.kind.is_wit:
            return
        of = self._input(source)
        if of is None:
            return
        patches = [
            PatchFile(path, self._objects.read_up_to(blob, LARGEST_READ) or b"")
            for path, blob in facts.patches
            if blob is not None
        ]
        mirror = source.mirror if isinstance(source, MirrorFacts) else None
        given = Ingredients(form, {form.of: of}, patches, mirror)
        make, place = partial(patched.make, apply=self._applied), record.places[0]
        try:
            held = {}
            if record.kind is FormKind.GZIP and form.checked_in:
                held[place] = self._objects.read(record.outputs[0].blob)
            yield from made_otherwise(given, record, place, held, make)
        except CouldNotCheckError:
            return  # a clone without these contents; `verify --rebuild` says what it could not do
        except SelectionError as error:
            yield _finding(record, f"it cannot be made again: {error.message}")

    def _applied(self, given: Ingredients) -> patched.Applied:
        """Apply the patches, if none of the last forms was made of the same tree by the same."""
        key = given.of, tuple(given.patches)
        if key not in self._kept:
            if len(self._kept) >= _KEPT_APPLIED:
                self._kept.clear()
            self._kept[key] = patched.applied(given)
        return self._kept[key]

    def _input(self, source: MirrorFacts | FormFacts | None) -> Input | None:
        record = source.record if source is not None else None
        if isinstance(record, DerivedRecord):
            entries = tuple(fact.entry for fact in record.outputs)
            return Input(record.name, record.id, entries, self._objects.read, record.is_directory)
        if isinstance(record, Record):
            files: tuple[Entry, ...] = tuple(fact.entry for fact in record.files)
            return Input(record.mirror, record.holding.tree, files, self._objects.read)
        return None


def _compared(facts: FormFacts) -> tuple[object, ...]:
    """Return the record, and what lies in its places and in those of its source."""
    return facts.record_entry, facts.copies, facts.source.copies if facts.source else ()


def _finding(record: DerivedRecord, message: str) -> Finding:
    return Finding(Rule.DERIVED_DIFFERS_FROM_RECORD, record.name, message, record.places[0])
