"""Envelopes whose workers died (spec 2.4): halved until the request that kills is alone, which is then parked."""

import structlog
from sqlalchemy import Connection

from shared.limits import DELIVERIES_MAX, DELIVERIES_WHOLE_MAX
from shared.store.accepted import Kept, accept
from shared.wire.envelope import QUEUE_BULK, QueuedRequest
from shared.wire.packing import write_requests
from worker.intake.decision import Decision
from worker.intake.message import Delivery
from worker.intake.parking import park_requests

_DETAIL = "every worker that took it died; see the workers' logs, then replay or discard it"

log = structlog.get_logger()


def is_suspect(delivery: Delivery) -> bool:
    """Whether the envelope must not be tried as it is."""
    if not delivery.message.redelivered:
        return False
    return delivery.deliveries > (DELIVERIES_WHOLE_MAX if delivery.size > 1 else DELIVERIES_MAX)


def take_apart(connection: Connection, delivery: Delivery, requests: list[QueuedRequest]) -> list[Decision]:
    """Replaces a suspect by its halves, which the sweeper publishes; parks it when it is a single request.

    Each half goes on counting deliveries where the envelope was, so that it is tried once before it is halved itself.
    """
    if len(requests) == 1:
        return park_requests(connection, delivery, requests, reason="kills_worker", detail=_DETAIL)
    middle = len(requests) // 2
    halves = (requests[:middle], requests[middle:])
    accept(
        connection,
        delivery.account_id,
        [
            Kept(delivery.message.meta, write_requests(half), QUEUE_BULK, len(half), attempt=DELIVERIES_WHOLE_MAX)
            for half in halves
        ],
        lease_s=delivery.settings.lease_s,
        due_now=True,
    )
    log.warning("envelope halved", action="envelope_halved", requests=len(requests), deliveries=delivery.deliveries)
    return []
