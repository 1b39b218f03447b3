"""One line of the table."""

import operator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Floor:
    """The least that this job can take here, measured in the same run as the rest."""

    what: str
    measured: float


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured, and what it ought to be at most, or at least.

    It is a ratio, or a number of `unit`.
    """

    job: str
    against: str
    measured: float
    goal: str | None
    """None where it is only told."""
    unit: str = ""
    floor: Floor | None = None
    """Told where the goal is missed, or there is none."""
    is_minimum: bool = False

    @property
    def is_met(self) -> bool:
        if self.goal is None:
            return True
        compare = operator.ge if self.is_minimum else operator.le
        return compare(self.measured, float(self.goal))
