"""A broker that is reached through Celery: RabbitMQ, Redis by TLS or Sentinel, or with options in its URL."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from threading import RLock
from typing import Any

from celery import Celery
from kombu.exceptions import ChannelError, OperationalError

from trueup.ids import new_id_text
from trueup.producer.brokers.broker import TIMEOUTS, BrokerLost, BrokerRefused
from trueup.producer.brokers.compression import COMPRESSION, compressed
from trueup.producer.signer import Signer
from trueup.wire.message.queues import task_on


class CeleryBroker:
    """A connection that threads share, with one channel to publish on and one to ask for the backlog."""

    def __init__(self, url: str) -> None:
        self._app = _app(url)
        self._connection: Any = None
        self._backlog_channel: Any = None
        self._lock = RLock()

    def message(self, meta: str, requests: str, *, queue: str, signer: Signer | None, at: datetime) -> Any:
        """Message as of `Broker.message`."""
        task = task_on(queue)
        made = self._app.amqp.as_task_v2(
            new_id_text(),
            task,
            [meta, requests],
            {},
            argsrepr="(meta, requests)",
            kwargsrepr="{}",
            ignore_result=True,
        )
        made.headers.update(signer.headers(meta, requests, at=at, task=task) if signer else {})
        return made

    def put(self, message: Any, *, queue: str) -> None:
        """Put as `Broker.put`."""
        with self._connected() as connection:
            self._app.amqp.Producer(connection, auto_declare=False).publish(
                compressed(message.body),
                routing_key=queue,
                headers={**message.headers, "compression": COMPRESSION},
                content_type="application/json",
                content_encoding="utf-8",
                retry=False,
                **message.properties,
            )

    def count(self, queue: str) -> int:
        """Count as `Broker.count`."""
        with self._connected() as connection:
            if self._backlog_channel is None:
                self._backlog_channel = connection.channel()
            try:
                declared = self._backlog_channel.queue_declare(queue=queue, passive=True)
            except ChannelError as error:
                if str(error.reply_code) != "404":
                    raise
                if not getattr(self._backlog_channel, "is_open", True):  # AMQP closes a channel that asked in vain
                    self._backlog_channel = None
                return 0
            return int(declared.message_count)

    def close(self) -> None:
        """Close as `Broker.close`."""
        with self._lock:
            connection, self._connection, self._backlog_channel = self._connection, None, None
            if connection is not None:
                with suppress(Exception):
                    connection.release()

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        try:
            with self._lock:
                if self._connection is None:
                    self._connection = self._app.connection_for_write()
                with self._connection._reraise_as_library_errors():  # noqa: SLF001 - as Celery's own send_task does
                    yield self._connection
        except ChannelError as error:
            raise BrokerRefused(str(error)) from error
        except OperationalError as error:
            raise BrokerLost(str(error)) from error


def _app(url: str) -> Celery:
    """Celery application that forms messages, and knows nothing of the tasks: they live with the workers."""
    app = Celery("trueup-producer", broker=url, set_as_current=False)
    options: dict[str, Any] = {"max_retries": 0, "interval_start": 0}
    if url.startswith("amqp"):
        options |= {"confirm_publish": True, "read_timeout": 10, "write_timeout": 10}
    else:
        options |= TIMEOUTS
    app.conf.update(task_serializer="json", accept_content=["json"], broker_transport_options=options)
    return app
