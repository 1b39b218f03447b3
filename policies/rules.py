"""The rules: each a pure function of a state and its parents' states that gives what the state brings about and no parent had."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import islice

from policies.attributes import Altered, AlteringAttributes
from policies.objects import Objects
from policies.states import Case, MirrorFacts, Root, State, States
from policies.trailers import parse_trailers, wanted_trailers
from sync.errors import CouldNotCheckError, RecordError
from sync.model import THIRD_PARTY, Entry, FileFact, Mode, ObjectId, license_directory
from sync.names import quote_path
from sync.provenance import Record
from sync.tree import TreeEntry, hash_tree
from sync.verify import DIFFERENCES, Difference, Finding, Held, Rule, path_of, verify_mirror

# where no record can be relied on, who changes anything of the mirror and leaves it so is to blame anew
_NOTHING_TO_RELY_ON = frozenset({Rule.MIRROR_WITHOUT_RECORD, Rule.RECORD_UNREADABLE, Rule.PROOF_BROKEN})
_MORE_FILES_THAN_RECORDED = 10_000
_MAX_STRAY_FILES = 1_000
_MAX_LOOKED_AT = 50_000
_MAX_EXPLAINED_BYTES = 1 << 20
_KEPT_FINDINGS = 4096


class Rules:
    """The rules over one repository's objects, which are read by id: what a rule says depends on the case alone."""

    def __init__(self, states: States) -> None:
        self._states = states
        self._objects: Objects = states.objects
        self._attributes = AlteringAttributes(states.objects)
        self._findings = lru_cache(_KEPT_FINDINGS)(self._findings_about)
        self._altered = lru_cache(_KEPT_FINDINGS)(self._altered_in)

    @property
    def all(self) -> tuple[Callable[[Case], Iterator[Finding]], ...]:
        """Every rule that looks at states."""
        return (self.mirrors_and_records, self.false_facts, self.unrecorded_files, self.attributes_that_alter_bytes)

    def mirrors_and_records(self, case: Case) -> Iterator[Finding]:
        """mirror-differs-from-record, record-differs-from-manifest, …: what `verify` finds, mirror by mirror."""
        for name, facts in case.state.mirrors.items():
            before = [parent.mirrors[name] for parent in case.parents if name in parent.mirrors]
            if facts in before:
                continue
            for finding in self._findings(facts):
                if not any(self._had(finding, facts, parent) for parent in before):
                    yield finding

    def _had(self, finding: Finding, facts: MirrorFacts, before: MirrorFacts) -> bool:
        if finding.rule in _NOTHING_TO_RELY_ON and facts.content != before.content:
            return False
        return finding in self._findings(before)

    def _findings_about(self, facts: MirrorFacts) -> tuple[Finding, ...]:
        record = facts.record
        if not isinstance(record, Record):
            held = Held(None, None, _nothing, is_work_tree=False)
            return verify_mirror(facts.name, facts.mirror, record, held).findings
        files = self._held(facts.files, record.files, record.tree)
        licenses = self._held(facts.licenses, record.licenses, hash_tree(fact.entry for fact in record.licenses))
        if files is None or licenses is None:
            message = f"holds more than {_MORE_FILES_THAN_RECORDED:,} files that are not upstream's"
            return (Finding(Rule.MIRROR_DIFFERS_FROM_RECORD, facts.name, message, f"{THIRD_PARTY}/{record.into}"),)
        directories = ((record.into, files), (license_directory(facts.name), licenses))
        blobs = {os.fsencode(f"{directory}/") + fact.path: fact.blob for directory, held in directories for fact in held}
        held = Held(
            files or None, licenses or None, lambda path: self._explaining(blobs.get(os.fsencode(path))), is_work_tree=False
        )
        return verify_mirror(facts.name, facts.mirror, record, held).findings

    def _held(self, entry: TreeEntry | None, recorded: Sequence[FileFact], tree: ObjectId) -> Sequence[FileFact] | None:
        """What lies there as facts; where it is as recorded, the record's own. None for far too much."""
        if entry is None:
            return ()
        if entry.mode == Mode.TREE and entry.id == tree:
            return recorded
        known = {fact.entry: fact for fact in recorded}
        limit = len(recorded) + _MORE_FILES_THAN_RECORDED
        found = list(islice(self._objects.files(entry), limit + 1))
        if len(found) > limit:
            return None
        return sorted(known.get(file) or FileFact(*file, 0, "") for file in found)

    def _explaining(self, blob: ObjectId | None) -> bytes | None:
        return None if blob is None else self._objects.read_up_to(blob, _MAX_EXPLAINED_BYTES)

    def false_facts(self, case: Case) -> Iterator[Finding]:
        """mirror-differs-from-record, for sizes and SHA-256s of a new record, which no tree id shows."""
        for name, facts in case.state.mirrors.items():
            before = [parent.mirrors[name] for parent in case.parents if name in parent.mirrors]
            # what was not checked in could not be compared before
            compared = [parent for parent in before if _is_here(parent) or not _is_here(facts)]
            if isinstance(facts.record, Record) and all(facts.record_entry != parent.record_entry for parent in compared):
                yield from self._false_facts_of(facts, facts.record, [parent.record for parent in compared])

    def _false_facts_of(
        self, facts: MirrorFacts, record: Record, before: Sequence[Record | RecordError | None]
    ) -> Iterator[Finding]:
        known = {_content(fact) for parent in before if isinstance(parent, Record) for _, fact in _recorded(parent)}
        told = {blob: (size, sha256) for blob, size, sha256 in known}
        for directory, fact in _recorded(record):
            if _content(fact) in known:
                continue
            held = facts.files if directory == record.into else facts.licenses
            true = self._true_facts(fact, held) if _is_here(facts) else told.get(fact.blob)
            if true is not None and true != (fact.size, fact.sha256):
                found = FileFact(*fact.entry, *true)
                message, where = DIFFERENCES[Difference.FACTS], path_of(directory, fact.path)
                yield Finding(Rule.MIRROR_DIFFERS_FROM_RECORD, facts.name, message, where, Difference.FACTS, fact, found)

    def _true_facts(self, fact: FileFact, held: TreeEntry | None) -> tuple[int, str] | None:
        """The size and SHA-256 of a recorded blob; None if it is not here, and the mirror does not have it either."""
        try:
            size = self._objects.repository.size(fact.blob)
        except CouldNotCheckError:
            if self._holds(held, fact):
                raise
            return None
        if size != fact.size:
            return size, ""
        return size, hashlib.sha256(self._objects.read(fact.blob)).hexdigest()

    def _holds(self, directory: TreeEntry | None, fact: FileFact) -> bool:
        found = self._objects.at(directory.id, fact.path) if directory is not None and directory.mode == Mode.TREE else None
        return found is not None and found.id == fact.blob

    def unrecorded_files(self, case: Case) -> Iterator[Finding]:
        """unrecorded-file."""
        if not any(state.is_governed for state in (case.state, *case.parents)):
            return
        for path in islice(self._new_strays(case), _MAX_STRAY_FILES):
            yield Finding(Rule.UNRECORDED_FILE, "", "no mirror, record, licence or manifest accounts for it", quote_path(path))

    def _new_strays(self, case: Case) -> Iterator[bytes]:
        # what comes with a history that knows no mirrors is new where there are some; adopting the tool is not to blame for it
        parents = [parent for parent in case.parents if parent.is_governed] or case.parents
        before = {stray for parent in parents for stray in parent.stray}
        for stray in case.state.stray:
            if stray not in before:
                yield from self._new_files(stray, parents)

    def _new_files(self, stray: Entry, parents: Sequence[State]) -> Iterator[bytes]:
        files = self._files(stray)
        for file in islice(files, _MAX_LOOKED_AT):
            if not any(self._is_stray(file.path, parent) for parent in parents):
                yield file.path
        if next(files, None) is not None:
            yield stray.path  # far too much to say whether it was there

    def _files(self, stray: Entry) -> Iterator[Entry]:
        return self._objects.files(TreeEntry(b"", stray.mode, stray.blob), stray.path)

    def _is_stray(self, path: bytes, parent: State) -> bool:
        for stray in parent.stray:
            if path == stray.path:
                return True
            if path.startswith(stray.path + b"/") and stray.mode == Mode.TREE:
                return self._objects.at(stray.blob, path[len(stray.path) + 1 :]) is not None
        return False

    def attributes_that_alter_bytes(self, case: Case) -> Iterator[Finding]:
        """attributes-alter-bytes."""
        if any(parent.under_attributes == case.state.under_attributes for parent in case.parents):
            return
        altered = self._altered(case.state.root)
        before = {one for parent in case.parents for one in self._altered(parent.root)} if altered else set()
        for one in altered:
            if one not in before:
                yield Finding(Rule.ATTRIBUTES_ALTER_BYTES, one.mirror, one.how, quote_path(one.path))

    def _altered_in(self, root: Root) -> tuple[Altered, ...]:
        return self._attributes.altered_files(self._states.read_if_possible(root))


def missing_trailers(case: Case) -> Iterator[Finding]:
    """trailer-missing: of the mirrors that the commit changes, those that its message does not name as it should."""
    if case.message is None:
        return
    there = parse_trailers(case.message)
    for trailer in wanted_trailers(case.state, case.parents):
        if trailer not in there:
            yield Finding(Rule.TRAILER_MISSING, trailer.mirror, f"the message lacks the line `{trailer}`")


def _is_here(facts: MirrorFacts) -> bool:
    """Whether the files are in the repository."""
    return facts.mirror is None or facts.mirror.checked_in


def _recorded(record: Record) -> Iterator[tuple[str, FileFact]]:
    for directory, facts in ((record.into, record.files), (license_directory(record.mirror), record.licenses)):
        for fact in facts:
            yield directory, fact


def _content(fact: FileFact) -> tuple[ObjectId, int, str]:
    return fact.blob, fact.size, fact.sha256


def _nothing(_: str) -> None:
    return None
