"""Celery's consumer, in front of which every message is judged, and behind which none is dropped.

On Redis there is no dead-letter queue: an unknown task, an undecodable body or a message of another form is gone once
it is acknowledged, and one that Celery's own code does not expect ends the worker, and then the next. Both are parked.
"""

import json
from collections.abc import Callable
from typing import Any, ClassVar

import structlog
from celery.worker.consumer import Consumer as CeleryConsumer
from kombu.message import Message as BrokerMessage

from trueup.broker.rabbitmq_broker import declare_queues
from trueup.limits import ELEMENT_BYTES_MAX, UNAUTHENTICATED_BYTES_MAX
from trueup.store.requests.parking import Reason
from trueup.wire.message.names import QUEUES
from trueup_worker.celery.form import read_body, read_headers
from trueup_worker.celery.parking import keep
from trueup_worker.celery.refusal import Refused
from trueup_worker.celery.suspect import decide_suspect, is_suspect
from trueup_worker.intake.dismissal import TryAgainLater

_DELAYS = "celery.worker.consumer.delayed_delivery:DelayedDelivery"
_OF_CELERY = "celery."  # tasks that every Celery app has: none of them is for strangers to start

log = structlog.get_logger()


class Consumer(CeleryConsumer):  # type: ignore[misc]
    """Celery's consumer, with its silent exits closed."""

    class Blueprint(CeleryConsumer.Blueprint):  # type: ignore[misc]
        """Its steps, without Celery's queues for messages that are to wait: none of ours is."""

        default_steps: ClassVar = [step for step in CeleryConsumer.Blueprint.default_steps if step != _DELAYS]

    def connect(self) -> Any:
        """A connection to a broker on which our queues are."""
        connection = super().connect()
        declare_queues(connection, QUEUES)
        return connection

    def update_strategies(self) -> None:
        """Know our tasks only."""
        super().update_strategies()
        for name in [name for name in self.strategies if name.startswith(_OF_CELERY)]:
            del self.strategies[name]

    def create_task_handler(self, *given: Any, **more: Any) -> Callable[[BrokerMessage], None]:
        """Callback for each message: Celery's own, behind our judgement."""
        receive = super().create_task_handler(*given, **more)

        def take(message: Any) -> None:
            try:
                self._judge(message)
                if is_suspect(deliveries := message.deliveries):
                    decide_suspect(
                        message.headers,
                        message.payload[0],
                        deliveries=deliveries,
                        is_convicted=message.is_count_its_own,
                        worker=str(self.hostname),
                    )
                    message.ack()
                else:
                    receive(message)
            except Refused as refused:
                _keep(message, refused.reason, refused)
            except TryAgainLater:
                message.requeue()
            except Exception as error:
                if self._is_of_broker(error):
                    raise
                log.exception("message not taken", action="message_not_taken")
                if not message.acknowledged:
                    _keep(message, "rejected", error)

        return take

    def on_decode_error(self, message: BrokerMessage, exc: Exception) -> None:
        """The body is not compressed as its headers say, or unfolds to more than a message may hold."""
        _keep(message, exc.reason if isinstance(exc, Refused) else "undecodable", exc)

    def _judge(self, message: BrokerMessage) -> None:
        """Replace what came by what Celery may see.

        Raises:
            Refused: it is not what it ought to be.
        """
        if len(message.body) > ELEMENT_BYTES_MAX:
            told = f"{len(message.body)} bytes of body, where {ELEMENT_BYTES_MAX} are allowed"
            raise Refused("too_large", told, beginning=_body(message)[:UNAUTHENTICATED_BYTES_MAX])
        headers = read_headers(message.headers)
        if headers.task not in self.strategies:
            raise Refused("unknown_task", f"there is no task {headers.task!r}")
        arguments = read_body(message.body, content_type=message.content_type, encoding=message.content_encoding)
        message.headers, message.properties = headers.told(), {}
        message._decoded_cache = [arguments, {}, {}]  # noqa: SLF001 - what kombu would have made of it

    def _is_of_broker(self, error: Exception) -> bool:
        """Tell whether the broker failed, not the message; kombu takes every KeyError for a lost connection."""
        return isinstance(error, (*self.connection_errors, *self.channel_errors)) and type(error) is not KeyError


def _keep(message: BrokerMessage, reason: Reason, error: Exception) -> None:
    """Park the message, then acknowledge it; while the database is away it goes back to the queue."""
    beginning = error.beginning if isinstance(error, Refused) and error.beginning else _body(message)
    if keep(beginning, reason=reason, detail=str(error), task=_name(message), headers=_headers(message)):
        message.ack()  # type: ignore[no-untyped-call]
    else:
        message.requeue()  # type: ignore[no-untyped-call]


def _name(message: BrokerMessage) -> str:
    return str((message.headers or {}).get("task", ""))[:255]


def _headers(message: BrokerMessage) -> str:
    return json.dumps({"headers": message.headers, "content_type": message.content_type}, default=repr)


def _body(message: BrokerMessage) -> bytes:
    return message.body.encode(errors="surrogatepass") if isinstance(message.body, str) else bytes(message.body)
