"""Compares mirrors with their records: `verify` for any state, `status` for the working tree."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from sync.derived.layouts import Layouts
from sync.derived.record import shown_source
from sync.errors import HostError
from sync.git.process import attributes_in_force, bytes_after_add
from sync.host.find import Host
from sync.host.form_inputs import FormInputs
from sync.host.inputs import Inputs
from sync.host.journal import refuse_interrupted
from sync.host.reading_ahead import ReadAhead
from sync.host.state import State, read_form_records, read_manifest, read_records
from sync.host.tracked import is_form_staged, is_staged
from sync.host.work_tree import WorkTree
from sync.ids import Mode, ObjectId, RepoPath
from sync.judgement.derived_forms import FormVerdict
from sync.judgement.findings import Finding, Held, Presence, Rule, Verdict, verify_mirror
from sync.judgement.moved_tags import moved_tags
from sync.judgement.standing import FormStatus, MirrorStatus, Standing
from sync.layout import PROVENANCE, THIRD_PARTY, record_path
from sync.limits import EXPLAINED_BYTES, RECORDS
from sync.manifest.choosing import choose
from sync.manifest.read import Manifest
from sync.model.mirrors import Form, Mirror
from sync.model.values import FileFact, path_at
from sync.quoting import quote_path
from sync.record.record import Record
from sync.signature.keys import Judge
from sync.verify.forms import judge_forms
from sync.verify.same_directories import SameDirectory, same_directories
from sync.verify.whole_host import NOTHING_FOUND, HostFindings, Records, judge_host


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found out about a state."""

    verdicts: tuple[Verdict, ...]
    """In the manifest's order, then those of records without a mirror."""
    host: HostFindings = NOTHING_FOUND
    """What is about the state as a whole; nothing if only some mirrors were asked for."""
    forms: tuple[FormVerdict, ...] = ()
    """In the manifest's order, then those of records without a form."""

    @property
    def findings(self) -> list[Finding]:
        return [
            *(finding for verdict in self.verdicts for finding in verdict.findings),
            *(finding for verdict in self.forms for finding in verdict.findings),
            *self.host.findings,
        ]


def verify(state: State, patterns: Sequence[str], host: Host, *, rebuild: bool = False) -> Verified:
    """Ask whether chosen mirrors and forms of a state match their records; of all, also the rest.

    Recorded signatures are checked again: CouldNotCheckError if the program for that is missing.
    Outside of git, what is missing whole was removed, as distributions do. With `rebuild` forms are
    made again and compared.
    """
    if state.is_work_tree:
        refuse_interrupted(host.repository)
    manifest = read_manifest(state)
    chosen = _chosen(state, manifest, patterns)
    records = read_records(state, chosen.mirrors)
    verdicts = tuple(_verdicts(state, manifest, records, Judge(state)))
    form_records = read_form_records(state, chosen.forms)
    with Layouts() as layouts:
        inputs = FormInputs(state, manifest, host.repository, records, layouts)
        forms = judge_forms(state, manifest, inputs, form_records, rebuild=rebuild)
    whole = NOTHING_FOUND if patterns else judge_host(state, manifest, records, form_records)
    return Verified(verdicts, whole, forms)


class _Chosen(NamedTuple):
    """The names that were meant."""

    mirrors: list[str]
    forms: list[str]


def _chosen(state: State, manifest: Manifest, patterns: Sequence[str]) -> _Chosen:
    names, made = state.record_names(), state.form_names()
    if len(names) > RECORDS:
        message = f"{PROVENANCE} holds more than {RECORDS:,} records"
        raise HostError(
            message, hint="take away what is no mirror's record", reference="records-too-many"
        )
    mirrors = list(dict.fromkeys([*manifest.mirrors, *names]))
    forms = list(dict.fromkeys([*manifest.forms, *made]))
    meant = {*choose(patterns, list(dict.fromkeys([*mirrors, *forms])))}
    return _Chosen([n for n in mirrors if n in meant], [n for n in forms if n in meant])


def _verdicts(
    state: State, manifest: Manifest, records: Records, judge: Judge | None = None
) -> Iterator[Verdict]:
    moved = {
        finding.mirror: finding
        for finding in moved_tags(one for one in records.values() if isinstance(one, Record))
    }
    for name, record in records.items():
        mirror = manifest.mirrors.get(name)
        judged = None
        if isinstance(record, Record):
            judged = judge.judge(mirror, record.upstream) if judge and mirror else None
        verdict = verify_mirror(name, mirror, record, partial(_held, state), judged=judged)
        more = (moved[name],) if name in moved else ()
        yield replace(verdict, findings=(*verdict.findings, *more)) if more else verdict


def _held(state: State, record: Record) -> Held:
    files = {place.directory: state.files(place.directory, place.files) for place in record.places}
    read = partial(state.read, limit=EXPLAINED_BYTES)
    if not isinstance(state, WorkTree):
        return Held(files, read, is_work_tree=False)
    unseen = state.unseen(*files, record_path(record.mirror))
    return Held(files, read, is_work_tree=True, is_in_git=state.is_in_git, unseen=unseen)


@dataclass(frozen=True, slots=True)
class Statuses:
    """How the working tree stands."""

    mirrors: tuple[MirrorStatus, ...]
    host: HostFindings = NOTHING_FOUND
    """What is about the whole host; nothing if only some mirrors were asked for."""
    forms: tuple[FormStatus, ...] = ()

    @property
    def is_well(self) -> bool:
        each: list[MirrorStatus | FormStatus] = [*self.mirrors, *self.forms]
        return not self.host.findings and all(one.is_well for one in each)


def status(
    host: Host,
    patterns: Sequence[str],
    inputs: Inputs | None = None,
    ahead: ReadAhead | None = None,
) -> Statuses:
    """Say how each mirror of the working tree stands.

    `inputs` notes everything that the answer depends on; `ahead` has begun to read.
    """
    refuse_interrupted(host.repository)
    state = WorkTree(host.require_root(), host.repository, inputs, ahead)
    manifest = read_manifest(state)
    chosen = _chosen(state, manifest, patterns)
    records = read_records(state, chosen.mirrors)
    verdicts = list(_verdicts(state, manifest, records))
    form_records = read_form_records(state, chosen.forms)
    inputs_of_forms = FormInputs(state, manifest, host.repository, records)
    form_verdicts = judge_forms(state, manifest, inputs_of_forms, form_records)
    staged = _staged(host, manifest)
    altered = _altered_by_add(
        host,
        [*_files_of_mirrors(manifest, verdicts, state), *_files_of_forms(form_verdicts, state)],
        state,
    )
    mirrors = tuple(
        _status(v, manifest.mirrors.get(v.mirror), staged, altered.get(v.mirror, ()))
        for v in verdicts
    )
    whole = NOTHING_FOUND if patterns else judge_host(state, manifest, records, form_records)
    forms = tuple(_form_status(v, staged, altered.get(v.name, ())) for v in form_verdicts)
    return Statuses(mirrors, whole, forms)


Staged = Mapping[RepoPath, tuple[int, ObjectId]]


def _staged(host: Host, manifest: Manifest) -> Staged | None:
    if host.repository is None or host.root is None:
        return None
    guarded = map(str.encode, (THIRD_PARTY, *manifest.outside))
    return host.repository.index.staged_by_path(guarded)


_BY_PRESENCE = {
    Presence.ABSENT: Standing.ABSENT,
    Presence.REMOVED: Standing.REMOVED,
    Presence.PRESENT: Standing.CLEAN,
}
_OF_MIRRORS = (
    (Rule.RECORD_UNREADABLE, Standing.BROKEN_RECORD),
    (Rule.PROOF_BROKEN, Standing.BROKEN_RECORD),
    (Rule.TAG_MOVED, Standing.BROKEN_RECORD),
    (Rule.RECORD_WITHOUT_MIRROR, Standing.ORPHAN),
    (Rule.MIRROR_WITHOUT_RECORD, Standing.NOT_SYNCED),
    (Rule.MIRROR_DIFFERS_FROM_RECORD, Standing.DRIFT),
    (Rule.RECORD_DIFFERS_FROM_MANIFEST, Standing.PIN_CHANGED),
)
"""How a mirror stands by the first of these rules that it breaks."""
_OF_FORMS = (
    (Rule.RECORD_UNREADABLE, Standing.BROKEN_RECORD),
    (Rule.RECORD_WITHOUT_DERIVED, Standing.ORPHAN),
    (Rule.DERIVED_WITHOUT_RECORD, Standing.NOT_MADE),
    (Rule.DERIVED_DIFFERS_FROM_RECORD, Standing.DRIFT),
    (Rule.RECORD_DIFFERS_FROM_MANIFEST, Standing.STALE),
    (Rule.DERIVED_STALE, Standing.STALE),
)


def _standing(
    verdict: Verdict | FormVerdict, standings: Iterable[tuple[Rule, Standing]]
) -> Standing:
    broken = {finding.rule for finding in verdict.findings}
    found = (standing for rule, standing in standings if rule in broken)
    return next(found, _BY_PRESENCE[verdict.presence])


def _status(
    verdict: Verdict, mirror: Mirror | None, staged: Staged | None, altered: tuple[str, ...]
) -> MirrorStatus:
    record = verdict.record
    places = mirror.places if mirror else record.copies if record else ()
    return MirrorStatus(
        name=verdict.mirror,
        places=places,
        checked_in=mirror is None or mirror.checked_in,
        pin=mirror.pin if mirror else None,
        recorded_pin=record.pin if record else None,
        standing=_standing(verdict, _OF_MIRRORS),
        signature=record.signature if record else None,
        staged=staged is None
        or mirror is None
        or record is None
        or is_staged(staged, mirror, record),
        findings=verdict.findings,
        unseen=verdict.unseen,
        altered_by_add=altered,
        not_here=verdict.not_here,
    )


def undeclared_copies(host: Host) -> list[SameDirectory]:
    """The directories of the working tree that hold a mirror without being one of its places."""
    root = host.require_root()
    state = WorkTree(root, host.repository)
    manifest = read_manifest(state)
    records = read_records(state, manifest.mirrors).values()
    each: list[Mirror | Form] = [*manifest.mirrors.values(), *manifest.forms.values()]
    places = {place for one in each for place in one.places}
    return same_directories(root, [one for one in records if isinstance(one, Record)], places)


def _form_status(
    verdict: FormVerdict, staged: Staged | None, altered: tuple[str, ...]
) -> FormStatus:
    form, record = verdict.form, verdict.record
    source = form or record
    return FormStatus(
        name=verdict.name,
        kind=source.kind if source else None,
        of=shown_source(source.of, source.of_path) if source else "",
        places=source.places if source else (),
        checked_in=form is None or form.checked_in,
        standing=_standing(verdict, _OF_FORMS),
        staged=staged is None
        or form is None
        or record is None
        or is_form_staged(staged, form, record),
        findings=verdict.findings,
        not_compared=verdict.not_compared,
        altered_by_add=altered,
    )


_Named = tuple[str, RepoPath, ObjectId]
"""The name of a mirror or form, and the path and blob of a file of it."""


def _files_of_mirrors(
    manifest: Manifest, verdicts: Sequence[Verdict], state: WorkTree
) -> Iterator[_Named]:
    """The files on disk of clean mirrors that are checked in."""
    for verdict in verdicts:
        mirror = manifest.mirrors.get(verdict.mirror)
        if verdict.is_clean and verdict.record and mirror and mirror.checked_in:
            for directory, _, facts in verdict.record.places:
                yield from _on_disk(verdict.mirror, directory, facts, state)


def _files_of_forms(verdicts: Sequence[FormVerdict], state: WorkTree) -> Iterator[_Named]:
    """The files on disk of clean forms that are checked in."""
    for verdict in verdicts:
        if verdict.is_clean and verdict.record and verdict.form and verdict.form.checked_in:
            for place in verdict.record.places if verdict.is_present else ():
                yield from _on_disk(verdict.name, place, verdict.record.outputs, state)


def _on_disk(name: str, place: str, facts: Iterable[FileFact], state: WorkTree) -> Iterator[_Named]:
    for fact in facts:
        path = path_at(place, fact.path)
        if fact.mode != Mode.SYMLINK and os.fsdecode(path) not in state.hidden:
            yield name, path, fact.blob


def _altered_by_add(
    host: Host, files: Sequence[_Named], state: WorkTree
) -> dict[str, tuple[str, ...]]:
    """Find the files that `git add` would store with other bytes, by mirror or form.

    The attributes and the configuration that are in force decide.
    """
    if host.root is None or host.repository is None:
        return {}
    paths = [path for _, path, _ in files]
    if state.inputs is not None:
        state.inputs.note_attributes(attributes_in_force(host.root, paths))
    if not files:
        return {}
    altered: dict[str, tuple[str, ...]] = {}
    for (name, path, blob), after in zip(files, bytes_after_add(host.root, paths), strict=True):
        if after != blob:
            altered[name] = (*altered.get(name, ()), quote_path(path))
    return altered
