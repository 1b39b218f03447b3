"""Fuzzing that coverage guides.

libFuzzer, by atheris, gives a target input after input in a process of its own.
"""

import re
import subprocess
import sys
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

_MAX_BYTES = 1 << 14


@dataclass(frozen=True)
class Fuzzed:
    """What became of one target."""

    target: str
    executions: int
    edges: int
    inputs: int
    """Of the corpus: each reaches something that no other does."""
    crash: Path | None
    output: str

    def __str__(self) -> str:
        return f"| {self.target} | {self.executions:,} | {self.edges:,} | {self.inputs:,} | {1 if self.crash else 0} |"


HEADER = "| target | executions | edges covered | corpus | crashes |\n|---|--:|--:|--:|--:|"


def fuzz(target: str, seconds: int, crashes: Path) -> Fuzzed:
    """Fuzz one target until it crashes or the time is up."""
    from tests.harnesses.fuzz.seeds import (
        SEEDS,
        WORDS,
    )  # imports the program, which `main` has to see imported

    with tempfile.TemporaryDirectory(prefix="git-verbatim-fuzz-") as scratch:
        corpus, words = Path(scratch) / "corpus", Path(scratch) / "words"
        corpus.mkdir()
        for number, seed in enumerate(SEEDS[target]):
            (corpus / f"seed{number}").write_bytes(seed)
        words.write_text(
            "".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in WORDS)
        )
        options = [
            f"-max_total_time={seconds}",
            f"-max_len={_MAX_BYTES}",
            f"-dict={words}",
            f"-artifact_prefix={crashes}/{target}-",
        ]
        command = [
            sys.executable,
            "-m",
            "tests.harnesses.fuzz.guided",
            target,
            *options,
            "-print_final_stats=1",
            "-verbosity=1",
            str(corpus),
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False
        )
    output = done.stdout + done.stderr
    executions = re.findall(r"number_of_executed_units:\s*(\d+)", output)
    progress = re.findall(r"cov: (\d+).* corp: (\d+)/", output) or [("0", "0")]
    artifact = re.search(r"Test unit written to (.+)", output)
    edges, inputs = map(int, progress[-1])
    crash = Path(artifact[1]) if artifact else None
    return Fuzzed(target, int(executions[-1]) if executions else 0, edges, inputs, crash, output)


def main() -> None:
    """In the process of its own: run one target under libFuzzer, which ends the process."""
    import atheris

    target, *options = sys.argv[1:]
    warnings.simplefilter("error")
    with atheris.instrument_imports(include=["sync", "policies"]):
        from tests.harnesses.fuzz.targets import TARGETS, hold
    atheris.Setup([sys.argv[0], *options], lambda data: hold(TARGETS[target], data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
