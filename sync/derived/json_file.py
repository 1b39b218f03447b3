"""Write and strictly read a derived form's record, `third_party/provenance/derived/NAME.json`."""

from collections.abc import Sequence
from itertools import pairwise

from pydantic import ValidationError

from sync.derived.json_schema import DerivedModel, OutputModel
from sync.derived.record import (
    SCHEMA_VERSION,
    Content,
    DerivedRecord,
    InputFact,
    PatchFact,
    Tool,
)
from sync.ids import Mode, ObjectId, RepoPath
from sync.layout import derived_record_path
from sync.limits import RECORD_BYTES, RECORD_REST_VALUES
from sync.manifest.paths import is_mirror_name, path_problem, place_problem
from sync.model.values import FileFact, FormKind
from sync.objects.tree import hash_tree
from sync.quoting import quote_path
from sync.record.canonical_json import (
    RecordFile,
    canonical,
    plain_path,
    refuse_disorder,
    what_is_wrong,
)

_MOST_VALUES = 100 * RECORD_REST_VALUES


def dump_derived(record: DerivedRecord) -> bytes:
    """Return the record's canonical bytes, which are equal for everybody who makes the same."""
    return canonical(
        {
            "content": record.content._asdict() if record.content else None,
            "features": record.features,
            "form": record.kind,
            "form_version": record.version,
            "inputs": [_input(one) for one in record.inputs],
            "name": record.name,
            "of": {
                "name": record.of,
                "path": None if record.of_path is None else quote_path(record.of_path),
            },
            "outputs": [_output(fact) for fact in record.outputs],
            "patches": [
                {"blob": one.blob, "path": quote_path(one.path.encode()), "sha256": one.sha256}
                for one in record.patches
            ],
            "places": record.places,
            "schema": record.schema,
            "tool": record.tool._asdict() if record.tool else None,
            "tree": record.tree,
        }
    )


def _input(one: InputFact) -> dict[str, str | None]:
    return {
        "blob": None if one.is_tree else one.id,
        "name": one.name,
        "tree": one.id if one.is_tree else None,
    }


def _output(fact: FileFact) -> dict[str, str | int | None]:
    return {
        "blob": fact.blob,
        "mode": f"{fact.mode:o}",
        "path": quote_path(fact.path) if fact.path else None,
        "sha256": fact.sha256,
        "size": fact.size,
    }


def parse_derived(data: bytes, name: str) -> DerivedRecord:
    """Parse the record of the form `name` from `data`, the content of its file.

    Raises RecordError unless `data` is the canonical JSON of a consistent record, in a schema and
    of a form that this version knows.
    """
    file = RecordFile(derived_record_path(name), name)
    if not is_mirror_name(name):
        raise file.unusable("has a name that no form may have", "record-misplaced")
    if len(data) > RECORD_BYTES or data.count(b",") + data.count(b"[") > _MOST_VALUES:
        raise file.unusable("is too large for a record", "record-unreadable")
    unix = data.replace(b"\r\n", b"\n") if b"\r" in data else data
    try:
        model = DerivedModel.model_validate_json(unix)
    except ValidationError as error:
        known = file.known_trouble(data, SCHEMA_VERSION)
        raise known or file.unusable(what_is_wrong(unix, error), "record-unreadable") from error
    if canonical(model) != unix:
        raise file.unusable(
            "is not canonical JSON: it was edited by hand or by another tool",
            "record-not-canonical",
        )
    if unix is not data:
        raise file.converted()
    try:
        record = _record(model)
    except ValueError as error:
        raise file.unusable(f"does not hold together: {error}", "record-unreadable") from error
    if record.name != name:
        raise file.unusable(f"is the record of another form, {record.name}", "record-misplaced")
    return record


def _record(model: DerivedModel) -> DerivedRecord:
    try:
        kind = FormKind(model.form)
    except ValueError as error:
        msg = f"this version knows no form `{model.form}`; a newer git-verbatim may"
        raise ValueError(msg) from error
    for place in model.places:
        if problem := path_problem(place) or place_problem(place):
            msg = f"`places` {problem}"
            raise ValueError(msg)
    _refuse_unsorted("places", model.places)
    _refuse_unsorted("inputs", [one.name for one in model.inputs])
    outputs = _outputs(model.outputs, kind)
    record = DerivedRecord(
        name=model.name,
        kind=kind,
        version=model.form_version,
        tool=Tool(model.tool.name, model.tool.version) if model.tool else None,
        of=model.of.name,
        of_path=None if model.of.path is None else plain_path(model.of.path),
        inputs=tuple(_input_fact(one.name, one.tree, one.blob) for one in model.inputs),
        features=model.features,
        patches=tuple(
            PatchFact(plain_path(one.path).decode(), ObjectId(one.blob), one.sha256)
            for one in model.patches
        ),
        places=model.places,
        outputs=outputs,
        tree=None if model.tree is None else ObjectId(model.tree),
        content=Content(ObjectId(model.content.blob), model.content.sha256)
        if model.content
        else None,
    )
    _refuse_inconsistent(record)
    return record


def _refuse_unsorted(what: str, names: Sequence[str]) -> None:
    if any(one >= other for one, other in pairwise(names)):
        msg = f"its {what} are not in order"
        raise ValueError(msg)


def _input_fact(name: str, tree: str | None, blob: str | None) -> InputFact:
    if (tree is None) == (blob is None):
        msg = f"its input {name} is not one of tree and blob"
        raise ValueError(msg)
    return InputFact(name, ObjectId(tree or blob or ""), is_tree=tree is not None)


def _outputs(models: Sequence[OutputModel], kind: FormKind) -> tuple[FileFact, ...]:
    if not kind.is_directory:
        if len(models) != 1 or models[0].path is not None or models[0].mode != f"{Mode.FILE:o}":
            msg = "it has one output, a plain file"
            raise ValueError(msg)
        one = models[0]
        return (FileFact(RepoPath(b""), Mode.FILE, ObjectId(one.blob), one.size, one.sha256),)
    facts = tuple(
        FileFact(plain_path(m.path or ""), int(m.mode, 8), ObjectId(m.blob), m.size, m.sha256)
        for m in models
    )
    refuse_disorder([fact.path for fact in facts])
    return facts


def _refuse_inconsistent(record: DerivedRecord) -> None:
    kind, names = record.kind, {one.name for one in record.inputs}
    entries = [fact.entry for fact in record.outputs]
    for is_right, problem in (
        (record.of in names, "what it is made of is no input"),
        (kind.is_wit or len(names) == 1, f"a form `{kind}` has one input"),
        (kind.is_wit == (record.tool is not None), f"`tool` does not fit a form `{kind}`"),
        (kind.is_wit or record.features is None, f"a form `{kind}` has no features"),
        ((kind is FormKind.PATCHED) == bool(record.patches), f"`patches` of a form `{kind}`"),
        ((kind is FormKind.GZIP) == (record.content is not None), f"`content` of a form `{kind}`"),
        (kind is FormKind.GZIP or record.of_path is None, f"`of.path` of a form `{kind}`"),
        (kind.is_directory == (record.tree is not None), f"`tree` of a form `{kind}`"),
        (
            record.tree is None or hash_tree(entries) == record.tree,
            "its outputs do not hash to its tree",
        ),
    ):
        if not is_right:
            raise ValueError(problem)
