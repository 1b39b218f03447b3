"""Git over HTTP and HTTPS: real repositories served by git itself, and the requests that came in.

`tests.support.misbehaving` has what can go wrong with a request.
"""

import base64
import gzip
import os
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler
from pathlib import Path
from typing import IO

from tests.support.certificates import Certificate
from tests.support.listening import QuietServer, serving

_HEAD_BYTES = 1 << 16


@dataclass
class Request:
    """One HTTP request as it came in, and what it was answered."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""
    """Without the compression that git may have sent it in."""
    answered: int = 0
    """How many bytes of content went out."""
    _head: bytes = b""

    @property
    def lines(self) -> list[str]:
        """The lines of git's protocol that were sent (gitprotocol-common, gitprotocol-v2)."""
        found, rest = [], self.body
        while rest:
            size = int(rest[:4], 16)
            if size > len(b"0000"):
                found.append(rest[4:size].decode("utf-8", "replace").rstrip("\n"))
            rest = rest[max(size, 4) :]
        return found

    @property
    def wants(self) -> set[str]:
        """The objects that were asked for by id."""
        return {line.split()[1] for line in self.lines if line.startswith("want ")}

    @property
    def filter(self) -> str | None:
        """What was to be left out, in words of `git rev-list --filter`."""
        said = [line.removeprefix("filter ") for line in self.lines if line.startswith("filter ")]
        return said[0] if said else None

    @property
    def is_fetch(self) -> bool:
        """Whether it asked for a pack.

        A shallow fetch of version 0 first asks where history ends.
        """
        return bool(self.wants) and ("done" in self.lines or b"PACK\0\0\0\2" in self._head)

    def note(self, content: bytes) -> None:
        """Take note of what was sent."""
        self.answered += len(content)
        self._head += content[: _HEAD_BYTES - len(self._head)]


Trouble = Callable[["Handler", int], bool]
"""What goes wrong with a request, given its number from 0.

It says whether it has dealt with the request: answered it, or left it without an answer.
"""


@dataclass
class GitHttp:
    """What an HTTP server serves, and what it was asked."""

    root: Path
    account: tuple[str, str] | None = None
    trouble: Trouble | None = None
    port: int = 0
    scheme: str = "http"
    version: int = 2
    """The version of git's protocol that the server knows; each knows 0."""
    rate: float | None = None
    """How many bytes a second are sent, where that matters."""
    requests: list[Request] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def base(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def url(self, name: str = "upstream") -> str:
        return f"{self.base}/{name}"

    def visits(self, name: str = "upstream") -> int:
        """How often a repository was visited: once for each connection of a git client."""
        return sum(1 for r in self.requests if r.path.startswith(f"/{name}/info/refs"))

    def posts(self, name: str = "upstream") -> int:
        """How often a repository was asked something after a visit.

        A shallow fetch of a ref asks twice, the second time for the pack. The first time it asks
        for the ref, or by version 0 where history ends.
        """
        return sum(1 for r in self.requests if r.path == f"/{name}/git-upload-pack")

    def fetches(self, name: str = "upstream") -> list[Request]:
        """The requests for packs of a repository."""
        return [
            r for r in list(self.requests) if r.path == f"/{name}/git-upload-pack" and r.is_fetch
        ]


class Handler(BaseHTTPRequestHandler):
    """`git http-backend` behind HTTP/1.1 with chunked responses."""

    protocol_version = "HTTP/1.1"

    def __init__(self, site: GitHttp, *arguments: object) -> None:
        self.site = site
        super().__init__(*arguments)  # type: ignore[arg-type]

    def log_message(self, *_: object) -> None:
        """Silence."""

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_GET  # noqa: N815

    def _serve(self) -> None:
        number = len(self.site.requests)
        self.request_made = Request(self.command, self.path.partition("?")[0], dict(self.headers))
        self.site.requests.append(self.request_made)
        self.body = self._body()
        is_compressed = self.headers.get("Content-Encoding", "") == "gzip"
        self.request_made.body = gzip.decompress(self.body) if is_compressed else self.body
        if self.site.trouble is not None and self.site.trouble(self, number):
            return
        if not self._is_allowed():
            self.answer(401, headers={"WWW-Authenticate": 'Basic realm="git"'})
            return
        with self._asked() as (status, headers, content):
            self.begin(status, headers)
            while piece := os.read(content.fileno(), 1 << 14):
                self.chunk(piece)
            self.end()

    def _is_allowed(self) -> bool:
        if self.site.account is None:
            return True
        wanted = base64.b64encode(":".join(self.site.account).encode()).decode()
        return self.headers.get("Authorization", "") == f"Basic {wanted}"

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    @property
    def is_version_2(self) -> bool:
        """Whether client and server both know version 2 of git's protocol."""
        return self.site.version >= 2 and "version=2" in self.headers.get("Git-Protocol", "")

    def backend(self) -> tuple[int, dict[str, str], bytes]:
        """What git answers, at once."""
        with self._asked() as (status, headers, content):
            return status, headers, content.read()

    @contextmanager
    def _asked(self) -> Iterator[tuple[int, dict[str, str], IO[bytes]]]:
        """What git answers, while it does; it is ended where nobody listens any more."""
        path, _, query = self.path.partition("?")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "GIT_PROJECT_ROOT": str(self.site.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(self.body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REMOTE_ADDR": "127.0.0.1",
        }
        if self.is_version_2:
            environment["GIT_PROTOCOL"] = self.headers["Git-Protocol"]
        with tempfile.TemporaryFile() as given:
            given.write(self.body)
            given.seek(0)
            process = subprocess.Popen(
                ["git", "http-backend"],
                env=environment,
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                start_new_session=True,
            )
        with process:
            assert process.stdout is not None
            try:
                headers = dict(_header_lines(process.stdout))
                yield int(headers.pop("Status", "200").split()[0]), headers, process.stdout
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def begin(self, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, content: bytes) -> None:
        if content:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(content), content))
            self.wfile.flush()
            self.request_made.note(content)
            if self.site.rate is not None:
                self.site.stopped.wait(len(content) / self.site.rate)

    def end(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

    def answer(
        self, status: int, content: bytes = b"", headers: dict[str, str] | None = None
    ) -> None:
        """A whole response."""
        self.begin(status, headers)
        self.chunk(content)
        self.end()

    def reset(self) -> None:
        """Close so that the client sees "connection reset by peer"."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()


def _header_lines(stream: IO[bytes]) -> Iterator[list[str]]:
    while line := stream.readline().strip():
        yield line.decode().split(": ", 1)


@contextmanager
def git_http(
    root: Path,
    *,
    account: tuple[str, str] | None = None,
    trouble: Trouble | None = None,
    certificate: Certificate | None = None,
    version: int = 2,
    rate: float | None = None,
) -> Iterator[GitHttp]:
    """Serve the bare repositories below `root` over smart HTTP, or HTTPS."""
    scheme = "https" if certificate else "http"
    site = GitHttp(root, account, trouble, scheme=scheme, version=version, rate=rate)
    server = QuietServer(("127.0.0.1", 0), partial(Handler, site))
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.chain, certificate.key)
        # the connection's thread does the handshake:
        # a client that breaks it off must not stop the server
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    site.port = server.server_address[1]
    with serving(server):
        try:
            yield site
        finally:
            site.stopped.set()


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Silence."""


@contextmanager
def dumb_http(root: Path) -> Iterator[str]:
    """Serve files as files; gives the base URL.

    Repositories are served only as git did before 2010, after `git update-server-info`.
    """
    server = QuietServer(("127.0.0.1", 0), partial(_Silent, directory=str(root)))
    with serving(server):
        yield f"http://127.0.0.1:{server.server_address[1]}"


def asks_for_blobs(handler: Handler, commit: str) -> bool:
    return bool(handler.request_made.wants) and commit not in handler.request_made.wants
