"""Git's smart HTTP on loopback: `python -m tests.harnesses.benchmarks.server DIRECTORY`.

It prints its port, and serves until it is ended.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO

from tests.support.project import ROOT

_CONFIGURATION = {
    "safe.directory": "*",
    # as forges do; nothing of it need stand in the repositories
    "uploadpack.allowFilter": "true",
    "uploadpack.allowAnySHA1InWant": "true",
}


class _Handler(BaseHTTPRequestHandler):
    """Hands each request to `git http-backend` and passes its answer on in chunks."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    served: str

    def log_message(self, *_: object) -> None:
        return

    def _answer(self) -> None:
        body = self._body()
        backend = subprocess.Popen(
            ["git", "http-backend"],
            env=self._environment(len(body)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        with backend:
            assert backend.stdin is not None and backend.stdout is not None
            backend.stdin.write(body)
            backend.stdin.close()
            self._send_headers(backend.stdout)
            while block := backend.stdout.read1(1 << 16):  # type: ignore[attr-defined]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(block), block))
            self.wfile.write(b"0\r\n\r\n")

    do_GET = do_POST = _answer  # noqa: N815

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        blocks: list[bytes] = []
        while size := int(self.rfile.readline(), 16):
            blocks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(blocks)

    def _environment(self, length: int) -> dict[str, str]:
        path, _, query = self.path.partition("?")
        return {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": self.served,
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "REMOTE_ADDR": self.client_address[0],
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(length),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_CONFIG_COUNT": str(len(_CONFIGURATION)),
            **{f"GIT_CONFIG_KEY_{n}": key for n, key in enumerate(_CONFIGURATION)},
            **{f"GIT_CONFIG_VALUE_{n}": value for n, value in enumerate(_CONFIGURATION.values())},
        }

    def _send_headers(self, answer: IO[bytes]) -> None:
        status, headers = 200, []
        while line := answer.readline().strip().decode():
            key, _, value = line.partition(": ")
            if key == "Status":
                status = int(value.split()[0])
            else:
                headers.append((key, value))
        self.send_response(status)
        for key, value in headers:
            self.send_header(key, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()


@contextmanager
def serving(directory: Path) -> Iterator[str]:
    """A server in a process of its own for the bare repositories in `directory`.

    It gives its base URL.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.harnesses.benchmarks.server", str(directory)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


class _Server(ThreadingHTTPServer):
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """A client that hangs up early is no news."""


def main(directory: str) -> None:
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"served": directory}))
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
