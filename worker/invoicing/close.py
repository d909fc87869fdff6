"""The use case: a customer's month is over; what was used becomes periods, deductions and invoices (spec 3.5)."""

import time
from dataclasses import dataclass

import psycopg
import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from shared.domain.burndown.engine import burn_down
from shared.domain.month import month_of
from shared.limits import ISSUE_ATTEMPTS_MAX
from shared.settings import Settings
from shared.store.balances import load_balances, load_labels, load_products
from shared.store.engine import transaction
from shared.store.errors import is_permanent, primary_message, sqlstate
from shared.store.months import OpenMonth, claim_month, count_failure, is_first, lock_customer, mark_closed
from shared.store.patience import patiently
from shared.store.periods import store_periods
from shared.store.usage_reads import open_usage
from worker.invoicing.bill import bill

CLOSE_SECONDS_MAX = 30.0  # as for issuing: below the broker's visibility timeout
USAGE_GRACE_H: int = Settings.model_fields["usage_grace_h"].default
_TIMED_OUT = "57014"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Closed:
    """What became of months that could be closed; `failed` counts tries after which the month is still open."""

    months: int = 0
    parked: int = 0
    failed: int = 0

    def __add__(self, other: "Closed") -> "Closed":
        return Closed(self.months + other.months, self.parked + other.parked, self.failed + other.failed)


def close_all_due(
    on: Engine, account_id: int, *, usage_grace_h: int = USAGE_GRACE_H, seconds_max: float = CLOSE_SECONDS_MAX
) -> Closed:
    """Closes month by month, the oldest first, until none that is free may be closed, or the time is up.

    Any number of callers at once is safe: each closes months that no other holds.

    Args:
        on: the database.
        account_id: whose customers.
        usage_grace_h: hours for which a month still takes usage in after its end.
        seconds_max: after which no further month is begun.

    Raises:
        DBAPIError: the database is away, and stayed away for as long as patience lasts; nothing is lost.
    """
    ends_at = time.monotonic() + seconds_max
    total = Closed()
    while (step := _close_next(on, account_id, usage_grace_h)) is not None:
        total += step
        if time.monotonic() >= ends_at:
            break
    if total.months:
        log.info("months closed", action="months_closed", account_id=account_id, months=total.months)
    return total


def close_month(connection: Connection, account_id: int, month: OpenMonth) -> bool:
    """Closes one month of a customer, in the caller's transaction, which has claimed it.

    All contracts and units close together: deductions are booked, invoices are finalized, the watermark moves. A line
    that is being taken in is waited for, and counts; one that comes later is late.

    Returns:
        False, with nothing done, when an earlier month of the customer turned up.
    """
    ending_before = month_of(month.starting_at).ending_before
    lock_customer(connection, account_id, month.customer_id)
    if not is_first(connection, account_id, month):
        return False
    catalog = load_products(connection, account_id)
    receipts = burn_down(
        open_usage(connection, account_id, month.customer_id, before=ending_before),
        load_balances(connection, account_id, month.customer_id),
        catalog,
    )
    labels = load_labels(connection, account_id, month.customer_id)
    bills = bill(receipts, catalog=catalog, labels=labels)
    mark_closed(connection, account_id, month, ending_before=ending_before)
    store_periods(connection, account_id, bills, customer_id=month.customer_id)
    return True


def _close_next(on: Engine, account_id: int, usage_grace_h: int) -> Closed | None:
    """One try at the oldest month; None when there is none."""
    month: OpenMonth | None = None

    def unit() -> Closed | str | None:
        nonlocal month
        month = None
        try:
            with transaction(on) as connection:
                month = claim_month(connection, account_id, usage_grace_h=usage_grace_h)
                return Closed(months=int(close_month(connection, account_id, month))) if month else None
        except (SQLAlchemyError, psycopg.Error) as error:
            if month is None or not _is_to_blame(error):
                raise
            return primary_message(error)
        except Exception as error:
            if month is None:
                raise
            return f"{type(error).__name__}: {error}"

    done = patiently(unit)
    if isinstance(done, str):
        assert month is not None, "only a claimed month fails"
        return _charge(on, account_id, month, reason=done)
    return done


def _is_to_blame(error: BaseException) -> bool:
    """Refused for good, or too slow: the database itself is well."""
    return is_permanent(error) or sqlstate(error) == _TIMED_OUT


def _charge(on: Engine, account_id: int, month: OpenMonth, *, reason: str) -> Closed:
    def unit() -> str:
        with transaction(on) as connection:
            return count_failure(connection, account_id, month, reason=reason, attempts_max=ISSUE_ATTEMPTS_MAX)

    parked = patiently(unit) == "parked"
    log.warning(
        "month parked" if parked else "month failed",
        action="month_parked" if parked else "month_failed",
        account_id=account_id,
        customer_id=str(month.customer_id),
        month=f"{month.starting_at:%Y-%m}",
        reason=reason,
    )
    return Closed(parked=1) if parked else Closed(failed=1)
