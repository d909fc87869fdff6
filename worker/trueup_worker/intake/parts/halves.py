"""Halves of envelopes whose workers died: halved until the request that kills is alone, which is then parked."""

import structlog
from sqlalchemy import Connection

from trueup.limits import DELIVERIES_MAX, DELIVERIES_WHOLE_MAX
from trueup.store.requests.kept_envelopes import Kept, accept, digest_of, suspect
from trueup.wire.message.packing import span_of, write_requests
from trueup.wire.message.queues import route_of_task
from trueup_worker.intake.decision import Decision
from trueup_worker.intake.delivery import Delivery
from trueup_worker.intake.parked.park import park_requests

_DETAIL = "every worker that took it died; see the workers' logs, then replay or discard it"

log = structlog.get_logger()


def is_suspect(delivery: Delivery) -> bool:
    """Tell whether the envelope must not be tried as it is."""
    return delivery.deliveries > (DELIVERIES_MAX if delivery.size == 1 else DELIVERIES_WHOLE_MAX)


def take_apart(connection: Connection, delivery: Delivery) -> list[Decision]:
    """Replace a suspect by its halves, which the sweeper publishes; park it when it is a single request.

    Each half has one delivery behind it, so that it is tried once more before it is halved itself.
    """
    if delivery.is_single:
        return park_requests(connection, delivery, reason="kills_worker", detail=_DETAIL)
    halves = _send(connection, delivery)
    digests = [digest_of(half.meta, half.requests) for half in halves]
    suspect(connection, delivery.account_id, digests, deliveries=DELIVERIES_WHOLE_MAX - 1)
    return []


def send_in_halves(connection: Connection, part: Delivery) -> list[Decision]:
    """Replace several requests, which cost too much together, by two envelopes: each has a turn of its own."""
    _send(connection, part)
    return []


def _send(connection: Connection, part: Delivery) -> list[Kept]:
    queue = route_of_task(part.message.task).bulk
    halves = [
        Kept(
            part.message.meta,
            write_requests(half.requests),
            queue,
            len(half.requests),
            span_of(request.id for request in half.requests),
        )
        for half in part.halves()
    ]
    accept(connection, part.account_id, halves, lease_s=part.settings.lease_s, due_now=True)
    log.warning("envelope halved", action="envelope_halved", requests=len(part.requests), deliveries=part.deliveries)
    return halves
