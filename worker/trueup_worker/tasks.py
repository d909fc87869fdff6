"""The tasks: one line each, from message to use case."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import structlog
from celery import Task
from celery.exceptions import Reject

from trueup.limits import ISSUE_TURN_S
from trueup.redis.uniqueness_cache import Reply
from trueup.settings import settings
from trueup.store.postgres.engine import engine
from trueup.wire.message.names import (
    ATTEMPT_HEADER,
    QUEUES,
    REQUEST_ID_HEADER,
    SIGNATURE_HEADER,
    TASK_ALERT,
    TASK_CREATE,
    TASK_ISSUE,
    TASK_PROBE,
    TASK_RECORD,
)
from trueup_worker.alerts.turn import give_alerts
from trueup_worker.celery.app import app
from trueup_worker.celery.envelope import decide
from trueup_worker.celery.outgoing import outgoing
from trueup_worker.celery.parking import park_raw
from trueup_worker.intake.commits.pipeline import COMMITS
from trueup_worker.intake.dismissal import TryAgainLater
from trueup_worker.intake.message import Message, is_envelope, message_of
from trueup_worker.intake.pipeline import Pipeline
from trueup_worker.intake.services import services
from trueup_worker.intake.usage.pipeline import USAGE
from trueup_worker.invoicing.issue import issue_all_due
from trueup_worker.observability import metrics

_TWO = "the task takes two arguments, meta and requests, both as JSON text"
_ONE = "the task takes one argument, an account's number"
_ACCOUNT_MAX = 2**31 - 1
_PROBE_NAME_CHARS_MAX = 64

log = structlog.get_logger()


@app.task(name=TASK_CREATE, bind=True)
def create_commits(self: "Task[Any, Any]", *args: Any) -> None:
    """Turn an envelope of commit requests into commits and outcomes: two arguments, both JSON text."""
    _take(self, COMMITS, args)


@app.task(name=TASK_RECORD, bind=True)
def record_usage(self: "Task[Any, Any]", *args: Any) -> None:
    """Turn an envelope of usage lines into stored lines and outcomes: two arguments, both JSON text."""
    _take(self, USAGE, args)


def _take(task: "Task[Any, Any]", pipeline: Pipeline[Any], args: tuple[Any, ...]) -> None:
    with _nothing_lost():
        if is_envelope(args):
            _receive(task, message_of(str(task.name), args, task.request.get("headers") or {}), pipeline)
        else:
            _park(task, args, _TWO)


def _park(task: "Task[Any, Any]", args: tuple[Any, ...], detail: str) -> None:
    park_raw(str(task.name), "", json.dumps(args), reason="wrong_arity", detail=detail)


@contextmanager
def _nothing_lost() -> Iterator[None]:
    """Reject to the queue whatever message goes wrong around its use case: Celery would drop it."""
    try:
        yield
    except Reject:
        raise
    except Exception as error:
        log.exception("message sent back", action="message_sent_back")
        raise Reject(repr(error), requeue=True) from error


def _receive(task: "Task[Any, Any]", message: Message, pipeline: Pipeline[Any]) -> None:
    try:
        decide(message, pipeline, worker=str(task.request.hostname))
    except TryAgainLater as error:
        _send_back(task, message, error)


def _send_back(task: "Task[Any, Any]", message: Message, error: TryAgainLater) -> None:
    """Give the message back: under the next attempt's number, or its own where nobody is to blame.

    It goes to the end of the queue, as others may fare better; while the database is away it stays where it is.
    """
    log.warning(
        "envelope sent back",
        action="envelope_sent_back",
        attempt=message.attempt,
        request_id=message.request_id,
        error=str(error)[:500],
    )
    if error.is_away and not error.counts:
        raise Reject(str(error), requeue=True)
    attempt = message.attempt + error.counts
    headers = {SIGNATURE_HEADER: message.signature, ATTEMPT_HEADER: str(attempt), REQUEST_ID_HEADER: message.request_id}
    queue, broker = task.request.delivery_info["routing_key"], outgoing()
    if queue not in QUEUES:  # it came by an exchange of somebody's own: nobody would take it from there
        raise Reject(str(error), requeue=True)
    again = broker.message(str(task.name), [message.meta, message.requests], queue=queue, headers=headers)
    broker.put(again, queue=queue)


@app.task(name=TASK_PROBE)
def answer_probe(name: object = "", *_: object) -> None:
    """Tell a gateway that its way to a worker is open; does nothing else, whatever it is sent."""
    services().cache.remember(0, {}, reply=Reply("", [str(name)[:_PROBE_NAME_CHARS_MAX]]))


@app.task(name=TASK_ISSUE, bind=True)
def issue_invoices(self: "Task[Any, Any]", *args: Any) -> None:
    """Close the account's months that are over, lets segments expire, and issues the invoices that are due."""
    config = settings()
    if _is_account(self, args):
        done = issue_all_due(
            engine(),
            args[0],
            rows_max=config.issue_rows,
            usage_grace_h=config.usage_grace_h,
            seconds_max=ISSUE_TURN_S,
        )
        for state, number in asdict(done).items():
            metrics.obligations.of(state).inc(number)


@app.task(name=TASK_ALERT, bind=True)
def alert(self: "Task[Any, Any]", *args: Any) -> None:
    """Tell what fell due in the account, and judge balances that usage has changed."""
    if _is_account(self, args):
        give_alerts(engine(), args[0])


def _is_account(task: "Task[Any, Any]", args: tuple[Any, ...]) -> bool:
    """Tell whether the arguments name an account; others are parked."""
    if len(args) == 1 and type(args[0]) is int and 0 < args[0] <= _ACCOUNT_MAX:
        return True
    with _nothing_lost():
        _park(task, args, _ONE)
    return False
