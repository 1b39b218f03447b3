"""Runs the program as a process that begins with its imports done: they are most of what a run costs, and always the same.

A server, one for each process of tests, forks a child for each run: with the arguments, the directory, the environment
and the streams of a fresh process. Where a fresh interpreter would begin otherwise, a fresh one it is (`is_possible`).
"""

import atexit
import importlib
import io
import json
import os
import pkgutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parent.parent
_HEAD = struct.Struct(">I")
_STREAMS = 3
_lock = threading.Lock()


def is_possible(environment: Mapping[str, str]) -> bool:
    """Whether the environment says to the interpreter, OpenSSL and coverage what it said to the server."""
    beginnings = ("PYTHON", "LC_", "LANG", "SSL_", "COVERAGE_")
    return all(environment.get(k) == _environment().get(k) for k in {*environment, *_environment()} if k.startswith(beginnings))


@cache
def _environment() -> dict[str, str]:
    """The server's."""
    dropped = ("SSL_", "GIT_")
    return {key: value for key, value in os.environ.items() if not key.startswith(dropped)} | {"PYTHONPATH": str(ROOT)}


@cache
def _server() -> socket.socket:
    """The connection to the server, which ends with this process."""
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-m", "tests.forked", str(theirs.fileno())]
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=_environment())
    atexit.register(process.wait)
    atexit.register(ours.close)  # first: the last registered comes first
    return ours


def run(
    directory: Path, arguments: tuple[str, ...], environment: Mapping[str, str], stdin: bytes, timeout: float
) -> tuple[int, bytes, bytes]:
    """The exit status of a run, what it printed, and its errors; TimeoutExpired if it has to be killed after `timeout` seconds."""
    ours, theirs = socket.socketpair()
    with ours, tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin)
        given.seek(0)
        with theirs:
            _send([given, out, err], theirs, [os.fspath(directory), list(arguments), dict(environment)])
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


def _send(streams: list[IO[bytes]], answer: socket.socket, request: list[object]) -> None:
    content = json.dumps(request).encode()
    with _lock:
        descriptors = [*(stream.fileno() for stream in streams), answer.fileno()]
        socket.send_fds(_server(), [_HEAD.pack(len(content))], descriptors)
        _server().sendall(content)


def _serve(connection: socket.socket) -> None:
    for package in ("sync", "policies"):
        for module in pkgutil.walk_packages([str(ROOT / package)], f"{package}."):
            importlib.import_module(module.name)
    while True:
        head, descriptors, _, _ = socket.recv_fds(connection, _HEAD.size, _STREAMS + 1)
        if not head:
            return
        content = b""
        while len(content) < (length := _HEAD.unpack(head)[0]):
            content += connection.recv(length - len(content))
        if os.fork() == 0:
            _keep(json.loads(content), descriptors[:_STREAMS], descriptors[_STREAMS])
        for descriptor in descriptors:
            os.close(descriptor)
        os.wait()  # the keeper's parent, which has ended at once


def _keep(request: list, streams: list[int], answer: int) -> None:
    """Start the run from a process of its own, tell its id, wait for it, tell its status."""
    if os.fork():
        os._exit(0)
    if (pid := os.fork()) == 0:
        os.close(answer)
        _run(*request, streams)
    for descriptor in streams:
        os.close(descriptor)
    os.write(answer, _HEAD.pack(pid))
    os.write(answer, _HEAD.pack(os.waitpid(pid, 0)[1]))
    os._exit(0)


def _run(directory: str, arguments: list[str], environment: dict[str, str], streams: list[int]) -> None:
    for number, (name, descriptor) in enumerate(zip(("stdin", "stdout", "stderr"), streams, strict=True)):
        os.dup2(descriptor, number)
        old = getattr(sys, name)
        raw = open(number, "rb" if number == 0 else "wb", closefd=False)  # noqa: SIM115 - for as long as the process lives
        setattr(sys, name, io.TextIOWrapper(raw, old.encoding, old.errors, write_through=number == 2))
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
    _serve(socket.socket(fileno=int(sys.argv[1])))
