"""The use case: a customer's month is over; what was used becomes periods, deductions and invoices."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import psycopg
import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from trueup.defaults import USAGE_GRACE_H
from trueup.domain.bills import PeriodBill
from trueup.domain.burndown.catalog import Catalog
from trueup.domain.burndown.engine import burn_down
from trueup.domain.month import month_of
from trueup.limits import ISSUE_ATTEMPTS_MAX, MONTH_PAUSE_S
from trueup.store.commits.balances import load_balances, load_labels, load_products
from trueup.store.postgres.engine import transaction
from trueup.store.postgres.errors import primary_message
from trueup.store.postgres.fault import Fault, fault_of
from trueup.store.postgres.retry import with_retries
from trueup.store.usage.by_hour import open_usage
from trueup.store.usage.months import OpenMonth, claim_month, count_failure, is_first, lock_customer, mark_closed
from trueup.store.usage.periods import store_periods
from trueup_worker.invoicing.bill import bill

CLOSE_SECONDS_MAX = 30.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Closed:
    """Result of closing months; `failed` counts tries after which the month is still open."""

    months: int = 0
    parked: int = 0
    failed: int = 0

    def __add__(self, other: "Closed") -> "Closed":
        return Closed(self.months + other.months, self.parked + other.parked, self.failed + other.failed)


def close_all_due(
    on: Engine, account_id: int, *, usage_grace_h: int = USAGE_GRACE_H, seconds_max: float = CLOSE_SECONDS_MAX
) -> Closed:
    """Close month by month, the oldest first, until none that is free may be closed, or the time is up.

    Any number of callers at once is safe: each closes months that no other holds. A month that fails is tried
    again after a pause, and the later ones of its customer wait.

    Args:
        on: the database.
        account_id: whose customers.
        usage_grace_h: hours for which a month still takes usage in after its end.
        seconds_max: after which no further month is begun.

    Raises:
        DBAPIError: the database is away, and stayed away for as long as it is tried again; nothing is lost.
    """
    ends_at = time.monotonic() + seconds_max
    total, run = Closed(), _Run(on, account_id, usage_grace_h)
    while (step := run.close_next()) is not None:
        total += step
        if time.monotonic() >= ends_at:
            break
    if total.months:
        log.info("months closed", action="months_closed", account_id=account_id, months=total.months)
    return total


class Products:
    """An account's catalog for a run of months: read when it is first needed, and again where it lacks a product."""

    def __init__(self, account_id: int) -> None:
        self._account_id = account_id
        self._catalog: Catalog | None = None

    def bills(self, connection: Connection, by: Callable[[Catalog], list[PeriodBill]]) -> list[PeriodBill]:
        """Bill that `by` makes of usage by this catalog.

        Raises:
            KeyError: the account has no such product.
        """
        if self._catalog is not None:
            with suppress(KeyError):
                return by(self._catalog)
        self._catalog = load_products(connection, self._account_id)
        return by(self._catalog)


def close_month(connection: Connection, account_id: int, month: OpenMonth, *, products: Products | None = None) -> bool:
    """Close one month of a customer, in the caller's transaction, which has claimed it.

    All contracts and units close together: deductions are booked, invoices are finalized, the watermark moves. A line
    that is being taken in is waited for, and counts; one that comes later is late.

    Args:
        connection: the transaction.
        account_id: whose customer.
        month: which is locked.
        products: of a run that closes many.

    Returns:
        False, with nothing done, when an earlier month of the customer turned up.
    """
    ending_before = month_of(month.starting_at).ending_before
    lock_customer(connection, account_id, month.customer_id)
    if not is_first(connection, account_id, month):
        return False
    balances = load_balances(connection, account_id, month.customer_id)
    labels = load_labels(connection, account_id, month.customer_id)

    def bills_by(catalog: Catalog) -> list[PeriodBill]:
        usage = open_usage(connection, account_id, month.customer_id, before=ending_before)
        return bill(burn_down(usage, balances, catalog), catalog=catalog, labels=labels)

    bills = (products or Products(account_id)).bills(connection, bills_by)
    mark_closed(connection, account_id, month, ending_before=ending_before)
    store_periods(connection, account_id, bills, customer_id=month.customer_id)
    return True


class _Run:
    """Tries at one month after the other."""

    def __init__(self, on: Engine, account_id: int, usage_grace_h: int) -> None:
        self._on, self._account_id, self._usage_grace_h = on, account_id, usage_grace_h
        self._products = Products(account_id)

    def close_next(self) -> Closed | None:
        """One try at the oldest month; None when there is none."""
        done = with_retries(self._try_next)
        if not isinstance(done, _Failure):
            return done
        return _charge(self._on, self._account_id, done.month, reason=done.reason)

    def _try_next(self) -> "Closed | _Failure | None":
        month: OpenMonth | None = None
        try:
            with transaction(self._on) as connection:
                month = claim_month(connection, self._account_id, usage_grace_h=self._usage_grace_h)
                return Closed(months=int(self._close(connection, month))) if month else None
        except (SQLAlchemyError, psycopg.Error) as error:
            if month is None or fault_of(error, self._on) not in (Fault.REFUSED, Fault.COSTLY):
                raise
            return _Failure(month, primary_message(error))
        except Exception as error:
            if month is None:
                raise
            return _Failure(month, f"{type(error).__name__}: {error}")

    def _close(self, connection: Connection, month: OpenMonth) -> bool:
        return close_month(connection, self._account_id, month, products=self._products)


@dataclass(frozen=True, slots=True)
class _Failure:
    """A month that cannot be closed as things are."""

    month: OpenMonth
    reason: str


def _charge(on: Engine, account_id: int, month: OpenMonth, *, reason: str) -> Closed:
    def unit() -> str:
        with transaction(on) as connection:
            return count_failure(
                connection,
                account_id,
                month,
                reason=reason,
                attempts_max=ISSUE_ATTEMPTS_MAX,
                pause_s=MONTH_PAUSE_S,
            )

    parked = with_retries(unit) == "parked"
    log.warning(
        "month parked" if parked else "month failed",
        action="month_parked" if parked else "month_failed",
        account_id=account_id,
        customer_id=str(month.customer_id),
        month=f"{month.starting_at:%Y-%m}",
        reason=reason,
    )
    return Closed(parked=1) if parked else Closed(failed=1)
