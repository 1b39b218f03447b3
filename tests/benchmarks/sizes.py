"""How much is measured."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of the stand-ins, and how many rounds count."""

    rounds: int = 5
    history: float = 1
    """Share of the usual number of commits."""
    large_files: int = 50_000
    is_quick: bool = False
    """Whether it is only to be seen that the benchmarks work: no peers, no warming up."""


QUICK = Sizes(rounds=1, history=0.05, large_files=200, is_quick=True)
