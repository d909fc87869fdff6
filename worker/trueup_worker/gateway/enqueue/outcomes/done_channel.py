"""Hearing from workers, on Redis, what was decided: a hint, which may be late or missing."""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog
from redis import RedisError

from trueup.redis.async_connection import AsyncRedisConnection, Lost
from trueup.wire.message.names import DONE_CHANNEL

_AGAIN_S = 1.0
_CONNECT_SECONDS_MAX = 5.0
_ALIVE_SECONDS = 10.0  # a sign of life in every such time, or the connection is taken for lost
_CHANNEL = DONE_CHANNEL.format(account="")

log = structlog.get_logger()

Hear = Callable[[str, list[str]], None]


class DoneChannel:
    """A listener for all accounts, on one connection.

    Attributes:
        are_heard: whether hints come in; while they do not, who waits has to look.
    """

    def __init__(self, redis_url: str | None, hear: Hear) -> None:
        self._url, self._hear = redis_url, hear
        self.are_heard = False
        self._is_alive = False

    async def listen(self) -> None:
        """Pass hints on until it is cancelled; a lost connection is made again."""
        is_told = False
        while self._url is not None:
            try:
                await self._subscribe(self._url)
            except (RedisError, OSError) as error:
                if self.are_heard or not is_told:
                    log.warning("no hints from Redis: outcomes are looked for", action="hints_lost", error=str(error))
                is_told = True
            finally:
                self.are_heard = False
            await asyncio.sleep(_AGAIN_S)

    async def _subscribe(self, url: str) -> None:
        """Listen until the connection is lost, which it raises."""
        connection = await AsyncRedisConnection.open(
            url, lambda reply: self._take(connection, reply), connect_s=_CONNECT_SECONDS_MAX
        )
        try:
            connection.send("PSUBSCRIBE", f"{_CHANNEL}*")
            while True:
                self._is_alive = False
                connection.send("PING")
                await asyncio.wait([connection.lost], timeout=_ALIVE_SECONDS)
                if not self._is_alive:
                    connection.fail(Lost("Redis says nothing any more"))
                if connection.lost.done():
                    connection.lost.result()
        finally:
            connection.close()

    def _take(self, connection: AsyncRedisConnection, reply: Any) -> None:
        self._is_alive = True
        if isinstance(reply, Exception):
            connection.fail(Lost(str(reply)))
        elif reply[0] == b"psubscribe":
            self.are_heard = True
        elif reply[0] == b"pmessage":
            _, _, channel, ids = reply
            self._hear(channel.decode(errors="replace").removeprefix(_CHANNEL), ids.decode(errors="replace").split(","))
