"""Hearing from workers, on Redis, what was decided: a hint, which may be late or missing (spec 2.1)."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from redis import RedisError
from redis.asyncio import Redis

from shared.wire.envelope import DONE_CHANNEL

_AGAIN_S = 1.0
_CHANNEL = DONE_CHANNEL.format(account="")

log = structlog.get_logger()

Hear = Callable[[str, Iterable[str]], None]


class Replies:
    """Listens for all accounts on one connection.

    Attributes:
        are_heard: whether hints come in; while they do not, who waits has to look.
    """

    def __init__(self, redis_url: str | None, hear: Hear) -> None:
        self._url, self._hear = redis_url, hear
        self.are_heard = False

    async def listen(self) -> None:
        """Passes hints on until it is cancelled; a lost connection is made again."""
        is_told = False
        while self._url is not None:
            try:
                async with Redis.from_url(self._url, socket_connect_timeout=5, health_check_interval=10) as client:
                    await self._subscribe(client)
            except (RedisError, OSError) as error:
                if self.are_heard or not is_told:
                    log.warning("no hints from Redis: outcomes are looked for", action="hints_lost", error=str(error))
                is_told = True
            finally:
                self.are_heard = False
            await asyncio.sleep(_AGAIN_S)

    async def _subscribe(self, client: Any) -> None:
        async with client.pubsub() as subscription:
            await subscription.psubscribe(f"{_CHANNEL}*")
            async for message in subscription.listen():
                if message["type"] == "psubscribe":
                    self.are_heard = True
                else:
                    account = message["channel"].decode().removeprefix(_CHANNEL)
                    self._hear(account, message["data"].decode().split(","))
