"""The program: it runs what the command line asks for, and reports errors.

It is the only place where errors become text and exit statuses.
"""

import gc
import math
import os
import signal
import sys
import time
from contextlib import suppress
from types import FrameType
from typing import NoReturn

# A short run makes many values that stay. Looking through them again and again would take 5 % of
# the time of the imports and of a verify.
gc.set_threshold(1_000_000)
# This comes before anything imports pydantic, which would look for its plugins in the metadata of
# every installed package (50 ms).
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from sync.errors import ExitStatus, InterruptedByUser, VerbatimError
from sync.streams import settle

_SAME_WISH_SECONDS = 3.0
"""A second signal within this time is ignored: it asks for the same.

The shell and the kernel both send a hangup, and people press Ctrl-C twice. By then everything is
already being ended.
"""


class _Interrupt:
    """The handler of signals that end the program; it ignores one that soon follows another."""

    def __init__(self) -> None:
        self._last = -math.inf

    def __call__(self, number: int, _: FrameType | None) -> None:
        before, self._last = self._last, time.monotonic()
        if self._last - before > _SAME_WISH_SECONDS:
            raise InterruptedByUser(number)

    def come_again(self, ignored: "sys.UnraisableHookArgs") -> None:
        """Send the signal again if Python has ignored what the handler raised.

        It does so where the handler runs while an object is being deleted.
        """
        if isinstance(ignored.exc_value, InterruptedByUser):
            from threading import Timer  # it takes a millisecond, which few runs need

            self._last = -math.inf
            again = Timer(0.01, os.kill, (os.getpid(), ignored.exc_value.args[0]))
            again.daemon = True
            again.start()
        else:
            sys.__unraisablehook__(ignored)


def listen() -> None:
    """Have Ctrl-C, SIGTERM and SIGHUP raise InterruptedByUser."""
    interrupt = _Interrupt()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    sys.unraisablehook = interrupt.come_again


def main() -> NoReturn:
    """Run the program and exit."""
    settle()
    listen()
    try:
        status = _flushed(_run())
    except InterruptedByUser:
        _complain("interrupted\n")
        status = ExitStatus.INTERRUPTED
    with suppress(OSError):
        sys.stderr.flush()
    # An ordinary exit would take 45 ms to end the interpreter, and may wait for threads in vain.
    os._exit(status)


def _flushed(status: int) -> int:
    """The status, or another one if the output cannot be written."""
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
        return ExitStatus.TROUBLE  # the reader of the output has gone
    except OSError as error:
        return _cannot(error)
    except SystemExit as finished:
        return finished.code if isinstance(finished.code, int) else ExitStatus.CLEAN
    except ImportError as error:
        _complain(
            f"error: git-verbatim is not installed completely: {error}\nhint: install it again\n"
        )
        return ExitStatus.TROUBLE  # the modules that print errors may be missing too
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
        # Every commit waits for this command, so it does without the imports of all others.
        from policies.hooks.run import run_hook

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
    with suppress(OSError):  # if nobody can be told, the exit status still says it
        sys.stderr.write(text)


if __name__ == "__main__":
    main()
