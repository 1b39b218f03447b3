"""Reads manifest, records, disk and, if needed, upstreams, and plans; changes nothing there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from sync.change.lock import Listener
from sync.change.moved_tag import refuse_moved_tag
from sync.change.plan import Change, Plan, is_satisfied, plan_mirror, plan_removal
from sync.errors import NewerRecordError, RecordError
from sync.git.repository import Repository
from sync.host.attributes_and_ignores import Edit, own_edits
from sync.host.find import Host
from sync.host.tracked import is_staged
from sync.host.work_tree import WorkTree
from sync.layout import THIRD_PARTY, license_directory, record_path
from sync.limits import RECORD_BYTES
from sync.manifest.paths import overlaps
from sync.manifest.read import Manifest
from sync.model import Copy, FileFact, Mirror, UpstreamCommit
from sync.record.json_file import parse_record
from sync.record.places import Present
from sync.record.record import Record
from sync.selection.copy import copy_of, refuse_inexact
from sync.signature.keys import Judge
from sync.signature.signed import refuse_unsigned
from sync.upstream.parallel import Display, Options

if TYPE_CHECKING:
    from sync.upstream.fetch import Fetched, Fetching


Facts = Sequence[FileFact] | None


class Reporter(Display, Listener, Protocol):
    """Takes the messages for the user, the plan, and the progress of fetching."""

    def planned(self, plan: Plan) -> None: ...


class Silent:
    """A reporter that shows nothing."""

    def planned(self, plan: Plan) -> None: ...

    def notice(self, message: str) -> None: ...

    def progress(self, url: str, progress: object) -> None: ...

    def finished(self, url: str) -> None: ...

    def paused(self) -> None: ...


@dataclass(slots=True)
class Preparation:
    """One look at the host and its upstreams.

    After `plan`, `readers` says for each mirror that changes where its objects are read.
    """

    host: Host
    repository: Repository
    manifest: Manifest
    fetching: Options
    reporter: Reporter
    discard_local: bool
    stage: bool
    ahead: "Fetching | None" = None
    """The fetch that was begun while the program was loading; None if there is none."""
    readers: dict[str, Repository] = field(default_factory=dict)
    state: WorkTree = field(init=False)
    judge: Judge = field(init=False)

    def __post_init__(self) -> None:
        self.state = WorkTree(self.host.third_party, self.repository)
        self.judge = Judge(self.state)

    @property
    def own_edits(self) -> Mapping[str, Edit]:
        """The edits to files in third_party/ that people edit too, by path."""
        return own_edits(list(self.manifest.mirrors.values()))

    def plan(self, names: Sequence[str], removed: Mapping[str, Mirror | None]) -> Plan:
        """Plan how `names` become as the manifest wants them and `removed` go away.

        `removed` has what the manifest said of each mirror; None if it said nothing.
        """
        records = {name: self.record(name) for name in [*names, *removed]}
        present = {
            name: self.on_disk(self.manifest.mirrors[name].into, name, records[name])
            for name in names
        }
        satisfied = [
            n for n in names if self._is_satisfied(self.manifest.mirrors[n], records[n], present[n])
        ]
        pending = [n for n in names if n not in satisfied]
        copies = self._copies([self.manifest.mirrors[n] for n in pending], records, present)
        for name in pending:
            refuse_inexact(self.manifest.mirrors[name], copies[name].holding, self.readers[name])
        changes = [
            plan_mirror(self.manifest.mirrors[n], records[n], copies[n], present[n])
            for n in pending
        ]
        changes += [self._removal(name, mirror, records[name]) for name, mirror in removed.items()]
        return Plan(tuple(changes), tuple(satisfied), tuple(self._unstaged(satisfied, records)))

    def _is_satisfied(self, mirror: Mirror, record: Record | None, present: Present) -> bool:
        """Whether the mirror needs nothing.

        Its signature is judged again from what the record holds, since the keys may have changed.
        """
        if record is None or not is_satisfied(mirror, record, present):
            return False
        return self._signed(mirror, record.copy).signature == record.signature

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
                    f"the proof of {THIRD_PARTY}/{record_path(name)} does not hold",
                    problems,
                    hint="put the committed record back with "
                    f"`git checkout HEAD -- {THIRD_PARTY}/{record_path(name)}`, "
                    f"or make it anew with `git verbatim sync --discard-local {name}`",
                    reference="proof-broken",
                )
        except RecordError as error:
            if not self.discard_local or isinstance(error, NewerRecordError):
                raise
            self.reporter.notice(f"making the record of {name} anew: {error.message}")
            return None
        return record

    def on_disk(self, into: str, name: str, record: Record | None) -> dict[str, Facts]:
        """What lies in a mirror's places, as git sees it.

        A directory that is another mirror's is none of them: a record has no say over its files.
        """
        files, licenses = (record.files, record.licenses) if record else ((), ())
        beside = license_directory(name)
        present = {
            directory: self._whole(directory, files)
            for directory in (into, record.into if record else into)
            if directory == into or not self._is_anothers(directory, name)
        }
        return {**present, beside: self._whole(beside, licenses)}

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

    def _removal(self, name: str, mirror: Mirror | None, record: Record | None) -> Change:
        into = record.into if record else mirror.into if mirror else name
        present = self.on_disk(into, name, record)
        if self._is_anothers(into, name):
            del present[into]
        return plan_removal(name, into, record, present)

    def _is_anothers(self, into: str, name: str) -> bool:
        """Whether another mirror of the manifest lies there."""
        return any(
            overlaps(into, other.into)
            for other in self.manifest.mirrors.values()
            if other.name != name
        )

    def _copies(
        self,
        mirrors: Sequence[Mirror],
        records: Mapping[str, Record | None],
        present: Mapping[str, Present],
    ) -> dict[str, Copy]:
        """The copy that each mirror has to be.

        It is the record's if the host's own objects suffice; otherwise upstream is asked.
        """
        copies: dict[str, Copy] = {}
        for mirror in mirrors:
            record = records[mirror.name]
            if (
                record is not None
                and record.is_of_copy(mirror)
                and self._has_content(record, present[mirror.name])
            ):
                copies[mirror.name] = record.copy
                self.readers[mirror.name] = self.repository
        asked = [mirror for mirror in mirrors if mirror.name not in copies]
        if not asked:
            return {mirror.name: self._signed(mirror, copies[mirror.name]) for mirror in mirrors}
        # The transport takes 15 ms: a satisfied sync does not import it.
        from sync.upstream.fetch import fetch_all, wants_of

        wants = wants_of(asked, _recorded(asked, records))
        fetched = fetch_all(wants, self.fetching, self.reporter, self.ahead)
        for mirror in asked:
            copies[mirror.name] = _copy_by(mirror, records[mirror.name], fetched[mirror.url])
            self.readers[mirror.name] = fetched[mirror.url].objects
        return {mirror.name: self._signed(mirror, copies[mirror.name]) for mirror in mirrors}

    def _has_content(self, record: Record, present: Present) -> bool:
        """Whether the host's own objects are enough to restore what is recorded."""
        there = {fact.entry for fact in present[record.into] or ()}
        wanted = [f.blob for f in record.files if f.entry not in there]
        return all(
            self.repository.has(blob) for blob in [*wanted, *(f.blob for f in record.licenses)]
        )

    def _unstaged(
        self, satisfied: Sequence[str], records: Mapping[str, Record | None]
    ) -> Iterator[str]:
        if not self.stage or not satisfied:
            return
        staged = {
            entry.path: (entry.mode, entry.blob)
            for entry in self.repository.index.files(THIRD_PARTY.encode())
        }
        for name in satisfied:
            record, mirror = records[name], self.manifest.mirrors[name]
            if record is not None and not is_staged(staged, mirror, record):
                yield name


def _recorded(
    mirrors: Sequence[Mirror], records: Mapping[str, Record | None]
) -> Mapping[str, UpstreamCommit]:
    """The recorded commit of each mirror whose record answers its pin, by the mirror's name."""
    answering = {
        m.name: r for m in mirrors if (r := records[m.name]) is not None and r.answers_pin_of(m)
    }
    return {name: record.upstream for name, record in answering.items()}


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
