"""Looks at records, disk and, if needed, upstreams, and changes nothing there."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from sync.change.lock import Notifier
from sync.change.moved_directories import Missing, moved_directories
from sync.change.moved_tag import refuse_moved_tag
from sync.change.plan import Plan, is_satisfied
from sync.change.seen import LeavingMirror, Looked, SeenMirror, WantedMirror
from sync.derived.record import DerivedRecord
from sync.errors import HostError, MissingDirectoryError, NewerRecordError, RecordError
from sync.git.repository import Repository
from sync.host.attributes_and_ignores import Edit, own_edits
from sync.host.find import Host
from sync.host.state import read_form_records, read_records
from sync.host.tracked import is_staged
from sync.host.work_tree import WorkTree
from sync.layout import THIRD_PARTY, above, license_directory, record_path
from sync.limits import RECORD_BYTES
from sync.manifest.paths import from_root, overlaps
from sync.manifest.read import Manifest
from sync.model import Copy, FileFact, Form, Mirror, UpstreamCommit
from sync.record.json_file import parse_record
from sync.record.places import Present, Recorded, places_of
from sync.record.record import SCHEMA_VERSION, Record
from sync.selection.copy import copy_of
from sync.selection.inexact import refuse_inexact
from sync.signature.keys import Judge
from sync.signature.signed import refuse_unsigned
from sync.upstream.parallel import Display, Options

if TYPE_CHECKING:
    from sync.upstream.fetch import Fetched, Fetching


class Reporter(Display, Notifier, Protocol):
    """Takes the messages for the user, the plan, and the progress of fetching."""

    def planned(self, plan: Plan) -> None: ...


class Silent:
    """A reporter that shows nothing."""

    def planned(self, plan: Plan) -> None: ...

    def notice(self, message: str) -> None: ...

    def progress(self, url: str, progress: object) -> None: ...

    def finished(self, url: str) -> None: ...

    def waiting(self, urls: object) -> None: ...

    def paused(self) -> None: ...


@dataclass(frozen=True)
class Scene:
    """A host as one command finds it, the manifest as it will be, and whom to ask and tell."""

    host: Host
    repository: Repository
    manifest: Manifest
    state: WorkTree
    fetching: Options
    reporter: Reporter
    discard_local: bool
    rewrite_records: bool
    stage: bool
    ahead: "Fetching | None" = None
    """The fetch that was begun while the program was loading; None if there is none."""

    @cached_property
    def judge(self) -> Judge:
        return Judge(self.state)

    @property
    def guarded(self) -> list[bytes]:
        """The directories that hold whatever is the manifest's."""
        return [os.fsencode(path) for path in (THIRD_PARTY, *self.manifest.outside)]

    @property
    def own_edits(self) -> Mapping[str, Edit]:
        """The edits to files that people edit too, by path."""
        return own_edits(self.manifest)

    def look(self, names: Sequence[str], removed: Mapping[str, Mirror | None]) -> Looked:
        """Look at all that decides how `names` become as the manifest wants, and `removed` go.

        `removed` has what the manifest said of each mirror; None if it said nothing. Upstreams are
        asked for what is not here. Raises SelectionError for what cannot be copied exactly.
        """
        records = {name: self.record(name) for name in [*names, *removed]}
        seen = [self._see(self.manifest.mirrors[name], records[name]) for name in names]
        leaving = [self._see_leaving(n, mirror, records[n]) for n, mirror in removed.items()]
        satisfied: list[SeenMirror] = []
        pending: list[SeenMirror] = []
        for one in seen:
            (satisfied if self._is_satisfied(one) else pending).append(one)
        wanted = self._wanted(pending)
        for copied in wanted:
            refuse_inexact(copied.seen.mirror, copied.copy.holding, copied.objects)
        unstaged = self._unstaged(satisfied)
        return Looked(tuple(wanted), tuple(leaving), tuple(satisfied), tuple(unstaged))

    def _see(self, mirror: Mirror, record: Record | None) -> SeenMirror:
        if record is not None:
            self._refuse_nested(record, [one for one in record.copies if one not in mirror.places])
        recorded = self._recorded(mirror.places, mirror.name, record)
        return SeenMirror(mirror, record, self._on_disk(recorded), recorded)

    def _see_leaving(
        self, name: str, mirror: Mirror | None, record: Record | None
    ) -> LeavingMirror:
        if record is not None:
            self._refuse_nested(record, record.copies)
        places = record.copies if record else mirror.places if mirror else (from_root(name),)
        recorded = self._recorded(places, name, record)
        return LeavingMirror(name, places, record, self._on_disk(recorded), recorded)

    def _is_satisfied(self, seen: SeenMirror) -> bool:
        """Whether the mirror needs nothing.

        Its signature is judged again from what the record holds, since the keys may have changed.
        """
        record = seen.record
        if record is None or not is_satisfied(seen.mirror, record, seen.present):
            return False
        if self.rewrite_records and record.schema != SCHEMA_VERSION:
            return False
        return self._signed(seen.mirror, record.copy).signature == record.signature

    def _signed(self, mirror: Mirror, copy: Copy) -> Copy:
        """The copy, with its signature as the manifest's keys judge it now.

        Raises SignatureError if the manifest requires a better signature.
        """
        judged = self.judge.judge(mirror, copy.upstream)
        refuse_unsigned(mirror, judged)
        return replace(copy, signature=judged.signature if judged else None)

    def record(self, name: str) -> Record | None:
        """The mirror's record, its proof checked; None if there is none.

        Raises RecordError for a record that cannot be used. With `discard_local` such a record
        counts as none, unless it is of a newer schema.
        """
        data = self.state.read(record_path(name), RECORD_BYTES)
        if data is None:
            return None
        try:
            record = parse_record(data, name)
            if problems := record.problems():
                raise RecordError(
                    f"the proof of {record_path(name)} does not hold",
                    problems,
                    reference="proof-broken",
                )
        except RecordError as error:
            # The sides of a conflict are committed, so that nothing is lost.
            is_git_s = error.reference == "record-conflict" and self.repository.in_progress()
            if isinstance(error, NewerRecordError):
                raise
            if not (self.discard_local or is_git_s):
                raise self._with_way_back(error, name, data) from error.__cause__
            self.reporter.notice(f"making the record of {name} anew: {error.message}")
            return None
        return record

    def _with_way_back(self, error: RecordError, name: str, data: bytes) -> RecordError:
        """The error with a hint that leads out; HEAD's record is named only if it is sound."""
        if error.reference == "record-line-endings":
            return error
        anew = f"make it anew with `git verbatim sync --discard-local {name}`"
        where = record_path(name)
        head = self.repository.commit_of("HEAD")
        tree = self.repository.tree_of(head) if head else None
        entry = self.repository.entry_at(tree, where.encode()) if tree else None
        content = self.repository.read_within(entry[1], RECORD_BYTES) if entry else data
        if content != data and _is_sound(content, name):
            put_back = f"put the committed one back with `git checkout HEAD -- {where}`"
            anew = f"{put_back}, then run the command again; or {anew}"
        error.hint = anew
        return error

    def _recorded(self, places: Sequence[str], name: str, record: Record | None) -> Recorded:
        """What records say of a mirror's places, now and before, and of its licences.

        A directory that another mirror of the manifest has is none of them: neither a record nor a
        table that is gone has a say over its files. In a place that the mirror gets anew, what
        another mirror's record has there counts, since it moves away.
        """
        own = () if record is None else record.copies
        files, licenses = (record.files, record.licenses) if record else ((), ())
        directories = [
            directory
            for directory in dict.fromkeys([*places, *own])
            if not self._is_anothers(directory, name)
        ]
        return {
            **{
                directory: files if directory in own else self.recorded_by_others(directory)
                for directory in directories
            },
            license_directory(name): licenses,
        }

    def _refuse_nested(self, record: Record, left: Sequence[str]) -> None:
        """HostError if files that a mirror has `left` lie in a place of another one, or around it.

        A place is replaced as a whole, so one of the two would take the other with it.
        """
        for directory in left:
            for other in self.manifest.mirrors.values():
                for place in () if other.name == record.mirror else other.places:
                    if _is_nested(directory, place) and self._lies_there(directory, record):
                        raise HostError(
                            f"{directory}, which mirror {record.mirror} leaves, and {place}, "
                            f"a place of mirror {other.name}, lie in one another",
                            hint=f"give {other.name} another `into`, run the command again, "
                            "then move it there",
                            reference="place-nested",
                        )

    def _lies_there(self, directory: str, record: Record) -> bool:
        recorded = {fact.entry for fact in record.files}
        return any(fact.entry in recorded for fact in self.state.files(directory) or ())

    def recorded_by_others(self, place: str) -> Sequence[FileFact]:
        """What any record of a mirror or form says of a place."""
        if (record := self._record_by_place.get(place)) is not None:
            return record.files
        form = self._form_by_place.get(place)
        return () if form is None else form.outputs

    @cached_property
    def _record_by_place(self) -> Mapping[str, Record]:
        """The record that has a directory among its places; one that is broken has none."""
        records = read_records(self.state, self.state.record_names()).values()
        return {place: one for one in records if isinstance(one, Record) for place in one.copies}

    @cached_property
    def _form_by_place(self) -> Mapping[str, DerivedRecord]:
        """The derived form's record that has a path among its places."""
        records = read_form_records(self.state, self.state.form_names()).values()
        made = (one for one in records if isinstance(one, DerivedRecord))
        return {place: one for one in made for place in one.places}

    def displaced(self, names: Sequence[str]) -> list[str]:
        """The other mirrors of the manifest that lie, by their records, where these will lie.

        So do those that lie where one of the others will lie.
        """
        lying = {place: one.mirror for place, one in self._record_by_place.items()}
        return _displaced(names, self.manifest.mirrors, lying)

    def displaced_forms(self, names: Collection[str]) -> list[str]:
        """The same of derived forms."""
        lying = {place: one.name for place, one in self._form_by_place.items()}
        return _displaced(names, self.manifest.forms, lying)

    def _on_disk(self, recorded: Recorded) -> Present:
        """What lies in these places, as git sees it."""
        return {directory: self._whole(directory, files) for directory, files in recorded.items()}

    def _whole(self, place: str, recorded: Sequence[FileFact]) -> Sequence[FileFact] | None:
        return self.state.files(place, recorded, whole=True)

    def as_it_lies(
        self, place: str, present: Sequence[FileFact] | None
    ) -> Sequence[FileFact] | None:
        """What lies at a place, with the modes that the disk has.

        `present` is the same with the modes that git sees; they differ where the disk cannot hold
        modes.
        """
        return self.state.files(place) if self.state.takes_modes else present

    def _is_anothers(self, directory: str, name: str) -> bool:
        """Whether another mirror of the manifest lies there."""
        return any(
            overlaps(directory, place)
            for other in self.manifest.mirrors.values()
            if other.name != name
            for place in other.places
        )

    def _wanted(self, pending: Sequence[SeenMirror]) -> list[WantedMirror]:
        """The copy that each mirror has to be.

        It is the record's if the host's own objects suffice; otherwise upstream is asked.
        """
        restorable = {one.mirror.name: self._restorable(one) for one in pending}
        here = {name: record.copy for name, record in restorable.items() if record is not None}
        asked = [one for one in pending if one.mirror.name not in here]
        fetched = self._fetched(asked) if asked else {}
        wanted: list[WantedMirror] = []
        missing: list[Missing] = []
        for one in pending:
            mirror, objects = one.mirror, self.repository
            if (copy := here.get(mirror.name)) is None:
                answer = fetched[mirror.url]
                objects = answer.objects
                try:
                    copy = _copy_by(mirror, one.record, answer)
                except MissingDirectoryError as error:
                    if not _has_upstream_moved(one):
                        raise
                    missing.append(Missing(one, answer.commits[mirror.pin], objects, error))
                    continue
            wanted.append(WantedMirror(one, self._signed(mirror, copy), objects))
        if missing:
            raise moved_directories(missing, self.manifest.source)
        return wanted

    def _restorable(self, seen: SeenMirror) -> Record | None:
        """The record, if the host's own objects are enough to restore what it says."""
        record = seen.record
        if record is None or not record.is_of_copy(seen.mirror):
            return None
        for place in places_of(seen.mirror.places, seen.mirror.name, record.holding):
            there = {fact.entry for fact in seen.present[place.directory] or ()}
            missing = (fact.blob for fact in place.files if fact.entry not in there)
            if not all(map(self.repository.has, missing)):
                return None
        return record

    def _fetched(self, asked: Sequence[SeenMirror]) -> "Mapping[str, Fetched]":
        # The transport takes 15 ms: a satisfied sync does not import it.
        from sync.upstream.fetch import fetch_all, wants_of

        wants = wants_of([one.mirror for one in asked], _recorded(asked))
        return fetch_all(wants, self.fetching, self.reporter, self.ahead)

    def _unstaged(self, satisfied: Sequence[SeenMirror]) -> Iterator[str]:
        if not self.stage or not satisfied:
            return
        staged = self.repository.index.staged_by_path(self.guarded)
        for one in satisfied:
            if one.record is not None and not is_staged(staged, one.mirror, one.record):
                yield one.mirror.name


def _is_sound(record: bytes, name: str) -> bool:
    try:
        return not parse_record(record, name).problems()
    except RecordError:
        return False


def _is_nested(one: str, other: str) -> bool:
    """Whether one of two places lies inside the other."""
    return overlaps(one, other) and len(above(one)) != len(above(other))


def _has_upstream_moved(seen: SeenMirror) -> bool:
    """Whether only the pin is another, so that not the manifest but upstream lost a directory."""
    record, mirror = seen.record, seen.mirror
    return (
        record is not None and record.source == mirror.source and not record.answers_pin_of(mirror)
    )


def _recorded(asked: Sequence[SeenMirror]) -> Mapping[str, UpstreamCommit]:
    """The recorded commit of each mirror whose record answers its pin, by the mirror's name."""
    return {
        one.mirror.name: one.record.upstream
        for one in asked
        if one.record is not None and one.record.answers_pin_of(one.mirror)
    }


def _copy_by(mirror: Mirror, record: Record | None, answer: "Fetched") -> Copy:
    """The copy that the mirror has to be, by the upstream's answer.

    If the record answers the same pin, its commit is used. Raises MovedTagError if the upstream's
    is another.
    """
    upstream = answer.commits[mirror.pin]
    if record is None or not record.answers_pin_of(mirror):
        return copy_of(mirror, upstream, answer.objects)
    refuse_moved_tag(mirror, record, upstream.commit)
    recorded = record.copy
    return (
        recorded
        if record.is_of_copy(mirror)
        else copy_of(mirror, recorded.upstream, answer.objects)
    )


def _displaced(
    names: Collection[str], wanted: Mapping[str, Mirror | Form], lying: Mapping[str, str]
) -> list[str]:
    """The others that lie in the places of these, or of others that have to move for them.

    `lying` has who lies in each place, by the records.
    """
    moved = set(names)
    while True:
        places = {place for name in moved for place in wanted[name].places}
        there = {lying[place] for place in places & lying.keys()}
        if not (more := (there & wanted.keys()) - moved):
            return [name for name in wanted if name in moved and name not in names]
        moved |= more
