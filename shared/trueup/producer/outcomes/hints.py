"""Being woken when a worker has decided something (reply)."""

import time
from typing import Any, Self

import redis

from trueup.redis.pools import client
from trueup.wire.message.names import DONE_CHANNEL


class Wakeup:
    """Sleeps until a worker says on Redis that it decided something; the hint may be missing, so never for long."""

    def __init__(self, redis_url: str | None, *, account: str) -> None:
        self._channel = DONE_CHANNEL.format(account=account)
        self._client: Any = None
        if redis_url is not None:
            self._client = client(redis_url, socket_timeout=5, socket_connect_timeout=5)
        self._subscription: Any = None

    def sleep(self, seconds_max: float) -> None:
        """Return after a hint, or after `seconds_max`."""
        began_s = time.monotonic()
        try:
            if self._subscription is not None:
                self._subscription.get_message(ignore_subscribe_messages=True, timeout=seconds_max)
                return
        except redis.RedisError:
            self._subscription = None
        time.sleep(max(0.0, seconds_max - (time.monotonic() - began_s)))

    def __enter__(self) -> Self:
        if self._client is not None:
            try:
                self._subscription = self._client.pubsub()
                self._subscription.subscribe(self._channel)
            except redis.RedisError:
                self._subscription = None
        return self

    def __exit__(self, *_: object) -> None:
        if self._subscription is not None:
            self._subscription.close()
        if self._client is not None:
            self._client.close()
