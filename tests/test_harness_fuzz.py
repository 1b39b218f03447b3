"""The laws of tests.harnesses.fuzz on some generated inputs.

They are also tried on large inputs, and on each input that has once broken one.
"""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from sync.record.proof import proof_problems
from tests.harnesses.fuzz.against_git import AGAINST_GIT, WITH_GIT
from tests.harnesses.fuzz.forgery import forge
from tests.harnesses.fuzz.generated import law_of
from tests.harnesses.fuzz.honest import upstream
from tests.harnesses.fuzz.seeds import LARGE, SEEDS
from tests.harnesses.fuzz.strategies import STRATEGIES
from tests.harnesses.fuzz.targets import TARGETS, hold
from tests.support.project import ROOT

CRASHES = sorted((ROOT / "tests" / "harnesses" / "fuzz" / "crashes").glob("*/*"))


@pytest.mark.parametrize("target", [*TARGETS, *AGAINST_GIT])
def test_generated_inputs_keep_the_laws(tmp_path: Path, target: str) -> None:
    law = law_of(target, tmp_path)

    @settings(
        max_examples=20 if target in AGAINST_GIT else 80,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(STRATEGIES[target.removesuffix(WITH_GIT)])
    def check(data: bytes) -> None:
        law(data)

    check()


@pytest.mark.parametrize("crash", CRASHES, ids=lambda path: f"{path.parent.name}: {path.name}")
def test_what_once_broke_a_law_keeps_it(tmp_path: Path, crash: Path) -> None:
    law_of(crash.parent.name, tmp_path)(crash.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_large_inputs_take_no_second(target: str) -> None:
    for data in SEEDS[target] + LARGE[target]:
        hold(TARGETS[target], data)


@pytest.mark.parametrize("number", range(len(upstream()[1])))
def test_a_forgery_without_edits_is_an_honest_record(number: int) -> None:
    assert proof_problems(*forge(bytes([number]))) == []
