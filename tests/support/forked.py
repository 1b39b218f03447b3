"""Runs the program as a process that begins with its imports done.

The imports are most of what a run costs, and always the same. A server, one for each process of
tests, forks a child for each run: with the arguments, the directory, the environment and the
streams of a fresh process. Where a fresh interpreter would begin otherwise, the run gets a fresh
one (`is_possible`). There is one difference: between attempts at a failing upstream it pauses for a
twentieth of the time. A shell starts the program so by the file that `install` makes; hooks that
a run installs start it so too, unless FRESH_HOOKS is in its environment.
"""

import atexit
import importlib
import io
import marshal
import os
import pkgutil
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.project import ROOT

_HEAD = struct.Struct(">I")
_STREAMS = 3

FRESH_HOOKS = "TESTS_FRESH_HOOKS"
"""A variable with which hooks are installed to begin as users' do, in a fresh interpreter."""

_BEGINNINGS = ("PYTHON", "LC_", "LANG", "SSL_", "COVERAGE_", "_TYPER_")

_Request = tuple[str, list[str], dict[str, str]]
"""The directory, the arguments and the environment of a run."""


def is_possible(environment: Mapping[str, str]) -> bool:
    """Whether the environment still says what it said to the server.

    What matters is what the interpreter, OpenSSL, coverage and typer read of it.
    """
    return all(
        environment.get(k) == _environment().get(k)
        for k in {*environment, *_environment()}
        if k.startswith(_BEGINNINGS)
    )


@cache
def _environment() -> dict[str, str]:
    """The server's."""
    dropped = ("SSL_", "GIT_")
    return {key: value for key, value in os.environ.items() if not key.startswith(dropped)} | {
        "PYTHONPATH": str(ROOT)
    }


@cache
def _server() -> str:
    """The address of the server, which ends with this process."""
    directory = tempfile.mkdtemp(prefix="forked-")
    address = os.path.join(directory, "server")
    ours, theirs = socket.socketpair()
    with theirs, socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen(64)
        descriptors = [listening.fileno(), theirs.fileno()]
        interpreter = os.path.join(directory, "python")
        command = [sys.executable, "-m", "tests.support.forked"]
        command += [*map(str, descriptors), interpreter]
        # without a terminal, where git would ask whoever runs the tests for passwords
        process = subprocess.Popen(
            command, pass_fds=descriptors, env=_environment(), start_new_session=True
        )
    _write_interpreter(Path(interpreter), address)
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    atexit.register(process.wait)
    atexit.register(ours.close)  # first: the last registered comes first
    return address


_CLIENT = """\
#!{python} -IS
import os, sys
from _socket import AF_UNIX, MSG_WAITALL, SCM_RIGHTS, SOL_SOCKET, socket
from array import array
from marshal import dumps
words = sys.argv[1:]
environment = {{"PYTHONPATH": {root!r}, **os.environ}}
said = {{key: value for key, value in environment.items() if key.startswith({beginnings!r})}}
arguments = {arguments}
if not arguments or said != {said!r}:
    os.execv({otherwise!r}, [{otherwise!r}, *words])
answer = socket(AF_UNIX)
answer.connect({address!r})
content = dumps([os.getcwd(), arguments, {{**environment, "PYTHONPATH": {root!r}}}])
rights = SOL_SOCKET, SCM_RIGHTS, array("i", [0, 1, 2])
answer.sendmsg([len(content).to_bytes(4, "big")], [rights])
answer.sendall(content)
said = answer.recv(8, MSG_WAITALL)
if len(said) < 8:
    sys.exit("whoever runs the program has gone")
os._exit(os.waitstatus_to_exitcode(int.from_bytes(said[4:], "big")))
"""
"""It starts in half the time without the modules `socket` and `json`."""

_OF_A_HOOK = 'words[3:] if words[1:2] == ["-c"] and words[3:5] == ["hook", "run"] else []'


def install(program: Path) -> None:
    """Make a file that runs the program so.

    It runs with the streams, directory and environment of whoever starts it.
    """
    otherwise = Path(sys.executable).with_name("git-verbatim")
    _write_client(program, _server(), "words", otherwise, _BEGINNINGS)


def _write_interpreter(path: Path, address: str) -> None:
    """Make a file that is Python, except that it runs hooks of the program so."""
    heard = tuple(name for name in _BEGINNINGS if name != "PYTHON")  # hooks do not hear these
    _write_client(path, address, _OF_A_HOOK, Path(sys.executable), heard)


def _write_client(
    path: Path, address: str, arguments: str, otherwise: Path, beginnings: tuple[str, ...]
) -> None:
    """Write a file that does something else where the program would begin otherwise."""
    client = _CLIENT.format(
        python=sys.executable,
        root=str(ROOT),
        beginnings=beginnings,
        arguments=arguments,
        said={key: value for key, value in _environment().items() if key.startswith(beginnings)},
        otherwise=str(otherwise),
        address=address,
    )
    path.write_text(client)
    path.chmod(0o755)


def run(
    directory: Path,
    arguments: tuple[str, ...],
    environment: Mapping[str, str],
    stdin: bytes,
    timeout: float,
) -> tuple[int, bytes, bytes]:
    """The exit status of a run, what it printed, and its errors.

    TimeoutExpired is raised if it has to be killed after `timeout` seconds.
    """
    with (
        socket.socket(socket.AF_UNIX) as ours,
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
    ):
        given.write(stdin)
        given.seek(0)
        content = marshal.dumps([os.fspath(directory), list(arguments), dict(environment)])
        ours.connect(_server())
        socket.send_fds(
            ours, [_HEAD.pack(len(content))], [stream.fileno() for stream in (given, out, err)]
        )
        ours.sendall(content)
        ours.settimeout(timeout)
        pid = _HEAD.unpack(ours.recv(_HEAD.size))[0]
        try:
            status = _HEAD.unpack(ours.recv(_HEAD.size))[0]
        except TimeoutError:
            os.kill(pid, 9)
            raise subprocess.TimeoutExpired(list(arguments), timeout) from None
        out.seek(0)
        err.seek(0)
        return os.waitstatus_to_exitcode(status), out.read(), err.read()


def _serve(listening: socket.socket, alive: socket.socket, interpreter: str) -> None:
    for package in ("sync", "policies"):
        for module in pkgutil.walk_packages([str(ROOT / package)], f"{package}."):
            importlib.import_module(module.name)
    _warm()
    _quicken(vars(importlib.import_module("sync.upstream.parallel")))
    _assemble(vars(importlib.import_module("typer.main")))
    ended, wakes = socket.socketpair()
    for end in (ended, wakes):
        end.settimeout(0)
    signal.set_wakeup_fd(wakes.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    runs: dict[int, socket.socket] = {}
    while alive not in (ready := select.select([listening, alive, ended], [], [])[0]):
        if ended in ready:
            ended.recv(4096)
            _tell_ends(runs)
        if listening in ready:
            answer, _ = listening.accept()
            request, streams = _received(answer)
            if (pid := os.fork()) == 0:
                _run(*request, streams, interpreter)
            for descriptor in streams:
                os.close(descriptor)
            runs[pid] = answer
            with suppress(OSError):  # whoever asked may be gone
                answer.sendall(_HEAD.pack(pid))


def _received(answer: socket.socket) -> tuple[_Request, list[int]]:
    head, streams, _, _ = socket.recv_fds(answer, _HEAD.size, _STREAMS)
    content = b""
    while len(content) < (length := _HEAD.unpack(head)[0]):
        content += answer.recv(length - len(content))
    return marshal.loads(content), streams


def _tell_ends(runs: dict[int, socket.socket]) -> None:
    """Tell the statuses of all runs that have ended."""
    with suppress(ChildProcessError):  # none is left
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = ended
            with runs.pop(pid) as answer, suppress(OSError):  # whoever asked may be gone
                answer.sendall(_HEAD.pack(status))


def _warm() -> None:
    """Load what many runs load only when they use it: the words of errors, and licence texts."""
    importlib.import_module("typer.rich_utils")
    with suppress(ImportError):  # it is an extra
        importlib.import_module("licenseclassifier").identify_license("Permission is granted")


def _quicken(parallel: dict[str, Any]) -> None:
    parallel["_PAUSES_SECONDS"] = tuple(pause / 20 for pause in parallel["_PAUSES_SECONDS"])


def _assemble(typer: dict[str, Any]) -> None:
    """Make commands of the functions, and what parses their arguments.

    It is the same in each run, and half of a short one.
    """
    typer["get_command"] = cache(typer["get_command"])
    _parse_nothing(typer["get_command"](importlib.import_module("sync.cli.program").app))


def _parse_nothing(command: Any) -> None:
    command.make_context(command.name, [], resilient_parsing=True)
    for below in getattr(command, "commands", {}).values():
        _parse_nothing(below)


def _run(
    directory: str,
    arguments: list[str],
    environment: dict[str, str],
    streams: list[int],
    interpreter: str,
) -> None:
    for number, (name, descriptor) in enumerate(
        zip(("stdin", "stdout", "stderr"), streams, strict=True)
    ):
        os.dup2(descriptor, number)
        old = getattr(sys, name)
        # it stays open for as long as the process lives
        raw = open(number, "rb" if number == 0 else "wb", closefd=False)  # noqa: SIM115
        setattr(
            sys, name, io.TextIOWrapper(raw, old.encoding, old.errors, write_through=number == 2)
        )
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.closerange(_STREAMS, 256)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [str(ROOT / "sync" / "__main__.py"), *arguments]
    if FRESH_HOOKS not in environment:
        sys.executable = interpreter
    pygit2 = importlib.import_module("pygit2")
    if "HOME" in environment:
        pygit2.settings.homedir = environment["HOME"]  # libgit2 looks only once
    importlib.import_module("sync.__main__").main()


if __name__ == "__main__":
    _serve(
        socket.socket(fileno=int(sys.argv[1])), socket.socket(fileno=int(sys.argv[2])), sys.argv[3]
    )
