"""Usage lines as people read them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.store.postgres.rows import fetch_all

_LINES = """
    SELECT l.request_id AS id, l.transaction_id, l.customer_id, u.name AS customer, l.contract_id, l.product_id,
           p.name AS product, l.unit_id AS credit_type_id, l.at AS "timestamp", l.quantity, l.list_price,
           l.commit_price, l.pricing_group_values, l.presentation_group_values, l.is_late, l.batch_id, l.booked_at
      FROM ({chosen}) AS l
      LEFT JOIN customer u ON u.account_id = l.account_id AND u.id = l.customer_id
      LEFT JOIN product p ON p.account_id = l.account_id AND p.id = l.product_id
     ORDER BY l.request_id
"""
_OF_ACCOUNT = "SELECT * FROM usage_line WHERE account_id = :account_id"
_PAGE = "ORDER BY request_id LIMIT :limit"

# Few lines of many are found by what is asked for, and then sorted; many are met on the way through all of them. No
# statistics tell which it is, so a stretch of the way is tried first. A contract is of one customer.
_TRIED_LINES = 2_000
_CONDITIONS = {
    "customer_id": "customer_id = :customer_id",
    "contract_id": """contract_id = :contract_id AND customer_id =
        (SELECT customer_id FROM contract WHERE account_id = :account_id AND id = :contract_id)""",
}
_LATE = "is_late"
_AFTER = "request_id > :after"


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedLine:
    """A stored line of usage.

    Attributes:
        id: of its request.
        customer: the customer's name, as that of the product.
        credit_type_id: the unit of its prices.
        is_late: it came after its month was closed.
    """

    id: UUID
    transaction_id: str
    customer_id: UUID
    customer: str | None
    contract_id: UUID
    product_id: UUID
    product: str | None
    credit_type_id: UUID
    timestamp: datetime
    quantity: Decimal
    list_price: Decimal
    commit_price: Decimal
    pricing_group_values: Mapping[str, str] | None
    presentation_group_values: Mapping[str, str] | None
    is_late: bool
    batch_id: UUID | None
    booked_at: datetime


def list_usage(
    connection: Connection,
    account_id: int,
    *,
    limit: int,
    customer_id: UUID | None = None,
    contract_id: UUID | None = None,
    late_only: bool = False,
    after: UUID | None = None,
) -> list[RatedLine]:
    """Lines in the order of their requests' ids, a page at a time: `after` is the last id of the page before."""
    asked = {"customer_id": customer_id, "contract_id": contract_id}
    chosen = {name: value for name, value in asked.items() if value is not None}
    conditions = [_CONDITIONS[name] for name in chosen] + [_LATE] * late_only
    given = {"account_id": account_id, "limit": limit, "after": after, "tried": max(_TRIED_LINES, limit), **chosen}
    rest = " AND ".join([_OF_ACCOUNT, *[_AFTER] * (after is not None)])
    if not conditions:
        return _read(connection, f"{rest} {_PAGE}", given)
    wanted = " AND ".join(conditions)
    tried = f"SELECT * FROM ({rest} ORDER BY request_id LIMIT :tried) AS tried WHERE {wanted} {_PAGE}"
    page = _read(connection, tried, given)
    if len(page) == limit:
        return page
    return _read(connection, f"SELECT * FROM ({rest} AND {wanted} OFFSET 0) AS found {_PAGE}", given)


def _read(connection: Connection, chosen: str, given: Mapping[str, object]) -> list[RatedLine]:
    return fetch_all(connection, RatedLine, text(_LINES.format(chosen=chosen)), given)
