"""The program: starts what the command line asks for, turns errors into text and exit statuses, the only place that does."""

import gc
import math
import os
import signal
import sys
import time
from contextlib import suppress
from types import FrameType
from typing import NoReturn

# one short run makes many values that stay; looking through them again and again is 5 % of imports and of a verify
gc.set_threshold(1_000_000)
# before anything imports pydantic: looking for its plugins reads the metadata of every installed package (50 ms)
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from sync.errors import ExitStatus, InterruptedByUser, VerbatimError
from sync.streams import settle

_SAME_WISH_SECONDS = 3.0
"""A hangup comes from shell and kernel, and Ctrl-C is pressed twice: all is being ended by then."""


class _Interrupt:
    """What a signal does that ends the program: nothing, soon after another one."""

    def __init__(self) -> None:
        self._last = -math.inf

    def __call__(self, number: int, _: FrameType | None) -> None:
        before, self._last = self._last, time.monotonic()
        if self._last - before > _SAME_WISH_SECONDS:
            raise InterruptedByUser(number)


def main() -> NoReturn:
    """Run the program and exit."""
    settle()
    interrupt = _Interrupt()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    try:
        status = _flushed(_run())
    except InterruptedByUser:
        _complain("interrupted\n")
        status = ExitStatus.INTERRUPTED
    with suppress(OSError):
        sys.stderr.flush()
    os._exit(status)  # taking the interpreter down takes 45 ms, and would wait for nobody useful


def _flushed(status: int) -> int:
    """The status, unless what was printed cannot be written."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return ExitStatus.TROUBLE
    except OSError as error:
        return _cannot(error)
    return status


def _run() -> int:
    try:
        return _start(sys.argv[1:])
    except VerbatimError as error:
        return _say(error)
    except BrokenPipeError:
        return ExitStatus.TROUBLE  # whoever read has gone
    except OSError as error:
        return _cannot(error)
    except SystemExit as finished:
        return finished.code if isinstance(finished.code, int) else ExitStatus.CLEAN
    except ImportError as error:
        _complain(
            f"error: git-verbatim is not installed completely: {error}\nhint: install it again\n"
        )
        return ExitStatus.TROUBLE  # what prints errors may be what is missing
    except Exception as error:
        if os.environ.get("GIT_VERBATIM_DEBUG"):
            raise
        bug = VerbatimError(
            f"this is a bug in git-verbatim: {type(error).__name__}: {error}",
            hint="please report it, with what GIT_VERBATIM_DEBUG=1 adds",
        )
        return _say(bug)


def _start(arguments: list[str]) -> int:
    if arguments[:2] == ["hook", "run"] and not {"-h", "--help"} & {*arguments}:
        from policies.hooks.run import (
            run_hook,
        )  # without the imports of all other commands: every commit waits for it

        return run_hook(arguments[2:])
    from sync.cli.program import app

    app()
    return ExitStatus.CLEAN


def _cannot(error: OSError) -> int:
    if not _is_somewhere():
        return _say(
            VerbatimError(
                "the directory you are in does not exist any more", hint="change to one that does"
            )
        )
    words = (error.strerror or str(error)).lower()
    return _say(
        VerbatimError(
            f"cannot read or write: {words}", [os.fsdecode(error.filename or "the output")]
        )
    )


def _is_somewhere() -> bool:
    try:
        os.getcwd()
    except OSError:
        return False
    return True


def _say(error: VerbatimError) -> int:
    from sync.cli.text import render_error
    from sync.paint import paint_for

    _complain(render_error(error, paint_for(sys.stderr)))
    return error.exit_status


def _complain(text: str) -> None:
    with suppress(OSError):  # where nobody can be told, the exit status says it still
        sys.stderr.write(text)


if __name__ == "__main__":
    main()
