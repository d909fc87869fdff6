"""Parking of what cannot be decided."""

from uuid import UUID

import structlog
from sqlalchemy import Connection

from trueup.store.requests.parking import Parking, Reason, park
from trueup.wire.message.envelope import QueuedRequest
from trueup.wire.message.packing import write_requests
from trueup_worker.intake.decision import Decision, parked
from trueup_worker.intake.delivery import Delivery
from trueup_worker.intake.message import Message
from trueup_worker.intake.outcomes import repeats, store

log = structlog.get_logger()


def park_envelope(
    connection: Connection,
    account_id: int | None,
    message: Message,
    *,
    reason: Reason,
    detail: str,
    batch_id: UUID | None = None,
) -> None:
    """Park an envelope whole: nothing is known of its requests."""
    kept = park(
        connection,
        Parking(
            account_id=account_id,
            reason=reason,
            detail=detail,
            task=message.task,
            meta=message.meta,
            requests=message.requests,
            signature=message.signature,
            attempt=message.attempt,
            batch_id=batch_id,
        ),
    )
    log.warning("envelope parked", action="parked", reason=reason, detail=detail[:500], kept=kept)


def park_requests(connection: Connection, part: Delivery, *, reason: Reason, detail: str) -> list[Decision]:
    """Park requests one by one, each with its outcome; those that have one that stands keep it."""
    standing = repeats(connection, part, part.requests)
    decisions = [parked(request, reason) for request in part.requests if request.id not in standing]
    for decision in decisions:
        park_request(connection, part, decision.request, reason=reason, detail=detail)
    decisions = store(connection, part, decisions)
    log.error("requests parked", action="parked", reason=reason, requests=len(decisions), detail=detail[:500])
    return [*standing.values(), *decisions]


def park_request(
    connection: Connection, part: Delivery, request: QueuedRequest, *, reason: Reason, detail: str
) -> None:
    """Park one request with its own text; its outcome is the caller's to store."""
    message = part.message
    park(
        connection,
        Parking(
            account_id=part.account_id,
            reason=reason,
            detail=detail,
            task=message.task,
            meta=message.meta,
            requests=write_requests([request]),
            signature=None,
            attempt=part.number,
            request_id=UUID(request.id),
            batch_id=part.batch_id,
        ),
    )
