"""Verifies derived forms: by their records always, and by making them again where that can be."""

from dataclasses import replace
from functools import partial

from sync.derived.recipes import make
from sync.derived.record import DerivedRecord
from sync.errors import CouldNotCheckError, HostError, RecordError, SelectionError
from sync.host.form_inputs import FormInputs, read_patch
from sync.host.state import State
from sync.host.work_tree import WorkTree
from sync.judgement.derived_forms import FormVerdict, HeldForm, judge_form, made_otherwise
from sync.judgement.findings import Finding, Presence, Rule
from sync.layout import derived_record_path
from sync.limits import EXPLAINED_BYTES
from sync.manifest.read import Manifest
from sync.model.mirrors import Form
from sync.model.values import FormKind
from sync.objects.tree import object_id
from sync.verify.whole_host import FormRecords


def judge_forms(
    state: State,
    manifest: Manifest,
    inputs: FormInputs,
    records: FormRecords,
    *,
    rebuild: bool = False,
) -> tuple[FormVerdict, ...]:
    """Judge these forms of a state, and make them again.

    Without `rebuild` only those are made again that need no tool. The record of a form whose files
    are not here is held against what is made, too.
    """
    verdicts = []
    for name, record in records.items():
        form = manifest.forms.get(name)
        held = _held(state, record, inputs)
        verdict = judge_form(name, form, record, held)
        if form is not None and verdict.record is not None:
            verdict = _made_again(state, verdict, form, verdict.record, inputs, rebuild=rebuild)
        verdicts.append(verdict)
    return tuple(verdicts)


def _held(state: State, record: DerivedRecord | RecordError | None, inputs: FormInputs) -> HeldForm:
    read = partial(state.read, limit=EXPLAINED_BYTES)
    if not isinstance(record, DerivedRecord):
        return HeldForm({}, {}, {}, read, is_work_tree=state.is_work_tree)
    names = [one.name for one in record.inputs]
    known = {name: inputs.get(name) for name in names}
    patches = {one.path: read_patch(state, one.path) for one in record.patches}
    return HeldForm(
        {place: state.files(place, record.outputs) for place in record.places},
        {name: one.id if one else None for name, one in known.items()},
        {p: None if data is None else object_id("blob", data) for p, data in patches.items()},
        read,
        is_work_tree=isinstance(state, WorkTree),
        is_in_git=state.is_in_git,
    )


def _made_again(
    state: State,
    verdict: FormVerdict,
    form: Form,
    record: DerivedRecord,
    inputs: FormInputs,
    *,
    rebuild: bool,
) -> FormVerdict:
    """The verdict, with what making the form again shows of its record."""
    if any(one.rule is not Rule.DERIVED_DIFFERS_FROM_RECORD for one in verdict.findings):
        # It would be made of something else. Whether it can be made at all is worth knowing.
        return _with_obstacle(verdict, form, inputs)
    if form.kind.is_wit and not rebuild:
        return verdict
    try:
        given = inputs.ingredients(form)
        held = _held_as_recorded(state, record)
        where = derived_record_path(record.name)
        findings = [*made_otherwise(given, record, where, held)]
    except (CouldNotCheckError, SelectionError, HostError) as error:
        # Who removes a form as a whole may take its patches along.
        is_open = isinstance(error, CouldNotCheckError) or verdict.presence is Presence.REMOVED
        if is_open and (rebuild or verdict.is_present):
            return replace(verdict, not_compared=error.message)
        if is_open:
            return verdict
        findings = [_finding(record, f"it cannot be made again: {error.message}")]
    return replace(
        verdict,
        findings=(*verdict.findings, *findings),
        is_made_again=True,
        is_made_otherwise=bool(findings),
    )


def _with_obstacle(verdict: FormVerdict, form: Form, inputs: FormInputs) -> FormVerdict:
    """The verdict on a stale patched copy, which says if a patch does not apply any more."""
    if form.kind is not FormKind.PATCHED:
        return verdict
    try:
        make(inputs.ingredients(form))
    except CouldNotCheckError:
        return verdict
    except (SelectionError, HostError) as error:
        said = "; ".join([error.message, *error.context[:1]])
        return replace(
            verdict,
            findings=tuple(
                replace(one, message=f"{one.message}; {said}")
                if one.rule is Rule.DERIVED_STALE
                else one
                for one in verdict.findings
            ),
        )
    return verdict


def _held_as_recorded(state: State, record: DerivedRecord) -> dict[str, bytes]:
    """What a form `gzip` holds in those of its places that are as recorded."""
    if record.kind is not FormKind.GZIP:
        return {}
    held = {place: state.read(place) for place in record.places}
    blob = record.outputs[0].blob
    return {
        place: data
        for place, data in held.items()
        if data is not None and object_id("blob", data) == blob
    }


def _finding(record: DerivedRecord, message: str) -> Finding:
    rule, where = Rule.DERIVED_DIFFERS_FROM_RECORD, derived_record_path(record.name)
    return Finding(rule, record.name, message, where)
