"""Names of catalog records, by id."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, text

_CUSTOMER_OF_CONTRACT = text("SELECT customer_id FROM contract WHERE account_id = :account_id AND id = :id")
_CUSTOMER = text("SELECT name FROM customer WHERE account_id = :account_id AND id = :id")
_CALLED = text("""
    SELECT id FROM customer WHERE account_id = :account_id AND id = ANY(CAST(:ids AS uuid[]))
       AND strpos(lower(name), lower(:piece)) > 0
""")
_UNITS = text("SELECT CAST(id AS text), name FROM unit WHERE account_id = :account_id")


def customer_name(connection: Connection, account_id: int, customer_id: UUID) -> str | None:
    """Name of the customer; None when the account has no such customer."""
    found: str | None = connection.scalar(_CUSTOMER, {"account_id": account_id, "id": customer_id})
    return found


def called_so(connection: Connection, account_id: int, customer_ids: Sequence[UUID], piece: str) -> set[UUID]:
    """Those of these customers whose names hold a piece, in any case."""
    return set(connection.scalars(_CALLED, {"account_id": account_id, "ids": list(customer_ids), "piece": piece}))


def customer_of_contract(connection: Connection, account_id: int, contract_id: UUID) -> UUID | None:
    """Customer of the contract; None when the account has no such contract."""
    found: UUID | None = connection.scalar(_CUSTOMER_OF_CONTRACT, {"account_id": account_id, "id": contract_id})
    return found


def unit_names(connection: Connection, account_id: int) -> dict[str, str]:
    """The names of the account's units."""
    return {row[0]: row[1] for row in connection.execute(_UNITS, {"account_id": account_id})}
