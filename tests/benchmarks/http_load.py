"""A client that costs little: some connections, on each of which a call follows the answer to the one before."""

import asyncio
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import cast

import uvloop

from tests.benchmarks.cpu import Cost, Meter
from tests.benchmarks.workload import Request

_KEY = re.compile(rb'"uniqueness_key":"(order-[0-9a-f]{12})"')
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_SECONDS_MAX = 30.0  # of a slice, beyond its time


@dataclass(frozen=True, slots=True)
class Load:
    """One slice: so many connections, how long each call took, and what it cost."""

    connections: int
    taken_ms: Sequence[float]
    cost: Cost

    @property
    def creates_per_s(self) -> float:
        """Answered per second of wall time."""
        return len(self.taken_ms) / self.cost.seconds

    @property
    def p50_ms(self) -> float:
        """Of a call."""
        return quantiles(self.taken_ms, n=100)[49]


class Calls:
    """An endless stream of creates as bytes: the workload's bodies in turn, each time under a key of its own."""

    def __init__(self, requests: Sequence[Request], *, path: str, token: str) -> None:
        head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n"
        self._parts = [_split(head.encode(), each.text) for each in requests]
        self._sent = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        before, after = self._parts[self._sent % len(self._parts)]
        self._sent += 1
        return b"%sorder-%012x%s" % (before, self._sent, after)


def _split(head: bytes, body: bytes) -> tuple[bytes, bytes]:
    """What stands before and after the key, whose length stays the same."""
    found = _KEY.search(body)
    assert found is not None
    start, end = found.span(1)
    length = b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    return head + length + body[:start], body[end:]


class _Connection(asyncio.Protocol):
    """Calls, waits for the answer, and calls again, until its time is over."""

    def __init__(self, calls: Iterator[bytes], taken_ms: list[float], *, until_s: float) -> None:
        self._calls, self._taken_ms, self._until_s = calls, taken_ms, until_s
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._call()

    def data_received(self, data: bytes) -> None:
        self._got += data
        if not _is_whole(self._got):
            return
        now_s = time.perf_counter()
        self._taken_ms.append(1_000 * (now_s - self._began_s))
        if not self._got.startswith(b"HTTP/1.1 200 "):
            self._end(AssertionError(self._got))
        elif now_s < self._until_s:
            self._call()
        else:
            self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc or ConnectionError("the server closed the connection"))

    def _call(self) -> None:
        self._got = b""
        self._began_s = time.perf_counter()
        self._transport.write(next(self._calls))

    def _end(self, error: Exception | None) -> None:
        if not self.done.done():
            self._transport.close()
            if error is None:
                self.done.set_result(None)
            else:
                self.done.set_exception(error)


def _is_whole(answer: bytes) -> bool:
    end = answer.find(b"\r\n\r\n")
    found = _LENGTH.search(answer, 0, end + 2) if end >= 0 else None
    return found is not None and len(answer) >= end + 4 + int(found[1])


def run_load(port: int, calls: Iterator[bytes], *, connections: int, seconds: float) -> Load:
    """Calls a server for so many seconds; every answer must be 200."""
    taken_ms: list[float] = []
    with Meter() as meter:
        uvloop.run(_load(port, calls, taken_ms, connections=connections, seconds=seconds))
    return Load(connections, taken_ms, meter.cost)


async def _load(port: int, calls: Iterator[bytes], taken_ms: list[float], *, connections: int, seconds: float) -> None:
    loop, until_s = asyncio.get_running_loop(), time.perf_counter() + seconds
    opened = [
        await loop.create_connection(lambda: _Connection(calls, taken_ms, until_s=until_s), "127.0.0.1", port)
        for _ in range(connections)
    ]
    async with asyncio.timeout(seconds + _SECONDS_MAX):
        await asyncio.gather(*(protocol.done for _, protocol in opened))
