"""The broker as a publisher sees it: a Redis list that takes a command, or whatever Celery reaches."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

from trueup.extras import extra
from trueup.producer.signer import Signer

TIMEOUTS: Mapping[str, Any] = {"socket_timeout": 10, "socket_connect_timeout": 5, "socket_keepalive": True}


class BrokerLost(Exception):
    """The broker did not answer; it may, the next time."""


class BrokerRefused(Exception):
    """The broker answered that it will not."""


class Broker(Protocol):
    """Connections to a broker, shared by threads; they are opened when they are first needed."""

    def message(self, meta: str, requests: str, *, queue: str, signer: Signer | None, at: datetime) -> Any:
        """An envelope as it is put on a queue, once or again: the same bytes."""

    def put(self, message: Any, *, queue: str) -> int | None:
        """Put a message on its queue; how many wait there now, where the broker tells.

        Raises:
            BrokerLost, BrokerRefused: it may or may not be there.
        """

    def count(self, queue: str) -> int:
        """Number of messages that wait on a queue; 0 when there is no such queue yet.

        Raises:
            BrokerLost, BrokerRefused: the broker did not tell.
        """

    def close(self) -> None:
        """Close the connections; the next call opens others."""


def open_broker(url: str) -> Broker:
    """The broker that a URL names.

    Args:
        url: redis, rediss, amqp or amqps. With redis and no query in it, Celery is not imported.

    Raises:
        MissingExtra: it takes Celery, which is not installed.
    """
    address = urlsplit(url)
    if address.scheme == "redis" and not address.query and ";" not in url:
        from trueup.producer.brokers.redis_broker import RedisBroker  # noqa: PLC0415 - of two, the one that is used

        return RedisBroker(url)
    with extra("celery", needed_by=f"a broker at {address.scheme}://… (other than redis:// without a query)"):
        from trueup.producer.brokers.celery_broker import CeleryBroker  # noqa: PLC0415 - it needs the extra

    return CeleryBroker(url)
