"""What of a producer concerns the event loop: nothing holds it up, and who gives up takes nothing from the others."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from functools import partial, wraps
from pathlib import Path
from typing import Any, ParamSpec
from urllib.parse import urlsplit
from uuid import UUID

import pytest
import redis
from sqlalchemy import Engine

from tests.acceptance.silence import Line, line_to
from tests.integration.test_publish import arguments, messages, store_outcome, url_of
from trueup import AsyncCommitProducer, InvalidRequest, QueueFull
from trueup.ids import new_id
from trueup.producer.outcomes import wait
from trueup.producer.publish import BrokerUnavailable
from trueup.wire.message.envelope import read_envelope
from trueup.wire.message.names import DONE_CHANNEL, QUEUE_BULK, QUEUE_SINGLE
from trueup_worker.local.servers.valkey import start_valkey

P = ParamSpec("P")
DEADLINE_S, FOR_EVER_S, TICKS = 20, 600, 50
CHANNEL = DONE_CHANNEL.format(account="acme")
producing = partial(AsyncCommitProducer, token=None, account="acme", validate=False)


def in_loop(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Runs a test in an event loop that it shares with nobody."""

    async def timed(*args: P.args, **named: P.kwargs) -> None:
        async with asyncio.timeout(DEADLINE_S * 2):
            await test(*args, **named)

    @wraps(test)
    def run(*args: P.args, **named: P.kwargs) -> None:
        asyncio.run(timed(*args, **named))

    return run


@pytest.fixture
def broker(redis_url: str) -> Iterator["redis.Redis[Any]"]:
    """The broker's own client, on an empty database."""
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def line(redis_url: str) -> Iterator[Line]:
    """What can fall silent before the broker."""
    broker = urlsplit(redis_url)
    with closing(Line((broker.hostname or "", broker.port or 6379))) as made:
        yield made


@pytest.fixture
def line_url(redis_url: str, line: Line) -> str:
    """The broker by way of the line."""
    return redis_url.replace(f":{urlsplit(redis_url).port}", f":{line.door.getsockname()[1]}")


async def tick() -> None:
    """Lets the loop go round many times, which it cannot while anything holds it up."""
    for _ in range(TICKS):
        await asyncio.sleep(0.001)


async def until(condition: Callable[[], object]) -> None:
    """Waits for a condition; the loop goes on."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - of the broker, too
            await asyncio.sleep(0.005)


def waiting_in(producer: AsyncCommitProducer) -> int:
    """How many requests wait for the thread that sends to take them."""
    return len(producer._coalescer._waiting)


def ids_on(broker: "redis.Redis[Any]", queue: str = QUEUE_SINGLE) -> list[UUID]:
    """Of the requests that lie on a queue."""
    return [UUID(each.id) for m in messages(broker, queue) for each in read_envelope(*arguments(m)).requests]


@in_loop
async def test_a_silent_broker(broker: "redis.Redis[Any]", line: Line, line_url: str) -> None:
    """The loop goes on while the broker says nothing, however many submit; what they submitted travels together."""
    async with producing(broker_url=line_url) as producer:
        await producer.submit({})
        with line.silent():
            calls = [asyncio.create_task(producer.submit({})) for _ in range(100)]
            calls.append(asyncio.create_task(producer.submit({}, kind="credit")))
            many = asyncio.create_task(producer.submit_many([{}, {}]))
            await tick()
            assert not any(call.done() for call in (*calls, many))
        assert sorted(await asyncio.gather(*calls)) == sorted(ids_on(broker)[1:])
        assert await many == ids_on(broker, QUEUE_BULK)
    assert broker.llen(QUEUE_SINGLE) <= 3


@in_loop
async def test_a_silent_database(redis_url: str, database: Engine, account: int) -> None:
    """The loop goes on while the database says nothing, and sending too where nothing is kept."""
    with line_to(database.url) as (line, line_url):
        async with producing(broker_url=redis_url, database_url=line_url, keep=False) as producer:
            request_id = await producer.submit({})
            store_outcome(database, account, request_id)
            assert await producer.outcome(new_id()) is None
            with line.silent():
                calls = [asyncio.create_task(producer.outcome(request_id)) for _ in range(10)]
                waiting = asyncio.create_task(producer.wait([request_id], timeout_s=DEADLINE_S))
                await tick()
                await producer.submit({})
                assert not any(call.done() for call in (*calls, waiting))
            assert {found and found.outcome for found in await asyncio.gather(*calls)} == {"invalid"}
            assert (await waiting).keys() == {request_id}


@in_loop
async def test_one_of_many_is_cancelled(broker: "redis.Redis[Any]", line: Line, line_url: str) -> None:
    """It hears so at once. What was being sent arrives, what was not is not sent, and the others are as ever."""
    given = [new_id() for _ in range(4)]
    async with producing(broker_url=line_url) as producer:
        with line.silent():
            calls = [asyncio.create_task(producer.submit({}, id=given[0]))]
            await until(lambda: producer._sending and not waiting_in(producer))
            calls += [asyncio.create_task(producer.submit({}, id=each)) for each in given[1:]]
            await until(lambda: waiting_in(producer) == 3)
            for call in (calls[0], calls[2]):
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
            await tick()
            assert not calls[1].done()
        assert [await calls[1], await calls[3]] == [given[1], given[3]]
        await producer.submit({}, id=given[2])
    assert ids_on(broker) == [given[0], given[1], given[3], given[2]]


@in_loop
async def test_a_full_queue(broker: "redis.Redis[Any]", redis_url: str) -> None:
    """Who waits for room holds up neither the loop nor the other queue; who gives up has sent nothing."""
    async with producing(broker_url=redis_url, queue_limit=1) as patient:
        first = await patient.submit({})
        waiting = [asyncio.create_task(patient.submit({})) for _ in range(2)]
        many = await patient.submit_many([{}])
        await tick()
        assert not any(call.done() for call in waiting)
        waiting[0].cancel()
        await tick()
        assert ids_on(broker) == [first]
        broker.delete(QUEUE_SINGLE)
        assert [await waiting[1]] == ids_on(broker)
        assert waiting[0].cancelled()
    async with producing(broker_url=redis_url, queue_limit=1, room_wait_s=0) as hasty:
        with pytest.raises(QueueFull):
            await hasty.submit_many([{}])
    assert ids_on(broker, QUEUE_BULK) == many


@in_loop
async def test_a_broker_that_is_away(tmp_path: Path) -> None:
    """Everybody is told; nothing stays held, so that the next request is sent once it is back."""
    server = start_valkey(tmp_path / "valkey")
    async with producing(broker_url=server.url, retry_s=0.1) as producer:
        try:
            await producer.submit({})
            server.stop()
            failed = await asyncio.gather(*(producer.submit({}) for _ in range(20)), return_exceptions=True)
            assert {type(each) for each in failed} == {BrokerUnavailable}
            server = start_valkey(tmp_path / "valkey", port=server.port)
            await asyncio.gather(*(producer.submit({}) for _ in range(20)))
        finally:
            server.stop()


@in_loop
async def test_closing(broker: "redis.Redis[Any]", line: Line, line_url: str) -> None:
    """What is being sent is sent; what waits behind it, and whatever comes later, is told that it was not."""
    producer = producing(broker_url=line_url)
    with line.silent():
        sent = asyncio.create_task(producer.submit({}))
        await until(lambda: producer._sending and not waiting_in(producer))
        behind = asyncio.create_task(producer.submit({}))
        await until(lambda: waiting_in(producer))
        closed = asyncio.create_task(producer.aclose())
        await tick()
        assert not closed.done()
    await closed
    assert ids_on(broker) == [await sent]
    for late in (behind, producer.submit({}), producer.submit_many([{}]), producer.outcome(new_id())):
        with pytest.raises(RuntimeError, match="closed"):
            await late
    await producer.aclose()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("trueup-")]


@in_loop
async def test_many_wait_at_once(redis_url: str, database: Engine, account: int) -> None:
    """Two hundred who wait hold no thread each, and each gets the outcome of its own request."""
    async with producing(broker_url=redis_url, database_url=url_of(database), redis_url=redis_url) as producer:
        ids = await producer.submit_many([{}] * 200)
        waits = [asyncio.create_task(producer.wait([each], timeout_s=DEADLINE_S)) for each in ids]
        await tick()
        for each in ids:
            store_outcome(database, account, each)
        assert [list(found) for found in await asyncio.gather(*waits)] == [[each] for each in ids]
        assert len([each for each in threading.enumerate() if each.name.startswith("trueup-")]) <= 4


@in_loop
async def test_a_hint_ends_a_wait(
    broker: "redis.Redis[Any]", redis_url: str, database: Engine, account: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where outcomes would not be looked for again for a long time; the subscription is one, and is closed."""
    monkeypatch.setattr(wait, "_POLL_S_MIN", FOR_EVER_S)
    async with producing(broker_url=redis_url, database_url=url_of(database), redis_url=redis_url) as producer:
        ids = await producer.submit_many([{}, {}])
        assert await producer.wait(ids, timeout_s=0) == {}
        await until(lambda: broker.pubsub_numsub(CHANNEL) == [(CHANNEL.encode(), 1)])
        waits = [asyncio.create_task(producer.wait([each], timeout_s=FOR_EVER_S)) for each in ids]
        await tick()
        for each in ids:
            store_outcome(database, account, each)
        broker.publish(CHANNEL, "\xff, no id")
        broker.publish(CHANNEL, ",".join(map(str, ids)))
        assert [list(found) for found in await asyncio.gather(*waits)] == [[each] for each in ids]
    await until(lambda: broker.pubsub_numsub(CHANNEL) == [(CHANNEL.encode(), 0)])


@in_loop
async def test_a_request_that_breaks_the_rules(redis_url: str, broker: "redis.Redis[Any]") -> None:
    """It is refused before anything is sent; of many, the one to blame is named."""
    async with producing(broker_url=redis_url, validate=True) as producer:
        with pytest.raises(InvalidRequest):
            await producer.submit({})
        with pytest.raises(InvalidRequest) as refused:
            await producer.submit_many(["{", "{}"])
        assert refused.value.position == 0
    assert broker.keys() == []
