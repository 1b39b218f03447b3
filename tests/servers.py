"""Real servers on the loopback interface, each a context manager that ends what it started; none needs the network."""

import base64
import http.client
import os
import shutil
import socket
import socketserver
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

_STEP_SECONDS = 0.02
_START_SECONDS = 10.0


@dataclass(frozen=True)
class Request:
    """One HTTP request as it came in."""

    method: str
    path: str
    headers: dict[str, str]


Trouble = Callable[["Handler", int], bool]
"""What goes wrong with a request, given its number from 0; whether it was answered (or left unanswered) by that."""


@dataclass
class GitHttp:
    """What an HTTP server serves, and what it was asked."""

    root: Path
    account: tuple[str, str] | None = None
    trouble: Trouble | None = None
    port: int = 0
    scheme: str = "http"
    requests: list[Request] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def base(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def url(self, name: str = "upstream") -> str:
        return f"{self.base}/{name}"

    def visits(self, name: str = "upstream") -> int:
        """How often a repository's refs were asked for: once for each connection of a git client."""
        return sum(1 for r in self.requests if r.path.startswith(f"/{name}/info/refs"))

    def posts(self, name: str = "upstream") -> int:
        """How often a repository was asked for objects: twice for a shallow fetch, the second time for the pack."""
        return sum(1 for r in self.requests if r.path == f"/{name}/git-upload-pack")


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
        self.site.requests.append(Request(self.command, self.path.partition("?")[0], dict(self.headers)))
        self.body = self._body()
        if self.site.trouble is not None and self.site.trouble(self, number):
            return
        if not self._is_allowed():
            self.answer(401, headers={"WWW-Authenticate": 'Basic realm="git"'})
            return
        status, headers, content = self.backend(self.body)
        self.begin(status, headers)
        self.chunk(content)
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

    def backend(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """What git answers."""
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
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REMOTE_ADDR": "127.0.0.1",
        }
        done = subprocess.run(["git", "http-backend"], env=environment, input=body, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
        status = int(headers.pop("Status", "200").split()[0])
        return status, headers, content

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

    def end(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

    def answer(self, status: int, content: bytes = b"", headers: dict[str, str] | None = None) -> None:
        """A whole response."""
        self.begin(status, headers)
        self.chunk(content)
        self.end()

    def reset(self) -> None:
        """Close so that the client sees "connection reset by peer"."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()


@contextmanager
def git_http(
    root: Path,
    *,
    account: tuple[str, str] | None = None,
    trouble: Trouble | None = None,
    certificate: "Certificate | None" = None,
) -> Iterator[GitHttp]:
    """Serve the bare repositories below `root` over smart HTTP, or HTTPS."""
    site = GitHttp(root, account, trouble, scheme="https" if certificate else "http")
    server = _Server(("127.0.0.1", 0), partial(Handler, site))
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.chain, certificate.key)
        # the handshake is the connection's thread's: a client that breaks it off must not stop the server
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    site.port = server.server_address[1]
    with _serving(server):
        try:
            yield site
        finally:
            site.stopped.set()


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": _STEP_SECONDS}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


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
    """What git answers with a pack in it, of which only the head is sent; None for a request that gets none."""
    if not handler.path.endswith("/git-upload-pack"):
        return None
    code, headers, content = handler.backend(handler.body)
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


def endless_refs(handler: Handler, _: int) -> bool:
    """Offer one tag after the other, until the client has enough."""
    handler.begin(200, {"Content-Type": "application/x-git-upload-pack-advertisement"})
    handler.chunk(b"001e# service=git-upload-pack\n0000")
    for start in range(0, 10_000_000, 10_000):
        if handler.site.stopped.is_set():
            break
        handler.chunk(b"".join(b"0040%040x refs/tags/t%07d\n" % (n + 1, n) for n in range(start, start + 10_000)))
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
    openssl("req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test authority", "-days", "2")
    openssl("req", "-new", *new_key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=127.0.0.1")
    (directory / "san").write_text("subjectAltName=IP:127.0.0.1\n")
    signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "san"]
    openssl("x509", "-req", "-in", "server.csr", *signing, "-out", "server.pem")
    return Certificate(directory / "ca.pem", directory / "server.pem", directory / "server.key")


# a proxy


@dataclass
class Proxy:
    """A forwarding proxy and what it passed on."""

    port: int = 0
    requests: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _ProxyHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, proxy: Proxy, *arguments: object) -> None:
        self.proxy = proxy
        super().__init__(*arguments)  # type: ignore[arg-type]

    def log_message(self, *_: object) -> None:
        """Silence."""

    def do_GET(self) -> None:
        self.proxy.requests.append(f"{self.command} {self.path}")
        authority, _, rest = self.path.removeprefix("http://").partition("/")
        if self.headers.get("Transfer-Encoding", "") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        onward = http.client.HTTPConnection(authority)
        headers = {k: v for k, v in self.headers.items() if k not in {"Transfer-Encoding", "Content-Length", "Proxy-Connection"}}
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
        self.proxy.requests.append(f"{self.command} {self.path}")
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
def forwarding_proxy() -> Iterator[Proxy]:
    """An HTTP proxy that forwards requests and tunnels."""
    proxy = Proxy()
    server = _Server(("127.0.0.1", 0), partial(_ProxyHandler, proxy))
    proxy.port = server.server_address[1]
    with _serving(server):
        yield proxy


# programs


@contextmanager
def _process(command: list[str], **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **environment}
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
    """Serve the bare repositories below `root` over git://; gives the URL to which their names are added."""
    executable = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True).stdout.strip()
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
    prefix = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /run && mkdir -m 755 /run/sshd && exec "$@"', "sh"]
    if shutil.which("unshare") is None:
        return None
    return prefix if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0 else None


def make_ssh_key(path: Path, kind: str = "ed25519") -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "test", "-f", str(path)], check=True, stdin=subprocess.DEVNULL)
    return path


@contextmanager
def ssh_server(directory: Path) -> Iterator[Ssh]:
    """An sshd of the current user's own, in `directory`, with the directory above it as everybody's home there."""
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
        "ForceCommand": f'export HOME={home}; cd; eval "$SSH_ORIGINAL_COMMAND"',
    }
    (directory / "sshd_config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    needs_own_run = os.geteuid() == 0 and not Path("/run/sshd").is_dir()
    prefix = (_unshared() or []) if needs_own_run else []
    with _process([*prefix, str(_sshd()), "-D", "-e", "-f", str(directory / "sshd_config")]) as process:
        _await_port(port, process)
        public = host_key.with_suffix(".pub").read_text().split()
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        yield Ssh(port, user, " ".join(public[:2]), key)


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
            subprocess.run(["ssh-add", "-q", str(key)], env=environment, check=True, capture_output=True)
        yield str(path)
