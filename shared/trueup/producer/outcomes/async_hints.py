"""Hints of workers on Redis that something was decided, for all who wait in an event loop."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from uuid import UUID

from redis import RedisError
from redis.asyncio import Redis

from trueup.redis.pools import async_pool, close_sentinels
from trueup.wire.message.names import DONE_CHANNEL

_AGAIN_S = 1.0


class OutcomeHints:
    """One subscription, from the first wait until it is closed; hints may be late or missing.

    Args:
        redis_url: where workers publish; None: there are no hints.
        account: whose requests are waited for.
    """

    def __init__(self, redis_url: str | None, *, account: str) -> None:
        self._url, self._channel = redis_url, DONE_CHANNEL.format(account=account)
        self._waiting: dict[asyncio.Event, frozenset[str]] = {}
        self._listener: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def of(self, ids: Iterable[UUID]) -> AsyncIterator[asyncio.Event]:
        """An event that is set whenever one of these requests is said to be decided."""
        news = asyncio.Event()
        self._waiting[news] = frozenset(map(str, ids))
        if self._url is not None and (self._listener is None or self._listener.done()):
            self._listener = asyncio.create_task(self._listen(self._url), name="trueup-hints")
        try:
            yield news
        finally:
            del self._waiting[news]

    async def aclose(self) -> None:
        """End the subscription."""
        listener, self._listener = self._listener, None
        if listener is not None and not listener.done():
            listener.cancel()
            await asyncio.wait([listener])

    async def _listen(self, url: str) -> None:
        """Pass hints on until it is cancelled; a lost connection is made again."""
        while True:
            with suppress(RedisError, OSError):
                await self._subscribe(url)
            await asyncio.sleep(_AGAIN_S)

    async def _subscribe(self, url: str) -> None:
        pool = async_pool(url, socket_timeout=5, socket_connect_timeout=5, socket_keepalive=True)
        try:
            await self._listen_on(Redis.from_pool(pool))
        finally:
            await close_sentinels(pool)

    async def _listen_on(self, client: Redis) -> None:
        async with client, client.pubsub(ignore_subscribe_messages=True) as subscription:
            await subscription.subscribe(self._channel)
            async for message in subscription.listen():
                self._tell(message["data"].decode(errors="replace"))

    def _tell(self, told: str) -> None:
        decided = frozenset(told.split(","))
        for news, ids in self._waiting.items():
            if not decided.isdisjoint(ids):
                news.set()
