"""The short way to a Redis broker: from the event loop, in one round trip, without a thread and without Celery."""

from typing import Any
from urllib.parse import urlsplit

from redis import RedisError
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from shared.clock import utc_now
from shared.producer.publish import redis_message
from worker.gateway.limits import SEND_SECONDS_MAX
from worker.gateway.post import Letter

_CHARS_MAX = 100_000  # signing and packing more would hold up the others: that is a thread's work


class PerhapsSent(Exception):
    """The letter may or may not be on its queue: the same letter again does no harm."""


class Shortcut:
    """Puts letters on their queue where it is known that there is room; for one event loop."""

    def __init__(self, broker_url: str) -> None:
        address = urlsplit(broker_url)
        is_plain = address.scheme == "redis" and not address.query
        self._url = broker_url if is_plain else None
        self._client: Redis | None = None

    def takes(self, letter: Letter) -> bool:
        """Whether this broker, and a letter of this size, can go this way."""
        return self._url is not None and len(letter.requests) <= _CHARS_MAX

    async def send(self, letter: Letter) -> None:
        """Puts a letter on its queue.

        Raises:
            PerhapsSent: the broker did not say that it has it.
        """
        text = redis_message(
            letter.meta, letter.requests, queue=letter.queue, signer=letter.sender.signer, at=utc_now()
        )
        try:
            await self._opened().lpush(letter.queue, text)
        except (RedisError, OSError) as error:
            raise PerhapsSent(str(error)) from error

    async def close(self) -> None:
        """Closes the connection."""
        if self._client is not None:
            await self._client.aclose()

    def _opened(self) -> "Redis":
        if self._client is None:
            assert self._url is not None
            patience: dict[str, Any] = {"socket_timeout": SEND_SECONDS_MAX, "socket_connect_timeout": SEND_SECONDS_MAX}
            self._client = Redis.from_url(self._url, retry=Retry(NoBackoff(), 0), **patience)
        return self._client
