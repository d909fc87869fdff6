"""What will fall due: the obligations until a date, and months with usage that are to be closed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.store.invoices.drafts import drafts_of
from trueup.store.postgres.amounts import amounts_as_json
from trueup.store.postgres.rows import fetch_all

_DUE = """
    SELECT o.*, row_number() OVER (ORDER BY o.due_at, o.commit_id, o.position) AS turn
      FROM obligation AS o JOIN commit AS c ON c.account_id = o.account_id AND c.id = o.commit_id
     WHERE o.account_id = :account_id AND o.state IN ('pending', 'held', 'parked') AND o.due_at <= :until
       AND (CAST(:customer_id AS uuid) IS NULL OR c.customer_id = :customer_id)
       AND (CAST(:contract_id AS uuid) IS NULL OR c.invoice_contract_id = :contract_id)
"""

_OBLIGATIONS = text(f"""
    SELECT draft.*, customer.name AS customer, unit.name AS unit, o.position, s.ending_before AS access_ends
      FROM ({drafts_of(_DUE)}) AS draft
      JOIN obligation AS o ON o.account_id = draft.account_id AND o.id = draft.id
      LEFT JOIN segment AS s ON s.account_id = draft.account_id AND s.commit_id = draft.commit_id AND s.position = 0
      LEFT JOIN customer ON customer.account_id = draft.account_id AND customer.id = draft.customer_id
      LEFT JOIN unit ON unit.account_id = draft.account_id AND unit.id = draft.unit_id
     ORDER BY draft.turn
""")

_MONTHS = text("""
    SELECT customer_id, starting_at, state, reason FROM usage_month
     WHERE account_id = :account_id AND (CAST(:customer_id AS uuid) IS NULL OR customer_id = :customer_id)
     ORDER BY customer_id, starting_at
""")

_INVOICED = text("""
    SELECT id FROM contract
     WHERE account_id = :account_id AND customer_id = ANY(CAST(:customer_ids AS uuid[])) AND usage_invoicing = 'MONTHLY'
""")


@dataclass(frozen=True, slots=True)
class AwaitedMonth:
    """A month of a customer that has usage and is not closed."""

    customer_id: UUID
    starting_at: datetime
    state: Literal["open", "parked"]
    reason: str | None


def obligations_until(
    connection: Connection,
    account_id: int,
    until: datetime,
    *,
    open_draws: Mapping[UUID, Decimal],
    customer_id: UUID | None = None,
    contract_id: UUID | None = None,
) -> list[dict[str, Any]]:
    """What is not settled and falls due until then, as the drafts they are, in due order.

    `access_ends`: of the first segment.

    Args:
        connection: a snapshot.
        account_id: whose obligations.
        until: inclusive, by the account's clock.
        open_draws: what usage that is not in the ledger takes from POSTPAID commits until then, by their ids.
        customer_id: of this customer only.
        contract_id: on this contract only.
    """
    given: dict[str, Any] = {
        "account_id": account_id,
        "until": until,
        "customer_id": customer_id,
        "contract_id": contract_id,
    }
    given["open_draws"] = amounts_as_json(open_draws)
    return [dict(row) for row in connection.execute(_OBLIGATIONS, given).mappings()]


def open_months(connection: Connection, account_id: int, customer_id: UUID | None = None) -> list[AwaitedMonth]:
    """The months with usage that are to be closed, ascending for each customer."""
    return fetch_all(connection, AwaitedMonth, _MONTHS, {"account_id": account_id, "customer_id": customer_id})


def invoiced_contracts(connection: Connection, account_id: int, customer_ids: Iterable[UUID]) -> set[UUID]:
    """The contracts of these customers whose usage is invoiced."""
    return set(connection.scalars(_INVOICED, {"account_id": account_id, "customer_ids": list(customer_ids)}))
