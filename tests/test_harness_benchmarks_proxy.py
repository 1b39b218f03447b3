"""The line that benchmarks put between client and server: what it delays, limits and counts."""

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.harnesses.benchmarks.proxy import at_distance
from tests.harnesses.benchmarks.sizes import Line

_MEGABYTE = b"x" * 1_000_000


class _Answers(socketserver.StreamRequestHandler):
    """Answers each line, a number, with so many bytes; at the end of the lines it says goodbye."""

    def handle(self) -> None:
        for line in self.rfile:
            for _ in range(int(line) // len(_MEGABYTE)):
                self.wfile.write(_MEGABYTE)
            self.wfile.write(b"x" * (int(line) % len(_MEGABYTE)))
        self.wfile.write(b"bye")


@pytest.fixture
def server() -> Iterator[str]:
    """Its URL."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Answers) as answering:
        answering.daemon_threads = True
        threading.Thread(target=answering.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield f"http://127.0.0.1:{answering.server_address[1]}"
        answering.shutdown()


def _connect(url: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=20)


def _ask(connection: socket.socket, size: int) -> float:
    """How long the answer takes."""
    start = time.perf_counter()
    connection.sendall(b"%d\n" % size)
    left = size
    while left:
        left -= len(connection.recv(min(left, 1 << 16)))
    return time.perf_counter() - start


def test_a_connection_costs_a_round_trip_and_each_request_another(server: str) -> None:
    with at_distance(server, Line(100)) as distance, _connect(distance.url) as connection:
        times = [_ask(connection, 1), _ask(connection, 1)]
    assert 0.2 <= times[0] < 0.3
    assert 0.1 <= times[1] < 0.2


def test_no_distance_costs_nothing(server: str) -> None:
    with at_distance(server, Line()) as distance, _connect(distance.url) as connection:
        assert _ask(connection, 1) < 0.05


def test_what_is_on_the_way_holds_nothing_up_and_is_counted(server: str) -> None:
    """Block by block, 20 MB would take 1,200 round trips."""
    with at_distance(server, Line(100)) as distance, _connect(distance.url) as connection:
        assert _ask(connection, 20_000_000) < 1.5
        assert distance.received() == 20_000_000
        _ask(connection, 5)
        assert distance.received() == 20_000_005


def test_all_connections_share_the_width(server: str) -> None:
    """A megabyte takes 0.4 s at 20 Mbit/s."""
    with (
        at_distance(server, Line(0, megabits=20)) as distance,
        _connect(distance.url) as one,
        _connect(distance.url) as other,
        ThreadPoolExecutor() as pool,
    ):
        times = list(pool.map(_ask, (one, other), (500_000, 500_000)))
    assert 0.37 <= max(times) < 0.5
    assert min(times) > 0.3


def test_the_end_of_what_is_asked_and_said_is_passed_on(server: str) -> None:
    with at_distance(server, Line(20)) as distance, _connect(distance.url) as connection:
        connection.sendall(b"3\n")
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answer:
            assert answer.read() == b"xxxbye"


def test_who_hangs_up_leaves_the_line_to_others(server: str) -> None:
    with at_distance(server, Line(20)) as distance:
        with _connect(distance.url) as connection:
            connection.sendall(b"50000000\n")
            connection.recv(1)
        with _connect(distance.url) as connection:
            _ask(connection, 1)
        first = distance.received()
        assert first < 50_000_000
        assert distance.received() == first
