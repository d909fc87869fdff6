"""The use case: one delivery of an envelope becomes outcomes, or is parked (spec 2.4, 2.5)."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from shared.dedupe import UniquenessCache
from shared.limits import DELIVERIES_MAX
from shared.settings import Settings
from shared.store.accepted import count_redelivery, release
from shared.store.engine import transaction
from shared.store.errors import is_permanent, primary_message, sqlstate
from shared.store.parking import Reason
from shared.store.patience import patiently
from shared.store.tokens import Caller
from shared.wire.envelope import BadEnvelope, Envelope, QueuedRequest, UnknownVersion, read_envelope
from worker.intake.admit import NotAdmitted, admit
from worker.intake.decision import Decision
from worker.intake.judge import judge_bodies
from worker.intake.message import Delivery, Message
from worker.intake.parking import park_envelope, park_requests
from worker.intake.persist import persist
from worker.intake.suspect import is_suspect, take_apart


class TryAgainLater(Exception):
    """Nothing was decided and nothing is lost: deliver the message again.

    Attributes:
        counts: whether this delivery counts as one of the five; not while the database is away.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(primary_message(error))
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
        How many requests got which verdict; empty for an envelope that was parked whole, or halved.

    Raises:
        TryAgainLater: the database did not let anything be decided or parked.
    """
    try:
        opened = patiently(lambda: _open(message, services, now=now))
        if opened is None:
            return Counter()
        caller, envelope, delivery = opened
        decisions = _decide(delivery, envelope.requests, services)
    except Exception as error:
        raise TryAgainLater(error) from error
    _tell(caller, envelope, decisions, services.cache)
    return Counter(decision.verdict for decision in decisions)


def _open(message: Message, services: Services, *, now: datetime) -> tuple[Caller, Envelope, Delivery] | None:
    """Checks who sent it, then what it is, and counts the delivery before any work; None when it was parked."""
    caller: Caller | None = None
    with transaction(services.engine) as connection:
        try:
            caller = admit(connection, message, scope="commits:write", settings=services.settings, now=now)
            envelope = read_envelope(message.meta, message.requests)
            if envelope.meta.account != caller.account:
                raise NotAdmitted(f"key {caller.key_id} is not of account {envelope.meta.account!r}")
        except NotAdmitted as error:
            park_envelope(connection, None, message, reason="unauthenticated", detail=str(error))
        except (UnknownVersion, BadEnvelope) as error:
            account_id = caller.account_id if caller else None
            reason: Reason = "bad_envelope" if isinstance(error, BadEnvelope) else "unknown_version"
            park_envelope(connection, account_id, message, reason=reason, detail=str(error))
            _release(connection, account_id, message)
        else:
            return caller, envelope, _delivery(connection, caller, envelope, message, services.settings)
    return None


def _delivery(
    connection: Connection, caller: Caller, envelope: Envelope, message: Message, settings: Settings
) -> Delivery:
    again = count_redelivery(connection, caller.account_id, message.digest) if message.redelivered else 0
    return Delivery(
        account_id=caller.account_id,
        batch_id=envelope.meta.batch_id,
        message=message,
        size=len(envelope.requests),
        deliveries=message.attempt + again,
        settings=settings,
    )


def _decide(delivery: Delivery, requests: list[QueuedRequest], services: Services) -> list[Decision]:
    """Decides all together; when the database refuses the rows, by halves, so that only the row to blame is parked."""
    if is_suspect(delivery):
        return _in_one(delivery, requests, services, lambda connection: take_apart(connection, delivery, requests))
    judged = judge_bodies(requests)
    try:
        return _in_one(
            delivery, requests, services, lambda connection: persist(connection, delivery, judged, services.cache)
        )
    except Exception as error:
        if not is_permanent(error):
            if delivery.deliveries < DELIVERIES_MAX:
                raise
            return _park(delivery, requests, services, reason="transient", error=error)
        if len(requests) == 1:
            return _park(delivery, requests, services, reason="database_refused", error=error)
    return _by_halves(delivery, requests, services)


def _by_halves(delivery: Delivery, requests: list[QueuedRequest], services: Services) -> list[Decision]:
    middle = len(requests) // 2
    halves = (requests[:middle], requests[middle:])
    decisions = [decision for half in halves for decision in _decide(delivery, half, services)]
    if len(requests) == delivery.size:
        _in_one(delivery, requests, services, lambda _: [])
    return decisions


def _park(
    delivery: Delivery, requests: list[QueuedRequest], services: Services, *, reason: Reason, error: Exception
) -> list[Decision]:
    def unit(connection: Connection) -> list[Decision]:
        return park_requests(connection, delivery, requests, reason=reason, detail=primary_message(error))

    return _in_one(delivery, requests, services, unit)


def _in_one(
    delivery: Delivery,
    requests: list[QueuedRequest],
    services: Services,
    unit: Callable[[Connection], list[Decision]],
) -> list[Decision]:
    """Runs a unit of work in one transaction, which also releases the envelope if these are all of its requests."""

    def whole() -> list[Decision]:
        with transaction(services.engine) as connection:
            decisions = unit(connection)
            if len(requests) == delivery.size:
                _release(connection, delivery.account_id, delivery.message)
            return decisions

    return patiently(whole)


def _release(connection: Connection, account_id: int | None, message: Message) -> None:
    if account_id is not None:
        release(connection, account_id, message.digest, was_redelivered=message.redelivered)


def _tell(caller: Caller, envelope: Envelope, decisions: list[Decision], cache: UniquenessCache) -> None:
    """Notes the used keys in Redis and wakes whoever waits; both are hints."""
    used = {decision.key: decision.holder_id for decision in decisions if decision.key and decision.holder_id}
    cache.remember(caller.account_id, {key: UUID(holder) for key, holder in used.items()})
    if envelope.meta.reply:
        cache.announce(caller.account, (decision.request.id for decision in decisions))
