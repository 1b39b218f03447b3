"""Mutants of the code that decides: which of them the tests kill, and which survive.

`python -m tests.harnesses.mutation` has mutmut make them in a copy of the tree.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import Phase, settings

from tests.support.project import ROOT

MODULES = (
    "sync/objects/tree.py",
    "sync/selection/select.py",
    "sync/objects/portable.py",
    "sync/record/proof.py",
    "policies/copies.py",
    "policies/rules.py",
)
TESTS = (
    "tree_objects",
    "selection",
    "portable_names",
    "proof",
    "patterns",
    "harness_fuzz",
    "rules",
)
_KILLED = ("killed", "timeout", "segfault", "suspicious")
_SURVIVED = ("survived", "no tests")
_CONFIGURATION = """
[tool.mutmut]
source_paths = {modules}
also_copy = {everything}
pytest_add_cli_args = ["-p", "tests.harnesses.mutation"]
pytest_add_cli_args_test_selection = {tests}
timeout_multiplier = 3
timeout_constant = 5
"""


def pytest_configure() -> None:
    """Set pytest up, as a plugin.

    Programs that the tests start are not mutants, and an example that kills one need not be shrunk.
    """
    os.environ.pop("MUTANT_UNDER_TEST", None)
    sys.setrecursionlimit(10_000)  # mutmut puts frames between ours
    settings.register_profile(
        "mutation", phases=[Phase.explicit, Phase.generate], database=None, derandomize=True
    )
    settings.load_profile("mutation")


def main() -> int:
    modules = sys.argv[1:] or list(MODULES)
    with tempfile.TemporaryDirectory(prefix="git-verbatim-mutation-") as scratch:
        copy = Path(scratch) / "copy"
        shutil.copytree(
            ROOT,
            copy,
            symlinks=True,
            ignore=shutil.ignore_patterns(".*", "__pycache__", "build", "dist"),
        )
        _configure(copy, modules)
        mutmut = [sys.executable, "-m", "mutmut"]
        ran = subprocess.run(
            [*mutmut, "run", "--max-children", "1"], cwd=copy, check=False, stdout=sys.stderr
        )
        listed = subprocess.run(
            [*mutmut, "results", "--all", "true"],
            cwd=copy,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        results = dict(re.findall(r"^\s+(\S+): (.+)$", listed, re.MULTILINE))
        print(_table(modules, results))
        for mutant in sorted(name for name, result in results.items() if result in _SURVIVED):
            shown = subprocess.run(
                [*mutmut, "show", mutant], cwd=copy, check=True, capture_output=True, text=True
            ).stdout
            print(f"\n{shown}")
    return ran.returncode


def _configure(copy: Path, modules: list[str]) -> None:
    tests = [f"tests/test_{name}.py" for name in TESTS]
    everything = sorted(name for name in os.listdir(copy) if name != "pyproject.toml")
    with (copy / "pyproject.toml").open("a") as file:
        file.write(_CONFIGURATION.format(modules=modules, everything=everything, tests=tests))


def _table(modules: list[str], results: dict[str, str]) -> str:
    lines = [
        "| module | mutants | killed | of these by time | survivors |",
        "|---|--:|--:|--:|--:|",
    ]
    for module in [*modules, "all"]:
        prefix = "" if module == "all" else module.removesuffix(".py").replace("/", ".") + "."
        counts = Counter(result for name, result in results.items() if name.startswith(prefix))
        killed = sum(counts[result] for result in _KILLED)
        lines.append(
            f"| {module} | {counts.total():,} | {killed:,} ({killed / max(1, counts.total()):.1%}) "
            f"| {counts['timeout']:,} | {counts.total() - killed:,} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
