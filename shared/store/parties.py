"""The catalog one record at a time: customers, products and contracts as the API makes and reads them."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table, insert, or_, select

from shared.store.tables import contract, customer, product

Record = dict[str, Any]


def has_customer(connection: Connection, account_id: int, customer_id: UUID) -> bool:
    """Whether the account has this customer."""
    return _find(connection, customer, account_id, customer_id) is not None


def add_customer(
    connection: Connection, account_id: int, *, customer_id: UUID, name: str, custom_fields: Mapping[str, str]
) -> None:
    """Adds a customer."""
    values = {"account_id": account_id, "id": customer_id, "name": name, "custom_fields": dict(custom_fields)}
    connection.execute(insert(customer).values(values))


def add_product(
    connection: Connection, account_id: int, *, product_id: UUID, name: str, product_type: str, tags: Collection[str]
) -> None:
    """Adds a product."""
    values = {"account_id": account_id, "id": product_id, "name": name, "type": product_type, "tags": list(tags)}
    connection.execute(insert(product).values(values))


def add_contract(
    connection: Connection,
    account_id: int,
    *,
    contract_id: UUID,
    customer_id: UUID,
    starting_at: datetime,
    ending_before: datetime | None,
    net_payment_terms_days: int | None,
) -> bool:
    """Adds a contract; False when the account has no such customer."""
    if not has_customer(connection, account_id, customer_id):
        return False
    values = {
        "account_id": account_id,
        "id": contract_id,
        "customer_id": customer_id,
        "starting_at": starting_at,
        "ending_before": ending_before,
        "net_payment_terms_days": net_payment_terms_days,
    }
    connection.execute(insert(contract).values(values))
    return True


def find_customer(connection: Connection, account_id: int, customer_id: UUID) -> Record | None:
    """One customer, if there is one."""
    return _find(connection, customer, account_id, customer_id)


def find_product(connection: Connection, account_id: int, product_id: UUID) -> Record | None:
    """One product, if there is one."""
    return _find(connection, product, account_id, product_id)


def find_contract(connection: Connection, account_id: int, contract_id: UUID, *, customer_id: UUID) -> Record | None:
    """One contract of this customer, if there is one."""
    found = _find(connection, contract, account_id, contract_id)
    return found if found and found["customer_id"] == customer_id else None


def list_customers(
    connection: Connection, account_id: int, *, limit: int, after: UUID | None = None, ids: Collection[UUID] = ()
) -> list[Record]:
    """Customers in the order of their ids; these only, if any are named."""
    chosen = [customer.c.id.in_(ids)] if ids else []
    return _list(connection, customer, account_id, *chosen, limit=limit, after=after)


def list_products(connection: Connection, account_id: int, *, limit: int, after: UUID | None = None) -> list[Record]:
    """Products in the order of their ids."""
    return _list(connection, product, account_id, limit=limit, after=after)


def list_contracts(
    connection: Connection,
    account_id: int,
    *,
    customer_id: UUID,
    limit: int,
    after: UUID | None = None,
    covering_date: datetime | None = None,
    starting_at: datetime | None = None,
) -> list[Record]:
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
    return _list(connection, contract, account_id, *chosen, limit=limit, after=after)


def _find(connection: Connection, table: Table, account_id: int, record_id: UUID) -> Record | None:
    query = select(table).where(table.c.account_id == account_id, table.c.id == record_id)
    found = connection.execute(query).mappings().one_or_none()
    return dict(found) if found else None


def _list(
    connection: Connection, table: Table, account_id: int, *chosen: Any, limit: int, after: UUID | None
) -> list[Record]:
    query = select(table).where(table.c.account_id == account_id, *chosen)
    if after is not None:
        query = query.where(table.c.id > after)
    return [dict(row) for row in connection.execute(query.order_by(table.c.id).limit(limit)).mappings()]
