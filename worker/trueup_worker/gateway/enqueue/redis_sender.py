"""The short way to a Redis broker: from the event loop, in one round trip, without a thread and without Celery."""

import asyncio

from redis import RedisError

from trueup.broker.redis_broker import redis_message
from trueup.broker.url import BrokerUrl
from trueup.clock import utc_now
from trueup.redis.async_connection import AsyncRedisConnection, Lost
from trueup.wire.message.queues import task_on
from trueup_worker.gateway.database.single_flight import SingleFlight
from trueup_worker.gateway.enqueue.sender import SignedEnvelope
from trueup_worker.gateway.limits import SEND_SECONDS_MAX

_CHARS_MAX = 100_000  # signing and packing more would hold up the others: that is a thread's work


class PerhapsSent(Exception):
    """The envelope may or may not be on its queue: the same envelope again does no harm."""


class RedisSender:
    """A sender that puts envelopes on their queue where it is known that there is room; for one event loop."""

    def __init__(self, broker_url: str) -> None:
        self._url = broker_url if BrokerUrl.read(broker_url).is_redis else None
        self._connection: AsyncRedisConnection | None = None
        self._open_once = SingleFlight(self._open)

    def takes(self, envelope: SignedEnvelope) -> bool:
        """Tell whether this broker, and an envelope of this size, can go this way."""
        return self._url is not None and len(envelope.packed.text) <= _CHARS_MAX

    async def send(self, envelope: SignedEnvelope) -> int:
        """Put an envelope on its queue.

        Returns:
            How many wait there now.

        Raises:
            PerhapsSent: the broker did not say that it has it.
        """
        arguments, task = (envelope.meta, envelope.packed.text), task_on(envelope.queue)
        signer = envelope.principal.signer
        signed = signer.headers(*arguments, at=utc_now(), task=task) if signer else {}
        text = redis_message(task, arguments, queue=envelope.queue, headers={**envelope.beside, **signed})
        try:
            return await self._put(envelope.queue, text)
        except (RedisError, OSError) as error:
            raise PerhapsSent(str(error)) from error

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

    async def _put(self, queue: str, text: bytes) -> int:
        """The length of the queue then; where no answer comes in time, the connection is given up for all."""
        connection = self._connection
        if connection is None or connection.lost.done():
            connection = await self._open_once()
        answer = connection.ask("LPUSH", queue, text)
        timer = asyncio.get_running_loop().call_later(SEND_SECONDS_MAX, connection.fail, Lost("no answer in time"))
        try:
            return int(await answer)
        finally:
            timer.cancel()

    async def _open(self) -> AsyncRedisConnection:
        assert self._url is not None
        self._connection = await AsyncRedisConnection.open(self._url, connect_s=SEND_SECONDS_MAX)
        return self._connection
