"""The catalog one record at a time: customers, products and contracts as the API makes and reads them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, Table, Text, and_, func, insert, or_, select
from sqlalchemy.dialects import postgresql

from trueup.store.postgres.already_used import AlreadyUsed
from trueup.store.postgres.rows import fetch_all, fetch_one
from trueup.store.tables import contract, customer, ingest_alias, product

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRecord:
    """Customer; `ingest_aliases`: what producers of usage call them, in the order given."""

    id: UUID
    name: str
    custom_fields: dict[str, str]
    created_at: datetime
    ingest_aliases: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRecord:
    """Product; `kept`: what else was said at its creation."""

    id: UUID
    name: str
    type: Literal["FIXED", "USAGE", "SUBSCRIPTION", "COMPOSITE"]
    tags: list[str]
    created_at: datetime
    kept: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractRecord:
    """Under which agreement a customer is invoiced; `kept`: what else was said at its creation."""

    id: UUID
    customer_id: UUID
    starting_at: datetime
    ending_before: datetime | None
    usage_invoicing: Literal["MONTHLY", "NONE"]
    net_payment_terms_days: int | None
    created_at: datetime
    uniqueness_key: str | None
    kept: dict[str, Any]


def _columns(table: Table, kind: type[Any]) -> Select[Any]:
    return select(*(table.c[each.name] for each in fields(kind) if each.name in table.c))


_OWN_ALIASES = (
    select(ingest_alias.c.alias)
    .where(ingest_alias.c.account_id == customer.c.account_id, ingest_alias.c.customer_id == customer.c.id)
    .order_by(ingest_alias.c.position)
    .scalar_subquery()
)
_CUSTOMERS = _columns(customer, CustomerRecord).add_columns(
    func.array(_OWN_ALIASES, type_=postgresql.ARRAY(Text)).label("ingest_aliases")
)
_PRODUCTS, _CONTRACTS = _columns(product, ProductRecord), _columns(contract, ContractRecord)


def has_customer(connection: Connection, account_id: int, customer_id: UUID) -> bool:
    """Tell whether the account has this customer."""
    return connection.scalar(select(customer.c.id).where(_this(customer, account_id, customer_id))) is not None


def add_customer(
    connection: Connection,
    account_id: int,
    *,
    customer_id: UUID,
    name: str,
    custom_fields: Mapping[str, str],
    ingest_aliases: Sequence[str] = (),
) -> None:
    """Add a customer.

    Raises:
        AlreadyUsed: an alias is another customer's.
    """
    values = {"account_id": account_id, "id": customer_id, "name": name, "custom_fields": dict(custom_fields)}
    connection.execute(insert(customer).values(values))
    # In one order, so that two who share aliases wait for each other, and do not lock each other out.
    for alias, position in sorted({alias: at for at, alias in enumerate(ingest_aliases)}.items()):
        _add_alias(connection, account_id, customer_id, alias, position)


def _add_alias(connection: Connection, account_id: int, customer_id: UUID, alias: str, position: int) -> None:
    values = {"account_id": account_id, "alias": alias, "customer_id": customer_id, "position": position}
    if not _insert_new(connection, ingest_alias, values):
        raise AlreadyUsed(f"the alias {alias}", connection.scalars(_named(account_id, alias)).one())


def _insert_new(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Tell whether the row was added, because no other one was there."""
    statement = postgresql.insert(table).values(values).on_conflict_do_nothing().returning(table.c.account_id)
    return connection.scalar(statement) is not None


def _named(account_id: int, alias: str) -> Select[Any]:
    found = (ingest_alias.c.account_id == account_id, ingest_alias.c.alias == alias)
    return select(ingest_alias.c.customer_id).where(*found)


def add_product(
    connection: Connection,
    account_id: int,
    *,
    product_id: UUID,
    name: str,
    product_type: str,
    tags: Collection[str],
    kept: Mapping[str, Any],
) -> None:
    """Add a product; `kept` is returned as it is."""
    values = {"account_id": account_id, "id": product_id, "name": name, "type": product_type, "tags": list(tags)}
    connection.execute(insert(product).values(values | {"kept": dict(kept)}))


def add_contract(
    connection: Connection,
    account_id: int,
    *,
    contract_id: UUID,
    customer_id: UUID,
    starting_at: datetime,
    ending_before: datetime | None,
    net_payment_terms_days: int | None,
    uniqueness_key: str | None,
    kept: Mapping[str, Any],
) -> bool:
    """Add a contract, `kept` being returned as it is; False when the account has no such customer.

    Raises:
        AlreadyUsed: another contract has the uniqueness key.
    """
    if not has_customer(connection, account_id, customer_id):
        return False
    values = {
        "account_id": account_id,
        "id": contract_id,
        "customer_id": customer_id,
        "starting_at": starting_at,
        "ending_before": ending_before,
        "net_payment_terms_days": net_payment_terms_days,
        "uniqueness_key": uniqueness_key,
        "kept": dict(kept),
    }
    if not _insert_new(connection, contract, values):
        same_key = (contract.c.account_id == account_id, contract.c.uniqueness_key == uniqueness_key)
        raise AlreadyUsed("the uniqueness_key", connection.scalars(select(contract.c.id).where(*same_key)).one())
    return True


def find_customer(connection: Connection, account_id: int, customer_id: UUID) -> CustomerRecord | None:
    """One customer, if there is one."""
    return _find(connection, _CUSTOMERS, CustomerRecord, _this(customer, account_id, customer_id))


def find_product(connection: Connection, account_id: int, product_id: UUID) -> ProductRecord | None:
    """One product, if there is one."""
    return _find(connection, _PRODUCTS, ProductRecord, _this(product, account_id, product_id))


def find_contract(
    connection: Connection, account_id: int, contract_id: UUID, *, customer_id: UUID
) -> ContractRecord | None:
    """One contract of this customer, if there is one."""
    whose = contract.c.customer_id == customer_id
    return _find(connection, _CONTRACTS, ContractRecord, _this(contract, account_id, contract_id) & whose)


def list_customers(
    connection: Connection,
    account_id: int,
    *,
    limit: int,
    after: UUID | None = None,
    ids: Collection[UUID] = (),
    alias: str | None = None,
) -> list[CustomerRecord]:
    """Customers in the order of their ids; these only, if any are named, and the one of this alias only."""
    chosen: list[ColumnElement[bool]] = [customer.c.id.in_(ids)] if ids else []
    if alias is not None:
        chosen.append(customer.c.id == _named(account_id, alias).scalar_subquery())
    return _list(connection, _CUSTOMERS, CustomerRecord, customer, account_id, *chosen, limit=limit, after=after)


def list_products(
    connection: Connection, account_id: int, *, limit: int, after: UUID | None = None
) -> list[ProductRecord]:
    """Products in the order of their ids."""
    return _list(connection, _PRODUCTS, ProductRecord, product, account_id, limit=limit, after=after)


def list_contracts(
    connection: Connection,
    account_id: int,
    *,
    customer_id: UUID,
    limit: int,
    after: UUID | None = None,
    covering_date: datetime | None = None,
    starting_at: datetime | None = None,
) -> list[ContractRecord]:
    """A customer's contracts in the order of their ids.

    Args:
        covering_date: those in force at this instant.
        starting_at: those that start at this instant or later.
    """
    chosen = [contract.c.customer_id == customer_id]
    if covering_date is not None:
        ends = or_(contract.c.ending_before.is_(None), contract.c.ending_before > covering_date)
        chosen += [contract.c.starting_at <= covering_date, ends]
    if starting_at is not None:
        chosen.append(contract.c.starting_at >= starting_at)
    return _list(connection, _CONTRACTS, ContractRecord, contract, account_id, *chosen, limit=limit, after=after)


def _this(table: Table, account_id: int, record_id: UUID) -> ColumnElement[bool]:
    return and_(table.c.account_id == account_id, table.c.id == record_id)


def _find(connection: Connection, query: Select[Any], kind: type[T], which: ColumnElement[bool]) -> T | None:
    return fetch_one(connection, kind, query.where(which), {})


def _list(
    connection: Connection,
    query: Select[Any],
    kind: type[T],
    table: Table,
    account_id: int,
    *chosen: ColumnElement[bool],
    limit: int,
    after: UUID | None,
) -> list[T]:
    chosen = (table.c.account_id == account_id, *chosen)
    if after is not None:
        chosen += (table.c.id > after,)
    return fetch_all(connection, kind, query.where(*chosen).order_by(table.c.id).limit(limit), {})
