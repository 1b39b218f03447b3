"""The trailers `Mirror-Sync: <mirror> <pin> <tree id>` that a commit should have, or has; pure."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from policies.facts import PolicedState
from sync.ids import EMPTY_TREE
from sync.record.record import Record

KEY = "Mirror-Sync"
REMOVED = "removed"
_LINE = re.compile(
    rb"^(?i:%s):[ \t]*(\S+)[ \t]+(\S+)[ \t]+([0-9a-f]{40})[ \t\r]*(?:\n|\Z)" % KEY.encode(),
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Trailer:
    """The statement of a commit message that the commit changes a mirror."""

    mirror: str
    pin: str
    """A tag, a commit id, or the word `removed`."""
    tree: str

    def __str__(self) -> str:
        return f"{KEY}: {self.mirror} {self.pin} {self.tree}"


def wanted_trailers(state: PolicedState, parents: Sequence[PolicedState]) -> list[Trailer]:
    """Return a trailer for each mirror that is as no parent has it."""
    names = dict.fromkeys(
        [*state.mirrors, *(name for parent in parents for name in parent.mirrors)]
    )
    return [
        trailer
        for name in names
        if _is_changed(state, parents, name) and (trailer := _trailer(state, name))
    ]


def _is_changed(state: PolicedState, parents: Sequence[PolicedState], name: str) -> bool:
    facts = state.mirrors.get(name)
    if any(parent.mirrors.get(name) is facts for parent in parents):
        return False
    here = _content(state, name)
    return (
        all(_content(parent, name) != here for parent in parents) if parents else here is not None
    )


def _content(state: PolicedState, name: str) -> object:
    facts = state.mirrors.get(name)
    return facts.content if facts is not None and facts.record_entry is not None else None


def _trailer(state: PolicedState, name: str) -> Trailer | None:
    facts = state.mirrors.get(name)
    if facts is None or facts.record is None:
        return Trailer(name, REMOVED, EMPTY_TREE)
    return (
        Trailer(name, str(facts.record.pin), facts.record.holding.tree)
        if isinstance(facts.record, Record)
        else None
    )


def parse_trailers(message: bytes) -> set[Trailer]:
    """Return the trailers of a message in any encoding.

    Any line of the message may be one, since squashes and forges move trailers about.
    """
    return {_parsed(match) for match in _LINE.finditer(message)}


def without_trailers(message: bytes, unwanted: Collection[Trailer] | None = None) -> bytes:
    """Return the message without the unwanted trailers, which by default are all."""
    return _LINE.sub(
        lambda match: b"" if unwanted is None or _parsed(match) in unwanted else match[0], message
    )


def _parsed(match: re.Match[bytes]) -> Trailer:
    return Trailer(*(field.decode("utf-8", "replace") for field in match.groups()))
