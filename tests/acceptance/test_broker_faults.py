"""A broker that says nothing, or refuses: no worker ends, none hangs, and nothing that was accepted is lost."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest
import redis
from sqlalchemy import Engine, make_url

from tests.acceptance.processes import Fleet, fleet, wait_for
from tests.acceptance.test_exactly_once import packs_of, requests_of, send, wait_until_decided
from tests.integration.intake import Intake
from trueup.producer.publish import BrokerUnavailable, Publisher
from trueup.producer.signer import Signer
from trueup.wire.message.names import QUEUE_BULK
from trueup_worker.local.servers.server import LOOPBACK, free_port

NOTICED_S_MAX = 60.0


class Line:
    """A way to the broker whose connections can all be cut in the middle, so that neither end hears of it."""

    def __init__(self, upstream: int) -> None:
        self.port = free_port()
        self._upstream, self._open = upstream, set[asyncio.Event]()
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._relay, LOOPBACK, self.port))

    def cut(self) -> int:
        """From now on nothing passes on the connections that there are; returns how many that are."""
        count = len(self._open)
        for silent in self._open:
            self._loop.call_soon_threadsafe(silent.set)
        return count

    def close(self) -> None:
        """Ends it."""

        async def end() -> None:
            self._server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for other in others:
                other.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self._run(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: "asyncio.Future[object] | object") -> object:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError):  # of `close`: the server's own callback would raise it once more
            await self._carry(reader, writer)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        silent = asyncio.Event()
        self._open.add(silent)
        there, back = await asyncio.open_connection(LOOPBACK, self._upstream)
        ways = [asyncio.create_task(_pass_on(*way, silent)) for way in ((reader, back), (there, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for end in (writer, back):
                end.transport.abort()
            self._open.discard(silent)
            await asyncio.gather(*ways, return_exceptions=True)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silent: asyncio.Event) -> None:
    while chunk := await reader.read(65_536):
        if not silent.is_set():
            writer.write(chunk)
            await writer.drain()


@contextmanager
def way_to(redis_url: str) -> Iterator[tuple[Line, str]]:
    """A way to the broker, and its URL."""
    url = make_url(redis_url)
    line = Line(url.port)
    try:
        yield line, url.set(port=line.port).render_as_string(hide_password=False)
    finally:
        line.close()


@pytest.fixture
def account(database: Engine) -> Intake:
    """An account with a catalog."""
    return Intake(database)


@pytest.fixture
def processes(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Fleet]:
    """Where this test's workers run."""
    with fleet(database_url, redis_url, tmp_path) as running:
        yield running


@pytest.mark.slow
def test_connections_that_are_dead_and_do_not_know(processes: Fleet, account: Intake, redis_url: str) -> None:
    """A worker that waits on a connection whose other end is gone notices within a minute, and works on."""
    with way_to(redis_url) as (line, url):
        worker = processes.worker(QUEUE_BULK, TRUEUP_BROKER_URL=url)
        first, second = requests_of(2, keyed=False)
        send(processes, account, packs_of([first], size=1))
        wait_until_decided(account, [first])
        assert line.cut()
        # What the broker hands to a connection that is dead without its knowing is lost: until it knows, nobody waits.
        with redis.Redis.from_url(redis_url) as broker:
            wait_for(lambda: broker.info("clients")["blocked_clients"] == 0, what="nobody to wait at the broker")
        send(processes, account, packs_of([second], size=1))
        wait_until_decided(account, [second], seconds_max=NOTICED_S_MAX)
        assert worker.poll() is None


def test_a_broker_without_memory(processes: Fleet, account: Intake, redis_url: str) -> None:
    """It refuses what it is sent, and says so; what it has is worked off, none of it lost, and no worker ends."""
    requests = requests_of(40)
    packs = packs_of(requests, size=5)
    send(processes, account, packs[:4])
    signer = Signer.of_token(account.token)
    with redis.Redis.from_url(redis_url) as broker:
        assert broker.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        broker.config_set("maxmemory", 1)
        try:
            with (
                Publisher(redis_url, account=account.account, signer=signer, retry_s=0) as publisher,
                pytest.raises(BrokerUnavailable, match="maxmemory"),
            ):
                publisher.send(packs[4], queue=QUEUE_BULK)
            worker = processes.worker(QUEUE_BULK)
            assert set(wait_until_decided(account, requests[:20])) == {"created"}
        finally:
            broker.config_set("maxmemory", 0)
    send(processes, account, packs[4:])
    assert set(wait_until_decided(account, requests)) == {"created"}
    assert worker.poll() is None
