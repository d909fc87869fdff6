"""Reading and booking the ledger by hand. What is booked in bulk stands with the statement that books it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.store.commits.expiry import HAS_LAPSED
from trueup.store.postgres.already_used import AlreadyUsed
from trueup.store.postgres.rows import fetch_all
from trueup.store.usage.months import lock_customers

_COMMIT = text("""
    SELECT type FROM commit WHERE account_id = :account_id AND id = :commit_id
       AND (CAST(:customer_id AS uuid) IS NULL OR customer_id = :customer_id)
""")

_LOCK_TRUE_UP = text("""
    SELECT state FROM obligation
     WHERE account_id = :account_id AND commit_id = :commit_id AND kind = 'TRUE_UP' AND state <> 'voided' FOR UPDATE
""")

_CUSTOMERS = text("SELECT customer_id FROM commit WHERE account_id = :account_id AND id = :commit_id")

_SEGMENTS = text(f"""
    SELECT s.position, s.id, s.starting_at, s.ending_before,
           (SELECT coalesce(sum(amount), 0) FROM ledger_entry
             WHERE account_id = s.account_id AND commit_id = s.commit_id AND segment_id = s.id) AS balance,
           c.type <> 'POSTPAID' AND (NOT s.expires OR {HAS_LAPSED}) AS has_lapsed
      FROM segment AS s JOIN commit AS c ON c.account_id = s.account_id AND c.id = s.commit_id
     WHERE s.account_id = :account_id AND s.commit_id = :commit_id ORDER BY s.position
""")

_BOOK = text("""
    INSERT INTO ledger_entry (account_id, commit_id, segment_id, type, amount, effective_at, reason, uniqueness_key)
    SELECT id, :commit_id, :segment_id, :type, :amount,
           coalesce(CAST(:effective_at AS timestamptz), clock_at, now()), :reason, :uniqueness_key
      FROM account WHERE id = :account_id
        ON CONFLICT (account_id, uniqueness_key) WHERE uniqueness_key IS NOT NULL DO NOTHING
    RETURNING id
""")

_HOLDER = text("SELECT id FROM ledger_entry WHERE account_id = :account_id AND uniqueness_key = :uniqueness_key")


@dataclass(frozen=True, slots=True)
class SegmentBalance:
    """A segment, by its place in the request, and the sum of its entries.

    Attributes:
        has_lapsed: what is left of it has expired, or would at once; never for a POSTPAID commit.
    """

    position: int
    id: UUID
    starting_at: datetime
    ending_before: datetime
    balance: Decimal
    has_lapsed: bool


def type_of_commit(
    connection: Connection, account_id: int, commit_id: UUID, *, customer_id: UUID | None = None
) -> Literal["PREPAID", "POSTPAID", "CREDIT"] | None:
    """The type of a commit or credit; None when the account, or that customer, has no such commit."""
    which = _of(account_id, commit_id) | {"customer_id": customer_id}
    found: Literal["PREPAID", "POSTPAID", "CREDIT"] | None = connection.scalar(_COMMIT, which)
    return found


def lock_true_up(connection: Connection, account_id: int, commit_id: UUID) -> str | None:
    """Wait for whoever settles this commit's true-up, and keep it from being settled until the transaction ends.

    Returns:
        The state of the true-up; None when the commit has none.
    """
    state: str | None = connection.scalar(_LOCK_TRUE_UP, _of(account_id, commit_id))
    return state


def lock_balances(connection: Connection, account_id: int, commit_id: UUID) -> None:
    """Keep months of the commit's customer from being closed, and segments from expiring, for the transaction."""
    lock_customers(connection, account_id, connection.scalars(_CUSTOMERS, _of(account_id, commit_id)).all())


def segment_balances(
    connection: Connection, account_id: int, commit_id: UUID, *, usage_grace_h: int
) -> Sequence[SegmentBalance]:
    """The commit's segments in the order of the request, as things stand with this grace time of months."""
    which = _of(account_id, commit_id) | {"usage_grace_h": usage_grace_h}
    return fetch_all(connection, SegmentBalance, _SEGMENTS, which)


def require_free_key(connection: Connection, account_id: int, uniqueness_key: str) -> None:
    """Raise `AlreadyUsed` when an entry of the account has the uniqueness key."""
    holder = connection.scalar(_HOLDER, {"account_id": account_id, "uniqueness_key": uniqueness_key})
    if holder is not None:
        raise AlreadyUsed("the uniqueness_key", holder)


def book_entry(
    connection: Connection,
    account_id: int,
    commit_id: UUID,
    *,
    segment_id: UUID,
    kind: str,
    amount: Decimal,
    reason: str,
    effective_at: datetime | None = None,
    uniqueness_key: str | None = None,
) -> UUID:
    """Append an entry, effective at the account's present where nothing else is said; returns its id.

    Raises:
        AlreadyUsed: another entry has the uniqueness key.
    """
    entry = {"segment_id": segment_id, "type": kind, "amount": amount, "reason": reason, "effective_at": effective_at}
    key = {"account_id": account_id, "uniqueness_key": uniqueness_key}
    booked: UUID | None = connection.scalar(_BOOK, _of(account_id, commit_id) | entry | key)
    if booked is None:
        raise AlreadyUsed("the uniqueness_key", connection.execute(_HOLDER, key).scalar_one())
    return booked


def _of(account_id: int, commit_id: UUID) -> dict[str, object]:
    return {"account_id": account_id, "commit_id": commit_id}
