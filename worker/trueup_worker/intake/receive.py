"""The use case: one delivery of an envelope becomes outcomes, or is parked."""

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from trueup.limits import DELIVERIES_MAX
from trueup.redis.uniqueness_cache import Reply, UniquenessCache
from trueup.store.accounts.tokens import Caller, Scope
from trueup.store.postgres.engine import statements, transaction
from trueup.store.postgres.errors import is_away, is_locked, primary_message
from trueup.store.postgres.fault import Fault, fault_of
from trueup.store.postgres.retry import with_retries
from trueup.store.requests.kept_envelopes import count_delivery, forget_delivery, release
from trueup.store.requests.parking import Reason
from trueup.wire.message.envelope import (
    BadEnvelope,
    Envelope,
    Kind,
    QueuedRequest,
    UnknownVersion,
    batch_of,
    read_envelope,
    require_past,
)
from trueup_worker.intake.admit import AlreadyDecided, NotAdmitted, admit
from trueup_worker.intake.decision import Decision
from trueup_worker.intake.judge import Candidate, Judged, judge_bodies
from trueup_worker.intake.message import Delivery, Message
from trueup_worker.intake.parking import park_envelope, park_requests
from trueup_worker.intake.parts import is_heavy, parts_of
from trueup_worker.intake.persist import persist
from trueup_worker.intake.services import Services
from trueup_worker.intake.suspect import is_suspect, send_in_halves, take_apart
from trueup_worker.intake.turns import TurnOver, take_turn


class TryAgainLater(Exception):
    """Nothing was decided and nothing is lost: deliver the message again.

    Attributes:
        counts: whether this delivery counts as one of the five: not while the database is away, or a lock is held.
        is_away: whether the database is: then no other message fares better.
    """

    def __init__(self, error: Exception, *, counts: bool) -> None:
        super().__init__(primary_message(error))
        self.counts = counts
        self.is_away = is_away(error)


@dataclass(frozen=True, slots=True)
class Intake:
    """What a task's envelopes hold, and what becomes of it.

    Attributes:
        scope: what their sender must be allowed.
        judge: reads and judges their bodies; pure.
        persist: decides and stores every request, in the transaction of this connection.
        is_heavy: whether requests become too many rows for one transaction.
        kind: what all their requests are; None: what each says.
    """

    scope: Scope
    judge: Callable[[Iterable[QueuedRequest]], Judged]
    persist: Callable[[Connection, Delivery, Judged, Services], list[Decision]]
    is_heavy: Callable[[Iterable[Candidate]], bool]
    kind: Kind | None = None


COMMITS = Intake("commits:write", judge_bodies, persist, is_heavy)


def receive(message: Message, services: Services, *, now: datetime, intake: Intake = COMMITS) -> Counter[str]:
    """Decides every request of the envelope and commits; the caller acknowledges afterwards.

    Args:
        message: as delivered.
        services: what the process holds open.
        now: the present, by which the signature's age is judged.
        intake: what the message's task takes in.

    Returns:
        How many requests got which verdict; empty for an envelope that was parked whole, halved, or comes again.

    Raises:
        TryAgainLater: the database did not let anything be decided or parked.
    """
    try:
        connection = with_retries(services.engine.connect)
    except Exception as error:
        raise TryAgainLater(error, counts=not is_away(error)) from error
    with connection:
        return _receive(connection, message, services, now=now, intake=intake)


def _receive(
    connection: Connection, message: Message, services: Services, *, now: datetime, intake: Intake
) -> Counter[str]:
    try:
        opened = with_retries(lambda: _open(connection, message, services, intake, now=now))
    except Exception as error:
        counts = not (is_away(error) or is_locked(error))
        if not counts or message.attempt < DELIVERIES_MAX:
            raise TryAgainLater(error, counts=counts) from error
        _park_unopened(message, services, error)
        return Counter()
    if opened is None:
        return Counter()
    caller, envelope, delivery = opened
    try:
        decisions = _decide(connection, delivery, envelope.requests, services, intake)
    except TurnOver:
        return Counter()
    except TryAgainLater:
        _take_back(delivery, services)
        raise
    except Exception as error:
        _take_back(delivery, services)
        raise TryAgainLater(error, counts=fault_of(error, services.engine) is not Fault.NOBODYS) from error
    _tell(caller, envelope, decisions, services.cache)
    return Counter(decision.verdict for decision in decisions)


def _open(
    on: Connection, message: Message, services: Services, intake: Intake, *, now: datetime
) -> tuple[Caller, Envelope, Delivery] | None:
    """Checks who sent it, then what it is, and counts the delivery before any work; None when there is none to do."""
    with statements(on) as connection:
        try:
            caller = admit(connection, message, scope=intake.scope, settings=services.settings, now=now)
        except AlreadyDecided:
            return None
        except NotAdmitted as error:
            _park_unattributed(message, services, "unauthenticated", str(error))
            return None
        try:
            envelope = read_envelope(message.meta, message.requests, kind=intake.kind)
            require_past(envelope.meta, now=now)
        except (UnknownVersion, BadEnvelope) as error:
            _park_unread(caller, message, services, error)
            return None
        delivery = Delivery(
            account_id=caller.account_id,
            batch_id=envelope.meta.batch_id,
            message=message,
            size=len(envelope.requests),
            deliveries=max(message.deliveries, count_delivery(connection, caller.account_id, message.digest)),
            settings=services.settings,
            anew_before=envelope.meta.anew_before,
        )
    return caller, envelope, delivery


def _park_unattributed(message: Message, services: Services, reason: Reason, detail: str) -> None:
    with transaction(services.engine) as connection:
        park_envelope(connection, None, message, reason=reason, detail=detail)


def _park_unread(caller: Caller, message: Message, services: Services, error: UnknownVersion | BadEnvelope) -> None:
    reason: Reason = "bad_envelope" if isinstance(error, BadEnvelope) else "unknown_version"
    batch_id = batch_of(message.meta)
    with transaction(services.engine) as connection:
        park_envelope(connection, caller.account_id, message, reason=reason, detail=str(error), batch_id=batch_id)
        release(connection, caller.account_id, message.digest)


def _decide(
    on: Connection, delivery: Delivery, requests: list[QueuedRequest], services: Services, intake: Intake
) -> list[Decision]:
    """Decides all together, or part by part where they become too many rows for one transaction.

    Raises:
        TurnOver: the envelope comes again.
        TryAgainLater: it is to be delivered again.
    """
    if is_suspect(delivery):
        return _in_one(on, delivery, requests, lambda connection: take_apart(connection, delivery, requests))
    judged = None
    with suppress(Exception):  # it is met again, and blamed, when they are decided
        judged = intake.judge(requests)
    if judged is not None and intake.is_heavy(judged.candidates):
        return _by_turns(on, delivery, requests, services, intake, judged=judged)
    return _decide_together(on, delivery, requests, services, intake, judged=judged)


def _by_turns(
    on: Connection,
    delivery: Delivery,
    requests: list[QueuedRequest],
    services: Services,
    intake: Intake,
    *,
    judged: Judged,
) -> list[Decision]:
    """Decides one part after the other while the turn lasts; whoever comes after it finds what is decided."""
    turn = take_turn(on, services.engine, delivery, requests)
    heavy = replace(delivery, is_heavy=True)
    decisions: list[Decision] = []
    for part in with_retries(lambda: parts_of(on, delivery.account_id, requests, judged)):
        if turn.is_over:
            raise turn.give_way()
        decisions += _decide_together(on, heavy, part, services, intake)

    def finish(connection: Connection) -> list[Decision]:
        turn.finish(connection)
        return decisions

    return _in_one(on, delivery, requests, finish)


def _decide_together(
    on: Connection,
    delivery: Delivery,
    requests: list[QueuedRequest],
    services: Services,
    intake: Intake,
    *,
    judged: Judged | None = None,
) -> list[Decision]:
    """Decides in one transaction; what fails for good, by halves, so that only the request to blame is parked."""
    try:
        known = judged or intake.judge(requests)
        return _in_one(on, delivery, requests, lambda connection: intake.persist(connection, delivery, known, services))
    except Exception as error:
        fault = fault_of(error, services.engine)
        is_over = fault is Fault.REFUSED or (delivery.message.attempt >= DELIVERIES_MAX and fault is not Fault.NOBODYS)
        if fault is Fault.COSTLY and len(requests) > 1:
            return _in_one(on, delivery, requests, lambda connection: send_in_halves(connection, delivery, requests))
        if not is_over:
            raise TryAgainLater(error, counts=fault is not Fault.NOBODYS) from error
        if len(requests) == 1:
            reason: Reason = "database_refused" if fault is Fault.REFUSED else "transient"
            return _park(on, delivery, requests, reason=reason, error=error)
    return _by_halves(on, delivery, requests, services, intake)


def _by_halves(
    on: Connection, delivery: Delivery, requests: list[QueuedRequest], services: Services, intake: Intake
) -> list[Decision]:
    middle = len(requests) // 2
    halves = (requests[:middle], requests[middle:])
    decisions = [decision for half in halves for decision in _decide_together(on, delivery, half, services, intake)]
    if len(requests) == delivery.size:
        _in_one(on, delivery, requests, lambda _: [])
    return decisions


def _park(
    on: Connection, delivery: Delivery, requests: list[QueuedRequest], *, reason: Reason, error: Exception
) -> list[Decision]:
    def unit(connection: Connection) -> list[Decision]:
        return park_requests(connection, delivery, requests, reason=reason, detail=primary_message(error))

    return _in_one(on, delivery, requests, unit)


def _in_one(
    on: Connection,
    delivery: Delivery,
    requests: list[QueuedRequest],
    unit: Callable[[Connection], list[Decision]],
) -> list[Decision]:
    """Runs a unit of work in one transaction, which also releases the envelope if these are all of its requests."""

    def whole() -> list[Decision]:
        with transaction(on) as connection:
            decisions = unit(connection)
            if len(requests) == delivery.size:
                release(connection, delivery.account_id, delivery.message.digest)
            return decisions

    return with_retries(whole)


def _park_unopened(message: Message, services: Services, error: Exception) -> None:
    """Parks, under no account, what could not even be opened, five times over."""
    try:
        with_retries(lambda: _park_unattributed(message, services, "transient", primary_message(error)))
    except Exception as failure:
        raise TryAgainLater(failure, counts=not (is_away(failure) or is_locked(failure))) from failure


def _take_back(delivery: Delivery, services: Services) -> None:
    """Uncounts a delivery that its worker survived; where that fails, the envelope is halved a little too soon."""
    with suppress(DBAPIError), transaction(services.engine) as connection:
        forget_delivery(connection, delivery.account_id, delivery.message.digest)


def _tell(caller: Caller, envelope: Envelope, decisions: list[Decision], cache: UniquenessCache) -> None:
    """Notes the used keys in Redis and wakes whoever waits; both are hints."""
    used = {decision.key: holder for decision in decisions if decision.key and (holder := decision.holder_id)}
    told = Reply(caller.account, [decision.request.id for decision in decisions]) if envelope.meta.reply else None
    cache.remember(caller.account_id, used, reply=told)
