"""Lateness of invoicing, and what of it waits for an operator."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.store.usage.billed_lines import OPEN_VOID

_LOOKED_AT_MAX = 1_000

# Of those accounts that have their turn, or in which something came: so that the others cost nothing. LIMIT 1 keeps it
# one look-up in the index of what is due, for each.
_OLDEST = text(f"""
    SELECT max(coalesce(account.clock_at, now()) - oldest.due_at)
      FROM (
        (SELECT account_id FROM next_look WHERE work_at <= now() ORDER BY work_at LIMIT {_LOOKED_AT_MAX})
         UNION
        (SELECT account_id FROM (SELECT account_id FROM changed_account ORDER BY seq LIMIT {_LOOKED_AT_MAX}) AS changed)
      ) AS chosen
      JOIN account ON account.id = chosen.account_id
     CROSS JOIN LATERAL (
        SELECT o.due_at FROM obligation AS o
         WHERE o.account_id = account.id AND o.state = 'pending' AND o.due_at <= coalesce(account.clock_at, now())
         ORDER BY o.due_at LIMIT 1) AS oldest
""")

_HELD = text("SELECT id FROM obligation WHERE account_id = :account_id AND state = 'held' LIMIT :most")
_COUNT_HELD = text("SELECT count(*) FROM obligation WHERE state = 'held'")
_OPEN_VOIDS = text(f"""
    SELECT p.id FROM usage_period AS p WHERE p.account_id = :account_id AND {OPEN_VOID} LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Invoices and periods that wait for an operator, up to a thousand of each.

    Attributes:
        held: true-ups that are not issued.
        void: usage periods that were voided, and that nothing replaces or settles.
    """

    held: list[UUID]
    void: list[UUID]


def unfinished(connection: Connection, account_id: int) -> Unfinished:
    """Invoices and periods of this account that were begun and not finished."""
    which = {"account_id": account_id, "most": _LOOKED_AT_MAX}
    return Unfinished(*(list(connection.scalars(each, which)) for each in (_HELD, _OPEN_VOIDS)))


def count_held(connection: Connection) -> int:
    """Number of true-ups of all accounts that are held until an operator looks at them."""
    return int(connection.execute(_COUNT_HELD).scalar_one())


def oldest_due(connection: Connection) -> timedelta | None:
    """Age of the oldest due obligation of any account, by that account's clock; None: none is due."""
    found: timedelta | None = connection.scalar(_OLDEST)
    return found
