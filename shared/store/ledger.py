"""Reading and booking the ledger by hand (spec 3.2). What is booked in bulk stands with the statement that books it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, text

_COMMIT = text("SELECT type FROM commit WHERE account_id = :account_id AND id = :commit_id")

_LOCK_TRUE_UP = text("""
    SELECT state FROM obligation
     WHERE account_id = :account_id AND commit_id = :commit_id AND kind = 'TRUE_UP' AND state <> 'voided' FOR UPDATE
""")

_LOCK_CUSTOMER = text("""
    SELECT FROM customer
     WHERE account_id = :account_id
       AND id = (SELECT customer_id FROM commit WHERE account_id = :account_id AND id = :commit_id) FOR NO KEY UPDATE
""")

_SEGMENTS = text("""
    SELECT segment.position, segment.id, coalesce(sum(entry.amount), 0) AS balance
      FROM segment LEFT JOIN ledger_entry AS entry
        ON entry.account_id = segment.account_id AND entry.commit_id = segment.commit_id
       AND entry.segment_id = segment.id
     WHERE segment.account_id = :account_id AND segment.commit_id = :commit_id
     GROUP BY segment.position, segment.id ORDER BY segment.position
""")

# What is given to a segment that has expired is to expire, too.
_BOOK = text("""
    WITH given AS (
        UPDATE segment AS s SET expires = true FROM commit AS c
         WHERE s.account_id = :account_id AND s.commit_id = :commit_id AND s.id = :segment_id AND NOT s.expires
           AND c.account_id = s.account_id AND c.id = s.commit_id AND c.type <> 'POSTPAID' AND :amount > 0
    )
    INSERT INTO ledger_entry (account_id, commit_id, segment_id, type, amount, effective_at, reason)
    SELECT id, :commit_id, :segment_id, :type, :amount, coalesce(clock_at, now()), :reason
      FROM account WHERE id = :account_id
    RETURNING id
""")


@dataclass(frozen=True, slots=True)
class SegmentBalance:
    """A segment, by its place in the request, and the sum of its entries."""

    position: int
    id: UUID
    balance: Decimal


def type_of_commit(
    connection: Connection, account_id: int, commit_id: UUID
) -> Literal["PREPAID", "POSTPAID", "CREDIT"] | None:
    """The type of a commit or credit; None when the account has no such commit."""
    found: Literal["PREPAID", "POSTPAID", "CREDIT"] | None = connection.scalar(_COMMIT, _of(account_id, commit_id))
    return found


def lock_true_up(connection: Connection, account_id: int, commit_id: UUID) -> str | None:
    """Waits for whoever settles this commit's true-up, and keeps it from being settled until the transaction ends.

    Returns:
        The state of the true-up; None when the commit has none.
    """
    state: str | None = connection.scalar(_LOCK_TRUE_UP, _of(account_id, commit_id))
    return state


def lock_balances(connection: Connection, account_id: int, commit_id: UUID) -> None:
    """Keeps months of the commit's customer from being closed, and segments from expiring, for the transaction."""
    connection.execute(_LOCK_CUSTOMER, _of(account_id, commit_id))


def segment_balances(connection: Connection, account_id: int, commit_id: UUID) -> Sequence[SegmentBalance]:
    """The commit's segments in the order of the request."""
    rows = connection.execute(_SEGMENTS, _of(account_id, commit_id))
    return [SegmentBalance(row.position, row.id, row.balance) for row in rows]


def book_entry(
    connection: Connection,
    account_id: int,
    commit_id: UUID,
    *,
    segment_id: UUID,
    kind: str,
    amount: Decimal,
    reason: str,
) -> UUID:
    """Appends an entry, effective at the account's present; returns its id."""
    entry = {"segment_id": segment_id, "type": kind, "amount": amount, "reason": reason}
    booked: UUID = connection.execute(_BOOK, _of(account_id, commit_id) | entry).scalar_one()
    return booked


def _of(account_id: int, commit_id: UUID) -> dict[str, object]:
    return {"account_id": account_id, "commit_id": commit_id}
