"""Kombu's client for Redis: it makes one for every command, which costs as much as the command."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kombu.transport import redis


@contextmanager
def _own_client(channel: Any, client: Any = None) -> Iterator[Any]:
    """The channel's only client, unless another is given."""
    if client is None:
        if not hasattr(channel, "own_client"):
            channel.own_client = channel._create_client()  # noqa: SLF001 - in place of a method of the channel
        client = channel.own_client
    yield client


def keep_client() -> None:
    """Let every channel of this process keep its client."""
    redis.Channel.conn_or_acquire = _own_client  # type: ignore[method-assign,assignment]
