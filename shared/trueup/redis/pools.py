"""Pools of connections to the Redis that a URL names: itself, or by its sentinels, which tell the master each time."""

from collections.abc import Iterator
from typing import Any

import redis
from redis import asyncio, sentinel
from redis.asyncio import sentinel as async_sentinel
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from trueup.broker.url import BrokerUrl

_SENTINEL_SECONDS_MAX = 2.0  # of one sentinel: the next is asked then


def pool(url: str, **options: Any) -> redis.ConnectionPool:
    """Connections of redis-py, with options of it.

    Raises:
        ValueError: there can be no Redis at such a URL.
    """
    address = BrokerUrl.read(url)
    if address.master:
        known = sentinel.Sentinel(list(address.hosts), sentinel_kwargs=sentinel_options(address, Retry(NoBackoff(), 0)))  # type: ignore[no-untyped-call]
        return sentinel.SentinelConnectionPool(  # type: ignore[no-untyped-call]
            address.master, known, ssl=address.tls is not None, **_login(address), **options
        )
    kind = redis.Connection if address.tls is None else redis.SSLConnection
    return redis.ConnectionPool(connection_class=kind, **_host(address), **_login(address), **options)


def async_pool(url: str, **options: Any) -> asyncio.ConnectionPool:
    """As `pool`, for an event loop."""
    address = BrokerUrl.read(url)
    if address.master:
        known = async_sentinel.Sentinel(  # type: ignore[no-untyped-call]
            list(address.hosts), sentinel_kwargs=sentinel_options(address, AsyncRetry(NoBackoff(), 0))
        )
        return async_sentinel.SentinelConnectionPool(  # type: ignore[no-untyped-call]
            address.master, known, ssl=address.tls is not None, **_login(address), **options
        )
    kind = asyncio.Connection if address.tls is None else asyncio.SSLConnection
    return asyncio.ConnectionPool(connection_class=kind, **_host(address), **_login(address), **options)


async def close_sentinels(pool: asyncio.ConnectionPool) -> None:
    """Close the connections to sentinels that a pool for an event loop holds."""
    if isinstance(pool, async_sentinel.SentinelConnectionPool):
        await pool.sentinel_manager.aclose()


def client(url: str, **options: Any) -> redis.Redis:
    """A client of redis-py on a pool of its own; raises as `pool`."""
    return redis.Redis.from_pool(pool(url, **options))


def sentinels(address: BrokerUrl) -> Iterator[tuple[str, int, sentinel.Sentinel]]:
    """Each sentinel by itself, with its host and port."""
    options = sentinel_options(address, Retry(NoBackoff(), 0))
    for host, port in address.hosts:
        yield host, port, sentinel.Sentinel([(host, port)], sentinel_kwargs=options)  # type: ignore[no-untyped-call]


def sentinel_options(address: BrokerUrl, retry: Retry | AsyncRetry) -> dict[str, Any]:
    """Options of redis-py for the connections to sentinels, which need no database."""
    tls = {} if address.tls is None else {"ssl": True, **address.tls.of_redis()}
    return {
        "username": address.sentinel_user,
        "password": address.sentinel_password,
        "socket_timeout": _SENTINEL_SECONDS_MAX,
        "socket_connect_timeout": _SENTINEL_SECONDS_MAX,
        "retry": retry,
        **tls,
    }


def _host(address: BrokerUrl) -> dict[str, Any]:
    [(host, port)] = address.hosts
    return {"host": host, "port": port}


def _login(address: BrokerUrl) -> dict[str, Any]:
    tls = {} if address.tls is None else address.tls.of_redis()
    return {"username": address.user, "password": address.password, "db": address.database, **tls}
