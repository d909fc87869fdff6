"""A TCP proxy before Postgres that can lose a COMMIT, or the answer to one.

Each process has a door of its own, so that a cut can be meant for it, and so that it is known whose COMMIT was lost.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

from worker.local.server import LOOPBACK, free_port

_COMMIT = b"COMMIT\x00"  # the end of a simple query on its way there, of a command's completion on its way back
_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """What becomes of one COMMIT: the connection is lost in the middle of it.

    Attributes:
        doors: whose COMMIT it may be.
        reaches: whether Postgres gets it; if so, only the answer is lost.
        meanwhile: called with the door's name when the fate of the COMMIT is decided and nobody was told.
        happened: whether there was one.
    """

    doors: frozenset[str]
    reaches: bool
    meanwhile: Callable[[str], None] = lambda _: None
    happened: Event = field(default_factory=Event)


class Proxy:
    """Passes everything on, until it is told to cut."""

    def __init__(self, upstream_port: int) -> None:
        self._upstream_port = upstream_port
        self._cuts: list[Cut] = []
        self._lock = Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()

    def open_door(self, name: str) -> int:
        """A port of its own for the process of this name."""

        async def listen() -> int:
            port = free_port()
            await asyncio.start_server(lambda *ends: self._relay(name, *ends), LOOPBACK, port)
            return port

        return asyncio.run_coroutine_threadsafe(listen(), self._loop).result()

    def arm(self, cut: Cut) -> None:
        """The next COMMIT that the cut is meant for is cut."""
        with self._lock:
            self._cuts.append(cut)

    def disarm(self) -> None:
        """What was not cut yet goes through."""
        with self._lock:
            self._cuts.clear()

    def close(self) -> None:
        """Cuts everything and ends."""

        async def end() -> None:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for other in others:
                other.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def take(self, door: str) -> Cut | None:
        """The cut that a COMMIT through this door meets."""
        with self._lock:
            cut = next((each for each in self._cuts if door in each.doors), None)
            if cut is not None:
                self._cuts.remove(cut)
            return cut

    async def _relay(self, door: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream = await asyncio.open_connection(LOOPBACK, self._upstream_port)
        except OSError:
            writer.transport.abort()
            return
        await _Relay(self, door, (reader, writer), upstream).run()


class _Relay:
    """One connection, as long as it lasts."""

    def __init__(
        self,
        proxy: Proxy,
        door: str,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._proxy, self._door = proxy, door
        self._from_client, self._to_client = client
        self._from_server, self._to_server = server
        self._withheld: Cut | None = None

    async def run(self) -> None:
        """Until one side is gone, or the connection is cut."""
        ways = [asyncio.create_task(way) for way in (self._there(), self._back())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            self._to_client.transport.abort()
            self._to_server.transport.abort()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _there(self) -> None:
        while chunk := await self._from_client.read(_CHUNK_BYTES):
            cut = self._proxy.take(self._door) if _COMMIT in chunk else None
            if cut is not None and not cut.reaches:
                self._cut(cut)
                return
            self._withheld = cut
            self._to_server.write(chunk)
            await self._to_server.drain()

    async def _back(self) -> None:
        while chunk := await self._from_server.read(_CHUNK_BYTES):
            if self._withheld is not None:
                self._cut(self._withheld)
                return
            self._to_client.write(chunk)
            await self._to_client.drain()

    def _cut(self, cut: Cut) -> None:
        cut.meanwhile(self._door)
        cut.happened.set()
