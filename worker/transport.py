"""Kombu's Redis transport, where it would leave a worker hanging for ever.

A message that cannot be acknowledged, because the broker is away at that moment, keeps its place among those that may
be fetched ahead. With one such place the worker never fetches again, so it never notices that its connection is gone.
"""

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


def keep_fetching() -> None:
    """Makes every worker of this process use it."""
    redis.Channel.QoS = QoS
