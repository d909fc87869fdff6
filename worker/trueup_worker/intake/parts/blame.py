"""Blame for a failure: requests that fail for good are parked alone, their neighbours become commits."""

from functools import partial

from sqlalchemy import Connection, Engine

from trueup.limits import DELIVERIES_MAX
from trueup.store.postgres.errors import primary_message
from trueup.store.postgres.fault import Fault, fault_of
from trueup.store.postgres.retry import NotRetried
from trueup.store.requests.parking import Reason
from trueup_worker.intake.decision import Decision
from trueup_worker.intake.delivery import Delivery
from trueup_worker.intake.dismissal import TryAgainLater
from trueup_worker.intake.parked.park import park_requests
from trueup_worker.intake.parts.halves import send_in_halves
from trueup_worker.intake.parts.unit import Unit, in_one_transaction


def decide_or_blame(on: Connection, part: Delivery, engine: Engine, decide: Unit) -> list[Decision]:
    """Decide in one transaction; what fails for good, by halves, so that only the request to blame is parked.

    Raises:
        TryAgainLater: it may go well next time.
    """
    try:
        return in_one_transaction(on, part, decide)
    except NotRetried:
        raise
    except Exception as error:
        fault = fault_of(error, engine)
        if fault is Fault.COSTLY and not part.is_single:
            return in_one_transaction(on, part, send_in_halves)
        if not _is_for_good(fault, part):
            raise TryAgainLater(error, counts=fault is not Fault.NOBODYS) from error
        if part.is_single:
            return _park(on, part, error, fault)
    return _decide_by_halves(on, part, engine, decide)


def _is_for_good(fault: Fault, part: Delivery) -> bool:
    """Tell whether no other delivery can help: the rows were refused, or may be to blame and this was the last one."""
    is_last = part.message.attempt >= DELIVERIES_MAX
    return fault is Fault.REFUSED or (is_last and fault is not Fault.NOBODYS)


def _park(on: Connection, part: Delivery, error: Exception, fault: Fault) -> list[Decision]:
    reason: Reason = "database_refused" if fault is Fault.REFUSED else "transient"
    return in_one_transaction(on, part, partial(park_requests, reason=reason, detail=primary_message(error)))


def _decide_by_halves(on: Connection, part: Delivery, engine: Engine, decide: Unit) -> list[Decision]:
    decisions = [each for half in part.halves() for each in decide_or_blame(on, half, engine, decide)]
    return decisions + in_one_transaction(on, part, lambda *_: []) if part.is_whole else decisions
