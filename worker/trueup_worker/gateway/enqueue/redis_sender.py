"""The short way to a Redis broker: from the event loop, in one round trip, without a thread and without Celery."""

import asyncio
from collections import deque
from typing import Any
from urllib.parse import urlsplit

from redis import RedisError

from trueup.clock import utc_now
from trueup.producer.redis_broker import redis_message
from trueup_worker.gateway.enqueue.redis_connection import Line, Lost
from trueup_worker.gateway.enqueue.sender import SignedEnvelope
from trueup_worker.gateway.limits import SEND_SECONDS_MAX

_CHARS_MAX = 100_000  # signing and packing more would hold up the others: that is a thread's work


class PerhapsSent(Exception):
    """The envelope may or may not be on its queue: the same envelope again does no harm."""


class RedisSender:
    """Puts envelopes on their queue where it is known that there is room; for one event loop."""

    def __init__(self, broker_url: str) -> None:
        address = urlsplit(broker_url)
        is_plain = address.scheme == "redis" and not address.query
        self._url = broker_url if is_plain else None
        self._line: Line | None = None
        self._opening: asyncio.Task[Line] | None = None
        self._asked: deque[asyncio.Future[Any]] = deque()

    def takes(self, envelope: SignedEnvelope) -> bool:
        """Whether this broker, and a envelope of this size, can go this way."""
        return self._url is not None and len(envelope.packed.text) <= _CHARS_MAX

    async def send(self, envelope: SignedEnvelope) -> int:
        """Puts a envelope on its queue.

        Returns:
            How many wait there now.

        Raises:
            PerhapsSent: the broker did not say that it has it.
        """
        text = redis_message(
            envelope.meta, envelope.packed.text, queue=envelope.queue, signer=envelope.principal.signer, at=utc_now()
        )
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[int] = loop.create_future()
        try:
            line = await self._opened()
            line.send("LPUSH", envelope.queue, text)
        except (RedisError, OSError) as error:
            raise PerhapsSent(str(error)) from error
        self._asked.append(answer)
        timer = loop.call_later(SEND_SECONDS_MAX, line.fail, Lost("no answer in time"))
        try:
            return await answer
        finally:
            timer.cancel()

    def close(self) -> None:
        """Closes the connection."""
        if self._line is not None:
            self._line.close()

    async def _opened(self) -> Line:
        """The line; those who need another one wait for the same."""
        if self._line is not None and not self._line.lost.done():
            return self._line
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
        return await asyncio.shield(self._opening)

    async def _open(self) -> Line:
        assert self._url is not None
        try:
            self._line = await Line.open(self._url, self._take, connect_s=SEND_SECONDS_MAX)
        finally:
            self._opening = None
        self._line.lost.add_done_callback(self._on_lost)
        return self._line

    def _take(self, reply: Any) -> None:
        answer = self._asked.popleft()
        if answer.done():  # nobody waits for it any more
            return
        if isinstance(reply, Exception):
            answer.set_exception(PerhapsSent(str(reply)))
        else:
            answer.set_result(reply)

    def _on_lost(self, lost: "asyncio.Future[None]") -> None:
        error = lost.exception()
        while self._asked:
            self._take(error)
