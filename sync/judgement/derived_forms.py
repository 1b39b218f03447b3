"""Judges whether a state holds derived forms as their records say, made of what is there; pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from sync.derived.forms import gzip
from sync.derived.ingredients import Ingredients, Made
from sync.derived.recipes import differences, make, record_of
from sync.derived.record import DerivedRecord
from sync.errors import RecordError
from sync.ids import ObjectId
from sync.judgement.findings import (
    DIFFERENCES,
    FORM_NOT_CHECKED_IN,
    Difference,
    Finding,
    Presence,
    ReadFile,
    Rule,
    compare_files,
    path_of,
)
from sync.layout import derived_record_path
from sync.model.mirrors import Form
from sync.model.values import FormKind
from sync.record.places import Present

_SHORT = 12


@dataclass(frozen=True, slots=True)
class HeldForm:
    """What a state holds for one form."""

    files: Present
    """What lies in each place of its record."""
    inputs: Mapping[str, ObjectId | None]
    """The tree or blob of what it is made of, by the records; None where no record says it."""
    patches: Mapping[str, ObjectId | None]
    """The blob of each patch that its record names; None where there is no such file."""
    read: ReadFile
    is_work_tree: bool
    is_in_git: bool = True


@dataclass(frozen=True, slots=True)
class FormVerdict:
    """What was found out about one form."""

    name: str
    form: Form | None
    record: DerivedRecord | None
    presence: Presence
    findings: tuple[Finding, ...]
    is_made_again: bool = False
    """Whether it was made again and compared, and not only compared with its record."""
    is_made_otherwise: bool = False
    """Whether its recipe makes something else than its record says."""
    not_compared: str | None = None
    """Why it could not be made again; None if it was, or if nobody asked for that."""
    not_here: tuple[str, ...] = ()
    """The places that are missing whole, and may be."""

    @property
    def is_clean(self) -> bool:
        return not self.findings

    @property
    def is_present(self) -> bool:
        return self.presence is Presence.PRESENT


def without_record(name: str) -> Finding:
    message = f"the manifest has the form {name}, but there is no record of it"
    return Finding(Rule.DERIVED_WITHOUT_RECORD, name, message, derived_record_path(name))


def unreadable(name: str, error: RecordError) -> Finding:
    return Finding(Rule.RECORD_UNREADABLE, name, error.message, derived_record_path(name))


def judge_form(
    name: str, form: Form | None, record: DerivedRecord | RecordError | None, held: HeldForm
) -> FormVerdict:
    """Judge one form of a state; without a record that can be read, `held` does not matter."""
    if isinstance(record, RecordError):
        return FormVerdict(name, form, None, Presence.PRESENT, (unreadable(name, record),))
    if record is None:
        return FormVerdict(name, form, None, Presence.ABSENT, (without_record(name),))
    presence, not_here = _presence(form, held)
    findings = [
        *_of_the_record(name, form, record),
        *_stale(record, held, is_gone=presence is not Presence.PRESENT and not held.is_in_git),
        *_of_the_files(record, form, held, not_here),
    ]
    missing = tuple(sorted(not_here))
    return FormVerdict(name, form, record, presence, tuple(findings), not_here=missing)


def _of_the_record(name: str, form: Form | None, record: DerivedRecord) -> Iterator[Finding]:
    where = derived_record_path(name)
    if form is None:
        message = f"there is a record of {name}, but no such form in the manifest"
        yield Finding(Rule.RECORD_WITHOUT_DERIVED, name, message, where)
    elif found := differences(record, form):
        yield Finding(Rule.RECORD_DIFFERS_FROM_MANIFEST, name, "; ".join(found), where)


def _stale(record: DerivedRecord, held: HeldForm, *, is_gone: bool) -> Iterator[Finding]:
    """Find what has moved since the form was made; what no record says is no move.

    Of a form that was removed from a release, the patches may have been removed too.
    """
    for one in record.inputs:
        now = held.inputs.get(one.name)
        if now is not None and now != one.id:
            message = (
                f"it was made of {one.name} at {one.id[:_SHORT]}, which is at {now[:_SHORT]} now"
            )
            yield _stale_finding(record, message)
    for patch in record.patches:
        blob = held.patches.get(patch.path)
        if blob != patch.blob and not (blob is None and is_gone):
            what = (
                "is missing or no plain file" if blob is None else "has changed since it was made"
            )
            yield _stale_finding(record, f"its patch {patch.path} {what}")


def _stale_finding(record: DerivedRecord, message: str) -> Finding:
    return Finding(Rule.DERIVED_STALE, record.name, message, derived_record_path(record.name))


def _presence(form: Form | None, held: HeldForm) -> tuple[Presence, frozenset[str]]:
    """How much of a form is here, and the places that are missing whole and may be."""
    missing = frozenset(place for place, files in held.files.items() if not files)
    all_missing = len(missing) == len(held.files)
    if form is not None and not form.checked_in:
        if not held.is_work_tree:
            return Presence.ABSENT, frozenset(held.files)
        return (Presence.ABSENT, missing) if all_missing else (Presence.PRESENT, frozenset())
    if held.is_in_git or form is None:
        return Presence.PRESENT, frozenset()
    return (Presence.REMOVED if all_missing else Presence.PRESENT), missing


def _of_the_files(
    record: DerivedRecord, form: Form | None, held: HeldForm, not_here: frozenset[str]
) -> Iterator[Finding]:
    rule = Rule.DERIVED_DIFFERS_FROM_RECORD
    if form is not None and not form.checked_in and not held.is_work_tree:
        for place, files in held.files.items():
            for fact in files or ():
                path, extra = path_of(place, fact.path), Difference.EXTRA
                yield Finding(rule, record.name, FORM_NOT_CHECKED_IN, path, extra, found=fact)
        return
    for place in record.places:
        if place in not_here:
            continue
        files = held.files.get(place) or ()
        if list(files) == list(record.outputs):
            continue
        if not files:
            missing = Difference.MISSING
            yield Finding(rule, record.name, "missing altogether", place, missing)
            continue
        yield from compare_files(record.name, place, record.outputs, files, held.read, rule=rule)


def made_otherwise(
    given: Ingredients,
    record: DerivedRecord,
    where: str,
    held: Mapping[str, bytes],
    make_it: Callable[[Ingredients], Made] = make,
) -> Iterator[Finding]:
    """Find in what the recipe, by these ingredients, contradicts a record.

    `where` is the path to point to, and `held` what a form `gzip` holds in each place that is as
    recorded. Raises what making it raises.
    """

    def contradicted(message: str) -> Finding:
        return Finding(Rule.DERIVED_DIFFERS_FROM_RECORD, record.name, message, where)

    if record.kind is FormKind.GZIP:
        source = gzip.source_of(given)
        if record.content != gzip.content(source):
            yield contradicted(f"the record says another content than {record.of} has")
        for place, data in held.items():
            if gzip.content_of(data, len(source)) != source:
                yield contradicted(f"{place} does not hold what {record.of} has")
        return
    made = make_it(given)
    if record_of(given, made).patches != record.patches:
        yield contradicted("the record says another SHA-256 of a patch than it has")
    place = record.places[0]
    for one in compare_files(record.name, place, made.outputs, record.outputs, lambda _: None):
        what = DIFFERENCES[one.difference] if one.difference else "differs"
        yield replace(
            one,
            rule=Rule.DERIVED_DIFFERS_FROM_RECORD,
            message=f"made again it is not as recorded: {what}",
        )
