"""A delivery of an envelope, decided and told: in the metrics, and as one line of the log."""

import time
from collections import Counter
from typing import Any

import structlog
from structlog.contextvars import bound_contextvars

from trueup.clock import utc_now
from trueup.wire.message.packing import span_of
from trueup_worker.intake.dismissal import TryAgainLater
from trueup_worker.intake.message import Message
from trueup_worker.intake.pipeline import Pipeline
from trueup_worker.intake.progress import Progress
from trueup_worker.intake.receive import receive
from trueup_worker.intake.services import services
from trueup_worker.observability import metrics

log = structlog.get_logger()


def decide(message: Message, pipeline: Pipeline[Any], *, worker: str) -> None:
    """Receive a message; whatever is logged meanwhile has the ids of the calls that it came from.

    Args:
        message: as delivered.
        pipeline: the steps of its task.
        worker: name of this process.

    Raises:
        TryAgainLater: as `receive`.
    """
    now, began_s, progress = utc_now(), time.perf_counter(), Progress()
    with bound_contextvars(**_names(message, worker)):
        try:
            counts = receive(message, services(), now=now, pipeline=pipeline, progress=progress)
        except TryAgainLater:
            metrics.envelopes.of(message.task, "sent_back").inc()
            raise
        _count(message, progress, counts)
        if progress.delivery is not None and progress.delivery.sent_at is not None:
            metrics.stage.of("queue").observe(max(0.0, (now - progress.delivery.sent_at).total_seconds()))
        log.info(
            "envelope decided",
            action="envelope_decided",
            attempt=message.attempt,
            ms=round((time.perf_counter() - began_s) * 1_000, 1),
            **_told(progress),
            **counts,
        )


def _names(message: Message, worker: str) -> dict[str, str]:
    return {"worker": worker, "request_id": message.request_id} if message.request_id else {"worker": worker}


def _count(message: Message, progress: Progress, counts: Counter[str]) -> None:
    metrics.envelopes.of(message.task, "decided" if counts else "dismissed").inc()
    for outcome, number in counts.items():
        metrics.requests.of(message.task, outcome).inc(number)
    for stage, seconds in progress.seconds.items():
        metrics.stage.of(stage).observe(seconds)


def _told(progress: Progress) -> dict[str, object]:
    """Fields of an admitted envelope: its account, its batch, and between which ids its requests are."""
    delivery = progress.delivery
    if delivery is None:
        return {}
    told: dict[str, object] = {"account_id": delivery.account_id}
    if delivery.batch_id is not None:
        told["batch"] = str(delivery.batch_id)
    first, last = span_of(request.id for request in delivery.requests)
    return told | {"first": first, "last": last}
