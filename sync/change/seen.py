"""What a look at a host and its upstreams showed of each mirror, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sync.change.left import Left
from sync.derived.ingredients import Made
from sync.derived.record import DerivedRecord
from sync.model.mirrors import Copy, Form, Mirror
from sync.record.places import Present, Recorded
from sync.record.record import Record

if TYPE_CHECKING:
    from sync.git.repository import Repository


@dataclass(frozen=True, slots=True)
class SeenMirror:
    """A mirror that the manifest wants, and what is here of it."""

    mirror: Mirror
    record: Record | None
    before: Record | None
    """Its record, or else the one in HEAD."""
    present: Present
    recorded: Recorded
    left: Mapping[str, Left]
    """The places that it leaves."""


@dataclass(frozen=True, slots=True)
class WantedMirror:
    """A mirror that is not as it has to be, and what it has to be."""

    seen: SeenMirror
    copy: Copy
    objects: "Repository"
    """Where the copy's objects are read."""


@dataclass(frozen=True, slots=True)
class LeavingMirror:
    """A mirror that the manifest does not want any more, and what is here of it."""

    name: str
    places: tuple[str, ...]
    before: Record | None
    """Its record, or else the one in HEAD."""
    left: Mapping[str, Left]
    """Its places, and that of its licences."""


@dataclass(frozen=True, slots=True)
class SeenForm:
    """A derived form that the manifest wants, and what is here of it."""

    form: Form
    record: DerivedRecord | None
    before: DerivedRecord | None
    """Its record, or else the one in HEAD."""
    present: Present
    recorded: Recorded
    left: Mapping[str, Left]
    """The places that it leaves."""


@dataclass(frozen=True, slots=True)
class WantedForm:
    """A form that is not as it has to be, what was made, and its new record."""

    seen: SeenForm
    made: Made
    record: DerivedRecord
    diff: tuple[str, ...] = ()
    """What changes in it as text, line by line, as a unified diff; empty if it is new."""


@dataclass(frozen=True, slots=True)
class LeavingForm:
    """A form that the manifest does not want any more, and what is here of it."""

    name: str
    before: DerivedRecord | None
    """Its record, or else the one in HEAD."""
    left: Mapping[str, Left]
    """Its places."""


@dataclass(frozen=True, slots=True)
class LookedForms:
    """All that the part of a plan about derived forms is made from."""

    wanted: tuple[WantedForm, ...] = ()
    leaving: tuple[LeavingForm, ...] = ()
    satisfied: tuple[str, ...] = ()
    unstaged: tuple[str, ...] = ()
    """The satisfied forms that the index does not have as they are on disk."""


@dataclass(frozen=True, slots=True)
class Looked:
    """All that a plan is made from, each in the manifest's order."""

    wanted: tuple[WantedMirror, ...]
    leaving: tuple[LeavingMirror, ...]
    satisfied: tuple[SeenMirror, ...]
    unstaged: tuple[str, ...]
    """The satisfied mirrors that the index does not have as they are on disk."""
