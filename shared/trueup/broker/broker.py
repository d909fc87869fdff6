"""The broker as whoever puts messages sees it."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from trueup.broker.url import BrokerUrl
from trueup.extras import extra


class BrokerLost(Exception):
    """The broker did not answer; it may, the next time."""


class BrokerRefused(Exception):
    """The broker answered that it will not."""


class Broker(Protocol):
    """Connections to a broker, shared by threads; they are opened when they are first needed, after any fork.

    Attributes:
        keeps_what_it_takes: whether a message that was put survives every single host, so that it need not be kept
            elsewhere.
    """

    keeps_what_it_takes: bool

    def message(self, task: str, arguments: Sequence[Any], *, queue: str, headers: Mapping[str, Any]) -> Any:
        """A call of a task as it is put on a queue, once or again: the same bytes.

        Args:
            task: its name.
            arguments: of JSON.
            queue: where it will be put.
            headers: beside those that every message has.
        """

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

    def oldest(self, queue: str) -> bytes | None:
        """The message that has waited longest, as it lies there; None where there is none, or the broker shows none.

        Raises:
            BrokerLost, BrokerRefused: the broker did not tell.
        """

    def close(self) -> None:
        """Close the connections; the next call opens others."""


def open_broker(url: str) -> Broker:
    """The broker that a URL names.

    Args:
        url: as `trueup.broker.url` says.

    Raises:
        ValueError: there can be no such broker.
        MissingExtra: it takes a library that is not installed: kombu, for RabbitMQ.
    """
    if BrokerUrl.read(url).is_redis:
        from trueup.broker.redis_broker import RedisBroker  # noqa: PLC0415 - of two, the one that is used

        return RedisBroker(url)
    with extra("celery", needed_by="a broker that is RabbitMQ"):
        from trueup.broker.rabbitmq_broker import RabbitBroker  # noqa: PLC0415 - it needs the extra

    return RabbitBroker(url)


def broker_address(url: str) -> str:
    """host:port of a broker, for people: never the user or the password. Raises as `open_broker`."""
    return BrokerUrl.read(url).address
