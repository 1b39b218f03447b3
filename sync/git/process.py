"""Runs git and the programs that check signatures; `bulk` and `transport_process` run git, too."""

import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sync.errors import CouldNotCheckError, HostError
from sync.ids import ObjectId
from sync.quoting import quote_path

_CHECKER_SECONDS = 30
_ID = re.compile("[0-9a-f]{40}")
CONVERTING = ("text", "crlf", "eol", "ident", "filter", "working-tree-encoding")
"""The attributes by which git converts content (gitattributes(5))."""
Completed = subprocess.CompletedProcess[bytes]
NOT_THERE = 1
"""The exit status by which git says that there is no such revision or merge base.

Any other status, except 0, is a failure.
"""


def run_git(
    directory: Path | None,
    *arguments: str,
    options: Sequence[str] = (),
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
    output: IO[bytes] | None = None,
    check: bool = True,
    answers: Collection[int] = (0,),
    seconds: float | None = None,
) -> Completed:
    """Run git in `directory`, by default with the environment of this process.

    `options` are git's own, before its command. A failure is a HostError that quotes git, unless
    `check` is off; `answers` are the exit statuses that are no failure. After `seconds` git is
    stopped, which is a CouldNotCheckError. A caller that must not take a cut listing for a whole
    one gives a file as `output`: git notices when it cannot write to a file, but not when it cannot
    write to a pipe.
    """
    action = next((argument for argument in arguments if not argument.startswith("-")), "")
    try:
        done = subprocess.run(  # noqa: S603
            [program(), *options, *arguments],
            cwd=directory,
            input=stdin,
            stdout=output or subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as error:
        raise CouldNotCheckError(
            f"git {action} takes too long", [f"waited: {seconds} s"], reference="git-too-slow"
        ) from error
    except OSError as error:
        raise HostError(
            "git cannot be started",
            [f"{error.filename or program()}: {(error.strerror or str(error)).lower()}"],
            hint="mend it, or put another git first in PATH; then run the command again",
            reference="git-broken",
        ) from error
    if check and done.returncode not in answers:
        said = last_lines(done.stderr or done.stdout or b"") or (
            ["it was killed"] if done.returncode < 0 else []
        )
        raise HostError(f"git {action} failed", said, reference="git-failed")
    return done


def last_lines(said: bytes, *, most: int = 6) -> list[str]:
    """The last lines that a program said, for the context of an error.

    Tabs become blanks, as they are meant, so that they are not escaped as control characters.
    """
    lines = said.decode("utf-8", "replace").expandtabs(2).strip().splitlines()
    return [line for line in lines if line.strip()][-most:]


def installed(program: str) -> str | None:
    """The path of a program; None if it is not installed."""
    return shutil.which(program, path=absolute_path())


def absolute_path() -> str:
    """PATH without its relative directories.

    With one of those, the tree that is judged could supply programs.
    """
    return os.pathsep.join(
        filter(os.path.isabs, os.environ.get("PATH", os.defpath).split(os.pathsep))
    )


def program() -> str:
    program = installed("git")
    if program is None:
        raise HostError(
            "git is not installed",
            hint="install git and run the command again",
            reference="git-missing",
        )
    return program


def stream_git(
    *arguments: str,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
    end: bytes = b"\n",
    seconds: float | None = None,
) -> Generator[bytes, None, None]:
    """What git prints here, line by line (or to another `end`), while git works.

    Raises CouldNotCheckError with git's words if git fails, or if it is stopped after `seconds`.
    Replacement refs and the user's settings for pathspecs are ignored: the objects themselves are
    judged.
    """
    with tempfile.TemporaryFile() as said:
        with _started(arguments, stdin, environment, subprocess.PIPE, said) as process:
            stopping = threading.Timer(seconds, process.kill) if seconds is not None else None
            try:
                if stopping is not None:
                    stopping.start()
                yield from _fields(process.stdout, end)
            except GeneratorExit:
                process.kill()
                raise
            finally:
                if stopping is not None:
                    stopping.cancel()
        how = f"it was stopped, after {seconds:g} s at most" if seconds else "it was stopped"
        _refuse_failed(process, arguments, said, how)


@contextmanager
def git_meanwhile(*arguments: str, stdin: bytes = b"") -> Iterator[Callable[[], list[bytes]]]:
    """Run git as `stream_git` does, while the caller does other things: what is given waits for it.

    There is no thread, so that this process can be copied meanwhile. A git that nobody waited for
    is stopped in the end.
    """
    with (
        tempfile.TemporaryFile() as said,
        tempfile.TemporaryFile() as printed,
        _started(arguments, stdin, None, printed, said) as process,
    ):

        def lines() -> list[bytes]:
            process.wait()
            _refuse_failed(process, arguments, said, "it was stopped")
            printed.seek(0)
            return printed.read().splitlines()

        try:
            yield lines
        finally:
            process.kill()


def _started(
    arguments: Sequence[str],
    stdin: bytes,
    environment: Mapping[str, str] | None,
    stdout: int | IO[bytes],
    stderr: IO[bytes],
) -> "subprocess.Popen[bytes]":
    ours = ("--no-replace-objects", "-c", "advice.graftFileDeprecated=false")
    with tempfile.TemporaryFile() as given:
        given.write(stdin)
        given.seek(0)
        return subprocess.Popen(  # noqa: S603
            [program(), *ours, *arguments],
            stdin=given,
            stdout=stdout,
            stderr=stderr,
            env=environment or judging_environment(),
        )


def _refuse_failed(
    process: "subprocess.Popen[bytes]", arguments: Sequence[str], said: IO[bytes], how: str
) -> None:
    if process.returncode != 0:
        said.seek(0)
        words = last_lines(said.read()) or [how]
        raise CouldNotCheckError(f"git {arguments[0]} failed", words, reference="git-failed")


def _fields(stream: IO[bytes] | None, end: bytes) -> Iterator[bytes]:
    left = b""
    while stream is not None and (piece := os.read(stream.fileno(), 1 << 16)):
        *fields, left = (left + piece).split(end)
        yield from fields
    if left:
        yield left


def judging_environment() -> dict[str, str]:
    """The environment without the variables that hide commits or files from a check."""
    kept = {key: value for key, value in os.environ.items() if not key.endswith("_PATHSPECS")}
    if "GIT_QUARANTINE_PATH" not in kept:
        kept.pop("GIT_SHALLOW_FILE", None)  # in a push git itself sets it
    return {**kept, "GIT_GRAFT_FILE": os.devnull}


def can_import(module: str, interpreter: str, flags: Sequence[str]) -> bool:
    """Whether a Python with these flags, started in a neutral directory, finds a module."""
    command = [interpreter, *flags, "-c", f"import {module}"]
    done = subprocess.run(  # noqa: S603
        command, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    return done.returncode == 0


def ask_checker(program: str, *arguments: str, stdin: bytes, home: Path) -> Completed:
    """Run a program that checks signatures inside `home`, without the user's environment.

    Of that it has only PATH. Raises CouldNotCheckError if the program is not installed or takes too
    long.
    """
    found = installed(program)
    if found is None:
        raise CouldNotCheckError(
            f"{program} is not installed: a signature cannot be checked",
            hint=f"install {'GnuPG' if program == 'gpg' else 'OpenSSH'} and run the command again",
            reference="signature-program-missing",
        )
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "GNUPGHOME": str(home),
        "LC_ALL": "C",
        "TZ": "UTC0",
    }
    try:
        return subprocess.run(  # noqa: S603
            [found, *arguments],
            cwd=home,
            input=stdin,
            capture_output=True,
            env=environment,
            check=False,
            timeout=_CHECKER_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise CouldNotCheckError(
            f"{program} takes too long over a signature",
            [f"waited: {_CHECKER_SECONDS} s"],
            reference="signature-program-failed",
        ) from error


def resolve_commit(repository: Path, revision: str) -> ObjectId | None:
    """The commit that a revision, in git's syntax, names in a git directory; None if there is none.

    git is asked here and in `is_reached`: libgit2 would never return if an object on the way is cut
    off.
    """
    arguments = ("--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    done = run_git(
        repository, "--no-replace-objects", "rev-parse", *arguments, answers=(0, NOT_THERE)
    )
    said = done.stdout.decode().strip()
    # A range or `^REVISION` gives more than one id.
    return ObjectId(said) if _ID.fullmatch(said) else None


def is_reached(repository: Path, commit: ObjectId, prefixes: Iterable[str]) -> bool:
    """Whether a ref of a git directory, below one of the prefixes, reaches the commit.

    Raises HostError if history is missing.
    """
    walk = (
        "rev-list",
        "--max-count=1",
        commit,
        "--not",
        *(f"--glob={prefix}*" for prefix in prefixes),
    )
    return not run_git(
        None,
        "--no-replace-objects",
        f"--git-dir={repository}",
        *walk,
        environment=own_environment(),
    ).stdout


def own_environment() -> dict[str, str]:
    """The environment without git's variables, which may point git to somebody's repository."""
    return {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}


def bytes_after_add(work_tree: Path, paths: Sequence[bytes]) -> list[ObjectId]:
    """The blob ids that `git add` would store for these files.

    The attributes and the configuration in force apply.
    """
    lines = [
        quote_path(path).encode() if path.startswith(b'"') or b"\n" in path else path
        for path in paths
    ]
    done = run_git(
        work_tree, "hash-object", "--stdin-paths", stdin=b"".join(line + b"\n" for line in lines)
    )
    return [ObjectId(line) for line in done.stdout.decode().split()]


def attributes_in_force(work_tree: Path, paths: Iterable[bytes]) -> bytes:
    """What `git check-attr -z` says of how git converts these files, sorted by path."""
    given = b"".join(path + b"\0" for path in sorted(paths))
    return run_git(work_tree, "check-attr", "--stdin", "-z", *CONVERTING, stdin=given).stdout
