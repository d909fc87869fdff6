"""Length of a queue."""

from typing import Any

from kombu.exceptions import ChannelError


def backlog(broker: Any, queue: str) -> int:
    """Number of messages that wait; a queue that does not exist yet is an empty one (Redis forgets empty lists)."""
    with broker.channel() as channel:
        try:
            return int(channel.queue_declare(queue, passive=True).message_count)
        except ChannelError:
            return 0
