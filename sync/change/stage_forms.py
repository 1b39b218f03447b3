"""Stages derived forms, whose contents were made already, and their records."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from sync.change.look import Scene
from sync.change.plan import FormChange, PlaceChange, Plan
from sync.change.stage import Staging
from sync.derived.json_file import dump_derived, parse_derived
from sync.derived.record import DerivedRecord
from sync.host.scan import read_content
from sync.ids import Mode, ObjectId
from sync.layout import derived_record_path
from sync.model.mirrors import Form
from sync.model.values import Entry
from sync.record.places import Place


def stage_forms(scene: Scene, plan: Plan, staging: Staging) -> None:
    """Stage what each form of the plan becomes, and those that the index does not have yet."""
    forms = _Forms(scene, staging)
    for change in plan.forms:
        forms.stage(change)
    for name in plan.unstaged_forms:
        forms.follow(scene.manifest.forms[name])


@dataclass(frozen=True, slots=True)
class _Forms:
    scene: Scene
    staging: Staging

    def stage(self, change: FormChange) -> None:
        form, record, made = change.form, change.record, change.made
        record_file = derived_record_path(change.name)
        before = self.scene.state.read(record_file)
        for place in change.places:
            if place.wanted is None or form is None or made is None:
                there = self.scene.as_it_lies(place.directory, place.present)
                self.staging.remove(place.directory, there, place.is_file)
            elif not place.is_file:
                self._keep(form, place.wanted.files, made.read)
                self.staging.directory(
                    place.wanted,
                    self.scene.as_it_lies(place.directory, place.present),
                    lambda blobs: (made.read(blob) for blob in blobs),
                    checked_in=form.checked_in,
                )
            else:
                self._stage_file(form, place, made.read(place.wanted.tree))
        content = None if record is None else dump_derived(record)
        self.staging.file(record_file, content, before)

    def _stage_file(self, form: Form, place: PlaceChange, content: bytes) -> None:
        present = self.scene.state.read(place.directory)
        self.staging.file(
            place.directory,
            content,
            present,
            checked_in=form.checked_in,
            is_executable=any(fact.mode == Mode.EXECUTABLE for fact in place.present or ()),
        )

    def _keep(
        self, form: Form, entries: Iterable[Entry], read: Callable[[ObjectId], bytes]
    ) -> None:
        """Put the contents of a directory where its index entries will look for them."""
        repository = self.scene.repository
        for entry in entries if self.scene.stage and form.checked_in else ():
            if not repository.has(entry.blob):
                repository.write_blob(read(entry.blob))

    def follow(self, form: Form) -> None:
        """Stage in the index a form whose files on disk are as its record says."""
        state = self.scene.state
        content = state.read(form.record_path)
        record = parse_derived(content or b"", form.name)
        for place in form.places:
            if form.kind.is_directory:
                entries = tuple(fact.entry for fact in record.outputs)
                self._keep(form, entries, partial(self._read, record, place))
                staged = Place(place, record.id, entries)
                self.staging.follow(staged, checked_in=form.checked_in)
            else:
                there = state.read(place)
                self.staging.file(place, there, there, checked_in=form.checked_in)
        self.staging.file(form.record_path, content, content)

    def _read(self, record: DerivedRecord, place: str, blob: ObjectId) -> bytes:
        fact = next(fact for fact in record.outputs if fact.blob == blob)
        return read_content(self.scene.host.require_root(), place, fact)
