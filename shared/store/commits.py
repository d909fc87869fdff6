"""Commits as people read them: with segments, obligations, ledger and balance."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

# What may be drawn now: segments that are future or over count 0, and none counts below 0 (spec 3.2).
_USABLE = """
    SELECT greatest(0, {balance}) AS usable
      FROM segment s JOIN ledger_entry e
        ON e.account_id = s.account_id AND e.commit_id = s.commit_id AND e.segment_id = s.id
     WHERE s.account_id = c.account_id AND s.commit_id = c.id
       AND s.starting_at <= coalesce(a.clock_at, now()) AND coalesce(a.clock_at, now()) < s.ending_before
     GROUP BY s.id
"""
USABLE = _USABLE.format(balance="sum(e.amount)")
# The same where drafts reserve: `left` says what they leave, by segment.
USABLE_BY_DRAFTS = _USABLE.format(
    balance="coalesce(CAST(CAST(:left AS jsonb) ->> CAST(s.id AS text) AS numeric), sum(e.amount))"
)

_LIST = text(f"""
    SELECT c.id, c.type, c.name, c.customer_id, u.name AS customer, c.priority, c.uniqueness_key, c.created_at,
           (SELECT sum(amount) FROM segment s WHERE s.account_id = c.account_id AND s.commit_id = c.id) AS amount,
           (SELECT coalesce(sum(usable), 0) FROM ({USABLE}) AS balances) AS balance
      FROM commit c JOIN account a ON a.id = c.account_id
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

_BALANCE = text(f"""
    SELECT coalesce(sum(usable), 0)
      FROM commit c JOIN account a ON a.id = c.account_id CROSS JOIN LATERAL ({USABLE}) AS balances
     WHERE c.account_id = :account_id AND c.id = :id
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

    Each has `amount`, the sum of its segments, and `balance`, what of it is usable now.
    """
    chosen = {"customer_id": customer_id, "type": commit_type, "uniqueness_key": uniqueness_key, "after": after}
    return _records(connection, _LIST, {"account_id": account_id, "limit": limit, **chosen})


def show_commit(connection: Connection, account_id: int, commit_id: UUID) -> Record | None:
    """One commit with its segments, obligations, ledger entries (in booking order) and usable balance."""
    which = {"account_id": account_id, "id": commit_id}
    found = _records(connection, _SHOW, which)
    if not found:
        return None
    return found[0] | {
        "segments": _records(connection, _SEGMENTS, which),
        "obligations": _records(connection, _OBLIGATIONS, which),
        "ledger": _records(connection, _LEDGER, which),
        "balance": connection.execute(_BALANCE, which).scalar_one(),
    }


def _records(connection: Connection, statement: Any, parameters: Mapping[str, Any]) -> list[Record]:
    return [dict(row) for row in connection.execute(statement, parameters).mappings()]
