"""Kombu's Redis transport, where it would leave a worker hanging for ever, and where it costs more than it need.

A message that cannot be acknowledged, because the broker is away at that moment, keeps its place among those that may
be fetched ahead. With one such place the worker never fetches again, so it never notices that its connection is gone.

And it makes a client for every command, which costs as much as the command.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kombu.transport import redis


class QoS(redis.QoS):
    """Frees the place whatever comes: the message itself stays with the broker, which delivers it again."""

    def ack(self, delivery_tag: str) -> None:
        """Acknowledges a message."""
        try:
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]
        finally:
            self._quick_ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002 (kombu's signature)
        """Gives a message back, or drops it."""
        try:
            super().reject(delivery_tag, requeue=requeue)  # type: ignore[no-untyped-call]
        finally:
            self._quick_ack(delivery_tag)


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
