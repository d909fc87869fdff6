"""A TCP proxy that lets things happen in the middle of a COMMIT, or another call, and can lose it, or its answer.

Each process has a door of its own, so that an ambush can be meant for it, and so that it is known whose COMMIT it was.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

from trueup_worker.local.servers.server import LOOPBACK, free_port

_COMMIT = b"COMMIT\x00"  # the end of a simple query on its way there, of a command's completion on its way back
_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, eq=False)
class Ambush:
    """What happens to one COMMIT. Unless it reaches Postgres and is answered, its connection is cut.

    Attributes:
        doors: whose COMMIT it may be.
        reaches: whether Postgres gets it.
        is_answered: whether whoever sent it learns that Postgres did.
        meanwhile: called with the door's name between the one and the other.
        happened: whether there was one.
    """

    doors: frozenset[str]
    reaches: bool = False
    is_answered: bool = False
    meanwhile: Callable[[str], None] = lambda _: None
    happened: Event = field(default_factory=Event)


class Proxy:
    """Passes everything on, but for the COMMITs, or whatever has the marker, that it was told to wait for."""

    def __init__(self, upstream_port: int, *, marker: bytes = _COMMIT) -> None:
        self._upstream_port, self.marker = upstream_port, marker
        self._ambushes: list[Ambush] = []
        self._lock = Lock()
        self._doors: list[asyncio.Server] = []
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()

    def open_door(self, name: str) -> int:
        """A port of its own for the process of this name."""

        async def listen() -> int:
            port = free_port()
            self._doors.append(await asyncio.start_server(lambda *ends: self._relay(name, *ends), LOOPBACK, port))
            return port

        return asyncio.run_coroutine_threadsafe(listen(), self._loop).result()

    def lie_in_wait(self, ambush: Ambush) -> None:
        """It happens to the next COMMIT that it is meant for."""
        with self._lock:
            self._ambushes.append(ambush)

    def give_up(self) -> None:
        """What has not happened yet never will."""
        with self._lock:
            self._ambushes.clear()

    def close(self) -> None:
        """Cuts everything and ends."""

        async def end() -> None:
            for door in self._doors:
                door.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for other in others:
                other.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def take(self, door: str) -> Ambush | None:
        """What happens to a COMMIT that comes through this door now."""
        with self._lock:
            ambush = next((each for each in self._ambushes if door in each.doors), None)
            if ambush is not None:
                self._ambushes.remove(ambush)
            return ambush

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
        self._ambush: Ambush | None = None

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
            ambush = self._proxy.take(self._door) if self._proxy.marker in chunk else None
            if ambush is not None and not ambush.reaches:
                await self._spring(ambush)
                return
            self._ambush = ambush or self._ambush  # a call may come in several chunks
            self._to_server.write(chunk)
            await self._to_server.drain()

    async def _back(self) -> None:
        while chunk := await self._from_server.read(_CHUNK_BYTES):
            ambush, self._ambush = self._ambush, None
            if ambush is not None:
                await self._spring(ambush)
                if not ambush.is_answered:
                    return
            self._to_client.write(chunk)
            await self._to_client.drain()

    async def _spring(self, ambush: Ambush) -> None:
        await asyncio.to_thread(ambush.meanwhile, self._door)
        ambush.happened.set()
