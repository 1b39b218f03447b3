"""Compares mirrors with their records: `verify` for any state, `status` for the working tree."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from sync.errors import HostError
from sync.git.process import attributes_in_force, bytes_after_add
from sync.host.find import Host
from sync.host.inputs import Inputs
from sync.host.journal import refuse_interrupted
from sync.host.reading_ahead import ReadAhead
from sync.host.sparse_and_modes import ALL_SEEN
from sync.host.state import State, read_manifest, read_records
from sync.host.tracked import is_staged
from sync.host.work_tree import WorkTree
from sync.ids import Mode, ObjectId, RepoPath
from sync.judgement.findings import Held, Presence, Rule, Verdict, verify_mirror
from sync.judgement.moved_tags import moved_tags
from sync.judgement.standing import MirrorStatus, Standing
from sync.layout import PROVENANCE, THIRD_PARTY, record_path
from sync.limits import EXPLAINED_BYTES, RECORDS
from sync.manifest.choosing import choose
from sync.manifest.read import Manifest
from sync.model import Mirror
from sync.quoting import quote_path
from sync.record.record import Record
from sync.signature.keys import Judge


def verify(
    state: State, patterns: Sequence[str], host: Host, *, may_be_removed: bool = False
) -> list[Verdict]:
    """Ask whether the chosen mirrors of a state match their records.

    The verdicts come in the manifest's order, then those of records without a mirror. Recorded
    signatures are checked again: CouldNotCheckError if the program for that is missing.
    """
    if state.is_work_tree:
        refuse_interrupted(host.repository)
    manifest = read_manifest(state)
    names = _chosen(state, manifest, patterns)
    return list(
        _verdicts(state, manifest, names, judge=Judge(state), may_be_removed=may_be_removed)
    )


def _chosen(state: State, manifest: Manifest, patterns: Sequence[str]) -> list[str]:
    names = state.record_names()
    if len(names) > RECORDS:
        message = f"{THIRD_PARTY}/{PROVENANCE} holds more than {RECORDS:,} records"
        raise HostError(
            message, hint="take away what is no mirror's record", reference="records-too-many"
        )
    orphans = [name for name in names if name not in manifest.mirrors]
    return choose(patterns, [*manifest.mirrors, *orphans])


def _verdicts(
    state: State,
    manifest: Manifest,
    names: Sequence[str],
    *,
    judge: Judge | None = None,
    may_be_removed: bool = False,
) -> Iterator[Verdict]:
    records = read_records(state, names)
    moved = {
        finding.mirror: finding
        for finding in moved_tags(one for one in records.values() if isinstance(one, Record))
    }
    for name, record in records.items():
        mirror = manifest.mirrors.get(name)
        judged = None
        if isinstance(record, Record):
            judged = judge.judge(mirror, record.upstream) if judge and mirror else None
        verdict = verify_mirror(
            name,
            mirror,
            record,
            partial(_held, state),
            judged=judged,
            may_be_removed=may_be_removed,
        )
        more = (moved[name],) if name in moved else ()
        yield replace(verdict, findings=(*verdict.findings, *more)) if more else verdict


def _held(state: State, record: Record) -> Held:
    files = {place.directory: state.files(place.directory, place.files) for place in record.places}
    unseen = (
        state.unseen(*files, record_path(record.mirror))
        if isinstance(state, WorkTree)
        else ALL_SEEN
    )
    return Held(files, partial(state.read, limit=EXPLAINED_BYTES), state.is_work_tree, unseen)


def status(
    host: Host,
    patterns: Sequence[str],
    inputs: Inputs | None = None,
    ahead: ReadAhead | None = None,
) -> list[MirrorStatus]:
    """Say how each mirror of the working tree stands.

    `inputs` notes everything that the answer depends on; `ahead` has begun to read.
    """
    refuse_interrupted(host.repository)
    state = WorkTree(host.third_party, host.repository, inputs, ahead)
    manifest = read_manifest(state)
    verdicts = list(_verdicts(state, manifest, _chosen(state, manifest, patterns)))
    staged = _staged(host)
    altered = _altered_by_add(host, manifest, verdicts, state)
    return [
        _status(v, manifest.mirrors.get(v.mirror), staged, altered.get(v.mirror, ()))
        for v in verdicts
    ]


Staged = Mapping[RepoPath, tuple[int, ObjectId]]


def _staged(host: Host) -> Staged | None:
    if host.repository is None or host.root is None:
        return None
    return {
        entry.path: (entry.mode, entry.blob)
        for entry in host.repository.index.files(THIRD_PARTY.encode())
    }


def _status(
    verdict: Verdict, mirror: Mirror | None, staged: Staged | None, altered: tuple[str, ...]
) -> MirrorStatus:
    record = verdict.record
    into = mirror.into if mirror else record.into if record else verdict.mirror
    return MirrorStatus(
        name=verdict.mirror,
        into=into,
        checked_in=mirror is None or mirror.checked_in,
        pin=mirror.pin if mirror else None,
        recorded_pin=record.pin if record else None,
        standing=_standing(verdict),
        signature=record.signature if record else None,
        staged=staged is None
        or mirror is None
        or record is None
        or is_staged(staged, mirror, record),
        findings=verdict.findings,
        unseen=verdict.unseen,
        altered_by_add=altered,
    )


def _standing(verdict: Verdict) -> Standing:
    rules = {finding.rule for finding in verdict.findings}
    for rule, standing in (
        (Rule.RECORD_UNREADABLE, Standing.BROKEN_RECORD),
        (Rule.PROOF_BROKEN, Standing.BROKEN_RECORD),
        (Rule.TAG_MOVED, Standing.BROKEN_RECORD),
        (Rule.RECORD_WITHOUT_MIRROR, Standing.ORPHAN),
        (Rule.MIRROR_WITHOUT_RECORD, Standing.NOT_SYNCED),
        (Rule.MIRROR_DIFFERS_FROM_RECORD, Standing.DRIFT),
        (Rule.RECORD_DIFFERS_FROM_MANIFEST, Standing.PIN_CHANGED),
    ):
        if rule in rules:
            return standing
    return Standing.ABSENT if verdict.presence is Presence.ABSENT else Standing.CLEAN


def _altered_by_add(
    host: Host,
    manifest: Manifest,
    verdicts: Sequence[Verdict],
    state: WorkTree,
) -> dict[str, tuple[str, ...]]:
    """Find the files of clean mirrors that `git add` would store with other bytes.

    The attributes and the configuration that are in force decide.
    """
    if host.root is None or host.repository is None:
        return {}
    files = [
        (verdict.mirror, f"{THIRD_PARTY}/{directory}/".encode() + fact.path, fact.blob)
        for verdict in verdicts
        if verdict.is_clean
        and verdict.record
        and (mirror := manifest.mirrors.get(verdict.mirror))
        and mirror.checked_in
        for directory, _, facts in verdict.record.places
        for fact in facts
        if fact.mode != Mode.SYMLINK and f"{directory}/{os.fsdecode(fact.path)}" not in state.hidden
    ]
    if state.inputs is not None:
        state.inputs.note_attributes(attributes_in_force(host.root, [path for _, path, _ in files]))
    if not files:
        return {}
    stored = bytes_after_add(host.root, [path for _, path, _ in files])
    altered: dict[str, tuple[str, ...]] = {}
    for (name, path, blob), after in zip(files, stored, strict=True):
        if after != blob:
            altered[name] = (*altered.get(name, ()), quote_path(path))
    return altered
