"""Carries out a plan: stages what everything becomes, then replaces the present state by it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sync.change.look import Scene
from sync.change.plan import Change, PlaceChange, Plan
from sync.change.portion import Shares, parsed
from sync.change.stage import Staging
from sync.change.stage_forms import stage_forms
from sync.git.committing import read_head
from sync.git.copying import Copying, copy_objects
from sync.git.listing import committed_files
from sync.host.attributes_and_ignores import Edit, own_edits
from sync.host.journal import Outcome
from sync.host.scan import read_content
from sync.ids import ObjectId, RepoPath
from sync.layout import MANIFEST_PATH, record_path
from sync.manifest.read import files_left
from sync.model.mirrors import Mirror
from sync.model.values import FileFact
from sync.objects.tree import object_id
from sync.record.json_file import dump_record
from sync.record.places import places_of
from sync.record.record import Record, make_record

_File = tuple[str, bytes | None, bytes | None]
"""The name of a file, its new content and its present content; None is no file."""


def apply_plan(
    scene: Scene, plan: Plan, manifest_before: bytes, shares: Shares | None, *, commits: bool
) -> Outcome:
    """Carry out a plan; `manifest_before` holds the bytes of the manifest as it was read.

    `shares` says what the index gets of the manifest; None if the index is left alone.
    """
    files = [*_own_files(scene), *_files(scene, manifest_before, shares, commits=commits)]
    files += _files_left(scene, manifest_before)
    own = _index_edits(scene, shares)
    if files and scene.state.inputs is not None:
        scene.state.inputs.is_plain = False  # they will not be as they were read
    if not (plan or files or commits or (shares is not None and shares.is_unstaged)):
        return Outcome()
    staging = Staging(scene.host.require_root(), own)
    try:
        for name, content, present in files:
            staging.file(name, content, present)
        _stage_mirrors(scene, plan, staging)
        stage_forms(scene, plan, staging)
    except BaseException:
        staging.abandon()
        raise
    return staging.apply(scene.repository, stage=scene.stage)


def _own_files(scene: Scene) -> Iterator[_File]:
    """The files that people edit too, where our edits change them on disk."""
    for name, edit in scene.own_edits.items():
        present = scene.state.read(name)
        if (content := edit(present)) != present:
            yield name, content, present


def _index_edits(scene: Scene, shares: Shares | None) -> Mapping[str, Edit]:
    """What is edited in the index by itself, since it need not be there as it is on disk."""
    if shares is None:
        return scene.own_edits
    edits = own_edits(shares.staged)
    return edits if shares.is_whole else {**edits, MANIFEST_PATH: shares.edit}


def _files(
    scene: Scene, manifest_before: bytes, shares: Shares | None, *, commits: bool
) -> Iterator[_File]:
    """The manifest and files that it names, where they change or are not staged as they have to be.

    All that a commit has to contain is staged, whatever the index has.
    """
    source = scene.manifest.source
    is_unstaged = shares is not None and shares.is_whole and (shares.is_unstaged or commits)
    if source != manifest_before or is_unstaged:
        yield MANIFEST_PATH, source, manifest_before
    named = shares.staged.files_named_by(shares.portion.names) if shares else ()
    contents = {path: scene.state.read(path) for path in named}
    staged = _staged_blobs(scene, contents) if contents else {}
    for path, content in contents.items():
        blob = None if content is None else object_id("blob", content)
        if commits or (blob is not None and blob != staged.get(path)):
            yield path, content, content


def _files_left(scene: Scene, manifest_before: bytes) -> Iterator[_File]:
    """The files that nothing names any more: they go, if git has them as they are."""
    if scene.manifest.source == manifest_before:
        return
    left = files_left(parsed(manifest_before), scene.manifest, None)
    head = read_head(scene.host.require_root()).commit if left else None
    there = committed_files(scene.repository, head, left) if left else {}
    for path in left:
        content = scene.state.read(path)
        entry = there.get(RepoPath(path.encode()))
        if content is not None and entry and entry.blob == object_id("blob", content):
            scene.reporter.notice(f"removing {path}, which nothing names any more")
            yield path, None, content


def _staged_blobs(scene: Scene, paths: Iterable[str]) -> Mapping[str, ObjectId]:
    named = {path.encode(): path for path in paths}
    staged = scene.repository.index.file.staged(named)
    return {named[path]: sides[0][1] for path, sides in staged.items() if path in named}


def _stage_mirrors(scene: Scene, plan: Plan, staging: Staging) -> None:
    mirrors = _Mirrors(scene, staging)
    for change in plan.changes:
        mirrors.stage(change)
    for name in plan.unstaged:
        if record := scene.record(name):
            mirrors.follow(scene.manifest.mirrors[name], record)
    for copying in mirrors.copying:
        copying.finish()


@dataclass(frozen=True, slots=True)
class _Mirrors:
    """Stages mirrors while their objects are copied to the host."""

    scene: Scene
    staging: Staging
    copying: list[Copying] = field(default_factory=list)

    def stage(self, change: Change) -> None:
        record_file = record_path(change.name)
        before = self.scene.state.read(record_file)
        mirror, copy, objects = change.mirror, change.copy, change.objects
        if mirror is None or copy is None or objects is None:
            for place in change.places:
                self.staging.remove(place.directory, self._as_it_lies(place), place.is_file)
            self.staging.file(record_file, None, before)
            return
        if self.scene.stage and mirror.checked_in and objects is not self.scene.repository:
            blobs = [entry.blob for entry in (*copy.holding.files, *copy.holding.licenses)]
            self.copying.append(copy_objects(objects, self.scene.repository, blobs))
        read: dict[str, list[FileFact]] = {}
        for place in change.places:
            if place.wanted is None:
                self.staging.remove(place.directory, self._as_it_lies(place), place.is_file)
            else:
                read[place.directory] = self.staging.directory(
                    place.wanted,
                    self._as_it_lies(place),
                    objects.contents,
                    checked_in=mirror.checked_in,
                )
        files, licenses = read[mirror.places[0]], read[mirror.license_directory]
        record = make_record(mirror, copy, files, licenses)
        self.staging.file(record_file, dump_record(record), before)

    def _as_it_lies(self, place: PlaceChange) -> Sequence[FileFact] | None:
        return self.scene.as_it_lies(place.directory, place.present)

    def follow(self, mirror: Mirror, record: Record) -> None:
        """Stage in the index a mirror whose files on disk are as its record says."""
        if mirror.checked_in:
            for recorded in record.places:
                self._keep_content(recorded.directory, recorded.files)
        for place in places_of(record.copies, record.mirror, record.copy.holding):
            self.staging.follow(place, checked_in=mirror.checked_in)
        content = self.scene.state.read(mirror.record_path)
        self.staging.file(mirror.record_path, content, content)

    def _keep_content(self, directory: str, facts: Iterable[FileFact]) -> None:
        for fact in facts:
            if not self.scene.repository.has(fact.blob):
                self.scene.repository.write_blob(
                    read_content(self.scene.host.require_root(), directory, fact)
                )
