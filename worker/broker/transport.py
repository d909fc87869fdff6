"""Kombu's Redis transport, where it would leave a worker hanging for ever, and where it costs more than it need.

A message that cannot be acknowledged, because the broker is away at that moment, keeps its place among those that may
be fetched ahead. With one such place the worker never fetches again, so it never notices that its connection is gone.

And it makes a client for every command, which costs as much as the command; a message that is taken and acknowledged
costs two transactions, 80 µs each by way of its pipelines, 32 without.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from kombu.transport import redis, virtual
from redis import ResponseError

from shared.redis_line import Command, Line
from worker.decoding import encode


class QoS(redis.QoS):
    """Frees the place whatever comes: the message itself stays with the broker, which delivers it again."""

    @cached_property
    def _line(self) -> Line:
        with self.channel.conn_or_acquire() as client:
            return Line(client.connection_pool)

    def append(self, message: Any, delivery_tag: str) -> None:
        """Notes that a message was taken, as kombu does."""
        delivery = message.delivery_info
        taken = encode([message._raw, delivery["exchange"], delivery["routing_key"]])  # noqa: SLF001 - as kombu does
        self._transact(
            ("ZADD", self.unacked_index_key, time.time(), delivery_tag),
            ("HSET", self.unacked_key, delivery_tag, taken),
        )
        virtual.QoS.append(self, message, delivery_tag)  # type: ignore[no-untyped-call]

    def ack(self, delivery_tag: str) -> None:
        """Acknowledges a message."""
        try:
            self._transact(("ZREM", self.unacked_index_key, delivery_tag), ("HDEL", self.unacked_key, delivery_tag))
        finally:
            self._quick_ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002 (kombu's signature)
        """Gives a message back, or drops it."""
        try:
            super().reject(delivery_tag, requeue=requeue)  # type: ignore[no-untyped-call]
        finally:
            self._quick_ack(delivery_tag)

    def _transact(self, *commands: Command) -> None:
        *_, done = self._line.ask(("MULTI",), *commands, ("EXEC",))
        for reply in done:
            if isinstance(reply, ResponseError):
                raise reply


@contextmanager
def _own_client(channel: Any, client: Any = None) -> Iterator[Any]:
    """The channel's only client, unless another is given."""
    if client is None:
        if not hasattr(channel, "own_client"):
            channel.own_client = channel._create_client()  # noqa: SLF001 - in place of a method of the channel
        client = channel.own_client
    yield client


def keep_fetching() -> None:
    """Makes every worker of this process fetch on."""
    redis.Channel.QoS = QoS


def keep_client() -> None:
    """Lets every channel of this process keep its client."""
    redis.Channel.conn_or_acquire = _own_client  # type: ignore[method-assign,assignment]
