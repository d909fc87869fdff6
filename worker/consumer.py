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
from shared.store.parking import Reason
from shared.store.patience import patiently
from worker.intake.message import Message
from worker.intake.parking import park_envelope

log = structlog.get_logger()


class Consumer(CeleryConsumer):  # type: ignore[misc]
    """Celery's consumer, with its four silent exits closed."""

    def on_decode_error(self, message: BrokerMessage, exc: Exception) -> None:
        """The body is not what its headers say."""
        if _keep(message, "undecodable", exc):
            super().on_decode_error(message, exc)

    def on_unknown_message(self, body: Any, message: BrokerMessage) -> None:
        """The message is no task at all."""
        if _keep(message, "rejected", ValueError("the message is no Celery task")):
            super().on_unknown_message(body, message)

    def on_unknown_task(self, body: Any, message: BrokerMessage, exc: Exception) -> None:
        """No task has that name; perhaps a newer producer knows why."""
        if _keep(message, "unknown_task", exc):
            super().on_unknown_task(body, message, exc)

    def on_invalid_task(self, body: Any, message: BrokerMessage, exc: Exception) -> None:
        """The task's headers or its content type are refused."""
        if _keep(message, "rejected", exc):
            super().on_invalid_task(body, message, exc)


def _keep(message: BrokerMessage, reason: Reason, error: Exception) -> bool:
    """Parks the message before it is acknowledged; while the database is away it goes back to the queue."""
    try:
        patiently(lambda: park_raw(_name(message), _headers(message), _body(message), reason=reason, detail=str(error)))
    except Exception as failure:  # noqa: BLE001 (whatever keeps it from being parked, it must not be lost)
        log.warning("message sent back", action="message_sent_back", reason=reason, error=str(failure)[:500])
        message.requeue()  # type: ignore[no-untyped-call]
        return False
    return True


def park_raw(task: str, headers: str, body: str, *, reason: Reason, detail: str) -> None:
    """Parks a message that is no envelope, under no account."""
    with transaction(engine()) as connection:
        park_envelope(connection, None, Message(task, headers, body, None), reason=reason, detail=detail)


def _name(message: BrokerMessage) -> str:
    return str((message.headers or {}).get("task", ""))[:255].replace("\x00", "")


def _headers(message: BrokerMessage) -> str:
    return json.dumps({"headers": message.headers, "content_type": message.content_type}, default=repr)


def _body(message: BrokerMessage) -> str:
    return message.body if isinstance(message.body, str) else bytes(message.body).decode(errors="backslashreplace")
