"""Real servers on the loopback interface.

Each is a context manager that ends what it started, and none needs the network.
"""

import base64
import gzip
import http.client
import os
import shutil
import signal
import socket
import socketserver
import ssl
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from typing import IO

_STEP_SECONDS = 0.02
_START_SECONDS = 10.0


_HEAD_BYTES = 1 << 16
_PIECE = 60_000
"""How much of a pack fits into one line of git's protocol."""


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


class _Server(socketserver.ThreadingMixIn, HTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is what some tests are about."""


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
    certificate: "Certificate | None" = None,
    version: int = 2,
    rate: float | None = None,
) -> Iterator[GitHttp]:
    """Serve the bare repositories below `root` over smart HTTP, or HTTPS."""
    scheme = "https" if certificate else "http"
    site = GitHttp(root, account, trouble, scheme=scheme, version=version, rate=rate)
    server = _Server(("127.0.0.1", 0), partial(Handler, site))
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.chain, certificate.key)
        # the connection's thread does the handshake:
        # a client that breaks it off must not stop the server
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    site.port = server.server_address[1]
    with _serving(server):
        try:
            yield site
        finally:
            site.stopped.set()


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": _STEP_SECONDS}, daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Silence."""


@contextmanager
def dumb_http(root: Path) -> Iterator[str]:
    """Serve files as files; gives the base URL.

    Repositories are served only as git did before 2010, after `git update-server-info`.
    """
    server = _Server(("127.0.0.1", 0), partial(_Silent, directory=str(root)))
    with _serving(server):
        yield f"http://127.0.0.1:{server.server_address[1]}"


# what can go wrong


def status(code: int, *, times: int | None = None, **headers: str) -> Trouble:
    """Answer with a status: always, or the first `times` requests."""

    def trouble(handler: Handler, number: int) -> bool:
        if times is not None and number >= times:
            return False
        handler.answer(code, b"sorry\n", headers)
        return True

    return trouble


def hang_before_headers(handler: Handler, _: int) -> bool:
    """Take the request and say nothing."""
    handler.site.stopped.wait()
    handler.close_connection = True
    return True


def reset_connection(handler: Handler, _: int) -> bool:
    handler.reset()
    return True


def web_page(handler: Handler, _: int) -> bool:
    """What a hosting site says where there is no repository but a page."""
    handler.answer(200, b"<html><body>Welcome</body></html>\n", {"Content-Type": "text/html"})
    return True


def redirect_loop(handler: Handler, _: int) -> bool:
    handler.answer(302, b"", {"Location": handler.site.base + handler.path})
    return True


def redirect_to(base: Callable[[], str]) -> Trouble:
    """Send every request for refs on to another server."""

    def trouble(handler: Handler, _: int) -> bool:
        handler.answer(301, b"", {"Location": base() + handler.path})
        return True

    return trouble


def _begun_pack(handler: Handler) -> bytes | None:
    """What git answers with a pack in it, of which only the head is sent here.

    None stands for a request that gets no pack.
    """
    if not handler.path.endswith("/git-upload-pack"):
        return None
    code, headers, content = handler.backend()
    if b"PACK" not in content:  # what a shallow fetch asks first
        return None
    handler.begin(code, headers)
    return content


def only_half_a_pack(handler: Handler, _: int) -> bool:
    """End the response in the middle of the pack, as if that were all."""
    content = _begun_pack(handler)
    if content is None:
        return False
    handler.chunk(content[: len(content) // 2])
    handler.end()
    return True


def dripping_pack(handler: Handler, _: int) -> bool:
    """Send a part of the pack, then a byte now and again."""
    content = _begun_pack(handler)
    if content is None:
        return False
    start = len(content) // 2
    handler.chunk(content[:start])
    for position in range(start, len(content)):
        if handler.site.stopped.wait(0.5):
            break
        handler.chunk(content[position : position + 1])
    handler.close_connection = True
    return True


def sending(refs: dict[str, str], pack: bytes, words: bytes = b"") -> Trouble:
    """Offer these refs and send these words and this pack, whatever is asked for.

    It speaks version 2 of the protocol.
    """

    def trouble(handler: Handler, _: int) -> bool:
        lines = handler.request_made.lines
        if "command=ls-refs" in lines:
            content = b"".join(
                _line(f"{target} {name}\n".encode()) for name, target in refs.items()
            )
        elif "command=fetch" in lines:
            pieces = [pack[start : start + _PIECE] for start in range(0, len(pack), _PIECE)]
            content = (
                _line(b"packfile\n")
                + _line(b"\x02" + words)
                + b"".join(_line(b"\x01" + piece) for piece in pieces)
            )
        else:
            return False
        handler.answer(
            200, content + b"0000", {"Content-Type": "application/x-git-upload-pack-result"}
        )
        return True

    return trouble


def _line(content: bytes) -> bytes:
    """A line of git's protocol (gitprotocol-common)."""
    return b"%04x%b" % (len(content) + 4, content)


def endless_refs(handler: Handler, _: int) -> bool:
    """Offer one tag after the other, until the client has enough."""
    if handler.is_version_2:
        if "command=ls-refs" not in handler.request_made.lines:
            return False
        handler.begin(200, {"Content-Type": "application/x-git-upload-pack-result"})
    else:
        handler.begin(200, {"Content-Type": "application/x-git-upload-pack-advertisement"})
        handler.chunk(b"001e# service=git-upload-pack\n0000")
    for start in range(0, 10_000_000, 10_000):
        if handler.site.stopped.is_set():
            break
        handler.chunk(
            b"".join(
                b"0040%040x refs/tags/t%07d\n" % (n + 1, n) for n in range(start, start + 10_000)
            )
        )
    handler.close_connection = True
    return True


def endless_headers(handler: Handler, _: int) -> bool:
    """Send one header after the other, until the client has enough."""
    handler.send_response(200)
    for number in range(10_000_000):
        if handler.site.stopped.is_set():
            break
        handler.send_header(f"X-{number}", "x" * 1000)
        handler.flush_headers()
    handler.close_connection = True
    return True


def endless_words(handler: Handler, _: int) -> bool:
    """Say what is being done (side-band 2), without end, where a pack is asked for."""
    content = _begun_pack(handler)
    if content is None:
        return False
    handler.chunk(content[: content.index(b"PACK") - len(b"0000" + b"\x01")])
    while not handler.site.stopped.is_set():
        handler.chunk(b"%04x\x02%b" % (1004 + 1, b"counting objects\r".ljust(1000)) * 100)
    handler.close_connection = True
    return True


# TLS


@dataclass(frozen=True)
class Certificate:
    """A certificate for 127.0.0.1, signed by an authority that nobody knows."""

    authority: Path
    chain: Path
    key: Path


def make_certificate(directory: Path) -> Certificate:
    """A new authority and a server's certificate by it, made with openssl."""
    directory.mkdir(parents=True, exist_ok=True)

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)

    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl(
        "req",
        "-x509",
        *new_key,
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
        "-subj",
        "/CN=test authority",
        "-days",
        "2",
    )
    openssl(
        "req",
        "-new",
        *new_key,
        "-keyout",
        "server.key",
        "-out",
        "server.csr",
        "-subj",
        "/CN=127.0.0.1",
    )
    (directory / "san").write_text("subjectAltName=IP:127.0.0.1\n")
    signing = [
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        "2",
        "-extfile",
        "san",
    ]
    openssl("x509", "-req", "-in", "server.csr", *signing, "-out", "server.pem")
    return Certificate(directory / "ca.pem", directory / "server.pem", directory / "server.key")


# proxies


@dataclass
class Proxy:
    """A proxy and what it was asked to pass on."""

    port: int = 0
    scheme: str = "http"
    requests: list[str] = field(default_factory=list)
    account: tuple[str, str] | None = None
    closes: bool = False
    """Whether it takes connections only to close them."""

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"


_OF_THE_CONNECTION = {
    "Transfer-Encoding",
    "Content-Length",
    "Proxy-Connection",
    "Proxy-Authorization",
}


class _ProxyHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, proxy: Proxy, *arguments: object) -> None:
        self.proxy = proxy
        super().__init__(*arguments)  # type: ignore[arg-type]

    def log_message(self, *_: object) -> None:
        """Silence."""

    def _is_refused(self) -> bool:
        self.proxy.requests.append(f"{self.command} {self.path}")
        if self.proxy.closes:
            self.close_connection = True
            return True
        if self.proxy.account is None:
            return False
        wanted = base64.b64encode(":".join(self.proxy.account).encode()).decode()
        if self.headers.get("Proxy-Authorization", "") == f"Basic {wanted}":
            return False
        self.send_response(407)
        self.send_header("Proxy-Authenticate", 'Basic realm="proxy"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        return True

    def do_GET(self) -> None:
        if self._is_refused():
            self.close_connection = True  # what follows may be a body that nobody reads
            return
        authority, _, rest = self.path.removeprefix("http://").partition("/")
        if self.headers.get("Transfer-Encoding", "") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {k: v for k, v in self.headers.items() if k not in _OF_THE_CONNECTION}
        with closing(http.client.HTTPConnection(authority)) as onward:
            onward.request(self.command, f"/{rest}", body, headers)
            response = onward.getresponse()
            content = response.read()
        self.send_response(response.status)
        for key, value in response.getheaders():
            if key.lower() not in {"transfer-encoding", "content-length", "connection"}:
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815

    def do_CONNECT(self) -> None:
        if self._is_refused():
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port))) as onward:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_pump, args=(onward, self.connection), daemon=True)
            back.start()
            _pump(self.connection, onward)
        self.close_connection = True


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # either side may go away


@contextmanager
def forwarding_proxy(
    *, account: tuple[str, str] | None = None, closes: bool = False
) -> Iterator[Proxy]:
    """An HTTP proxy that forwards requests and tunnels, or refuses to."""
    proxy = Proxy(account=account, closes=closes)
    server = _Server(("127.0.0.1", 0), partial(_ProxyHandler, proxy))
    proxy.port = server.server_address[1]
    with _serving(server):
        yield proxy


class _SocksHandler(socketserver.StreamRequestHandler):
    """SOCKS of version 5 without authentication (RFC 1928), for TCP over IPv4 and by name."""

    def __init__(self, proxy: Proxy, *arguments: object) -> None:
        self.proxy = proxy
        super().__init__(*arguments)  # type: ignore[arg-type]

    def handle(self) -> None:
        _, methods = self.rfile.read(2)
        self.rfile.read(methods)
        self.wfile.write(b"\x05\x00")
        kind = self.rfile.read(4)[3]
        is_name = kind == 3
        address = self.rfile.read(self.rfile.read(1)[0] if is_name else 4)
        host = address.decode() if is_name else socket.inet_ntoa(address)
        port = int.from_bytes(self.rfile.read(2))
        self.proxy.requests.append(f"{host}:{port}")
        with socket.create_connection((host, port)) as onward:
            self.wfile.write(b"\x05\x00\x00\x01" + bytes(6))
            back = threading.Thread(target=_pump, args=(onward, self.connection), daemon=True)
            back.start()
            _pump(self.connection, onward)
            back.join()


class _SocksServer(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is what some tests are about."""


@contextmanager
def socks_proxy() -> Iterator[Proxy]:
    """A SOCKS proxy."""
    proxy = Proxy(scheme="socks5")
    server = _SocksServer(("127.0.0.1", 0), partial(_SocksHandler, proxy))
    proxy.port = server.server_address[1]
    with _serving(server):
        yield proxy


# programs


@contextmanager
def _process(command: list[str], **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port where nobody listens just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise AssertionError(f"{process.args!r} ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(_STEP_SECONDS)
        else:
            return
    raise AssertionError(f"nobody listens on port {port}")


@contextmanager
def git_daemon(root: Path) -> Iterator[str]:
    """Serve the bare repositories below `root` over git://.

    It gives the URL to which their names are added.
    """
    executable = subprocess.run(
        ["git", "--exec-path"], capture_output=True, text=True, check=True
    ).stdout.strip()
    port = free_port()
    listening = ["--listen=127.0.0.1", f"--port={port}", "--reuseaddr"]
    command = [f"{executable}/git-daemon", "--export-all", f"--base-path={root}", *listening]
    with _process(command) as process:
        _await_port(port, process)
        yield f"git://127.0.0.1:{port}"


@dataclass(frozen=True)
class Ssh:
    """A running sshd: where, for whom, and which keys."""

    port: int
    user: str
    host_key: str
    """The public host key, as in a known_hosts file after the host's name."""
    key: Path
    """A private key that is let in."""
    log: Path
    """What sshd says: a line `Accepted publickey` for each who was let in."""

    @property
    def known_hosts(self) -> str:
        return f"[127.0.0.1]:{self.port} {self.host_key}\n"


def ssh_trouble() -> str | None:
    """Why sshd cannot be run here, or None."""
    if _sshd() is None:
        return "sshd is not installed"
    if os.geteuid() == 0 and not Path("/run/sshd").is_dir() and _unshared() is None:
        return "sshd as root wants /run/sshd, and there is no mount namespace to make one in"
    return None


def _sshd() -> str | None:
    return shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")


def _unshared() -> list[str] | None:
    """A prefix that gives a command a /run/sshd of its own, without touching the system's."""
    prefix = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        'mount -t tmpfs none /run && mkdir -m 755 /run/sshd && exec "$@"',
        "sh",
    ]
    if shutil.which("unshare") is None:
        return None
    return (
        prefix
        if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
        else None
    )


def make_ssh_key(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    options = ["-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", str(path)]
    subprocess.run(["ssh-keygen", *options], check=True, stdin=subprocess.DEVNULL)
    return path


def protect_ssh_key(path: Path, passphrase: str) -> None:
    """Encrypt a key that has no passphrase."""
    subprocess.run(
        ["ssh-keygen", "-q", "-p", "-P", "", "-N", passphrase, "-f", str(path)],
        check=True,
        stdin=subprocess.DEVNULL,
    )


def install_ssh(home: Path, directory: Path) -> Path:
    """Make an `ssh` that takes `home` for the user's, in a directory for PATH.

    The real ssh asks the password file for the home. This one reads `~/.ssh/config` and
    `~/.ssh/known_hosts` in `home`, and uses the keys that `~/.ssh/ssh_config` names.
    """
    (home / ".ssh").mkdir(mode=0o700, exist_ok=True)
    hosts = (
        f"Host *\n UserKnownHostsFile {home}/.ssh/known_hosts\n GlobalKnownHostsFile /dev/null\n"
    )
    settings = home / ".ssh" / "ssh_config"
    settings.write_text(f"Include {home}/.ssh/config\n{hosts}")
    settings.chmod(0o600)
    directory.mkdir(parents=True, exist_ok=True)
    program = directory / "ssh"
    program.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {settings} "$@"\n')
    program.chmod(0o755)
    return directory


@contextmanager
def ssh_server(directory: Path) -> Iterator[Ssh]:
    """An sshd of the current user's own, in `directory`.

    The directory above it is everybody's home there.
    """
    directory.mkdir(parents=True, exist_ok=True)
    home = directory.parent
    host_key, key = make_ssh_key(directory / "host_key"), make_ssh_key(directory / "user_key")
    authorized = directory / "authorized_keys"
    authorized.write_bytes(key.with_suffix(".pub").read_bytes())
    port = free_port()
    settings = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": host_key,
        "AuthorizedKeysFile": authorized,
        "PidFile": "none",
        "StrictModes": "no",
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "PermitRootLogin": "yes",
        "AllowAgentForwarding": "no",
        "AcceptEnv": "GIT_PROTOCOL",
        "ForceCommand": f'export HOME={home}; cd; eval "$SSH_ORIGINAL_COMMAND"',
    }
    (directory / "sshd_config").write_text(
        "".join(f"{name} {value}\n" for name, value in settings.items())
    )
    needs_own_run = os.geteuid() == 0 and not Path("/run/sshd").is_dir()
    prefix = (_unshared() or []) if needs_own_run else []
    log = directory / "log"
    command = [str(_sshd()), "-D", "-E", str(log), "-f", str(directory / "sshd_config")]
    with _process([*prefix, *command]) as process:
        _await_port(port, process)
        public = host_key.with_suffix(".pub").read_text().split()
        user = subprocess.run(
            ["id", "-un"], capture_output=True, text=True, check=True
        ).stdout.strip()
        yield Ssh(port, user, " ".join(public[:2]), key, log)


@contextmanager
def ssh_agent(directory: Path, *keys: Path) -> Iterator[str]:
    """An ssh-agent that holds these keys; gives its socket."""
    path = directory / "agent"
    with _process(["ssh-agent", "-D", "-a", str(path)]) as process:
        end = time.monotonic() + _START_SECONDS
        while not path.exists() and time.monotonic() < end and process.poll() is None:
            time.sleep(_STEP_SECONDS)
        environment = {**os.environ, "SSH_AUTH_SOCK": str(path)}
        for key in keys:
            subprocess.run(
                ["ssh-add", "-q", str(key)], env=environment, check=True, capture_output=True
            )
        yield str(path)


def asks_for_blobs(handler: Handler, commit: str) -> bool:
    return bool(handler.request_made.wants) and commit not in handler.request_made.wants
