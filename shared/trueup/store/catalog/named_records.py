"""Records of the catalog by what they are called, many at once: for files that name records instead of their ids."""

from collections.abc import Collection, Iterator
from typing import Literal, NamedTuple

from sqlalchemy import Connection, TextClause, text

NamedKind = Literal["customer", "product", "contract"]

_NAMES = {"customer": "r.name", "product": "r.name", "contract": "r.kept ->> 'name'"}
_ALIAS = """(SELECT a.alias, c.* FROM ingest_alias AS a JOIN customer AS c
              ON c.account_id = a.account_id AND c.id = a.customer_id)"""
# Where ids of other systems stand: the records, and what they are called there.
_EXTERNAL: dict[NamedKind, tuple[tuple[str, str], ...]] = {
    "customer": ((_ALIAS, "r.alias"),),
    "product": (("product", "r.kept ->> 'netsuite_internal_item_id'"),),
    "contract": (
        ("contract", "r.uniqueness_key"),
        ("contract", "r.kept ->> 'salesforce_opportunity_id'"),
        ("contract", "r.kept ->> 'netsuite_sales_order_id'"),
    ),
}
_FIELDS = {
    "customer": "r.custom_fields",
    "product": "r.kept -> 'custom_fields'",
    "contract": "r.kept -> 'custom_fields'",
}
_CUSTOM_FIELD = "custom_fields."
_STREAMED = {"yield_per": 5_000}
_LIKE_NAMES_MAX = 1_000


class NamedRecord(NamedTuple):
    """A record, and the text that names it; `customer_id`: of a contract, whose it is."""

    text: str
    id: str
    name: str
    customer_id: str | None


def records_named(
    connection: Connection, account_id: int, kind: NamedKind, by: str, texts: Collection[str]
) -> Iterator[NamedRecord]:
    """All records that one of these texts names exactly; one statement, whatever their number.

    Args:
        connection: a transaction.
        account_id: whose catalog.
        kind: of the records.
        by: `name`, `external_id` or `custom_fields.NAME`.
        texts: without the character NUL, which no record has.
    """
    which = {"account_id": account_id, "texts": list(texts), "field": by.removeprefix(_CUSTOM_FIELD)}
    rows = connection.execute(_statement(kind, by), which, execution_options=_STREAMED)
    return (NamedRecord(*row) for row in rows)


def contracts_of(connection: Connection, account_id: int, customers: Collection[str]) -> Iterator[NamedRecord]:
    """All contracts of these customers, whose ids stand in for what names them."""
    which = {"account_id": account_id, "texts": list(customers)}
    rows = connection.execute(_CONTRACTS, which, execution_options=_STREAMED)
    return (NamedRecord(*row) for row in rows)


def some_names(connection: Connection, account_id: int, kind: NamedKind) -> list[str]:
    """Names of up to a thousand records, for a message that tells what is like one that is not there."""
    statement = text(f"SELECT {_NAMES[kind]} FROM {kind} AS r WHERE account_id = :account_id LIMIT {_LIKE_NAMES_MAX}")
    return [name for name in connection.scalars(statement, {"account_id": account_id}) if name]


def _statement(kind: NamedKind, by: str) -> TextClause:
    if by == "name":
        places: tuple[tuple[str, str], ...] = ((kind, _NAMES[kind]),)
    elif by == "external_id":
        places = _EXTERNAL[kind]
    else:
        places = ((kind, f"({_FIELDS[kind]}) ->> :field"),)
    return text(" UNION ".join(_select(kind, *place) for place in places))


def _select(kind: NamedKind, records: str, called: str) -> str:
    customer = "CAST(r.customer_id AS text)" if kind == "contract" else "NULL"
    return f"""
        SELECT w.text, CAST(r.id AS text), coalesce({_NAMES[kind]}, ''), {customer}
          FROM (SELECT DISTINCT unnest(CAST(:texts AS text[])) AS text) AS w
          JOIN {records} AS r ON {called} = w.text
         WHERE r.account_id = :account_id"""


_CONTRACTS = text("""
    SELECT CAST(r.customer_id AS text), CAST(r.id AS text), coalesce(r.kept ->> 'name', ''), CAST(r.customer_id AS text)
      FROM (SELECT DISTINCT unnest(CAST(:texts AS uuid[])) AS id) AS w
      JOIN contract AS r ON r.customer_id = w.id
     WHERE r.account_id = :account_id
""")
