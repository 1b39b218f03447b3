"""Keeps typed passwords in git's own credential cache for as long as the program runs."""

import shlex
import shutil
import tempfile
import threading
from pathlib import Path

from sync.git.process import run_git
from sync.git.terminal import terminal

# The program ends the cache itself; this is for a program that was killed.
_LONGEST_SECONDS = 3600


class Passwords:
    """What somebody typed when git asked.

    A large upstream is asked twice, but the user only once. Where nobody can be asked, nothing is
    kept.
    """

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._directory = Path(tempfile.mkdtemp(prefix="git-verbatim-")) if terminal() else None

    @property
    def helpers(self) -> tuple[tuple[str, str], ...]:
        """The configuration by which git asks the cache, after the user's own helpers."""
        if self._directory is None:
            return ()
        return (
            (
                "credential.helper",
                f"cache --timeout={_LONGEST_SECONDS} --socket={shlex.quote(str(self._socket))}",
            ),
        )

    def begin(self) -> None:
        """Start the cache, since somebody is about to be asked.

        A cache that a git starts by itself is ended together with that git.
        """
        with self._starting:
            if self._directory is not None and not self._socket.exists():
                nobodys = b"protocol=none\nhost=invalid\nusername=nobody\npassword=none\n"
                run_git(
                    None,
                    "credential-cache",
                    f"--socket={self._socket}",
                    "store",
                    stdin=nobodys,
                    check=False,
                )

    @property
    def _socket(self) -> Path:
        return (self._directory or Path()) / "socket"

    def forget(self) -> None:
        """End the cache, if there is one."""
        if self._directory is None:
            return
        if self._socket.exists():
            run_git(None, "credential-cache", f"--socket={self._socket}", "exit", check=False)
        shutil.rmtree(self._directory, ignore_errors=True)
        self._directory = None
