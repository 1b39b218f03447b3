"""Carries out a plan: stages what each mirror becomes, then replaces the present state by it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sync.change.look import Scene
from sync.change.plan import Change, PlaceChange, Plan
from sync.change.stage import Staging
from sync.git.copying import Copying, copy_objects
from sync.host.journal import Outcome
from sync.host.scan import read_content
from sync.layout import MANIFEST_PATH, record_path
from sync.model import FileFact, Mirror
from sync.record.json_file import dump_record
from sync.record.places import places_of
from sync.record.record import Record, make_record

_File = tuple[str, bytes | None, bytes | None]
"""The name of a file, its new content and its present content; None is no file."""


def apply_plan(scene: Scene, plan: Plan, manifest_before: bytes, *, commits: bool) -> Outcome:
    """Carry out a plan; `manifest_before` holds the bytes of the manifest as it was read."""
    files = _files(scene, manifest_before, commits=commits)
    if not (plan or files or commits):
        return Outcome()
    staging = Staging(scene.host.require_root(), scene.own_edits)
    try:
        for name, content, present in files:
            staging.file(name, content, present)
        mirrors = _Mirrors(scene, staging)
        for change in plan.changes:
            mirrors.stage(change)
        for name in plan.unstaged:
            if record := scene.record(name):
                mirrors.follow(scene.manifest.mirrors[name], record)
        for copying in mirrors.copying:
            copying.finish()
    except BaseException:
        staging.abandon()
        raise
    return staging.apply(scene.repository, stage=scene.stage)


def _files(scene: Scene, manifest_before: bytes, *, commits: bool) -> list[_File]:
    """The single files that change, or that a commit has to contain."""
    manifest, state = scene.manifest, scene.state
    own = [
        (name, edit(present), present)
        for name, edit in scene.own_edits.items()
        for present in [state.read(name)]
    ]
    files: list[_File] = [file for file in own if file[1] != file[2]]
    if commits or manifest.source != manifest_before:
        files.append((MANIFEST_PATH, manifest.source, manifest_before))
    if commits:
        files += [
            (path, content, content)
            for path in manifest.key_files
            for content in [state.read(path)]
        ]
    return files


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
                self._remove(place)
            self.staging.file(record_file, None, before)
            return
        if self.scene.stage and mirror.checked_in and objects is not self.scene.repository:
            blobs = [entry.blob for entry in (*copy.holding.files, *copy.holding.licenses)]
            self.copying.append(copy_objects(objects, self.scene.repository, blobs))
        read: dict[str, list[FileFact]] = {}
        for place in change.places:
            if place.wanted is None:
                self._remove(place)
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

    def _remove(self, place: PlaceChange) -> None:
        self.staging.remove_directory(place.directory, self._as_it_lies(place))

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
