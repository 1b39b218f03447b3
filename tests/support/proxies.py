"""Proxies between git and a server, HTTP and SOCKS, which note what they were asked to pass on."""

import base64
import http.client
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler

from tests.support.listening import QuietServer, serving


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
    server = QuietServer(("127.0.0.1", 0), partial(_ProxyHandler, proxy))
    proxy.port = server.server_address[1]
    with serving(server):
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
    with serving(server):
        yield proxy
