"""The program, to which something happens at a moment that a test could not hit from outside."""

import importlib
import os
import signal
import sys
from pathlib import Path

from tests.support.program import Ran, run_under


def run_meanwhile(
    directory: Path, there: str, written: tuple[str, str] | None, *arguments: str
) -> Ran:
    """A run to which something happens as soon as the file `there` exists.

    `written` is a path and what is written there; without one the run is interrupted. The moment is
    the next at which the interpreter is about to open or change a file (`sys.addaudithook`).
    """
    return run_under(
        directory, (sys.executable, "-m", __name__, there, *(written or ("", ""))), *arguments
    )


def _main(there: str, path: str, content: str, *command: str) -> None:
    happened = False

    def listen(event: str, _: object) -> None:
        nonlocal happened
        if happened or not event.startswith(("open", "os.")) or not os.path.lexists(there):
            return
        happened = True
        if path:
            Path(path).write_text(content)
        else:
            signal.raise_signal(signal.SIGINT)

    sys.addaudithook(listen)
    sys.argv = list(command[2:])  # without the interpreter and its -m
    importlib.import_module("sync.__main__").main()


if __name__ == "__main__":
    _main(*sys.argv[1:])
