"""Commits as people read them: with segments, obligations and ledger, and what may be drawn of them."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.store.postgres.amounts import amounts_as_json

# What may be drawn now: segments that are future or over count 0, and none counts below 0; drafts reserve, and `left`
# says what they leave, by segment.
USABLE = """
    SELECT greatest(0, coalesce(CAST(CAST(:left AS jsonb) ->> CAST(s.id AS text) AS numeric), sum(e.amount))) AS usable
      FROM segment s JOIN ledger_entry e
        ON e.account_id = s.account_id AND e.commit_id = s.commit_id AND e.segment_id = s.id
     WHERE s.account_id = c.account_id AND s.commit_id = c.id
       AND s.starting_at <= coalesce(a.clock_at, now()) AND coalesce(a.clock_at, now()) < s.ending_before
     GROUP BY s.id
"""

_LIST = text("""
    SELECT c.id, c.type, c.name, c.customer_id, u.name AS customer, c.priority, c.uniqueness_key, c.created_at,
           (SELECT sum(amount) FROM segment s WHERE s.account_id = c.account_id AND s.commit_id = c.id) AS amount
      FROM commit c
      LEFT JOIN customer u ON u.account_id = c.account_id AND u.id = c.customer_id
     WHERE c.account_id = :account_id
       AND (CAST(:customer_id AS uuid) IS NULL OR c.customer_id = :customer_id)
       AND (CAST(:type AS text) IS NULL OR c.type = :type)
       AND (CAST(:uniqueness_key AS text) IS NULL OR c.uniqueness_key = :uniqueness_key)
       AND (CAST(:after AS uuid) IS NULL OR c.id > :after)
     ORDER BY c.id
     LIMIT :limit
""")

_SHOW = text("""
    SELECT c.id, c.type, c.name, c.description, c.customer_id, c.product_id, c.priority, c.rate_type, c.access_type,
           c.access_unit_id, c.invoice_unit_id, c.invoice_contract_id, c.do_not_invoice, c.recurring_schedule,
           c.applicable_product_ids, c.applicable_product_tags, c.applicable_contract_ids, c.specifiers,
           c.custom_fields, c.netsuite_sales_order_id, c.salesforce_opportunity_id, c.uniqueness_key, c.batch_id,
           c.created_at, c.archived_at
      FROM commit c WHERE account_id = :account_id AND id = :id
""")

_SEGMENTS = text("""
    SELECT s.id, s.amount, s.starting_at, s.ending_before, coalesce(sum(e.amount), 0) AS balance
      FROM segment s
      LEFT JOIN ledger_entry e
             ON e.account_id = s.account_id AND e.commit_id = s.commit_id AND e.segment_id = s.id
     WHERE s.account_id = :account_id AND s.commit_id = :id
     GROUP BY s.position, s.id, s.amount, s.starting_at, s.ending_before ORDER BY s.position
""")

_OBLIGATIONS = text("""
    SELECT id, kind, scheduled_at, due_at, unit_price, quantity, amount, state, suppressed_by, reason, settled_at
      FROM obligation WHERE account_id = :account_id AND commit_id = :id ORDER BY position, id
""")

_BALANCES = text(f"""
    SELECT c.id, (SELECT coalesce(sum(usable), 0) FROM ({USABLE}) AS balances) AS balance
      FROM commit AS c JOIN account AS a ON a.id = c.account_id
     WHERE c.account_id = :account_id AND c.id = ANY(:ids)
""")

_LEDGER = text("""
    SELECT id, segment_id, type, amount, effective_at, booked_at, invoice_id, reason
      FROM ledger_entry WHERE account_id = :account_id AND commit_id = :id ORDER BY seq
""")

Record = dict[str, Any]


def list_commits(
    connection: Connection,
    account_id: int,
    *,
    limit: int,
    customer_id: UUID | None = None,
    commit_type: str | None = None,
    uniqueness_key: str | None = None,
    after: UUID | None = None,
) -> list[Record]:
    """Commits and credits in the order of their ids, a page at a time: `after` is the last id of the page before.

    Each has `amount`, the sum of its segments.
    """
    chosen = {"customer_id": customer_id, "type": commit_type, "uniqueness_key": uniqueness_key, "after": after}
    return _records(connection, _LIST, {"account_id": account_id, "limit": limit, **chosen})


def show_commit(connection: Connection, account_id: int, commit_id: UUID) -> Record | None:
    """One commit with its segments, obligations and ledger entries (in booking order)."""
    which = {"account_id": account_id, "id": commit_id}
    found = _records(connection, _SHOW, which)
    if not found:
        return None
    return found[0] | {
        "segments": _records(connection, _SEGMENTS, which),
        "obligations": _records(connection, _OBLIGATIONS, which),
        "ledger": _records(connection, _LEDGER, which),
    }


def usable_balances(
    connection: Connection, account_id: int, ids: Collection[UUID], left: Mapping[str, Decimal]
) -> dict[UUID, Decimal]:
    """What may be drawn now of these commits and credits.

    Args:
        connection: a transaction.
        account_id: whose commits.
        ids: theirs.
        left: what drafts leave of the segments that they draw on, by id; of the others there is what the ledger says.
    """
    given = {"account_id": account_id, "ids": list(ids), "left": amounts_as_json(left)}
    return {row.id: row.balance for row in connection.execute(_BALANCES, given)}


def _records(connection: Connection, statement: Any, parameters: Mapping[str, Any]) -> list[Record]:
    return [dict(row) for row in connection.execute(statement, parameters).mappings()]
