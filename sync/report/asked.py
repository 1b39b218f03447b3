"""Reads what `verify --upstream --json` found on a given date, for reports that say so."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sync.errors import UsageError
from sync.judgement.findings import Rule
from sync.record.json_file import dump_record
from sync.record.record import Record
from sync.report.facts import Asked

_MOST_BYTES = 64 << 20
_SHOWN = 12
_OF_UPSTREAM = frozenset(
    {
        Rule.TAG_MOVED,
        Rule.TAG_DELETED,
        Rule.COMMIT_UNREACHABLE,
        Rule.UPSTREAM_TREE_DIFFERS,
        Rule.UPSTREAM_LICENSE_DIFFERS,
    }
)
_AGAIN = "git verbatim verify --upstream --json > FILE"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Mirror(_Model):
    mirror: str
    record: str | None
    upstream: Literal["agrees", "differs", "not-asked"] | None


class _Finding(_Model):
    rule: str
    mirror: str


class _Verified(_Model):
    """What is read of the output of `verify --upstream --json`."""

    schema_: Literal[2] = Field(alias="schema")
    asked: str | None = Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")
    mirrors: list[_Mirror]
    findings: list[_Finding]


@dataclass(frozen=True, slots=True)
class AskedFile:
    """A file that says what upstreams answered on a date."""

    path: Path
    date: str
    verified: _Verified

    def answers(self, records: Mapping[str, Record]) -> dict[str, Asked]:
        """Return what was answered about these records, by mirror.

        Raises UsageError if the file is about other records, so that no answer is taken for that
        to another question.
        """
        other = [
            one.mirror
            for one in self.verified.mirrors
            if one.record is not None
            and (one.mirror not in records or record_digest(records[one.mirror]) != one.record)
        ]
        if other:
            more = [f"… {len(other)} in all"] if len(other) > _SHOWN else []
            raise UsageError(
                f"{self.path} is about other records than those that are here",
                [*(f"another record: {name}" for name in other[:_SHOWN]), *more],
                hint=f"ask again: `{_AGAIN}`",
                reference="asked-other-records",
            )
        return {
            one.mirror: Asked(self.date, one.upstream == "agrees", self._found(one.mirror))
            for one in self.verified.mirrors
            if one.upstream in {"agrees", "differs"} and one.record is not None
        }

    def _found(self, mirror: str) -> tuple[str, ...]:
        found = {one.rule for one in self.verified.findings if one.mirror == mirror}
        return tuple(sorted(rule.value for rule in _OF_UPSTREAM if rule.value in found))


def record_digest(record: Record) -> str:
    """The SHA-256 of a record's file, in hexadecimal."""
    return hashlib.sha256(dump_record(record)).hexdigest()


def read_asked(path: Path) -> AskedFile:
    """Read the output of `verify --upstream --json`; UsageError if it is none."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"cannot read {path}",
            [(error.strerror or str(error)).lower()],
            hint=f"make it: `{_AGAIN}`",
            reference="asked-unreadable",
        ) from error
    try:
        verified = _Verified.model_validate_json(content[:_MOST_BYTES])
    except ValidationError as error:
        raise UsageError(
            f"{path} is not what `git verbatim verify --upstream --json` of this version prints",
            [str(error.errors(include_url=False, include_input=False)[0]["msg"]).lower()],
            hint=f"make it: `{_AGAIN}`",
            reference="asked-unusable",
        ) from error
    if verified.asked is None:
        raise UsageError(
            f"{path} was made without `--upstream`: no upstream was asked",
            hint=f"make it: `{_AGAIN}`",
            reference="asked-nobody",
        )
    return AskedFile(path, verified.asked, verified)
