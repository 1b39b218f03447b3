"""The record as the file `third_party/provenance/<mirror>.json`: canonical JSON, read strictly."""

import base64
import binascii
import json
from collections.abc import Iterable
from itertools import pairwise

from pydantic import ValidationError
from pydantic_core import to_json

from sync.errors import RecordError
from sync.model import (
    THIRD_PARTY,
    FileFact,
    ObjectId,
    RepoPath,
    Selection,
    Signature,
    SignatureState,
    record_path,
)
from sync.names import printable, quote_path, unquote_path
from sync.paths import into_problem, is_mirror_name, path_problem
from sync.proof import Proof
from sync.provenance import Record
from sync.record_model import SCHEMA_VERSION, FileModel, RecordModel, SignatureModel
from sync.tree import judge_path
from sync.urls import url_problem

_MAX_PATH_BYTES = 4096


def dump_record(record: Record) -> bytes:
    """The record's canonical bytes: the same for everybody who mirrors the same."""
    return _canonical(
        {
            "files": [_file(fact) for fact in record.files],
            "licenses": [_file(fact) for fact in record.licenses],
            "mirror": record.mirror,
            "path": record.into,
            "proof": {
                "commit": _base64(record.proof.commit),
                "tags": [_base64(raw) for raw in record.proof.tags],
                "trees": [_base64(raw) for raw in record.proof.trees],
            },
            "schema": SCHEMA_VERSION,
            "selection": {"exclude": record.selection.exclude, "include": record.selection.include},
            **({"signature": _signature(record.signature)} if record.signature else {}),
            "tree": record.tree,
            "upstream": {
                "commit": record.commit,
                "commit_time": record.commit_time,
                "from": quote_path(record.source),
                "ref": record.ref,
                "tag": record.tag,
                "url": record.url,
            },
            "upstream_tree": record.upstream_tree,
        }
    )


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


def _canonical(document: object) -> bytes:
    """Keys in the order given, which is the alphabet's; two spaces, LF, a final newline."""
    return to_json(document, indent=2, by_alias=True) + b"\n"


MAX_RECORD_BYTES = 64 << 20
"""Of 100,000 files with long paths: more is no record of a mirror that its budget allows."""


def parse_record(data: bytes, mirror: str) -> Record:
    """The record in `data`, which the file of `mirror` holds.

    Raises RecordError unless it is the canonical JSON of a consistent record in a schema that this version knows.
    """
    if not is_mirror_name(mirror):
        raise _error(mirror, "has a name that no mirror may have", "record-misplaced")
    if len(data) > MAX_RECORD_BYTES:
        raise _error(mirror, "is too large for a record", "record-unreadable")
    try:
        model = RecordModel.model_validate_json(data)
    except ValidationError as error:
        raise _unreadable(data, mirror, error) from error
    if _canonical(model) != data:
        if _canonical(model) == data.replace(b"\r\n", b"\n"):
            raise RecordError(
                f"{_where(mirror)} has CRLF line endings: git converted it on checkout",
                ["attributes that keep git from converting are missing in third_party/, or were not there when this was cloned"],
                hint=f"`git verbatim init`, then `git checkout HEAD -- {THIRD_PARTY}`",
                reference="record-line-endings",
            )
        raise _error(mirror, "is not canonical JSON: it was edited by hand or by another tool", "record-not-canonical")
    try:
        record = _record(model)
    except (ValueError, binascii.Error) as error:
        raise _error(mirror, f"does not hold together: {error}", "record-unreadable") from error
    if record.mirror != mirror:
        raise _error(mirror, f"is the record of another mirror, {record.mirror}", "record-misplaced")
    return record


def _record(model: RecordModel) -> Record:
    upstream = model.upstream
    if problem := path_problem(model.path) or into_problem(model.path):
        msg = f"`path` {problem}"
        raise ValueError(msg)
    _plain_path(quote_path(model.path.encode()))
    if problem := url_problem(upstream.url, local=True):
        msg = f"`url` is not allowed: {problem}"
        raise ValueError(msg)
    if upstream.ref is not None and not upstream.ref.startswith("refs/tags/"):
        msg = f"`ref` is no tag: {upstream.ref}"
        raise ValueError(msg)
    return Record(
        mirror=model.mirror,
        into=model.path,
        url=upstream.url,
        ref=upstream.ref,
        tag=ObjectId(upstream.tag) if upstream.tag else None,
        commit=ObjectId(upstream.commit),
        commit_time=upstream.commit_time,
        source=_plain_path(upstream.from_) if upstream.from_ else RepoPath(b""),
        selection=Selection(tuple(model.selection.include), tuple(model.selection.exclude)),
        tree=ObjectId(model.tree),
        upstream_tree=ObjectId(model.upstream_tree),
        files=_facts(model.files),
        licenses=_facts(model.licenses),
        proof=Proof(
            commit=_unbase64(model.proof.commit),
            tags=tuple(map(_unbase64, model.proof.tags)),
            trees=tuple(map(_unbase64, model.proof.trees)),
        ),
        signature=_parsed_signature(model.signature) if model.signature else None,
    )


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
    facts = tuple(FileFact(_plain_path(m.path), int(m.mode, 8), ObjectId(m.blob), m.size, m.sha256) for m in models)
    paths = [fact.path for fact in facts]
    if any(one >= other for one, other in pairwise(paths)):
        msg = "its files are not in order"
        raise ValueError(msg)
    if not _directories(paths).isdisjoint(paths):
        msg = "a path is both a file and a directory"
        raise ValueError(msg)
    return facts


def _directories(paths: Iterable[bytes]) -> set[bytes]:
    found: set[bytes] = set()
    for path in paths:
        directory = path.rpartition(b"/")[0]
        while directory and directory not in found:
            found.add(directory)
            directory = directory.rpartition(b"/")[0]
    return found


def _plain_path(text: str) -> RepoPath:
    path = unquote_path(text)
    if len(path) > _MAX_PATH_BYTES or judge_path(path) not in {None, "name-not-utf8"}:
        msg = f"{text[:200]} is no plain path"
        raise ValueError(msg)
    return RepoPath(path)


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _unbase64(text: str) -> bytes:
    raw = base64.b64decode(text, validate=True)
    if _base64(raw) != text:
        msg = "its base64 is not canonical"
        raise ValueError(msg)
    return raw


def _unreadable(data: bytes, mirror: str, error: ValidationError) -> RecordError:
    if any(line.startswith((b"<<<<<<< ", b">>>>>>> ")) for line in data.splitlines()):
        return _error(mirror, "holds an unresolved merge conflict", "record-conflict")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return _error(mirror, "is not JSON", "record-unreadable")
    version = document.get("schema") if isinstance(document, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        return RecordError(
            f"{_where(mirror)} has schema {version}, this version knows {SCHEMA_VERSION}",
            hint="install a newer git-verbatim",
            reference="record-newer",
        )
    first = error.errors(include_url=False)[0]
    key = ".".join(map(str, first["loc"]))
    return _error(mirror, f"is no record: {key}: {first['msg'].lower()}", "record-unreadable")


def _error(mirror: str, problem: str, reference: str) -> RecordError:
    return RecordError(
        f"{_where(mirror)} {problem}",
        ["only the tool writes records"],
        hint=f"put the committed one back with `git checkout HEAD -- {_where(mirror)}`, "
        f"or make it anew with `git verbatim sync --discard-local {mirror}`",
        reference=reference,
    )


def _where(mirror: str) -> str:
    return f"{THIRD_PARTY}/{record_path(mirror)}"
