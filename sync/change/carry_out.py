"""Carries out a plan: stages what each mirror becomes, then replaces the present state by it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sync.change.look import Preparation
from sync.change.plan import Change, Plan
from sync.change.stage import Staging, WantedDirectory
from sync.git.copying import Copying, copy_objects
from sync.host.journal import Outcome
from sync.host.scan import read_content
from sync.layout import MANIFEST, license_directory, record_path
from sync.model import FileFact, Mirror
from sync.record.json_file import dump_record
from sync.record.record import make_record

_File = tuple[str, bytes | None, bytes | None]
"""The name of a file, its new content and its present content; None is no file."""


def apply_plan(
    prepared: Preparation, plan: Plan, manifest_before: bytes, *, commits: bool
) -> Outcome:
    """Carry out a plan; `manifest_before` holds the bytes of the manifest as it was read."""
    files = _files(prepared, manifest_before, commits=commits)
    if not (plan or files or commits):
        return Outcome()
    staging = Staging(prepared.host.third_party, prepared.own_edits)
    try:
        for name, content, present in files:
            staging.file(name, content, present)
        mirrors = _Mirrors(prepared, staging)
        for change in plan.changes:
            mirrors.stage(change)
        for name in plan.unstaged:
            mirrors.follow(prepared.manifest.mirrors[name])
        for copying in mirrors.copying:
            copying.finish()
    except BaseException:
        staging.abandon()
        raise
    return staging.apply(prepared.repository, stage=prepared.stage)


def _files(prepared: Preparation, manifest_before: bytes, *, commits: bool) -> list[_File]:
    """The single files that change, or that a commit has to contain."""
    manifest, state = prepared.manifest, prepared.state
    own = [
        (name, edit(present), present)
        for name, edit in prepared.own_edits.items()
        for present in [state.read(name)]
    ]
    files: list[_File] = [file for file in own if file[1] != file[2]]
    if commits or manifest.source != manifest_before:
        files.append((MANIFEST, manifest.source, manifest_before))
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

    prepared: Preparation
    staging: Staging
    copying: list[Copying] = field(default_factory=list)

    def stage(self, change: Change) -> None:
        licenses = license_directory(change.name)
        record_file = record_path(change.name)
        if change.moved_from is not None:
            self.staging.remove_directory(
                change.moved_from, self.prepared.as_it_lies(change.moved_from, change.present_there)
            )
        if change.mirror is None or change.copy is None:
            if not change.keeps_files:
                self.staging.remove_directory(
                    change.into, self.prepared.as_it_lies(change.into, change.present.files)
                )
            self.staging.remove_directory(
                licenses, self.prepared.as_it_lies(licenses, change.present.licenses)
            )
            self.staging.file(record_file, None, self.prepared.state.read(record_file))
            return
        mirror, copy, reader = change.mirror, change.copy, self.prepared.readers[change.name]
        if self.prepared.stage and mirror.checked_in and reader is not self.prepared.repository:
            blobs = [entry.blob for entry in (*copy.holding.files, *copy.holding.licenses)]
            self.copying.append(copy_objects(reader, self.prepared.repository, blobs))
        checked_in, read = mirror.checked_in, reader.contents
        present = self.prepared.as_it_lies(mirror.into, change.present.files)
        beside = self.prepared.as_it_lies(licenses, change.present.licenses)
        files = self.staging.directory(
            mirror.into,
            WantedDirectory(copy.holding.tree, copy.holding.files),
            present,
            read,
            checked_in=checked_in,
        )
        kept = self.staging.directory(
            licenses, WantedDirectory.of(copy.holding.licenses), beside, read, checked_in=checked_in
        )
        self.staging.file(
            record_file,
            dump_record(make_record(mirror, copy, files, kept)),
            self.prepared.state.read(record_file),
        )

    def follow(self, mirror: Mirror) -> None:
        """Stage in the index a mirror whose files on disk are as they should be."""
        present = self.prepared.on_disk(mirror, self.prepared.record(mirror.name))
        for directory, facts in (
            (mirror.into, present.files),
            (license_directory(mirror.name), present.licenses),
        ):
            if mirror.checked_in:
                self._keep_content(directory, facts or ())
            self.staging.follow(
                directory,
                WantedDirectory.of([fact.entry for fact in facts or ()]),
                checked_in=mirror.checked_in,
            )
        record = self.prepared.state.read(record_path(mirror.name))
        self.staging.file(record_path(mirror.name), record, record)

    def _keep_content(self, directory: str, facts: Iterable[FileFact]) -> None:
        for fact in facts:
            if not self.prepared.repository.has(fact.blob):
                self.prepared.repository.write_blob(
                    read_content(self.prepared.host.third_party, directory, fact)
                )
