"""Months of customers that are to be closed: claiming, locking, closing, giving up.

`usage_month` is the work list; `customer.usage_closed_before` is the watermark. A month may be closed when its end and
the grace time have passed on the account's clock, no earlier month of the customer is left, no try failed just now,
and, where it was over when its first line came, no more lines are coming.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.store.postgres.calendar import month_of
from trueup.store.postgres.rows import fetch_one

PRESENT = "coalesce((SELECT clock_at FROM account WHERE id = :account_id), now())"

# The start of the first month that may not be closed yet: one that began before it ended at or before it.
CLOSABLE_BEFORE = month_of(f"{PRESENT} - make_interval(hours => :usage_grace_h)")

_CLAIM = text(f"""
    SELECT m.customer_id, m.starting_at FROM usage_month AS m
     WHERE m.account_id = :account_id AND m.state = 'open' AND m.starting_at < {CLOSABLE_BEFORE}
       AND (m.settles_at IS NULL OR m.settles_at <= now())
       AND NOT EXISTS (SELECT FROM usage_month AS earlier
                        WHERE earlier.account_id = m.account_id AND earlier.customer_id = m.customer_id
                          AND earlier.starting_at < m.starting_at OFFSET 0)
     ORDER BY m.starting_at, m.customer_id LIMIT 1 FOR UPDATE OF m SKIP LOCKED
""")

# In a snapshot of its own, taken under the customer's lock: intake may have brought an earlier month until then.
_IS_FIRST = text("""
    SELECT min(starting_at) = :starting_at FROM usage_month
     WHERE account_id = :account_id AND customer_id = :customer_id
""")

_CLOSE = text("""
    WITH gone AS (
        DELETE FROM usage_month
         WHERE account_id = :account_id AND customer_id = :customer_id AND starting_at = :starting_at
    )
    UPDATE customer
       SET usage_closed_before = greatest(coalesce(usage_closed_before, '-infinity'), :ending_before)
     WHERE account_id = :account_id AND id = :customer_id
""")

_COUNT_FAILURE = text("""
    UPDATE usage_month
       SET attempts = attempts + 1, reason = CAST(:reason AS text),
           state = CASE WHEN attempts + 1 < :attempts_max THEN state ELSE 'parked' END,
           settles_at = CASE WHEN attempts + 1 < :attempts_max
                             THEN now() + (attempts + 1) * make_interval(secs => :pause_s) ELSE settles_at END
     WHERE account_id = :account_id AND customer_id = :customer_id AND starting_at = :starting_at AND state = 'open'
    RETURNING state
""")

_RELEASE = text("""
    UPDATE usage_month SET state = 'open', reason = NULL, attempts = 0
     WHERE account_id = :account_id AND customer_id = :customer_id AND state = 'parked'
    RETURNING starting_at
""")

# Whatever holds a customer may change balances, and make room above a threshold that was told.
_LOCK_CUSTOMERS = text("""
    WITH changing AS (
        UPDATE balance_watch AS w SET headroom = NULL, due_at = coalesce(w.due_at, greatest(now(), w.not_before))
          FROM (SELECT customer_id FROM balance_watch
                 WHERE account_id = :account_id AND customer_id = ANY(CAST(:customer_ids AS uuid[]))
                 ORDER BY customer_id FOR NO KEY UPDATE) AS watched
         WHERE w.account_id = :account_id AND w.customer_id = watched.customer_id
    )
    SELECT FROM customer WHERE account_id = :account_id AND id = ANY(CAST(:customer_ids AS uuid[]))
     ORDER BY id FOR NO KEY UPDATE
""")


@dataclass(frozen=True, slots=True)
class OpenMonth:
    """A customer's month on the work list."""

    customer_id: UUID
    starting_at: datetime


def claim_month(connection: Connection, account_id: int, *, usage_grace_h: int) -> OpenMonth | None:
    """Lock the oldest month that may be closed and that nobody else has locked."""
    return fetch_one(connection, OpenMonth, _CLAIM, {"account_id": account_id, "usage_grace_h": usage_grace_h})


def lock_customer(connection: Connection, account_id: int, customer_id: UUID) -> None:
    """Keep usage of this customer from being taken in, or closed by others, until the transaction ends.

    What is left of the balances is judged anew once it has ended.
    """
    lock_customers(connection, account_id, [customer_id])


def lock_customers(connection: Connection, account_id: int, customer_ids: Sequence[UUID]) -> None:
    """As `lock_customer`, in the order of their ids: everybody locks customers in that order."""
    connection.execute(_LOCK_CUSTOMERS, {"account_id": account_id, "customer_ids": list(customer_ids)})


def is_first(connection: Connection, account_id: int, month: OpenMonth) -> bool:
    """Tell whether the customer, who must be locked, has no earlier month left."""
    return bool(connection.scalar(_IS_FIRST, _of(account_id, month)))


def mark_closed(connection: Connection, account_id: int, month: OpenMonth, *, ending_before: datetime) -> None:
    """Take the month off the work list and moves the customer's watermark to its end."""
    connection.execute(_CLOSE, _of(account_id, month) | {"ending_before": ending_before})


def count_failure(
    connection: Connection, account_id: int, month: OpenMonth, *, reason: str, attempts_max: int, pause_s: float
) -> str:
    """Note a failed try of one month, and park it with `reason` when it was the last one.

    Args:
        connection: a transaction.
        account_id: whose customer.
        month: that could not be closed.
        reason: why, for people.
        attempts_max: tries there are.
        pause_s: real seconds until the next try, and that much more before each one after it.

    Returns:
        The state it is in now; `closed` when somebody else closed it meanwhile.
    """
    failed = {"reason": reason, "attempts_max": attempts_max, "pause_s": pause_s}
    return connection.scalar(_COUNT_FAILURE, _of(account_id, month) | failed) or "closed"


def release_months(connection: Connection, account_id: int, customer_id: UUID) -> Sequence[datetime]:
    """Put the customer's parked months back on the work list; returns which they were."""
    return connection.scalars(_RELEASE, {"account_id": account_id, "customer_id": customer_id}).all()


def _of(account_id: int, month: OpenMonth) -> dict[str, object]:
    return {"account_id": account_id, "customer_id": month.customer_id, "starting_at": month.starting_at}
