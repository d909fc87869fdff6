"""The gateway's own connections to Redis: what is lost on them is told, and made again."""

import asyncio
import socket
from collections.abc import Callable, Iterator

import pytest
import redis

from trueup.clock import utc_now
from trueup.ids import new_id_text
from trueup.store.accounts.tokens import Caller
from trueup.wire.message.envelope import QueuedRequest
from trueup.wire.message.names import QUEUE_SINGLE
from trueup.wire.message.packing import pack, write_meta
from trueup_worker.gateway.callers.authentication import Principal
from trueup_worker.gateway.enqueue.outcomes import done_channel as replies
from trueup_worker.gateway.enqueue.outcomes.done_channel import DoneChannel
from trueup_worker.gateway.enqueue.redis_sender import PerhapsSent, RedisSender
from trueup_worker.gateway.enqueue.sender import SignedEnvelope
from trueup_worker.gateway.limits import SEND_SECONDS_MAX


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """The broker."""
    with redis.Redis.from_url(redis_url) as connection:
        yield connection


def envelope() -> SignedEnvelope:
    """An envelope of one request."""
    (packed,) = pack([QueuedRequest(new_id_text(), "commit", None, "{}")])
    principal = Principal(Caller(1, "acme", "key", frozenset({"write"}), None), None)
    return SignedEnvelope(principal, write_meta("acme", sent_at=utc_now()), packed, QUEUE_SINGLE)


def drop_others(client: redis.Redis) -> None:
    """Lets the server close every connection but this one."""
    client.execute_command("CLIENT", "KILL", "SKIPME", "yes")  # type: ignore[no-untyped-call]


async def until(condition: Callable[[], object]) -> None:
    """Returns when it holds."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)


def test_who_sends_at_once_travels_in_turn(client: redis.Redis, redis_url: str) -> None:
    """Each is told how many wait there when its own has come."""

    async def send() -> list[int]:
        redis_sender = RedisSender(redis_url)
        told = await asyncio.gather(*(redis_sender.send(envelope()) for _ in range(20)))
        redis_sender.close()
        return told

    assert asyncio.run(send()) == list(range(1, 21))
    assert client.llen(QUEUE_SINGLE) == 20


def test_a_broker_that_closes_the_connection(client: redis.Redis, redis_url: str) -> None:
    """A envelope that is on its way may or may not be there; the next one goes over a new connection."""

    async def send() -> int:
        redis_sender = RedisSender(redis_url)
        await redis_sender.send(envelope())
        client.execute_command("CLIENT", "PAUSE", 60_000, "WRITE")  # type: ignore[no-untyped-call]
        on_its_way = asyncio.create_task(redis_sender.send(envelope()))
        await asyncio.sleep(0)  # it is sent
        drop_others(client)
        with pytest.raises(PerhapsSent):
            await on_its_way
        client.execute_command("CLIENT", "UNPAUSE")  # type: ignore[no-untyped-call]
        told = await redis_sender.send(envelope())
        redis_sender.close()
        return told

    assert asyncio.run(send()) == client.llen(QUEUE_SINGLE)


def test_a_broker_that_says_nothing() -> None:
    """All who send at once are told within the time that one of them may take."""

    async def send(port: int) -> list[object]:
        redis_sender = RedisSender(f"redis://127.0.0.1:{port}")
        async with asyncio.timeout(1.5 * SEND_SECONDS_MAX):
            return await asyncio.gather(*(redis_sender.send(envelope()) for _ in range(3)), return_exceptions=True)

    with socket.create_server(("127.0.0.1", 0)) as silent:
        told = asyncio.run(send(silent.getsockname()[1]))
    assert [type(each) for each in told] == [PerhapsSent] * 3


def test_a_broker_that_refuses(client: redis.Redis, redis_url: str) -> None:
    """That is told, and the connection stays."""
    client.set(QUEUE_SINGLE, "no list")

    async def send() -> int:
        redis_sender = RedisSender(redis_url)
        with pytest.raises(PerhapsSent, match="WRONGTYPE"):
            await redis_sender.send(envelope())
        client.delete(QUEUE_SINGLE)
        told = await redis_sender.send(envelope())
        redis_sender.close()
        return told

    assert asyncio.run(send()) == 1


def test_hints_are_heard_again(client: redis.Redis, redis_url: str) -> None:
    """After the connection was lost, and under the account's name."""
    heard: list[tuple[str, list[str]]] = []

    async def lose() -> None:
        replies = DoneChannel(redis_url, lambda account, ids: heard.append((account, list(ids))))
        listening = asyncio.create_task(replies.listen())
        await until(lambda: replies.are_heard)
        client.publish("trueup:done:acme", "a,b")
        await until(lambda: heard)
        drop_others(client)
        await until(lambda: not replies.are_heard)
        await until(lambda: replies.are_heard)
        client.publish("trueup:done:acme", "c")
        await until(lambda: len(heard) == 2)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)

    asyncio.run(lose())
    assert heard == [("acme", ["a", "b"]), ("acme", ["c"])]


def test_a_connection_that_says_nothing_any_more(
    client: redis.Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is taken for lost, as nothing else would ever tell that no hint comes over it."""
    monkeypatch.setattr(replies, "_ALIVE_SECONDS", 0.2)

    async def pause() -> None:
        hints = DoneChannel(redis_url, lambda *_: None)
        listening = asyncio.create_task(hints.listen())
        await until(lambda: hints.are_heard)
        client.execute_command("CLIENT", "PAUSE", 3_000, "ALL")  # type: ignore[no-untyped-call]
        await until(lambda: not hints.are_heard)
        await until(lambda: hints.are_heard)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)

    asyncio.run(pause())
