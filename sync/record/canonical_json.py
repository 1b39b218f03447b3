"""What all records have in common: canonical JSON, plain paths, and what happens to their files."""

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_core import to_json

from sync.errors import NewerRecordError, RecordError
from sync.ids import RepoPath
from sync.layout import THIRD_PARTY
from sync.limits import PATH_BYTES
from sync.objects.tree import Directories, judge_path
from sync.quoting import unquote_path

_KEPT_PATHS = 4096
_SCHEMA = re.compile(rb'"schema": ?([0-9]{1,9})\b')
_CONFLICT = re.compile(rb"^(?:<{7}|>{7}) ", re.MULTILINE)


def canonical(document: object) -> bytes:
    """Return JSON with two spaces of indentation, LF and a final newline.

    Its keys keep their order, which has to be the alphabet's already.
    """
    return to_json(document, indent=2, by_alias=True) + b"\n"


@lru_cache(_KEPT_PATHS)
def plain_path(text: str) -> RepoPath:
    """Return the path that a record quotes; ValueError if it leads elsewhere or is too long."""
    path = unquote_path(text)
    if len(path) > PATH_BYTES or judge_path(path) not in {None, "name-not-utf8"}:
        msg = f"{text[:200]} is no plain path"
        raise ValueError(msg)
    return RepoPath(path)


def refuse_disorder(paths: Sequence[bytes]) -> None:
    """Raise ValueError unless these are paths of files that may lie side by side, sorted."""
    if any(one >= other for one, other in pairwise(paths)):
        msg = "its files are not in order"
        raise ValueError(msg)
    directories = Directories()
    for path in paths:
        directories.above(path)
    if not directories.found.isdisjoint(paths):
        msg = "a path is both a file and a directory"
        raise ValueError(msg)


class RecordFile(NamedTuple):
    """Where a record lies and whose it is; gives the errors about it."""

    path: str
    name: str
    """Of the mirror or form."""

    def unusable(self, problem: str, reference: str) -> RecordError:
        """Return the error for a record with a problem, which is a phrase."""
        return RecordError(
            f"{self.path} {problem}",
            ["only the tool writes records"],
            hint=f"put the committed one back with `git checkout HEAD -- {self.path}`, "
            "then run the command again; "
            f"or make it anew with `git verbatim sync --discard-local {self.name}`",
            reference=reference,
        )

    def known_trouble(self, data: bytes, latest: int) -> RecordError | None:
        """Return the error for what happens to a record without anybody's fault, or None.

        That is a merge conflict, or a schema that only a newer version knows. `latest` is the one
        that this version knows.
        """
        if _CONFLICT.search(data):
            return self.unusable("holds an unresolved merge conflict", "record-conflict")
        version = _SCHEMA.search(data)
        if version is not None and int(version[1]) > latest:
            return NewerRecordError(
                f"{self.path} has schema {int(version[1])}, this version knows {latest}",
                hint="install a newer git-verbatim",
                reference="record-newer",
            )
        return None

    def converted(self) -> RecordError:
        """Return the error for a record whose line endings git converted."""
        return RecordError(
            f"{self.path} has CRLF line endings: git converted it on checkout",
            [
                (
                    "attributes that keep git from converting are missing in third_party/, "
                    "or were not there when this was cloned"
                )
            ],
            hint=f"`git verbatim init`, then `git checkout HEAD -- {THIRD_PARTY}`",
            reference="record-line-endings",
        )


def what_is_wrong(data: bytes, error: ValidationError) -> str:
    """Return why data is no record, as a phrase that follows its path."""
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return "is not JSON"
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    key = ".".join(map(str, first["loc"]))
    return f"is no record: {key}: {first['msg'].lower()}"
