"""A connection to Redis for an event loop, without what redis-py does around each command and each message."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import hiredis
from redis import RedisError, ResponseError
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from trueup.redis.pools import async_pool, close_sentinels

OnReply = Callable[[Any], None]

_NO_MASTER = "READONLY"  # it was the master: another is, or the name leads there from now on


class Lost(RedisError):
    """The connection was lost; whether Redis did what it was asked last is unknown."""


def _ignore(_: Any) -> None:
    """Hear nothing."""


class AsyncRedisConnection(asyncio.Protocol):
    """A connection that passes replies on, in order, without a task for each: that was a twelfth of a create.

    It is still redis-py that opens the connection, so that every URL is good here that is good there.

    Attributes:
        lost: ends with what ended the connection.
    """

    def __init__(self, connection: Any, on_reply: OnReply) -> None:
        self._on_reply = on_reply
        self._asked: deque[asyncio.Future[Any]] = deque()
        self._reader = hiredis.Reader()
        self._writer, connection._writer = connection._writer, None  # noqa: SLF001 - it has no way to let go of it
        self._transport: asyncio.Transport = self._writer.transport
        self._transport.set_protocol(self)
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost.add_done_callback(lambda lost: lost.cancelled() or lost.exception())  # nobody need have asked

    @classmethod
    async def open(cls, url: str, on_reply: OnReply = _ignore, *, connect_s: float) -> "AsyncRedisConnection":
        """A connection, once Redis has let us in.

        Args:
            url: where it is.
            on_reply: called with each reply to what was sent and not asked: a `hiredis.ReplyError` where Redis refused.
            connect_s: how long that may take.

        Raises:
            RedisError, OSError: it does not answer, or does not let us in.
        """
        # With RESP 2 what a subscription brings is a reply like any other.
        limits: dict[str, Any] = {"socket_connect_timeout": connect_s, "socket_timeout": connect_s}
        pool = async_pool(url, protocol=2, retry=Retry(NoBackoff(), 0), **limits)
        connection = pool.make_connection()  # type: ignore[no-untyped-call]
        try:
            async with asyncio.timeout(connect_s):
                await connection.connect()
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        finally:
            await close_sentinels(pool)
        return cls(connection, on_reply)

    def ask(self, *command: str | bytes) -> "asyncio.Future[Any]":
        """Send a command; its reply is to come, or a `ResponseError`, or what ended the connection before it came.

        A connection that sends as well passes all replies to whoever asked first: it either asks or sends.

        Raises:
            Lost: there is no connection any more.
        """
        self.send(*command)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked.append(answer)
        return answer

    def send(self, *command: str | bytes) -> None:
        """Send a command.

        Raises:
            Lost: there is no connection any more.
        """
        if self._transport.is_closing():
            raise Lost("the connection is closed")
        self._transport.write(hiredis.pack_command(command))  # type: ignore[arg-type] # its stub knows single words only

    def fail(self, error: RedisError) -> None:
        """End the connection because of an error; whoever waits for a reply gets it."""
        if not self.lost.done():
            self.lost.set_exception(error)
        self._transport.abort()
        while self._asked:
            self._answer(self._asked.popleft(), Lost(str(error)))

    def close(self) -> None:
        """End the connection."""
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Pass on what has arrived whole."""
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            if isinstance(reply, Exception) and str(reply).startswith(_NO_MASTER):
                self.fail(Lost(str(reply)))
            elif self._asked:
                self._answer(self._asked.popleft(), reply)
            else:
                self._on_reply(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        """End what waits for a reply."""
        self.fail(Lost(str(exc or "Redis closed the connection")))

    def _answer(self, answer: "asyncio.Future[Any]", reply: Any) -> None:
        if answer.done():  # nobody waits for it any more
            return
        if isinstance(reply, Exception):
            answer.set_exception(reply if isinstance(reply, RedisError) else ResponseError(str(reply)))
        else:
            answer.set_result(reply)
