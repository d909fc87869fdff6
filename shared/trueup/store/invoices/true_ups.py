"""True-ups of a customer: locked all together, and put back among what is to be settled."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.store.postgres.rows import fetch_all

# Whoever settles a true-up, or books by hand, holds its obligation: it is taken before any customer.
_LOCK = text("""
    SELECT o.id, o.commit_id, o.state
      FROM commit AS c JOIN obligation AS o ON o.account_id = c.account_id AND o.commit_id = c.id
     WHERE c.account_id = :account_id AND c.customer_id = :customer_id AND c.type = 'POSTPAID'
       AND o.kind = 'TRUE_UP' AND o.state <> 'voided'
     ORDER BY o.id FOR UPDATE OF o
""")

_ISSUED = text("""
    SELECT o.id, i.number
      FROM commit AS c
      JOIN obligation AS o ON o.account_id = c.account_id AND o.commit_id = c.id AND o.state <> 'voided'
                          AND o.state = 'issued'
      JOIN invoice AS i ON i.account_id = o.account_id AND i.id = o.id
     WHERE c.account_id = :account_id AND c.customer_id = :customer_id AND c.type = 'POSTPAID' AND o.kind = 'TRUE_UP'
       AND o.commit_id = ANY(CAST(:commit_ids AS uuid[]))
     ORDER BY i.number
""")

_REOPEN = text("""
    UPDATE obligation AS o SET state = 'pending', reason = NULL, settled_at = NULL
      FROM commit AS c
     WHERE c.account_id = :account_id AND c.customer_id = :customer_id AND c.type = 'POSTPAID'
       AND c.archived_at IS NULL
       AND o.account_id = :account_id AND o.commit_id = c.id AND o.kind = 'TRUE_UP' AND o.state <> 'voided'
       AND (o.state = 'held'
            OR o.state IN ('nothing_due', 'suppressed') AND c.id = ANY(CAST(:commit_ids AS uuid[])))
    RETURNING o.id
""")

_RELEASE = text("""
    UPDATE obligation SET state = 'pending', reason = NULL, attempts = 0, settled_at = NULL
     WHERE account_id = :account_id AND id = :id
""")

_REOPEN_HELD = text("""
    UPDATE obligation SET state = 'pending', reason = NULL, settled_at = NULL
     WHERE account_id = :account_id AND commit_id = :commit_id AND kind = 'TRUE_UP' AND state = 'held'
""")


@dataclass(frozen=True, slots=True)
class TrueUpRow:
    """A locked true-up."""

    id: UUID
    commit_id: UUID
    state: str


def lock_true_ups(connection: Connection, account_id: int, customer_id: UUID) -> list[TrueUpRow]:
    """Lock all true-ups of a customer that are not void: none of them settles until the transaction ends."""
    return fetch_all(connection, TrueUpRow, _LOCK, {"account_id": account_id, "customer_id": customer_id})


def reopen_true_ups(
    connection: Connection, account_id: int, customer_id: UUID, commit_ids: Iterable[UUID] = ()
) -> list[UUID]:
    """Put true-ups back among what is to be settled; whether they are held is judged anew when they are.

    Args:
        connection: a transaction that holds the customer's true-ups, and has taken back what these let expire.
        account_id: whose customer.
        customer_id: whose held true-ups are reopened.
        commit_ids: of which also those are reopened that were settled without an invoice.

    Returns:
        Which were reopened.
    """
    chosen = {"account_id": account_id, "customer_id": customer_id, "commit_ids": list(commit_ids)}
    return list(connection.scalars(_REOPEN, chosen))


def issued_named(connection: Connection, account_id: int, customer_id: UUID, commit_ids: Iterable[UUID]) -> str:
    """The issued true-ups of these commits with their numbers, for people; empty where there are none."""
    chosen = {"account_id": account_id, "customer_id": customer_id, "commit_ids": list(commit_ids)}
    rows = connection.execute(_ISSUED, chosen)
    return ", ".join(f"{row.id} (number {row.number})" for row in rows)


def release(connection: Connection, account_id: int, obligation_id: UUID) -> None:
    """Put one obligation back among what is to be settled, with its failed tries forgotten."""
    connection.execute(_RELEASE, {"account_id": account_id, "id": obligation_id})


def reopen_held(connection: Connection, account_id: int, commit_id: UUID) -> None:
    """Put a commit's held true-up, which is locked, back among what is to be settled."""
    connection.execute(_REOPEN_HELD, {"account_id": account_id, "commit_id": commit_id})
