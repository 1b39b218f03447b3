"""One line of the table."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured: a ratio, or a peak of memory in megabytes, and what it ought to be at most."""

    job: str
    against: str
    measured: float
    goal: str
    is_memory: bool = False

    @property
    def is_met(self) -> bool:
        return self.measured <= float(self.goal)
