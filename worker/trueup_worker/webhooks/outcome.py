"""Outcomes of attempts: what becomes of a delivery, and of its endpoint."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine

from trueup.limits import WEBHOOK_ANSWER_CHARS_KEPT, WEBHOOK_FAILING_DAYS
from trueup.store.postgres.engine import transaction
from trueup.store.webhooks.claims import Claimed, Settled, note_failure, note_success, settle
from trueup.store.webhooks.endpoints import switch_off
from trueup.store.webhooks.expansion import Which
from trueup_worker.webhooks.schedule import Exhausted, Place, after_failure
from trueup_worker.webhooks.sender import Attempted

_GONE = 410


def settled(delivery: Claimed, attempted: Attempted, waits: Sequence[timedelta], *, at: datetime) -> Settled:
    """The record of an attempt.

    Args:
        delivery: as it was claimed.
        attempted: what came of it.
        waits: of the schedule.
        at: when it began.
    """
    place, wait = Place(delivery.step, delivery.hurry), None
    state = "delivered" if attempted.error is None else "waiting"
    if attempted.error is not None:
        try:
            place, wait = after_failure(place, waits)
        except Exhausted:
            state = "failed"
    return Settled(
        delivery=delivery,
        state=state,  # type: ignore[arg-type]
        step=place.step,
        hurry=place.hurry,
        wait=wait,
        at=at,
        duration_ms=int(attempted.duration_s * 1_000),
        status=attempted.status,
        error=attempted.error,
        answer=_told(attempted.answer),
    )


def record(on: Engine, outcomes: Sequence[Settled]) -> None:
    """Record attempts and what they say of their endpoints, all or nothing: a worker may die at any moment.

    An endpoint that answered 410, or took nothing for days, is switched off.

    Args:
        on: the database.
        outcomes: in the order in which the attempts ended.

    Raises:
        DBAPIError: the database is away.
    """
    by_endpoint: defaultdict[Which, list[Settled]] = defaultdict(list)
    for each in outcomes:
        by_endpoint[each.delivery.which].append(each)
    with transaction(on) as connection:
        settle(connection, outcomes)
        for which in sorted(by_endpoint, key=lambda each: (each.account_id, each.id)):
            _judge(connection, which, by_endpoint[which])


def _judge(connection: Connection, which: Which, outcomes: Sequence[Settled]) -> None:
    if any(each.error is None for each in outcomes):
        note_success(connection, which)
    failing_for = None
    if outcomes[-1].error is not None:
        failing_for = note_failure(connection, which, [each.delivery for each in outcomes])
    if any(each.status == _GONE for each in outcomes):
        switch_off(connection, which.account_id, which.id, "gone")
    elif failing_for is not None and failing_for > timedelta(days=WEBHOOK_FAILING_DAYS):
        switch_off(connection, which.account_id, which.id, "failing")


def _told(answer: bytes | None) -> str | None:
    """The beginning of an answer as text that can be kept."""
    if not answer:
        return None
    return answer.decode("utf-8", "replace").replace("\0", "\ufffd")[:WEBHOOK_ANSWER_CHARS_KEPT]
