"""The catalog: loaded idempotently, looked up once per envelope."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Connection, Table, or_, text
from sqlalchemy.dialects.postgresql import insert

from shared.store.tables import contract, customer, product, unit
from shared.wire.catalog import Catalog
from shared.wire.references import Known, References

_KNOWN = text("""
    SELECT 'customer' AS what, id::text, NULL AS detail
      FROM customer WHERE account_id = :account_id AND id = ANY(CAST(:customers AS uuid[]))
    UNION ALL
    SELECT 'product', id::text, type
      FROM product WHERE account_id = :account_id AND id = ANY(CAST(:products AS uuid[]))
    UNION ALL
    SELECT 'contract', id::text, customer_id::text
      FROM contract WHERE account_id = :account_id AND id = ANY(CAST(:contracts AS uuid[]))
    UNION ALL
    SELECT 'unit', id::text, NULL
      FROM unit WHERE account_id = :account_id AND id = ANY(CAST(:units AS uuid[]))
""")


class CatalogConflict(Exception):
    """The file changes what never changes: a product's type or a contract's customer. Nothing was loaded."""


def load_catalog(connection: Connection, account_id: int, catalog: Catalog) -> dict[str, int]:
    """Inserts or updates every entry, in the caller's transaction; returns how many of each.

    Raises:
        CatalogConflict: names what would change but never does, or the customers that contracts name in vain.
    """
    _refuse_unknown_customers(connection, account_id, catalog)
    _upsert(connection, customer, account_id, catalog.customers)
    _upsert(connection, product, account_id, catalog.products, fixed="type")
    _upsert(connection, contract, account_id, catalog.contracts, fixed="customer_id")
    _upsert(connection, unit, account_id, catalog.units)
    return {name: len(getattr(catalog, name)) for name in ("customers", "products", "contracts", "units")}


def look_up(connection: Connection, account_id: int, wanted: References) -> Known:
    """What the account's catalog knows of `wanted`, in one round trip."""
    found: Mapping[str, dict[str, str]] = {"customer": {}, "product": {}, "contract": {}, "unit": {}}
    rows = connection.execute(
        _KNOWN,
        {
            "account_id": account_id,
            "customers": list(wanted.customers),
            "products": list(wanted.products),
            "contracts": list(wanted.contracts),
            "units": list(wanted.units),
        },
    )
    for what, key, detail in rows:
        found[what][key] = detail
    return Known(
        customers=set(found["customer"]),
        products=found["product"],
        contracts=found["contract"],
        units=set(found["unit"]),
    )


def _refuse_unknown_customers(connection: Connection, account_id: int, catalog: Catalog) -> None:
    named = {str(entry.customer_id) for entry in catalog.contracts}
    loaded = {str(entry.id) for entry in catalog.customers}
    wanted = References(customers=named - loaded, products=set(), contracts=set(), units=set())
    unknown = wanted.customers - look_up(connection, account_id, wanted).customers
    if unknown:
        raise CatalogConflict(f"contracts name customers that do not exist: {', '.join(sorted(unknown))}")


def _upsert(
    connection: Connection, table: Table, account_id: int, entries: Sequence[BaseModel], *, fixed: str | None = None
) -> None:
    by_id = {row["id"]: row for row in (_row(account_id, entry) for entry in entries)}  # an id twice: the last counts
    rows = list(by_id.values())
    if not rows:
        return
    statement = insert(table)
    updated = {name: statement.excluded[name] for name in rows[0] if name not in ("account_id", "id")}
    unchanged: ColumnElement[bool] | None = None
    if fixed is not None:
        unchanged = or_(table.c[fixed] == statement.excluded[fixed])
    written = connection.scalars(
        statement.on_conflict_do_update(
            index_elements=[table.c.account_id, table.c.id], set_=updated, where=unchanged
        ).returning(table.c.id),
        rows,
    ).all()
    refused = by_id.keys() - set(written)
    if refused:
        raise CatalogConflict(f"the {fixed} of a {table.name} never changes: {', '.join(sorted(map(str, refused)))}")


def _row(account_id: int, entry: BaseModel) -> dict[str, Any]:
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in entry.model_dump().items()}
    return {"account_id": account_id, **values}
