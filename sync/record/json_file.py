"""Write and strictly read a record as canonical JSON, `third_party/provenance/<mirror>.json`."""

import base64
import binascii
import re
from itertools import pairwise

from pydantic import ValidationError

from sync.errors import SelectionError
from sync.ids import ObjectId, RepoPath
from sync.layout import record_path
from sync.limits import (
    RECORD_BLOCKS,
    RECORD_BYTES,
    RECORD_REST_BYTES,
    RECORD_REST_VALUES,
)
from sync.manifest.paths import as_written, is_mirror_name, path_problem, place_problem
from sync.model.mirrors import Holding, Selection, UpstreamCommit
from sync.model.values import FileFact, Pin, PinKind, Signature, SignatureState
from sync.quoting import printable, quote_path
from sync.record.canonical_json import (
    RecordFile,
    canonical,
    plain_path,
    refuse_disorder,
    what_is_wrong,
)
from sync.record.json_schema import (
    FileModel,
    RecordModel,
    SignatureModel,
    UpstreamModel,
)
from sync.record.record import SCHEMA_VERSION, Record
from sync.selection.patterns import excess
from sync.urls import url_problem

# A canonical record consists almost only of such blocks, one for each file and each git object.
_BLOCK = re.compile(
    rb"""    \{
      "blob": "[0-9a-f]{40}",
      "mode": "[0-9]{6}",
      "path": "[^"\\\n]*+(?:\\.[^"\\\n]*+)*+",
      "sha256": "[0-9a-f]{64}",
      "size": [0-9]{1,20}
    \},?
|(?:      |    "commit": )"[A-Za-z0-9+/=]{40,}+",?
"""
)
_SCHEMA_1, _SCHEMA_2 = b'\n  "schema": 1,\n', b'\n  "schema": 2,\n'
_PATH = re.compile(rb'\n  "path": "((?:[^"\\\n]|\\.)*)",\n(  "proof": )')


def dump_record(record: Record) -> bytes:
    """Return the record's canonical bytes, which are equal for everybody who mirrors the same.

    Raises SelectionError if there are more of them than `parse_record` reads.
    """
    data = _dump(record)
    if len(data) > RECORD_BYTES or _excess(data):
        raise SelectionError(
            f"the record of mirror {record.mirror} would be larger than any that is read",
            [f"it has {len(data):,} bytes, of {len(record.files):,} files"],
            hint="copy less with `from`, `include` and `exclude`, or as several mirrors",
            reference="record-too-large",
        )
    return data


def _dump(record: Record) -> bytes:
    upstream = record.upstream
    return canonical(
        {
            "files": [_file(fact) for fact in record.files],
            "licenses": [_file(fact) for fact in record.licenses],
            "mirror": record.mirror,
            **_copies(record),
            "proof": {
                "commit": _base64(upstream.commit_object),
                "tags": [_base64(raw) for raw in upstream.tag_objects],
                "trees": [_base64(raw) for raw in record.holding.proof_trees],
            },
            "schema": record.schema,
            "selection": {"exclude": record.selection.exclude, "include": record.selection.include},
            **({"signature": _signature(record.signature)} if record.signature else {}),
            "tree": record.holding.tree,
            "upstream": {
                "commit": upstream.commit,
                "commit_time": upstream.commit_time,
                "from": quote_path(record.source),
                "ref": upstream.pin.ref,
                "tag": upstream.tag,
                "url": upstream.url,
            },
            "upstream_tree": record.holding.upstream_tree,
        }
    )


def _copies(record: Record) -> dict[str, str | list[str]]:
    if record.schema == 1:
        return {"path": as_written(*record.copies)}
    return {"places": list(record.copies)}


def _file(fact: FileFact) -> dict[str, str | int]:
    return {
        "blob": fact.blob,
        "mode": f"{fact.mode:o}",
        "path": quote_path(fact.path),
        "sha256": fact.sha256,
        "size": fact.size,
    }


def _signature(signature: Signature) -> dict[str, str | None]:
    return {
        "format": signature.format,
        "key": signature.key,
        "of": signature.of,
        "signer": signature.signer,
        "state": signature.state,
    }


def parse_record(data: bytes, mirror: str) -> Record:
    """Parse the record of `mirror` from `data`, the content of its file.

    Raises RecordError unless `data` is the canonical JSON of a consistent record, in a schema that
    this version knows.
    """
    file = RecordFile(record_path(mirror), mirror)
    if not is_mirror_name(mirror):
        raise file.unusable("has a name that no mirror may have", "record-misplaced")
    if len(data) > RECORD_BYTES:
        raise file.unusable("is too large for a record", "record-unreadable")
    unix = data.replace(b"\r\n", b"\n") if b"\r" in data else data
    if reason := _excess(unix):
        raise file.known_trouble(data, SCHEMA_VERSION) or file.unusable(reason, "record-unreadable")
    schema, latest = _in_latest_schema(unix)
    try:
        model = RecordModel.model_validate_json(latest)
    except ValidationError as error:
        known = file.known_trouble(data, SCHEMA_VERSION)
        raise known or file.unusable(what_is_wrong(data, error), "record-unreadable") from error
    if canonical(model) != latest:
        raise file.unusable(
            "is not canonical JSON: it was edited by hand or by another tool",
            "record-not-canonical",
        )
    if unix is not data:
        raise file.converted()
    try:
        record = _record(model, schema)
    except (ValueError, binascii.Error) as error:
        raise file.unusable(f"does not hold together: {error}", "record-unreadable") from error
    if record.mirror != mirror:
        raise file.unusable(f"is the record of another mirror, {record.mirror}", "record-misplaced")
    return record


def _in_latest_schema(data: bytes) -> tuple[int, bytes]:
    """The schema of a canonical record, and the record as the latest schema would have it.

    A record of schema 1 has one place, which `path` names below third_party/.
    """
    if _SCHEMA_1 in data:
        data, found = _PATH.subn(rb'\n  "places": [\n    "third_party/\1"\n  ],\n\2', data, count=1)
        return 1, data.replace(_SCHEMA_1, _SCHEMA_2, found)
    return SCHEMA_VERSION, data


def _excess(data: bytes) -> str | None:
    """Return why these bytes are more than any record holds, as a phrase, or None if they are not.

    This is judged before the bytes are parsed, since validation turns a megabyte of brackets into
    gigabytes of error messages.
    """
    if len(data) <= RECORD_REST_VALUES:
        return None  # each value takes a byte
    rest, blocks = _BLOCK.subn(b"", data)
    if blocks > RECORD_BLOCKS:
        return f"is no record: it has more than {RECORD_BLOCKS:,} files and objects"
    values = sum(map(rest.count, (b",", b"[", b"{")))
    if len(rest) > RECORD_REST_BYTES or values > RECORD_REST_VALUES:
        return "is no record: it says far more than one does"
    return None


def _record(model: RecordModel, schema: int) -> Record:
    upstream = model.upstream
    for place in model.places:
        if problem := path_problem(place) or place_problem(place):
            msg = f"`places` {problem}"
            raise ValueError(msg)
        plain_path(quote_path(place.encode()))
    if any(one >= other for one, other in pairwise(model.places)):
        msg = "its places are not in order"
        raise ValueError(msg)
    if problem := url_problem(upstream.url, local=True):
        msg = f"`url` is not allowed: {problem}"
        raise ValueError(msg)
    for patterns in (model.selection.include, model.selection.exclude):
        if problem := excess(patterns):
            raise ValueError(problem)
    return Record(
        mirror=model.mirror,
        copies=model.places,
        upstream=UpstreamCommit(
            url=upstream.url,
            pin=_pin(upstream),
            commit=ObjectId(upstream.commit),
            commit_time=upstream.commit_time,
            tag=ObjectId(upstream.tag) if upstream.tag else None,
            commit_object=_unbase64(model.proof.commit),
            tag_objects=tuple(map(_unbase64, model.proof.tags)),
        ),
        selection=Selection(
            tuple(model.selection.include),
            tuple(model.selection.exclude),
            plain_path(upstream.from_) if upstream.from_ else RepoPath(b""),
        ),
        holding=Holding(
            upstream_tree=ObjectId(model.upstream_tree),
            tree=ObjectId(model.tree),
            files=_facts(model.files),
            licenses=_facts(model.licenses),
            proof_trees=tuple(map(_unbase64, model.proof.trees)),
        ),
        signature=_parsed_signature(model.signature) if model.signature else None,
        schema=schema,
    )


def _pin(upstream: UpstreamModel) -> Pin:
    if upstream.ref is None:
        return Pin(PinKind.COMMIT, upstream.commit)
    if not upstream.ref.startswith("refs/tags/"):
        msg = f"`ref` is no tag: {upstream.ref}"
        raise ValueError(msg)
    return Pin(PinKind.TAG, upstream.ref.removeprefix("refs/tags/"))


def _parsed_signature(model: SignatureModel) -> Signature:
    signed_by = {model.signer, model.key}
    if (None in signed_by) if model.state is SignatureState.GOOD else signed_by != {None}:
        msg = "only a good signature, and every one, has a signer and a key"
        raise ValueError(msg)
    if model.signer is not None and printable(model.signer) != model.signer:
        msg = "the signer's name is not printable"
        raise ValueError(msg)
    return Signature(model.of, model.state, model.format, model.signer, model.key)


def _facts(models: tuple[FileModel, ...]) -> tuple[FileFact, ...]:
    facts = tuple(
        FileFact(plain_path(m.path), int(m.mode, 8), ObjectId(m.blob), m.size, m.sha256)
        for m in models
    )
    refuse_disorder([fact.path for fact in facts])
    return facts


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _unbase64(text: str) -> bytes:
    raw = base64.b64decode(text, validate=True)
    if _base64(raw) != text:
        msg = "its base64 is not canonical"
        raise ValueError(msg)
    return raw
