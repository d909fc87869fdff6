"""The catalog as people look things up in it: by a piece of a name, in the order of ids, a page at a time."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.store.postgres.filtered import Filtered
from trueup.store.postgres.rows import fetch_all
from trueup.store.postgres.search_page import SEARCHED_ROWS_MAX, SearchPage

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCustomer:
    """A customer; `aliases`: what producers of usage call them."""

    id: UUID
    name: str
    aliases: list[str]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundProduct:
    """A product that is charged for."""

    id: UUID
    name: str
    type: Literal["FIXED", "USAGE", "SUBSCRIPTION", "COMPOSITE"]
    tags: list[str]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundContract:
    """A contract; `customer`: the customer's name."""

    id: UUID
    name: str | None
    customer_id: UUID
    customer: str | None
    starting_at: datetime
    ending_before: datetime | None
    uniqueness_key: str | None
    created_at: datetime


_AFTER = {"after": "id > :after"}


def _search(table: str, told: str, called: str) -> Filtered:
    """The statement of a table whose records are called by these texts."""
    return Filtered(
        lambda given: text(f"""
    SELECT {told}
      FROM (SELECT * FROM {table} WHERE account_id = :account_id{given} ORDER BY id LIMIT {SEARCHED_ROWS_MAX}) AS r
     WHERE CAST(:piece AS text) IS NULL OR {called}
     ORDER BY r.id LIMIT :limit
"""),
        _AFTER,
    )


_HAS_PIECE = "strpos(lower({}), lower(CAST(:piece AS text))) > 0"
_NAME, _CONTRACT_NAME = _HAS_PIECE.format("r.name"), _HAS_PIECE.format("r.kept ->> 'name'")
_CUSTOMER_OF = "(SELECT name FROM customer AS c WHERE c.account_id = r.account_id AND c.id = r.customer_id)"

_STATEMENTS: dict[type[Any], tuple[str, Filtered]] = {
    FoundCustomer: (
        "customer",
        _search(
            "customer",
            """r.id, r.name, r.created_at, ARRAY(SELECT alias FROM ingest_alias AS a
                WHERE a.account_id = r.account_id AND a.customer_id = r.id ORDER BY position) AS aliases""",
            f"""{_NAME} OR r.id IN (SELECT customer_id FROM ingest_alias
                WHERE account_id = :account_id AND alias = :piece)""",
        ),
    ),
    FoundProduct: (
        "product",
        _search(
            "product",
            "r.id, r.name, r.type, r.tags, r.created_at",
            f"{_NAME} OR r.kept ->> 'netsuite_internal_item_id' = :piece",
        ),
    ),
    FoundContract: (
        "contract",
        _search(
            "contract",
            f"""r.id, r.kept ->> 'name' AS name, r.customer_id, {_CUSTOMER_OF} AS customer, r.starting_at,
           r.ending_before, r.uniqueness_key, r.created_at""",
            f"""{_CONTRACT_NAME} OR starts_with(r.uniqueness_key, :piece) OR {_HAS_PIECE.format(_CUSTOMER_OF)}
             OR :piece IN (r.kept ->> 'salesforce_opportunity_id', r.kept ->> 'netsuite_sales_order_id')""",
        ),
    ),
}


def search_catalog(
    connection: Connection,
    account_id: int,
    kind: type[T],
    *,
    limit: int,
    piece: str | None = None,
    after: UUID | None = None,
) -> SearchPage[T, UUID]:
    """Find up to `limit` among the next 5,000 records, which may hold none, with more to come.

    Args:
        connection: a transaction.
        account_id: whose catalog.
        kind: `FoundCustomer`, `FoundProduct` or `FoundContract`.
        limit: at most this many.
        piece: of the name, in any case; or a customer's whole alias, a product's item id in NetSuite, the beginning of
            a contract's uniqueness key, a piece of the name of its customer, its opportunity or sales order. None for
            all.
        after: the id to which the page before has searched.
    """
    table, statement = _STATEMENTS[kind]
    which = {"account_id": account_id, "limit": limit, "piece": piece, "after": after}
    found = fetch_all(connection, kind, statement.given(which), which)
    if len(found) == limit:
        return SearchPage(found, found[-1].id)  # type: ignore[attr-defined]
    last = Filtered(lambda given: text(_last_searched(table, given)), _AFTER).given(which)
    return SearchPage(found, connection.scalar(last, which))


def _last_searched(table: str, given: str) -> str:
    searched = f"account_id = :account_id{given} ORDER BY id OFFSET {SEARCHED_ROWS_MAX - 1} LIMIT 1"
    return f"SELECT id FROM {table} WHERE {searched}"
