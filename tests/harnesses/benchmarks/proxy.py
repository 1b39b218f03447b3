"""A line of some length to a server here: `… proxy PORT SECONDS [RATE]`.

It is run as `python -m tests.harnesses.benchmarks.proxy PORT SECONDS [RATE]`. It prints its port,
then for each line that it reads how many bytes came down so far, and ends with its input. A byte
takes SECONDS each way, however many are on the way, and all connections together get RATE bytes a
second down. A connection costs one round trip before its first byte, as TCP's handshake does. Not
imitated are the slow start of a connection, lost packets, and the one or two round trips more that
TLS takes.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from tests.harnesses.benchmarks.sizes import Line
from tests.support.project import ROOT

_BLOCK = 1 << 14
_BACKLOG_SECONDS = 0.05

_Travelling = asyncio.Queue[tuple[float, bytes]]
"""Blocks, and when they arrive; an empty one is the end."""


@dataclass(slots=True)
class _Way:
    """One direction of the line, which all connections share."""

    delay: float
    rate: float | None = None
    passed: int = 0
    _free: float = 0

    async def carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """Pass on all that comes, and the end of it."""
        travelling: _Travelling = asyncio.Queue()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._depart(source, travelling))
            tasks.create_task(self._arrive(travelling, sink))

    async def _depart(self, source: asyncio.StreamReader, travelling: _Travelling) -> None:
        block = b"-"
        while block:
            block = await source.read(_BLOCK)
            travelling.put_nowait((await self._departure(len(block)) + self.delay, block))

    async def _departure(self, size: int) -> float:
        """When so many bytes have left; who is too far ahead waits here, as by TCP's window."""
        now = asyncio.get_running_loop().time()
        if self.rate is None:
            return now
        left = self._free = max(self._free, now) + size / self.rate
        await asyncio.sleep(left - now - _BACKLOG_SECONDS)
        return left

    async def _arrive(self, travelling: _Travelling, sink: asyncio.StreamWriter) -> None:
        block = b"-"
        while block:
            due, block = await travelling.get()
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            self.passed += len(block)
            sink.write(block)
            await sink.drain()
        sink.write_eof()


async def _serve(port: int, delay: float, rate: float | None) -> None:
    up, down = _Way(delay), _Way(delay, rate)

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2 * delay)
        try:
            answers, requests = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.transport.abort()
            return
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(up.carry(reader, requests))
                tasks.create_task(down.carry(answers, writer))
        except* OSError:
            pass  # one of them hung up: so does the line
        finally:
            requests.close()
            writer.close()

    connections: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(connect(reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, backlog=64)
    async with server:
        print(server.sockets[0].getsockname()[1], flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(down.passed, flush=True)


@dataclass(frozen=True, slots=True)
class Distance:
    """A running proxy, as who measures sees it."""

    url: str
    requests: IO[str]
    answers: IO[str]

    def received(self) -> int:
        """How many bytes have come down so far."""
        print(file=self.requests, flush=True)
        return int(self.answers.readline())


@contextmanager
def at_distance(url: str, line: Line) -> Iterator[Distance]:
    """The server of this URL, `http://127.0.0.1:PORT`, at the other end of a line."""
    port = url.rpartition(":")[2]
    numbers = [str(line.round_trip / 2000)]
    if line.megabits:
        numbers.append(str(line.megabits * 125_000))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.harnesses.benchmarks.proxy", port, *numbers],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    with process:
        own = f"http://127.0.0.1:{int(process.stdout.readline())}"
        yield Distance(own, process.stdin, process.stdout)
        process.stdin.close()


def main(port: str, delay: str, rate: str | None = None) -> None:
    asyncio.run(_serve(int(port), float(delay), float(rate) if rate else None))


if __name__ == "__main__":
    main(*sys.argv[1:])
