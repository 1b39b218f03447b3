"""Looks at derived forms and makes, outside of the host, those that are missing or stale."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby, islice

from sync.change.committed_records import committed_record
from sync.change.look import Scene
from sync.change.seen import LeavingForm, Looked, LookedForms, SeenForm, WantedForm
from sync.change.usable_record import sides, usable_record
from sync.derived.forms import gzip
from sync.derived.ingredients import THE_FILE, Ingredients, Input, Made, one_file
from sync.derived.json_file import parse_derived
from sync.derived.layouts import Layouts
from sync.derived.recipes import RECIPES, differences, make, record_of
from sync.derived.record import DerivedRecord
from sync.derived.wit import text_of_binary
from sync.errors import CouldNotCheckError, NewerRecordError, SelectionError
from sync.host.form_inputs import FormInputs
from sync.host.tracked import is_form_staged
from sync.ids import ObjectId
from sync.layout import derived_record_path
from sync.model.mirrors import Form
from sync.model.values import FileFact, FormKind
from sync.objects.tree import object_id
from sync.record.places import Recorded

# What something else is made of is made first.
_ORDER = {FormKind.PATCHED: 0, FormKind.GZIP: 2}
_MOST_BESIDE = 8


def _of_now(name: str, data: bytes) -> DerivedRecord:
    record = parse_derived(data, name)
    _refuse_newer(record)
    return record


def _said_by(record: DerivedRecord) -> Recorded:
    return dict.fromkeys(record.places, record.outputs)


def _order_of(form: Form) -> int:
    return _ORDER.get(form.kind, 1)


def look_at_forms(
    scene: Scene, looked: Looked, names: Sequence[str], leaving: Sequence[str]
) -> LookedForms:
    """Look at these forms of the manifest, and at those that are `leaving` it.

    `looked` is what mirrors are or will be. Raises SelectionError for what cannot be made, and
    CouldNotCheckError without the tool.
    """
    if not names and not leaving:
        return LookedForms()
    with Layouts() as layouts:
        inputs = FormInputs(scene.state, scene.manifest, scene.repository, layouts=layouts)
        for one in looked.wanted:
            name, holding = one.seen.mirror.name, one.copy.holding
            inputs.put(Input(name, holding.tree, holding.files, one.objects.read))
        return _Forms(scene, inputs).look(names, leaving)


@dataclass
class _Forms:
    scene: Scene
    inputs: FormInputs

    def look(self, names: Sequence[str], leaving: Sequence[str]) -> LookedForms:
        forms = [self.scene.manifest.forms[name] for name in names]
        wanted: dict[str, WantedForm] = {}
        satisfied: list[tuple[Form, DerivedRecord]] = []
        in_order = sorted(forms, key=_order_of)
        for _, same in groupby(in_order, key=_order_of):
            to_make: list[tuple[SeenForm, Ingredients]] = []
            for form in same:
                seen, given = self._see(form), self.inputs.ingredients(form)
                record = seen.record
                is_believed = not self.scene.discard_local  # a record may say another thing
                if record is not None and is_believed and _is_satisfied(seen, record, given):
                    satisfied.append((form, record))
                else:
                    to_make.append((seen, given))
            for one in self._make_all(to_make):
                if _lies_there(one):
                    satisfied.append((one.seen.form, one.record))
                else:
                    wanted[one.seen.form.name] = one
        return LookedForms(
            tuple(wanted[name] for name in names if name in wanted),
            tuple(map(self._see_leaving, leaving)),
            tuple(form.name for form, _ in satisfied),
            tuple(self._unstaged(satisfied)),
        )

    def _see(self, form: Form) -> SeenForm:
        record = self.record(form.name)
        _refuse_other_kind(form, record)
        before = record or self._in_head(form.name)
        said = _said_by(before) if before else {}
        left = self.scene.left_places.look(said, self._sides(form.name), form.places)
        recorded = {
            place: said[place] if place in said else self.scene.recorded_by_others(place)
            for place in form.places
        }
        present = {place: self._there(place, facts) for place, facts in recorded.items()}
        return SeenForm(form, record, before, present, recorded, left)

    def _see_leaving(self, name: str) -> LeavingForm:
        before = self.record(name) or self._in_head(name)
        form = self.scene.committed.forms.get(name)
        nothing: Recorded = dict.fromkeys(form.places if form else (), ())
        said = _said_by(before) if before else nothing
        return LeavingForm(name, before, self.scene.left_places.look(said, self._sides(name)))

    def _in_head(self, name: str) -> DerivedRecord | None:
        where = derived_record_path(name)
        return committed_record(self.scene.repository, where, partial(_of_now, name))

    def _sides(self, name: str) -> Mapping[ObjectId, Recorded]:
        found = sides(self.scene, derived_record_path(name), partial(_of_now, name))
        return {commit: _said_by(record) for commit, record in found.items()}

    def _there(self, place: str, recorded: Sequence[FileFact]) -> Sequence[FileFact] | None:
        return self.scene.state.files(place, recorded, whole=True)

    def record(self, name: str) -> DerivedRecord | None:
        """The form's record; None if there is none.

        With `--discard-local` one that cannot be used counts as none.
        """
        return usable_record(self.scene, name, derived_record_path(name), partial(_of_now, name))

    # What is made.

    def _make_all(self, each: Sequence[tuple[SeenForm, Ingredients]]) -> list[WantedForm]:
        """Make forms of which none is made of another, side by side."""
        if len(each) <= 1:
            return [self._make(*one) for one in each]
        from concurrent.futures import ThreadPoolExecutor  # needed only here

        with ThreadPoolExecutor(min(_MOST_BESIDE, os.cpu_count() or 1)) as pool:
            return list(pool.map(lambda one: self._make(*one), each))

    def _make(self, seen: SeenForm, given: Ingredients) -> WantedForm:
        made = self._kept(seen, given) or make(given)
        record = record_of(given, made)
        form = seen.form
        diff = tuple(self._diff(seen, made, record))
        entries = tuple(fact.entry for fact in record.outputs)
        is_tree = form.kind.is_directory
        self.inputs.put(Input(form.name, record.id, entries, made.read, is_tree))
        return WantedForm(seen, made, record, diff)

    def _diff(self, seen: SeenForm, made: Made, record: DerivedRecord) -> Iterator[str]:
        """What changes in the text of a form that is one file, for whoever reviews it."""
        before = self.inputs.get(seen.form.name) if seen.record else None
        if before is None or before.is_tree or record.is_directory or before.id == record.id:
            return
        try:
            old, new = (
                _text(seen.form, read(blob))
                for read, blob in ((before.read, before.id), (made.read, record.id))
            )
        except CouldNotCheckError:
            return  # what was there is not here any more
        if old is not None and new is not None:
            from difflib import unified_diff  # needed only here

            lines = unified_diff(old.splitlines(), new.splitlines(), n=1, lineterm="")
            yield from islice(lines, 2, None)

    def _kept(self, seen: SeenForm, given: Ingredients) -> Made | None:
        """A file that is there and holds what a form `gzip` has to hold, whoever compressed it."""
        if given.form.kind is not FormKind.GZIP:
            return None
        source = gzip.source_of(given)
        for place in given.form.places:
            there = seen.present.get(place) or ()
            data = self.scene.state.read(place) if [f.path for f in there] == [THE_FILE] else None
            if data is not None and gzip.content_of(data, len(source)) == source:
                return one_file(data, gzip.content(source))
        return None

    def _unstaged(self, satisfied: Sequence[tuple[Form, DerivedRecord]]) -> Iterator[str]:
        if not self.scene.stage or not satisfied:
            return
        staged = self.scene.repository.index.staged_by_path(self.scene.guarded)
        for form, record in satisfied:
            if not is_form_staged(staged, form, record):
                yield form.name


def _text(form: Form, content: bytes) -> str | None:
    """A form that is one file as text; None if it is none."""
    if form.kind is FormKind.WIT_BINARY:
        return text_of_binary(content, form.tool_version or "")
    return None if form.kind is FormKind.GZIP else content.decode("utf-8", "replace")


def _refuse_newer(record: DerivedRecord) -> None:
    """NewerRecordError for a recipe that would be undone by the one that is known here."""
    known = RECIPES[record.kind].version
    if record.version > known:
        raise NewerRecordError(
            f"{derived_record_path(record.name)} is of version {record.version} of {record.kind}, "
            f"this version knows {known}",
            hint="install a newer git-verbatim",
            reference="record-newer",
        )


def _refuse_other_kind(form: Form, record: DerivedRecord | None) -> None:
    """SelectionError for a file that would have to become a directory, or the other way round."""
    if record is None or record.is_directory is form.kind.is_directory:
        return
    if same := [place for place in form.places if place in record.places]:
        raise SelectionError(
            f"form {form.name} was {record.kind} and cannot become {form.kind} in its place",
            [f"one is a directory and the other a file: {place}" for place in same],
            hint="give it another place in `into`, then run the command again",
            reference="form-kind-changed",
        )


def _lies_there(one: WantedForm) -> bool:
    """Whether what was made, and its record, are here already."""
    return not one.seen.left and one.record == one.seen.record and _is_held(one.seen, one.record)


def _is_satisfied(seen: SeenForm, record: DerivedRecord, given: Ingredients) -> bool:
    """Whether a form needs nothing: recipe, inputs, patches and files are as recorded."""
    ids = {name: one.id for name, one in given.inputs.items()}
    patches = [object_id("blob", one.content) for one in given.patches]
    return (
        not seen.left
        and not differences(record, seen.form)
        and not record.stale(ids)
        and [one.blob for one in record.patches] == patches
        and _is_held(seen, record)
    )


def _is_held(seen: SeenForm, record: DerivedRecord) -> bool:
    return all(
        list(seen.present.get(place) or ()) == list(record.outputs) for place in record.places
    )
