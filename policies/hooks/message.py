"""Read the file of a commit message, and add trailers where git's own rules put them."""

import re
from collections.abc import Sequence

from policies.trailers import KEY, Trailer, parse_trailers, without_trailers
from sync.errors import UsageError
from sync.git.process import run_git

# git cuts the message off at the line below which `commit --verbose` shows the change
# (wt-status.c).
_SCISSORS = re.compile(rb"^.{1,8} -+ >8 -+\r?$", re.MULTILINE)


def read_message(path: str) -> bytes:
    """Return the message as it was written.

    Raises UsageError if it consists of our trailers alone, which git would take for a message.
    """
    with open(path, "rb") as file:
        message = _SCISSORS.split(file.read())[0]
    written = without_trailers(message)
    if (
        written != message
        and not run_git(None, "stripspace", "--strip-comments", stdin=written).stdout
    ):
        raise UsageError(
            "the commit message is empty but for its trailers", hint="say what the commit is for"
        )
    return message


def add_trailers(path: str, wanted: Sequence[Trailer]) -> None:
    """Add the wanted trailers that the message lacks.

    Other trailers of the same mirrors are removed, as they are left over from an amended sync.
    """
    with open(path, "rb") as file:
        message = file.read()
    there = parse_trailers(message)
    mirrors = {trailer.mirror for trailer in wanted}
    outdated = [trailer for trailer in there if trailer.mirror in mirrors and trailer not in wanted]
    if outdated:
        with open(path, "wb") as file:
            file.write(without_trailers(message, outdated))
    missing = [
        f"--trailer={KEY}: {trailer.mirror} {trailer.pin} {trailer.tree}"
        for trailer in wanted
        if trailer not in there
    ]
    if missing:
        if message and not message.endswith(b"\n"):
            with open(path, "ab") as file:
                file.write(b"\n")
        run_git(
            None,
            "interpret-trailers",
            "--in-place",
            "--no-divider",
            "--if-exists=addIfDifferent",
            *missing,
            path,
        )
        _leave_room(path)


def _leave_room(path: str) -> None:
    """Add an empty line for the subject if there is no text yet, as `git commit --signoff` does."""
    with open(path, "rb") as file:
        message = file.read()
    if message.startswith(f"\n{KEY}:".encode()):
        with open(path, "wb") as file:
            file.write(b"\n" + message)
