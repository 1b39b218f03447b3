"""Says how each mirror and form of the working tree stands; pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sync.host.sparse_and_modes import ALL_SEEN, Unseen
from sync.layout import license_directory
from sync.model.values import FormKind, Pin, Signature

if TYPE_CHECKING:
    from sync.judgement.findings import Finding


class Standing(StrEnum):
    """How a mirror or form stands, in a few words."""

    CLEAN = "clean"
    ABSENT = "absent"
    REMOVED = "removed"
    NOT_SYNCED = "not synced"
    PIN_CHANGED = "to be synced"
    DRIFT = "drift"
    BROKEN_RECORD = "broken record"
    ORPHAN = "not in manifest"
    NOT_MADE = "not made"
    STALE = "to be made anew"


@dataclass(frozen=True, slots=True)
class FormStatus:
    """One line of the status about a derived form."""

    name: str
    kind: FormKind | None
    """None if neither manifest nor record says it."""
    of: str
    """What it is made of, as the manifest or the record says it."""
    places: tuple[str, ...]
    checked_in: bool
    standing: Standing
    staged: bool
    """Whether the index has the form as it is on disk; true outside of git."""
    findings: "tuple[Finding, ...]" = ()
    not_compared: str | None = None
    """Why it could not be made again to compare, where that was tried."""

    altered_by_add: tuple[str, ...] = ()
    """The files whose bytes a `git add` would change, from the host's root."""

    @property
    def directories(self) -> tuple[str, ...]:
        """The directories that hold it, or the files that it is."""
        return self.places

    @property
    def is_well(self) -> bool:
        return self.standing in {Standing.CLEAN, Standing.ABSENT, Standing.REMOVED}

    @property
    def is_plainly_well(self) -> bool:
        """Whether the form is well and there is nothing else to say about it."""
        has_more = self.findings or self.not_compared or self.altered_by_add
        return self.is_well and self.staged and not has_more


@dataclass(frozen=True, slots=True)
class MirrorStatus:
    """One line of the status."""

    name: str
    places: tuple[str, ...]
    checked_in: bool
    pin: Pin | None
    recorded_pin: Pin | None
    standing: Standing
    signature: Signature | None
    """The signature as recorded."""
    staged: bool
    """Whether the index has the mirror as it is on disk; true outside of git."""
    findings: "tuple[Finding, ...]" = ()
    unseen: Unseen = ALL_SEEN
    altered_by_add: tuple[str, ...] = ()
    """The files whose bytes a `git add` would change, from the host's root."""
    not_here: tuple[str, ...] = ()
    """The places that are not here, which is nothing wrong."""

    @property
    def directories(self) -> tuple[str, ...]:
        """The directories of its files and of its licences, from the host's root."""
        return *self.places, license_directory(self.name)

    @property
    def is_well(self) -> bool:
        return self.standing in {Standing.CLEAN, Standing.ABSENT, Standing.REMOVED}

    @property
    def is_plainly_well(self) -> bool:
        """Whether the mirror is well and there is nothing else to say about it."""
        has_more = self.findings or self.altered_by_add or self.unseen != ALL_SEEN
        return self.is_well and self.staged and not has_more
