"""The commands that change third_party/: sync, add and remove; hold the host, prepare, apply, commit, in this order."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from sync.change.commit import commit_synced, committed_files, committed_mirrors
from sync.change.in_the_way import refuse_foreign
from sync.change.lock import held, report_rescued
from sync.change.look import Preparation, Reporter
from sync.change.plan import Change, Plan, refuse_local_changes, refuse_staged_changes, upstreams_files
from sync.change.stage import Staging, WantedDirectory
from sync.errors import HostError, ManifestError, UsageError
from sync.git.committing import require_identity
from sync.git.copying import Copying, copy_objects
from sync.host.attributes_and_ignores import Edit, own_edits
from sync.host.find import Host
from sync.host.inputs import Inputs
from sync.host.journal import Outcome, refuse_interrupted
from sync.host.scan import read_content
from sync.host.state import read_manifest
from sync.host.work_tree import WorkTree
from sync.ids import ObjectId
from sync.judgement.standing import MirrorStatus, Standing
from sync.layout import MANIFEST, THIRD_PARTY, license_directory, record_path
from sync.manifest.choosing import choose
from sync.manifest.manifest import MANIFEST_PATH, Manifest, parse_manifest
from sync.manifest.paths import is_mirror_name
from sync.model import Entry, FileFact, Mirror
from sync.record.json_file import dump_record
from sync.record.record import make_record
from sync.upstream.parallel import Options

if TYPE_CHECKING:
    from sync.manifest.edit import Value
    from sync.upstream.fetch import Fetching


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """How a command that changes third_party/ does it."""

    fetch: Options
    dry_run: bool = False
    discard_local: bool = False
    stage: bool = True
    commit: bool = False
    lock_seconds: float = 300
    ahead: "Fetching | None" = None
    """Upstreams that are being asked already."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a command that changes third_party/ did."""

    plan: Plan
    commit: ObjectId | None = None
    rescued: tuple[str, ...] = ()
    satisfied: tuple[MirrorStatus, ...] = ()
    """How the mirrors stand to which nothing was done."""


def synchronize(
    host: Host,
    patterns: Sequence[str],
    options: SyncOptions,
    reporter: Reporter,
    inputs: Inputs | None = None,
) -> Result:
    """Make mirrors equal to the manifest; what it was told by is noted in `inputs`."""
    with _opened(host, options, reporter) as state:
        state.inputs = inputs
        manifest = read_manifest(state)
        _refuse_false_licenses(manifest)
        run = _Run(host, manifest, manifest.source, options, reporter)
        run.state.inputs = inputs
        result = run.carry_out(choose(patterns, list(manifest.mirrors)), {})
        if orphans := [name for name in state.record_names() if name not in manifest.mirrors]:
            reporter.notice(f"not in the manifest any more: {', '.join(orphans)}; take them away with `git verbatim remove`")
        satisfied = (manifest.mirrors[name] for name in result.plan.satisfied)
        return replace(result, satisfied=tuple(map(_satisfied, satisfied)))


def _satisfied(m: Mirror) -> MirrorStatus:
    clean = Standing.CLEAN
    return MirrorStatus(m.name, m.into, m.checked_in, m.pin, m.pin, clean, None, staged=True)


def _refuse_false_licenses(manifest: Manifest) -> None:
    if any(mirror.license for mirror in manifest.mirrors.values()):
        from sync.manifest.licenses import concluded_licenses  # 60 ms with SPDX's list, which only a licence that is given is worth

        concluded_licenses(manifest.source, manifest.mirrors.values())


def add_mirror(host: Host, name: str, values: "Mapping[str, Value]", options: SyncOptions, reporter: Reporter) -> Result:
    """A new mirror: its manifest entry, its files and its record, or nothing of it."""
    with _opened(host, options, reporter) as state:
        before = read_manifest(state)
        if name in before.mirrors:
            raise UsageError(f"there is a mirror {name} already", hint=f"edit it in {MANIFEST_PATH}", reference="mirror-exists")
        from sync.manifest.edit import add_mirror_table  # tomlkit takes 20 ms, which only an edit is worth

        text = add_mirror_table(before.source.decode(), name, dict(values))
        try:
            manifest = parse_manifest(text.encode())
        except ManifestError as error:
            error.context = [f"the new mirror {name}", *error.context[1:]]  # its lines are in no file yet
            raise
        return _Run(host, manifest, before.source, options, reporter).carry_out([name], {})


def remove_mirrors(host: Host, patterns: Sequence[str], options: SyncOptions, reporter: Reporter) -> Result:
    """Take mirrors out of manifest, tree and records."""
    with _opened(host, options, reporter) as state:
        before = read_manifest(state)
        names = choose(patterns, [*before.mirrors, *(name for name in state.record_names() if name not in before.mirrors)])
        if odd := [name for name in names if not is_mirror_name(name)]:
            raise UsageError(
                "there are records whose names no mirror may have",
                [f"third_party/{record_path(name)}" for name in odd],
                hint="look at these files, and delete them with git",
                reference="record-misplaced",
            )
        from sync.manifest.edit import remove_mirror_tables

        text = remove_mirror_tables(before.source.decode(), names)
        run = _Run(host, parse_manifest(text.encode()), before.source, options, reporter)
        return run.carry_out([], {name: before.mirrors.get(name) for name in names})


@contextmanager
def _opened(host: Host, options: SyncOptions, reporter: Reporter) -> Iterator[WorkTree]:
    """The host's state, held; a dry run writes nothing, not even a lock."""
    host.require_work_tree()[1].refuse_moved()
    with nullcontext() if options.dry_run else held(host, options.lock_seconds, reporter):
        refuse_interrupted(host.repository)
        yield WorkTree(host.third_party, host.repository)


@dataclass
class _Run:
    """One command that changes third_party/, from preparing to committing."""

    host: Host
    manifest: Manifest
    """As it is to become."""
    manifest_before: bytes
    """As it was read, once: it may be edited while upstreams are asked."""
    options: SyncOptions
    reporter: Reporter
    prepared: Preparation = field(init=False)
    _copying: list[Copying] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.prepared = Preparation(
            host=self.host,
            repository=self.host.require_repository(),
            manifest=self.manifest,
            fetching=self.options.fetch,
            ahead=self.options.ahead,
            reporter=self.reporter,
            discard_local=self.options.discard_local,
            stage=self.options.stage,
        )

    @property
    def state(self) -> WorkTree:
        return self.prepared.state

    def carry_out(self, names: Sequence[str], removed: Mapping[str, Mirror | None]) -> Result:
        """Plan and apply; nothing changes unless all of it can be planned."""
        plan = self.prepared.plan([*names, *self._entailed(names)], removed)
        if plan or self.options.commit:
            directories, files = plan.directories(self.manifest.mirrors), [MANIFEST, *plan.records]
            refuse_foreign(self.host, directories, files)
            self.state.refuse_hidden(*directories, *plan.records)
        if self.options.dry_run:
            self.reporter.planned(plan)
            self._refuse_local(plan)
            return Result(plan)
        self._refuse(plan)
        self.reporter.planned(plan)
        outcome = self._apply(plan)
        report_rescued(outcome, self.reporter)
        commit = commit_synced(self.host, plan, self.manifest, self._own) if self.options.commit else None
        return Result(plan, commit, outcome.rescued)

    def _refuse(self, plan: Plan) -> None:
        self._refuse_local(plan)
        if self.options.commit:
            self._refuse_commit(plan)

    def _refuse_local(self, plan: Plan) -> None:
        if self.options.discard_local:
            return
        refuse_local_changes(plan.changes)
        if self.options.stage and plan:
            self._refuse_staged(plan)

    def _refuse_staged(self, plan: Plan) -> None:
        known: dict[str, Collection[Entry]] = {}
        for change in plan.changes:
            known |= upstreams_files(change)
        for name in plan.unstaged:
            if record := self.prepared.record(name):
                known[record.into] = {fact.entry for fact in record.files}
                known[license_directory(name)] = {fact.entry for fact in record.licenses}
        staged = self.prepared.repository.index.settled_files(THIRD_PARTY.encode())
        refuse_staged_changes(known, staged, committed_files(self.host))

    def _refuse_commit(self, plan: Plan) -> None:
        if operation := self.prepared.repository.in_progress():
            raise HostError(
                f"a {operation} is in progress: its commit is yours to make",
                hint="run the command without `--commit`, then finish it with git",
                reference="operation-in-progress",
            )
        if plan:
            require_identity(self.host.require_work_tree()[0])
        synced = {*plan.satisfied, *(change.name for change in plan.changes)}
        for name in self._committed:
            if name not in {*synced, *self.manifest.mirrors} and self.state.read(record_path(name)) is not None:
                raise UsageError(
                    f"a commit would hold the manifest's removal of {name} without its files and its record",
                    hint=f"take them away first: `git verbatim remove {name}`",
                    reference="commit-incomplete",
                )
        for name, mirror in self.manifest.mirrors.items():
            record = None if name in synced else self.prepared.record(name)
            if name not in synced and (record is None or record.differences(mirror)):
                raise UsageError(
                    f"a commit would hold the manifest's change of {name} without its sync",
                    hint="sync all that the manifest changes: `git verbatim sync --commit`",
                    reference="commit-incomplete",
                )

    @cached_property
    def _committed(self) -> Mapping[str, Mirror]:
        return committed_mirrors(self.host)

    def _entailed(self, names: Sequence[str]) -> Iterator[str]:
        """The mirrors that a commit changes too, since the manifest has changed what it says of them, and they were synced."""
        for name, mirror in self.manifest.mirrors.items() if self.options.commit else ():
            if name not in names and self._committed.get(name) != mirror:
                record = self.prepared.record(name)
                if record is not None and not record.differences(mirror):
                    yield name

    # apply

    def _apply(self, plan: Plan) -> Outcome:
        files = self._files()
        if not (plan or files or self.options.commit):
            return Outcome()
        staging = Staging(self.host.third_party, self._own)
        try:
            for name, content, present in files:
                staging.file(name, content, present)
            for change in plan.changes:
                self._stage(staging, change)
            for name in plan.unstaged:
                self._follow(staging, self.manifest.mirrors[name])
            for copying in self._copying:
                copying.finish()
        except BaseException:
            staging.abandon()
            raise
        return staging.apply(self.prepared.repository, stage=self.options.stage)

    @property
    def _own(self) -> Mapping[str, Edit]:
        return own_edits(list(self.manifest.mirrors.values()))

    def _files(self) -> list[tuple[str, bytes | None, bytes | None]]:
        """Single files that change, or that a commit has to hold, as (name, content, present content)."""
        own = [(name, edit(present), present) for name, edit in self._own.items() for present in [self.state.read(name)]]
        files = [file for file in own if file[1] != file[2]]
        if self.options.commit or self.manifest.source != self.manifest_before:
            files.append((MANIFEST, self.manifest.source, self.manifest_before))
        if self.options.commit:
            files += [(path, content, content) for path in self.manifest.key_files for content in [self.state.read(path)]]
        return files

    def _stage(self, staging: Staging, change: Change) -> None:
        licenses = license_directory(change.name)
        record_file = record_path(change.name)
        if change.moved_from is not None:
            staging.remove_directory(change.moved_from, self.prepared.as_it_lies(change.moved_from, change.present_there))
        if change.mirror is None or change.copy is None:
            if not change.keeps_files:
                staging.remove_directory(change.into, self.prepared.as_it_lies(change.into, change.present.files))
            staging.remove_directory(licenses, self.prepared.as_it_lies(licenses, change.present.licenses))
            staging.file(record_file, None, self.state.read(record_file))
            return
        mirror, copy, reader = change.mirror, change.copy, self.prepared.readers[change.name]
        if self.options.stage and mirror.checked_in and reader is not self.prepared.repository:
            blobs = [entry.blob for entry in (*copy.entries, *copy.licenses)]
            self._copying.append(copy_objects(reader, self.prepared.repository, blobs))
        checked_in, read = mirror.checked_in, reader.contents
        present = self.prepared.as_it_lies(mirror.into, change.present.files)
        beside = self.prepared.as_it_lies(licenses, change.present.licenses)
        files = staging.directory(mirror.into, WantedDirectory(copy.tree, copy.entries), present, read, checked_in=checked_in)
        kept = staging.directory(licenses, WantedDirectory.of(copy.licenses), beside, read, checked_in=checked_in)
        staging.file(record_file, dump_record(make_record(mirror, copy, files, kept)), self.state.read(record_file))

    def _follow(self, staging: Staging, mirror: Mirror) -> None:
        """Have the index follow a mirror that is on disk as it should be."""
        present = self.prepared.on_disk(mirror, self.prepared.record(mirror.name))
        for directory, facts in ((mirror.into, present.files), (license_directory(mirror.name), present.licenses)):
            if mirror.checked_in:
                self._keep_content(directory, facts or ())
            staging.follow(directory, WantedDirectory.of([fact.entry for fact in facts or ()]), checked_in=mirror.checked_in)
        record = self.state.read(record_path(mirror.name))
        staging.file(record_path(mirror.name), record, record)

    def _keep_content(self, directory: str, facts: Iterable[FileFact]) -> None:
        for fact in facts:
            if not self.prepared.repository.has(fact.blob):
                self.prepared.repository.write_blob(read_content(self.host.third_party, directory, fact))
