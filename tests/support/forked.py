"""Runs the program as a process that begins with its imports done.

The imports are most of what a run costs, and always the same. A server, one for each process of
tests, forks a child for each run: with the arguments, the directory, the environment and the
streams of a fresh process. Where a fresh interpreter would begin otherwise, the run gets a fresh
one (`is_possible`). There is one difference: between attempts at a failing upstream it pauses for a
twentieth of the time. A shell starts the program so by the file that `install` makes.
"""

import atexit
import importlib
import io
import json
import os
import pkgutil
import select
import shutil
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


def is_possible(environment: Mapping[str, str]) -> bool:
    """Whether the environment still says what it said to the server.

    What matters is what the interpreter, OpenSSL and coverage read of it.
    """
    beginnings = ("PYTHON", "LC_", "LANG", "SSL_", "COVERAGE_")
    return all(
        environment.get(k) == _environment().get(k)
        for k in {*environment, *_environment()}
        if k.startswith(beginnings)
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
        command = [sys.executable, "-m", "tests.support.forked", *map(str, descriptors)]
        # without a terminal, where git would ask whoever runs the tests for passwords
        process = subprocess.Popen(
            command, pass_fds=descriptors, env=_environment(), start_new_session=True
        )
    atexit.register(shutil.rmtree, directory)
    atexit.register(process.wait)
    atexit.register(ours.close)  # first: the last registered comes first
    return address


_CLIENT = """\
#!{python} -IS
import json, os, socket, struct, sys
answer = socket.socket(socket.AF_UNIX)
answer.connect({address!r})
content = json.dumps([os.getcwd(), sys.argv[1:], {{**os.environ, "PYTHONPATH": {root!r}}}]).encode()
socket.send_fds(answer, [struct.pack(">I", len(content))], [0, 1, 2])
answer.sendall(content)
said = answer.makefile("rb").read(8)
os._exit(os.waitstatus_to_exitcode(struct.unpack(">I", said[4:])[0]))
"""


def install(program: Path) -> None:
    """Make a file that runs the program so.

    It runs with the streams, directory and environment of whoever starts it.
    """
    program.write_text(_CLIENT.format(python=sys.executable, address=_server(), root=str(ROOT)))
    program.chmod(0o755)


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
        content = json.dumps([os.fspath(directory), list(arguments), dict(environment)]).encode()
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


def _serve(listening: socket.socket, alive: socket.socket) -> None:
    for package in ("sync", "policies"):
        for module in pkgutil.walk_packages([str(ROOT / package)], f"{package}."):
            importlib.import_module(module.name)
    _quicken(vars(importlib.import_module("sync.upstream.parallel")))
    while listening in select.select([listening, alive], [], [])[0]:
        with listening.accept()[0] as answer:
            head, descriptors, _, _ = socket.recv_fds(answer, _HEAD.size, _STREAMS)
            content = b""
            while len(content) < (length := _HEAD.unpack(head)[0]):
                content += answer.recv(length - len(content))
            if os.fork() == 0:
                _keep(json.loads(content), descriptors, answer)
        for descriptor in descriptors:
            os.close(descriptor)
        with suppress(ChildProcessError):  # keepers that have ended by now
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _quicken(parallel: dict[str, Any]) -> None:
    parallel["_PAUSES_SECONDS"] = tuple(pause / 20 for pause in parallel["_PAUSES_SECONDS"])


def _keep(
    request: tuple[str, list[str], dict[str, str]], streams: list[int], answer: socket.socket
) -> None:
    """Start the run from a process of its own, tell its id, wait for it, tell its status."""
    if (pid := os.fork()) == 0:
        answer.close()
        _run(*request, streams)
    for descriptor in streams:
        os.close(descriptor)
    answer.sendall(_HEAD.pack(pid))
    status = os.waitpid(pid, 0)[1]
    with suppress(OSError):  # whoever asked may be gone
        answer.sendall(_HEAD.pack(status))
    os._exit(0)


def _run(
    directory: str, arguments: list[str], environment: dict[str, str], streams: list[int]
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
    os.closerange(_STREAMS, 256)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [str(ROOT / "sync" / "__main__.py"), *arguments]
    pygit2 = importlib.import_module("pygit2")
    if "HOME" in environment:
        pygit2.settings.homedir = environment["HOME"]  # libgit2 looks only once
    importlib.import_module("sync.__main__").main()


if __name__ == "__main__":
    _serve(*(socket.socket(fileno=int(descriptor)) for descriptor in sys.argv[1:]))
