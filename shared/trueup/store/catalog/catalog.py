"""The catalog: loaded idempotently, looked up at most once per envelope."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import BaseModel
from sqlalchemy import ColumnElement, Connection, Table, or_, select
from sqlalchemy.dialects.postgresql import insert

from trueup.store.catalog.conflict import CatalogConflict
from trueup.store.catalog.units import load_units
from trueup.store.postgres.driver_statement import DriverStatement, uuid_array
from trueup.store.tables import contract, customer, ingest_alias, product, unit
from trueup.wire.catalog import Catalog, Contract, Customer
from trueup.wire.request.normal import Normal
from trueup.wire.request.references import Known, References, references_of
from trueup.wire.request.usage_references import KnownToUsage

Record = dict[str, Any]

EVER = datetime(1970, 1, 1, tzinfo=UTC)

# Ids travel as texts, both ways: 500 requests name a thousand of them, and an array literal and a JSON text cost a
# tenth of parameters and rows one by one.
_KNOWN = DriverStatement("""
    SELECT CAST((SELECT json_object_agg(id, '') FROM customer WHERE account_id = :account_id
               AND id = ANY(CAST(:customers AS uuid[]))) AS text),
           CAST((SELECT json_object_agg(id, type) FROM product WHERE account_id = :account_id
               AND id = ANY(CAST(:products AS uuid[]))) AS text),
           CAST((SELECT json_object_agg(id, customer_id) FROM contract WHERE account_id = :account_id
               AND id = ANY(CAST(:contracts AS uuid[]))) AS text),
           CAST((SELECT json_object_agg(id, '') FROM unit WHERE account_id = :account_id
               AND id = ANY(CAST(:units AS uuid[]))) AS text)
""")


def load_catalog(connection: Connection, account_id: int, catalog: Catalog) -> dict[str, int]:
    """Insert or update every entry, in the caller's transaction; returns how many of each.

    Raises:
        CatalogConflict: names what would change but never does, the customers that contracts name in vain, or the
            aliases that are other customers'; see `load_units`, too.
    """
    _refuse_unknown_customers(connection, account_id, catalog)
    _upsert(connection, customer, account_id, catalog.customers)
    _add_aliases(connection, account_id, catalog.customers)
    _upsert(connection, product, account_id, catalog.products, fixed="type")
    _upsert(connection, contract, account_id, catalog.contracts, fixed="customer_id")
    load_units(connection, account_id, catalog.units)
    return {name: len(getattr(catalog, name)) for name in ("customers", "products", "contracts", "units")}


def look_up(connection: Connection, account_id: int, wanted: References) -> Known:
    """Look up which of `wanted` the account's catalog has, in one round trip."""
    (found,) = _KNOWN.run(
        connection,
        {
            "account_id": account_id,
            "customers": uuid_array(wanted.customers),
            "products": uuid_array(wanted.products),
            "contracts": uuid_array(wanted.contracts),
            "units": uuid_array(wanted.units),
        },
    )
    customers, products, contracts, units = (orjson.loads(each or "{}") for each in found)
    return Known(customers=customers.keys(), products=products, contracts=contracts, units=units.keys())


def register_unknown(connection: Connection, account_id: int, normals: Iterable[Normal], known: Known) -> bool:
    """Register, as bare records, what these requests name and the catalog lacks (open references).

    A product takes the type of its first use, a contract the customer of its first use. What another
    transaction registers meanwhile stays as it is.

    Returns:
        Whether there was anything to register.
    """
    customers: dict[str, Record] = {}
    products: dict[str, Record] = {}
    contracts: dict[str, Record] = {}
    units: dict[str, Record] = {}
    for normal in normals:
        named = references_of(normal)
        customer_id = normal["customer_id"]
        customers |= {each: {} for each in named.customers}
        products = {
            each: {"type": "FIXED" if each == normal["product_id"] else "USAGE"} for each in named.products
        } | products
        contracts = {each: {"customer_id": customer_id, "starting_at": EVER} for each in named.contracts} | contracts
        units |= {each: {} for each in named.units}
    return register_bare(
        connection, account_id, customers=customers, products=products, contracts=contracts, units=units, known=known
    )


def register_bare(
    connection: Connection,
    account_id: int,
    *,
    customers: Mapping[str, Record],
    products: Mapping[str, Record],
    contracts: Mapping[str, Record],
    units: Mapping[str, Record],
    known: Known | KnownToUsage,
) -> bool:
    """Register those of these records, by id, that the catalog lacks; whether there were any."""
    added = [
        _insert_bare(connection, customer, account_id, customers, known.customers),
        _insert_bare(connection, product, account_id, products, known.products.keys()),
        _insert_bare(connection, contract, account_id, contracts, known.contracts.keys()),
        _insert_bare(connection, unit, account_id, units, known.units),
    ]
    return any(added)


def _insert_bare(
    connection: Connection, table: Table, account_id: int, records: Mapping[str, Record], known: AbstractSet[str]
) -> bool:
    rows = [
        {"account_id": account_id, "id": each, **record}
        for each, record in sorted(records.items())
        if each not in known
    ]
    if rows:
        connection.execute(insert(table).on_conflict_do_nothing(), rows)
    return bool(rows)


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
    updated: dict[str, ColumnElement[Any]] = {
        name: statement.excluded[name] for name in rows[0] if name not in ("account_id", "id")
    }
    if "kept" in updated:
        updated["kept"] = table.c.kept.concat(statement.excluded.kept)
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
    values.pop("ingest_aliases", None)
    if isinstance(entry, Contract):
        values["kept"] = {"name": name} if (name := values.pop("name")) is not None else {}
    return {"account_id": account_id, **values}


def _add_aliases(connection: Connection, account_id: int, customers: Sequence[Customer]) -> None:
    named = sorted(  # so that two who share aliases wait for each other
        (alias, entry.id, position)
        for entry in customers
        for position, alias in enumerate(dict.fromkeys(entry.ingest_aliases))
    )
    if not named:
        return
    columns = ("account_id", "alias", "customer_id", "position")
    rows = [dict(zip(columns, (account_id, *each), strict=True)) for each in named]
    connection.execute(insert(ingest_alias).on_conflict_do_nothing(), rows)
    these = ingest_alias.c.account_id == account_id, ingest_alias.c.alias.in_([alias for alias, *_ in named])
    query = select(ingest_alias.c.alias, ingest_alias.c.customer_id).where(*these)
    owners = dict(connection.execute(query).all())
    refused = {alias for alias, customer_id, _ in named if owners[alias] != customer_id}
    if refused:
        raise CatalogConflict(f"aliases that are other customers': {', '.join(sorted(refused))}")
