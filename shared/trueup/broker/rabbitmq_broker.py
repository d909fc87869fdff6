"""RabbitMQ: a message is put on a quorum queue, which is declared first, and counts as put once it is confirmed."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import RLock
from typing import Any, TypeVar

import amqp
from amqp.exceptions import AMQPError, ChannelError, MessageNacked, NotFound, PreconditionFailed
from kombu.connection import Connection

from trueup.broker.broker import BrokerLost, BrokerRefused
from trueup.broker.celery_settings import QUORUM, celery_settings
from trueup.broker.compression import compressed
from trueup.broker.headers import headers_of
from trueup.ids import new_id_text

T = TypeVar("T")

_SECONDS_MAX = 10.0  # without a word of the broker, on a connection that waits for one
_CONNECT_SECONDS_MAX = 5.0
_LIMITED_FROM = 4  # the version from which on a queue drops what was delivered 20 times, unless it is told not to


@dataclass(frozen=True, slots=True)
class RabbitMessage:
    """A message as it is published, once or again."""

    body: bytes
    headers: Mapping[str, Any]
    content_type: str | None = "application/json"
    content_encoding: str | None = "utf-8"

    def as_published(self) -> amqp.Message:
        """The message for py-amqp, to be stored."""
        return amqp.Message(
            self.body,
            content_type=self.content_type,
            content_encoding=self.content_encoding,
            delivery_mode=2,
            application_headers=dict(self.headers),
        )


class WrongQueue(Exception):
    """A queue is no quorum queue, or has limits that lose messages."""


class _NoSuchQueue(BrokerRefused):
    """The broker gave a message back, as it had nowhere to put it."""


class RabbitBroker:
    """A connection that threads share, in turn."""

    keeps_what_it_takes = True

    def __init__(self, url: str) -> None:
        self._url = url
        self._begin()

    def _begin(self) -> None:
        self._lock, self._pid = RLock(), os.getpid()
        self._forget()

    def _forget(self) -> None:
        self._connection: Any = None
        self._channel: Any = None
        self._declared: set[str] = set()

    def message(self, task: str, arguments: Sequence[Any], *, queue: str, headers: Mapping[str, Any]) -> RabbitMessage:  # noqa: ARG002 (of the protocol)
        """Message as of `Broker.message`."""
        return RabbitMessage(compressed([arguments, {}, {}]), {**headers_of(task, new_id_text()), **headers})

    def put(self, message: RabbitMessage, *, queue: str) -> None:
        """Put as `Broker.put`; a queue that was deleted meanwhile is declared again."""
        try:
            self._on_kept(lambda: self._put(message, queue))
        except _NoSuchQueue:
            self._put(message, queue)

    def count(self, queue: str) -> int:
        """Count as `Broker.count`."""
        return self._on_kept(lambda: self._count(queue))

    def oldest(self, queue: str) -> None:
        """None: whoever looks at a message takes it, and RabbitMQ counts that as a delivery."""

    def close(self) -> None:
        """Close as `Broker.close`."""
        with self._lock:
            connection = self._connection
            self._forget()
            if connection is not None and self._pid == os.getpid():
                with suppress(Exception):
                    connection.release()

    def _on_kept(self, act: Callable[[], T]) -> T:
        """Act, once more where the connection that was kept turns out to be lost: either is harmless twice.

        Who waited in vain for an answer does not wait for another.
        """
        was_kept = self._connection is not None
        try:
            return act()
        except BrokerLost as error:
            if not was_kept or isinstance(error.__cause__, TimeoutError):
                raise
        return act()

    def _count(self, queue: str) -> int:
        with self._open_channel() as channel:
            try:
                return int(channel.queue_declare(queue, passive=True).message_count)
            except NotFound:  # which closes the channel
                self._channel = None
                return 0

    def _put(self, message: RabbitMessage, queue: str) -> None:
        with self._open_channel() as channel:
            if queue not in self._declared:
                declare_queue(self._connection, queue)
                self._declared.add(queue)
            channel.basic_publish_confirm(
                message.as_published(),
                exchange="",
                routing_key=queue,
                mandatory=True,
                confirm_timeout=_SECONDS_MAX,
            )

    @contextmanager
    def _open_channel(self) -> Iterator[Any]:
        """The channel; what goes wrong on it ends the connection, as nobody may read what was meant for another."""
        if self._pid != os.getpid():
            self._begin()  # the connection is the parent's
        with self._lock:
            try:
                yield self._channel or self._open()
            except (ChannelError, WrongQueue) as error:
                self.close()
                raise BrokerRefused(str(error)) from error
            except (AMQPError, MessageNacked, OSError) as error:
                self.close()
                raise BrokerLost(str(error) or type(error).__name__) from error
            except BaseException:
                self.close()
                raise

    def _open(self) -> Any:
        if self._connection is None:
            self._connection = connect(self._url)
        self._channel = self._connection.channel()
        self._channel.events["basic_return"].add(_raise_returned)
        return self._channel


def connect(url: str) -> Connection:
    """A connection of kombu to the first host that answers, which raises what py-amqp raises.

    Every read on it ends after `_SECONDS_MAX`.
    """
    settings = celery_settings(url, visibility_timeout_s=0)
    connection = Connection(  # type: ignore[no-untyped-call]
        settings["broker_url"],
        ssl=settings["broker_use_ssl"] or False,
        heartbeat=settings["broker_heartbeat"],
        connect_timeout=_CONNECT_SECONDS_MAX,
    )
    hosts = settings["broker_url"].count(";") + 1
    try:
        connection._ensure_connection(  # type: ignore[no-untyped-call]  # noqa: SLF001 - to raise them
            max_retries=hosts, interval_start=0, interval_step=0, reraise_as_library_errors=False
        )
    except BaseException:
        connection.release()  # type: ignore[no-untyped-call]
        raise
    connection.connection.transport.sock.settimeout(_SECONDS_MAX)
    return connection


def declare_queues(connection: Connection, names: Iterable[str]) -> None:
    """Declare queues on a connection of kombu, where it leads to RabbitMQ: others keep what they never heard of.

    Raises:
        WrongQueue: one of them is of another kind.
    """
    if connection.transport.driver_type == "amqp":
        for name in names:
            declare_queue(connection, name)


def declare_queue(connection: Connection, name: str) -> None:
    """Declare a quorum queue; harmless where there is one.

    Raises:
        WrongQueue: there is one of another kind.
    """
    major = int(str(connection.connection.server_properties.get("version", "3")).partition(".")[0])
    forms = [QUORUM] if major < _LIMITED_FROM else [{**QUORUM, "x-delivery-limit": -1}, QUORUM]
    for arguments in forms:
        channel = connection.channel()  # type: ignore[no-untyped-call]
        try:
            channel.queue_declare(name, durable=True, auto_delete=False, arguments=arguments)
        except PreconditionFailed as error:
            refused = error
        else:
            channel.close()
            return
    raise WrongQueue(
        f"the queue {name!r} is of another kind ({refused}): empty it, then delete it, as deploy/README.md says"
    )


def consumers_of(connection: Connection, queue: str) -> int:
    """Number of consumers of a queue that is there."""
    with connection.channel() as channel:  # type: ignore[no-untyped-call]
        return int(channel.queue_declare(queue, passive=True).consumer_count)


def _raise_returned(error: Exception, *_: object) -> None:
    raise _NoSuchQueue(str(error)) from error
