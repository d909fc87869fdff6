"""The tasks: one line each, from message to use case."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import structlog
from celery import Task
from celery.exceptions import Reject

from shared.clock import utc_now
from shared.dedupe import UniquenessCache
from shared.limits import DELIVERIES_MAX
from shared.settings import settings
from shared.store.engine import engine
from shared.store.patience import patiently
from shared.wire.envelope import ATTEMPT_HEADER, SIGNATURE_HEADER, TASK_CREATE
from shared.wire.routes import TASK_RECORD
from worker.app import app
from worker.consumer import park_raw
from worker.intake.message import Message
from worker.intake.receive import COMMITS, Intake, TryAgainLater, receive
from worker.intake.services import Services
from worker.invoicing.issue import issue_all_due
from worker.scheduling.look import TASK_ISSUE
from worker.usage.record import USAGE

_TWO = "the task takes two arguments, meta and requests, both as JSON text"

log = structlog.get_logger()


@cache
def services() -> Services:
    """What this process holds open; made on first use, after any fork."""
    config = settings()
    url = None if config.redis_url is None else str(config.redis_url)
    return Services(engine(), UniquenessCache(url, ttl_s=config.uniqueness_cache_s), config)


@app.task(name=TASK_CREATE, bind=True)
def create_commits(self: "Task[Any, Any]", *args: Any, **kwargs: Any) -> None:
    """Turns an envelope of commit requests into commits and outcomes: two arguments, both JSON text."""
    _take(self, COMMITS, args, kwargs)


@app.task(name=TASK_RECORD, bind=True)
def record_usage(self: "Task[Any, Any]", *args: Any, **kwargs: Any) -> None:
    """Turns an envelope of usage lines into stored lines and outcomes: two arguments, both JSON text."""
    _take(self, USAGE, args, kwargs)


def _take(task: "Task[Any, Any]", intake: Intake, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    with _nothing_lost():
        if len(args) == 2 and not kwargs and all(isinstance(part, str) for part in args):
            _receive(task, _message(task, *args), intake)
        else:
            received = json.dumps([args, kwargs])
            patiently(lambda: park_raw(str(task.name), "", received, reason="wrong_arity", detail=_TWO))


@contextmanager
def _nothing_lost() -> Iterator[None]:
    """Whatever goes wrong at the task's edge, the message goes back to the queue: Celery would drop it."""
    try:
        yield
    except Reject:
        raise
    except Exception as error:
        log.exception("message sent back", action="message_sent_back")
        raise Reject(repr(error), requeue=True) from error


def _receive(task: "Task[Any, Any]", message: Message, intake: Intake) -> None:
    try:
        counts = receive(message, services(), now=utc_now(), intake=intake)
    except TryAgainLater as error:
        _send_back(task, message, error)
    else:
        log.info("envelope decided", action="envelope_decided", attempt=message.attempt, **counts)


def _message(task: "Task[Any, Any]", meta: str, requests: str) -> Message:
    headers = task.request.get("headers") or {}
    signature, attempt = headers.get(SIGNATURE_HEADER), str(headers.get(ATTEMPT_HEADER, ""))
    return Message(
        str(task.name),
        meta,
        requests,
        signature if isinstance(signature, str) else None,
        attempt=min(int(attempt), DELIVERIES_MAX) if re.fullmatch("[1-9][0-9]{0,3}", attempt, re.ASCII) else 1,
    )


def _send_back(task: "Task[Any, Any]", message: Message, error: TryAgainLater) -> None:
    """Gives the message back: under the next attempt's number, or as it is while the database is away."""
    log.warning("envelope sent back", action="envelope_sent_back", attempt=message.attempt, error=str(error)[:500])
    if not error.counts:
        raise Reject(str(error), requeue=True)
    headers = {SIGNATURE_HEADER: message.signature, ATTEMPT_HEADER: str(message.attempt + 1)}
    queue = task.request.delivery_info["routing_key"]
    task.apply_async((message.meta, message.requests), queue=queue, headers=headers, compression="zlib")


@app.task(name=TASK_ISSUE)
def issue_invoices(account_id: int) -> None:
    """Closes the account's months that are over, lets segments expire, and issues the invoices that are due."""
    config = settings()
    issue_all_due(engine(), account_id, rows_max=config.issue_rows, usage_grace_h=config.usage_grace_h)
