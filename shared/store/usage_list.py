"""Usage lines as people read them."""

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

_LINES = """
    SELECT l.request_id AS id, l.transaction_id, l.customer_id, u.name AS customer, l.contract_id, l.product_id,
           p.name AS product, l.unit_id AS credit_type_id, l.at AS "timestamp", l.quantity, l.list_price,
           l.commit_price, l.pricing_group_values, l.presentation_group_values, l.is_late, l.batch_id, l.booked_at
      FROM usage_line l
      LEFT JOIN customer u ON u.account_id = l.account_id AND u.id = l.customer_id
      LEFT JOIN product p ON p.account_id = l.account_id AND p.id = l.product_id
     WHERE l.account_id = :account_id
"""
# Only what is asked for stands in the statement, so that each question is answered by an index of its own.
_CONDITIONS = {
    "customer_id": "l.customer_id = :customer_id",
    "contract_id": "l.contract_id = :contract_id",
    "after": "l.request_id > :after",
}
_LATE = "l.is_late"
_PAGE = " ORDER BY l.request_id LIMIT :limit"

Record = dict[str, Any]


def list_usage(
    connection: Connection,
    account_id: int,
    *,
    limit: int,
    customer_id: UUID | None = None,
    contract_id: UUID | None = None,
    late_only: bool = False,
    after: UUID | None = None,
) -> list[Record]:
    """Lines in the order of their requests' ids, a page at a time: `after` is the last id of the page before."""
    given = {"customer_id": customer_id, "contract_id": contract_id, "after": after}
    chosen = {name: value for name, value in given.items() if value is not None}
    conditions = [_CONDITIONS[name] for name in chosen] + [_LATE] * late_only
    statement = text(" AND ".join([_LINES, *conditions]) + _PAGE)
    found = connection.execute(statement, {"account_id": account_id, "limit": limit, **chosen})
    return [dict(row) for row in found.mappings()]
