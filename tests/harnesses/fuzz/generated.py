"""Many examples from the strategies, in pieces over several processes.

Hypothesis remembers what it has tried, which costs memory.
"""

import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hypothesis import HealthCheck, given, seed, settings

from tests.harnesses.fuzz.against_git import AGAINST_GIT, WITH_GIT, new_repository
from tests.harnesses.fuzz.strategies import STRATEGIES
from tests.harnesses.fuzz.targets import TARGETS, hold

HEADER = "| target | examples | failures |\n|---|--:|--:|"
_PIECE = 5_000
_ONE_IN = 100
"""So many are for each target that starts git, which takes longer."""


@dataclass(frozen=True)
class Tried:
    """What became of the examples of a target."""

    target: str
    examples: int
    failures: int

    def __str__(self) -> str:
        return f"| {self.target} | {self.examples:,} | {self.failures} |"


def try_all(targets: Sequence[str], examples: int, jobs: int) -> Iterator[Tried]:
    """Try so many examples over all targets; what fails is shrunk and printed."""
    with_git = [target for target in targets if target in AGAINST_GIT]
    share_of_git = examples // (_ONE_IN if len(with_git) < len(targets) else len(targets))
    share = (examples - share_of_git * len(with_git)) // max(1, len(targets) - len(with_git))
    with ProcessPoolExecutor(jobs) as pool:
        for target in targets:
            wanted = share_of_git if target in AGAINST_GIT else share
            pieces = [min(_PIECE, wanted - at) for at in range(0, wanted, _PIECE)]
            tried = [*pool.map(_try_piece, [target] * len(pieces), pieces, range(len(pieces)))]
            yield Tried(
                target, sum(count for count, _ in tried), sum(failed for _, failed in tried)
            )


def _try_piece(target: str, examples: int, number: int) -> tuple[int, bool]:
    """How many were tried, and whether one failed."""
    count = 0
    warnings.simplefilter("error")
    with tempfile.TemporaryDirectory(prefix="git-verbatim-fuzz-") as scratch:
        law = law_of(target, Path(scratch))

        @seed(number)
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(STRATEGIES[target.removesuffix(WITH_GIT)])
        def check(data: bytes) -> None:
            nonlocal count
            count += 1
            law(data)

        try:
            check()
        except Exception:  # noqa: BLE001 - whatever is wrong is printed, and the other pieces go on
            traceback.print_exc()
            return count, True
        return count, False


def law_of(target: str, scratch: Path) -> Callable[[bytes], None]:
    """A target as a function of bytes alone."""
    if target in AGAINST_GIT:
        return partial(AGAINST_GIT[target], new_repository(scratch))
    return partial(hold, TARGETS[target])
