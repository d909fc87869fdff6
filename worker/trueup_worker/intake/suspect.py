"""Envelopes whose workers died: halved until the request that kills is alone, which is then parked."""

import structlog
from sqlalchemy import Connection

from trueup.limits import DELIVERIES_MAX, DELIVERIES_WHOLE_MAX
from trueup.store.requests.kept_envelopes import Kept, accept, digest_of, suspect
from trueup.wire.message.envelope import QueuedRequest
from trueup.wire.message.packing import span_of, write_requests
from trueup.wire.message.queues import route_of_task
from trueup_worker.intake.decision import Decision
from trueup_worker.intake.message import Delivery
from trueup_worker.intake.parking import park_requests

_DETAIL = "every worker that took it died; see the workers' logs, then replay or discard it"

log = structlog.get_logger()


def is_suspect(delivery: Delivery) -> bool:
    """Whether the envelope must not be tried as it is."""
    return delivery.deliveries > (DELIVERIES_WHOLE_MAX if delivery.size > 1 else DELIVERIES_MAX)


def take_apart(connection: Connection, delivery: Delivery, requests: list[QueuedRequest]) -> list[Decision]:
    """Replaces a suspect by its halves, which the sweeper publishes; parks it when it is a single request.

    Each half has one delivery behind it, so that it is tried once more before it is halved itself.
    """
    if len(requests) == 1:
        return park_requests(connection, delivery, requests, reason="kills_worker", detail=_DETAIL)
    halves = _halve(connection, delivery, requests)
    digests = [digest_of(half.meta, half.requests) for half in halves]
    suspect(connection, delivery.account_id, digests, deliveries=DELIVERIES_WHOLE_MAX - 1)
    return []


def send_in_halves(connection: Connection, delivery: Delivery, requests: list[QueuedRequest]) -> list[Decision]:
    """Replaces several requests, which cost too much together, by two envelopes: each has a turn of its own."""
    _halve(connection, delivery, requests)
    return []


def _halve(connection: Connection, delivery: Delivery, requests: list[QueuedRequest]) -> list[Kept]:
    middle = len(requests) // 2
    meta = delivery.message.meta
    queue = route_of_task(delivery.message.task).bulk
    halves = [
        Kept(meta, write_requests(half), queue, len(half), span_of(request.id for request in half))
        for half in (requests[:middle], requests[middle:])
    ]
    accept(connection, delivery.account_id, halves, lease_s=delivery.settings.lease_s, due_now=True)
    log.warning("envelope halved", action="envelope_halved", requests=len(requests), deliveries=delivery.deliveries)
    return halves
