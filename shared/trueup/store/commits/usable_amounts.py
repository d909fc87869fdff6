"""Amounts that a customer can use, added up where they lie: of each commit, and of all of them together."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.domain.burndown.values import AccessType, CommitType
from trueup.store.commits.balances import BalanceFilter
from trueup.store.postgres.filtered import Filtered

# What open usage draws is one object, read once, and no table: whatever the planner expects of it, it is looked into.
_DRAWN = "WITH drawn AS MATERIALIZED (SELECT CAST(:draws AS jsonb) AS amounts)"
_SEGMENTS = """
      FROM commit AS c JOIN segment AS s ON s.account_id = c.account_id AND s.commit_id = c.id
     CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount), 0) AS available FROM ledger_entry
         WHERE account_id = c.account_id AND commit_id = c.id AND segment_id = s.id) AS ledger
"""
_OF_CUSTOMER = "c.account_id = :account_id AND c.customer_id = :customer_id AND c.archived_at IS NULL"
_IS_NOW = "s.starting_at <= :now AND s.ending_before > :now"
_LEFT = "available - coalesce(CAST((SELECT amounts FROM drawn) ->> CAST(s.id AS text) AS numeric), 0)"
_USABLE = f"coalesce(sum(greatest({_LEFT}, 0)) FILTER (WHERE {_IS_NOW}), 0)"

_BY_COMMIT = text(f"""
    {_DRAWN}
    SELECT CAST(c.id AS text) AS commit_id, c.type, coalesce(c.name, p.name) AS name,
           CAST(c.access_unit_id AS text) AS unit_id, c.access_type, {_USABLE} AS usable,
           coalesce(sum(greatest(available, 0)) FILTER (WHERE {_IS_NOW}), 0) AS finalized
      {_SEGMENTS}
      JOIN product AS p ON p.account_id = c.account_id AND p.id = c.product_id
     WHERE {_OF_CUSTOMER}
     GROUP BY c.account_id, c.id, p.account_id, p.id ORDER BY c.created_at, c.id
""")

# Filters are joined by or, what one of them says by and.
_NET = Filtered(
    lambda given: text(f"""
    {_DRAWN}
    SELECT {_USABLE} {_SEGMENTS} WHERE {_OF_CUSTOMER} AND c.access_type = :access_type{given}
"""),
    {
        "unit_id": "c.access_unit_id = :unit_id",
        "filters": """EXISTS (
            SELECT FROM jsonb_to_recordset(CAST(:filters AS jsonb)) AS f (types text[], ids uuid[], custom_fields jsonb)
             WHERE (f.types IS NULL OR c.type = ANY(f.types)) AND (f.ids IS NULL OR c.id = ANY(f.ids))
               AND (f.custom_fields IS NULL OR coalesce(c.custom_fields, '{}') @> f.custom_fields))""",
    },
)


@dataclass(frozen=True, slots=True)
class UsableAmounts:
    """Usable amounts of a commit or credit at an instant.

    Attributes:
        usable: when what usage draws that is not in the ledger is taken off each segment; none counts below 0.
        finalized: by the ledger alone.
    """

    commit_id: str
    type: CommitType
    name: str
    unit_id: str
    access_type: AccessType
    usable: Decimal
    finalized: Decimal


def usable_by_commit(
    connection: Connection, account_id: int, customer_id: UUID, *, now: datetime, draws: Mapping[str, Decimal]
) -> list[UsableAmounts]:
    """Usable amounts of each of the customer's commits and credits but for archived ones, the oldest first.

    Args:
        connection: a snapshot.
        account_id: whose customer.
        customer_id: whose commits.
        now: segments that are over by then, or still to come, count 0.
        draws: of usage that is not in the ledger, by the segment's id.
    """
    given = {"account_id": account_id, "customer_id": customer_id, "now": now, "draws": _told(draws)}
    return [UsableAmounts(*row) for row in connection.execute(_BY_COMMIT, given)]


def usable_together(
    connection: Connection,
    account_id: int,
    customer_id: UUID,
    *,
    now: datetime,
    draws: Mapping[str, Decimal],
    access_type: AccessType,
    unit_id: UUID | None,
    filters: Iterable[BalanceFilter],
) -> Decimal:
    """Sum of what `usable_by_commit` gives for commits of this kind of access, of a unit, that any filter admits."""
    rows: Sequence[object] = [
        {"types": each.types, "ids": each.ids, "custom_fields": each.custom_fields} for each in filters
    ]
    given = {
        "account_id": account_id,
        "customer_id": customer_id,
        "now": now,
        "draws": _told(draws),
        "access_type": access_type,
        "unit_id": unit_id,
        "filters": json.dumps(rows, default=str) if rows else None,
    }
    total: Decimal = connection.execute(_NET.given(given), given).scalar_one()
    return total


def _told(draws: Mapping[str, Decimal]) -> str:
    return json.dumps({key: f"{amount:f}" for key, amount in draws.items()})
