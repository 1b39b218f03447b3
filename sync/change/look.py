"""Looks at records, disk and, if needed, upstreams, and changes nothing there."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Protocol

from sync.change.committed_records import committed_record, in_commit
from sync.change.left import LeftPlaces
from sync.change.lock import Notifier
from sync.change.moved_directories import Missing, moved_directories
from sync.change.moved_tag import refuse_moved_tag
from sync.change.plan import Plan, is_satisfied
from sync.change.portion import committed_manifest, parsed
from sync.change.seen import LeavingMirror, Looked, SeenMirror, WantedMirror
from sync.change.usable_record import sides, usable_record
from sync.derived.record import DerivedRecord
from sync.errors import MissingDirectoryError, RecordError
from sync.git.repository import Repository
from sync.host.attributes_and_ignores import Edit, own_edits
from sync.host.find import Host
from sync.host.state import read_form_records, read_records
from sync.host.tracked import is_staged
from sync.host.work_tree import WorkTree
from sync.ids import ObjectId, RepoPath
from sync.layout import THIRD_PARTY, license_directory, lies_in, record_path
from sync.manifest.paths import overlaps
from sync.manifest.read import Manifest
from sync.model.mirrors import Copy, Form, Mirror, UpstreamCommit
from sync.model.values import FileFact, path_at
from sync.record.json_file import parse_record
from sync.record.places import Recorded, places_of
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
    meant: Collection[str] | None = None
    """The mirrors and forms that the user meant; None for all."""

    def gives_up(self, name: str) -> bool:
        """Whether the local changes of a mirror or form are given up."""
        return self.discard_local and (self.meant is None or name in self.meant)

    @cached_property
    def committed(self) -> Manifest:
        """The manifest of HEAD; an empty one if it cannot be read."""
        source = committed_manifest(self.repository)
        return self.manifest if source == self.manifest.source else parsed(source)

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
        before = record or self._in_head(mirror.name)
        said = _said_by(before) if before else self._said_by_manifest(mirror)
        wanted = (*mirror.places, mirror.license_directory)
        left = self.left_places.look(said, self._sides(mirror.name), wanted)
        recorded = {
            place: said[place] if place in said else self.recorded_by_others(place)
            for place in wanted
        }
        present = {place: self._whole(place, facts) for place, facts in recorded.items()}
        return SeenMirror(mirror, record, before, present, recorded, left)

    def _see_leaving(
        self, name: str, mirror: Mirror | None, record: Record | None
    ) -> LeavingMirror:
        before = record or self._in_head(name)
        places = before.copies if before else mirror.places if mirror else ()
        nothing: Recorded = dict.fromkeys((*places, license_directory(name)), ())
        said = _said_by(before) if before else nothing
        return LeavingMirror(name, places, before, self.left_places.look(said, self._sides(name)))

    def _in_head(self, name: str) -> Record | None:
        return committed_record(self.repository, record_path(name), partial(_proven, name))

    def _sides(self, name: str) -> Mapping[ObjectId, Recorded]:
        found = sides(self, record_path(name), partial(_proven, name))
        return {commit: _said_by(record) for commit, record in found.items()}

    def _said_by_manifest(self, mirror: Mirror) -> Recorded:
        """The places that HEAD's manifest has, if its record is broken: it lists no file of use."""
        before = self.committed.mirrors.get(mirror.name)
        is_recorded = before and in_commit(self.repository, mirror.record_path) is not None
        return dict.fromkeys(before.places, ()) if before and is_recorded else {}

    @cached_property
    def left_places(self) -> LeftPlaces:
        root = self.host.require_root()
        return LeftPlaces(root, self.state, self.repository, self.manifest)

    def _is_satisfied(self, seen: SeenMirror) -> bool:
        """Whether the mirror needs nothing.

        Its signature is judged again from what the record holds, since the keys may have changed.
        """
        record = seen.record
        if record is None or seen.left or not is_satisfied(seen.mirror, record, seen.present):
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
        return usable_record(self, name, record_path(name), partial(_proven, name))

    def recorded_by_others(self, place: str) -> Sequence[FileFact]:
        """What records of mirrors and forms say of a place, or of what is around or in it."""
        if place in self._files_by_place:
            return self._files_by_place[place]
        at = os.fsencode(f"{place}/")
        return [
            fact._replace(path=RepoPath(path[len(at) :]))
            for lies, facts in self._files_by_place.items()
            if lies_in(lies, (place,)) or lies_in(place, (lies,))
            for fact in facts
            if (path := path_at(lies, fact.path)) + b"/" == at or path.startswith(at)
        ]

    @cached_property
    def _files_by_place(self) -> Recorded:
        of_forms = {place: one.outputs for place, one in self._form_by_place.items()}
        return of_forms | {place: one.files for place, one in self._record_by_place.items()}

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

    @cached_property
    def lying(self) -> Mapping[str, str]:
        """Which mirror or form lies in each place, by the records."""
        lying = {place: one.name for place, one in self._form_by_place.items()}
        return lying | {place: one.mirror for place, one in self._record_by_place.items()}

    def changing_places(self, names: Collection[str], leaving: Collection[str]) -> list[str]:
        """The other mirrors and forms that have to change together with these, or they would clash.

        They lie, by their records, where these will lie, or will lie where these lay.
        """
        wanted: dict[str, Mirror | Form] = {**self.manifest.mirrors, **self.manifest.forms}
        if wanted.keys() <= {*names}:
            return []
        lying, changing = self.lying, {*names, *leaving}
        while True:
            will = {p for name in changing & wanted.keys() for p in wanted[name].places}
            lay = [place for place, name in lying.items() if name in changing]
            more = {name for at, name in lying.items() if any(overlaps(at, p) for p in will)}
            more |= {
                name
                for name, one in wanted.items()
                for place in one.places
                if lying.get(place) != name and any(overlaps(place, other) for other in lay)
            }
            if not (more := (more & wanted.keys()) - changing):
                return [name for name in wanted if name in changing and name not in names]
            changing |= more

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


def _proven(name: str, data: bytes) -> Record:
    record = parse_record(data, name)
    if problems := record.problems():
        raise RecordError(
            f"the proof of {record_path(name)} does not hold", problems, reference="proof-broken"
        )
    return record


def _said_by(record: Record) -> Recorded:
    return {place.directory: place.files for place in record.places}


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
