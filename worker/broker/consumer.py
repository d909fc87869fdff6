"""Where Celery would drop a message with only a log line, Trueup parks it (spec 2.5).

On Redis there is no dead-letter queue: an unknown task, an undecodable body or a message of another form is gone once
it is acknowledged. What nobody vouches for is kept in bounds, and belongs to no account.
"""

import json
from typing import Any

import structlog
from celery.worker.consumer import Consumer as CeleryConsumer
from kombu.message import Message as BrokerMessage

from shared.store.engine import engine, transaction
from shared.store.errors import is_away, primary_message
from shared.store.parking import Reason
from shared.store.patience import patiently
from worker.intake.message import Message
from worker.intake.parking import park_envelope

log = structlog.get_logger()


class Consumer(CeleryConsumer):  # type: ignore[misc]
    """Celery's consumer, with its four silent exits closed."""

    def on_decode_error(self, message: BrokerMessage, exc: Exception) -> None:
        """The body is not what its headers say."""
        _keep(message, "undecodable", exc)

    def on_unknown_message(self, body: Any, message: BrokerMessage) -> None:  # noqa: ARG002 (Celery's signature)
        """The message is no task at all."""
        _keep(message, "rejected", ValueError("the message is no Celery task"))

    def on_unknown_task(self, body: Any, message: BrokerMessage, exc: Exception) -> None:  # noqa: ARG002
        """No task has that name; perhaps a newer producer knows why."""
        _keep(message, "unknown_task", exc)

    def on_invalid_task(self, body: Any, message: BrokerMessage, exc: Exception) -> None:  # noqa: ARG002
        """The task's headers or its content type are refused."""
        _keep(message, "rejected", exc)


def _keep(message: BrokerMessage, reason: Reason, error: Exception) -> None:
    """Parks the message, then acknowledges it; while the database is away it goes back to the queue."""
    try:
        patiently(lambda: park_raw(_name(message), _headers(message), _body(message), reason=reason, detail=str(error)))
    except Exception as failure:  # noqa: BLE001 (whatever keeps it from being parked)
        log.warning("message not parked", action="message_not_parked", reason=reason, error=primary_message(failure))
        if is_away(failure):
            message.requeue()  # type: ignore[no-untyped-call]
            return
    message.ack()  # type: ignore[no-untyped-call]


def park_raw(task: str, headers: str, body: str, *, reason: Reason, detail: str) -> None:
    """Parks a message that is no envelope, under no account."""
    with transaction(engine()) as connection:
        park_envelope(connection, None, Message(task, headers, body, None), reason=reason, detail=detail)


def _name(message: BrokerMessage) -> str:
    return str((message.headers or {}).get("task", ""))


def _headers(message: BrokerMessage) -> str:
    return json.dumps({"headers": message.headers, "content_type": message.content_type}, default=repr)


def _body(message: BrokerMessage) -> str:
    return message.body if isinstance(message.body, str) else bytes(message.body).decode(errors="backslashreplace")
