"""The program, to which something happens at a moment that a test could not hit from outside."""

import importlib
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from tests.support.program import Ran, run_under


def run_meanwhile(
    directory: Path,
    there: str,
    written: tuple[str, str] | None,
    *arguments: str,
    linked: tuple[str, str] | None = None,
) -> Ran:
    """A run to which something happens as soon as the file `there` exists.

    `written` is a path and what is written there; `linked` is a path that becomes a symlink, in
    place of an empty directory if there is one, and what it names. Without either the run is
    interrupted. The moment is the next at which the interpreter is about to open or change a file
    (`sys.addaudithook`).
    """
    happening = ("write", *written) if written else ("link", *linked) if linked else ("", "", "")
    return run_under(directory, (sys.executable, "-m", __name__, there, *happening), *arguments)


def _main(there: str, how: str, path: str, content: str, *command: str) -> None:
    happened = False

    def listen(event: str, _: object) -> None:
        nonlocal happened
        if happened or not event.startswith(("open", "os.")) or not os.path.lexists(there):
            return
        happened = True
        if how == "write":
            Path(path).write_text(content)
        elif how == "link":
            with suppress(FileNotFoundError):
                os.rmdir(path)
            os.symlink(content, path)
        else:
            signal.raise_signal(signal.SIGINT)

    sys.addaudithook(listen)
    sys.argv = list(command[2:])  # without the interpreter and its -m
    importlib.import_module("sync.__main__").main()


if __name__ == "__main__":
    _main(*sys.argv[1:])
