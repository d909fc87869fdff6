"""A connection to Redis that is kept, for the few commands that every envelope costs, and that blocks."""

import os
from collections.abc import Sequence
from threading import Lock
from typing import Any

from redis import ConnectionError as ConnectionLost
from redis import ConnectionPool, ReadOnlyError, ResponseError
from redis.backoff import NoBackoff
from redis.retry import Retry

from trueup.redis.pools import pool

Command = Sequence[Any]


class RedisConnection:
    """A connection that takes several commands in one round trip.

    It takes less than half the time of the client's own calls, which fetch a connection, look at it and give it back
    each time. Threads take turns.

    Args:
        pool: where it takes a connection from; a forked child takes another.
    """

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._begin()

    @classmethod
    def to(cls, url: str, **options: Any) -> "RedisConnection":
        """A connection to the Redis at a URL, with options of redis-py, whose own retries are left out."""
        return cls(pool(url, retry=Retry(NoBackoff(), 0), **options))

    def _begin(self) -> None:
        self._connection: Any = None
        self._is_open = False
        self._lock, self._pid = Lock(), os.getpid()

    def ask(self, *commands: Command) -> list[Any]:
        """The replies, in order.

        The commands are sent once more when the connection was lost, as it is when nobody used it for long: they must
        be harmless when they run twice.

        Raises:
            RedisError: Redis does not answer; or it refused a command, the others were carried out nevertheless.
        """
        if self._pid != os.getpid():
            self._begin()
        with self._lock:
            try:
                replies = self._exchange(commands)
            except ConnectionLost:
                replies = self._exchange(commands)
        for reply in replies:
            if isinstance(reply, ResponseError):
                raise reply
        return replies

    def close(self) -> None:
        """Close the connection, once nobody waits for replies on it; the next command opens another."""
        with self._lock:
            if self._connection is not None:
                self._connection.disconnect()
                self._is_open = False

    def _exchange(self, commands: Sequence[Command]) -> list[Any]:
        if self._connection is None:
            self._connection, self._is_open = self._pool.get_connection(), True
        connection = self._connection
        try:
            if not self._is_open:  # without that, redis-py goes back to where the master was
                connection.connect()
                self._is_open = True
            connection.send_packed_command(connection.pack_commands(commands))
            return [self._reply() for _ in commands]
        except BaseException:
            connection.disconnect()  # nobody may read what was meant for us
            self._is_open = False
            raise

    def _reply(self) -> Any:
        try:
            return self._connection.read_response()
        except ReadOnlyError as error:  # it was the master: another is, or this name leads there from now on
            raise ConnectionLost(str(error)) from error
        except ResponseError as error:
            return error
