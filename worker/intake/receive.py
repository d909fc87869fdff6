"""The use case: one delivery of an envelope becomes outcomes, or is parked (spec 2.4, 2.5)."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from shared.dedupe import UniquenessCache
from shared.limits import DELIVERIES_MAX
from shared.settings import Settings
from shared.store.engine import transaction
from shared.store.errors import is_permanent, sqlstate
from shared.store.intake import store_outcomes
from shared.store.parking import Parking, Reason, park
from shared.store.patience import patiently
from shared.store.tokens import Caller
from shared.wire.envelope import BadEnvelope, Envelope, QueuedRequest, UnknownVersion, read_envelope
from worker.intake.admit import NotAdmitted, admit
from worker.intake.decision import Decision, parked
from worker.intake.judge import judge_bodies
from worker.intake.message import Message
from worker.intake.persist import Delivery, park_request, persist

log = structlog.get_logger()


class TryAgainLater(Exception):
    """Nothing was decided and nothing is lost: deliver the message again.

    Attributes:
        counts: whether this delivery counts as one of the five; not while the database is away.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.counts = sqlstate(error) is not None or not isinstance(error, DBAPIError)


@dataclass(frozen=True, slots=True)
class Services:
    """What a worker process holds open."""

    engine: Engine
    cache: UniquenessCache
    settings: Settings


def receive(message: Message, services: Services, *, now: datetime) -> Counter[str]:
    """Decides every request of the envelope and commits; the caller acknowledges afterwards.

    Returns:
        How many requests got which verdict; `unreadable` counts envelopes that were parked as a whole.

    Raises:
        TryAgainLater: the database did not let anything be decided or parked.
    """
    try:
        admitted = patiently(lambda: _open(message, services, now=now))
        if admitted is None:
            return Counter(unreadable=1)
        caller, envelope = admitted
        delivery = Delivery(
            caller.account_id,
            envelope.meta.batch_id,
            message,
            open_references=services.settings.open_references,
        )
        decisions = _decide(delivery, envelope.requests, services)
    except Exception as error:
        raise TryAgainLater(error) from error
    _tell(caller, envelope, decisions, services.cache)
    return Counter(decision.verdict for decision in decisions)


def _open(message: Message, services: Services, *, now: datetime) -> tuple[Caller, Envelope] | None:
    """Checks who sent it, then what it is; None when it was parked."""
    caller: Caller | None = None
    with transaction(services.engine) as connection:
        try:
            caller = admit(connection, message, scope="commits:write", settings=services.settings, now=now)
            envelope = read_envelope(message.meta, message.requests)
            if envelope.meta.account != caller.account:
                raise NotAdmitted(f"key {caller.key_id} is not of account {envelope.meta.account!r}")
        except NotAdmitted as error:
            _park_whole(connection, None, message, "unauthenticated", str(error))
        except UnknownVersion as error:
            _park_whole(connection, caller, message, "unknown_version", str(error))
        except BadEnvelope as error:
            _park_whole(connection, caller, message, "bad_envelope", str(error))
        else:
            return caller, envelope
    return None


def _decide(delivery: Delivery, requests: list[QueuedRequest], services: Services) -> list[Decision]:
    """Decides all together; when the database refuses the rows, by halves, so that only the row to blame is parked."""
    judged = judge_bodies(requests)

    def together() -> list[Decision]:
        with transaction(services.engine) as connection:
            return persist(connection, delivery, judged, services.cache)

    try:
        return patiently(together)
    except Exception as error:  # noqa: BLE001 (the unknown is parked too, in the end)
        if not is_permanent(error):
            return _park_if_last(delivery, requests, services, error)
        if len(requests) > 1:
            half = len(requests) // 2
            return _decide(delivery, requests[:half], services) + _decide(delivery, requests[half:], services)
        return _park_all(delivery, requests, services, reason="database_refused", detail=str(error))


def _park_if_last(
    delivery: Delivery, requests: list[QueuedRequest], services: Services, error: Exception
) -> list[Decision]:
    if delivery.message.attempt < DELIVERIES_MAX:
        raise error
    return _park_all(delivery, requests, services, reason="transient", detail=str(error))


def _park_all(
    delivery: Delivery, requests: list[QueuedRequest], services: Services, *, reason: Reason, detail: str
) -> list[Decision]:
    decisions = [parked(request, reason) for request in requests]
    with transaction(services.engine) as connection:
        for request in requests:
            park_request(connection, delivery, request, reason=reason, detail=detail)
        store_outcomes(
            connection,
            delivery.account_id,
            [decision.row() for decision in decisions],
            batch_id=delivery.batch_id,
            attempt=delivery.message.attempt,
        )
    log.error("requests parked", action="parked", reason=reason, requests=len(requests), detail=detail[:500])
    return decisions


def _park_whole(connection: Connection, caller: Caller | None, message: Message, reason: Reason, detail: str) -> None:
    park(
        connection,
        Parking(
            account_id=caller.account_id if caller else None,
            reason=reason,
            detail=detail,
            task=message.task,
            meta=message.meta,
            requests=message.requests,
            signature=message.signature,
            attempt=message.attempt,
        ),
    )
    log.warning("envelope parked", action="parked", reason=reason, detail=detail[:500])


def _tell(caller: Caller, envelope: Envelope, decisions: list[Decision], cache: UniquenessCache) -> None:
    """Notes the used keys in Redis and wakes whoever waits; both are hints."""
    used = {decision.key: decision.holder_id for decision in decisions if decision.key and decision.holder_id}
    cache.remember(caller.account_id, {key: UUID(holder) for key, holder in used.items()})
    if envelope.meta.reply:
        cache.announce(caller.account, (decision.request.id for decision in decisions))
