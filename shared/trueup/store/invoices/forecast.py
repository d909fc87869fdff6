"""Forecast: the obligations that fall due until a date, and months with usage that are to be closed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.store.invoices.drafts import IS_OPEN, Draft, read_drafts, select_drafts
from trueup.store.postgres.filtered import Filtered
from trueup.store.postgres.rows import fetch_all

_DUE = Filtered(
    lambda given: select_drafts(f"""
    SELECT o.*, row_number() OVER (ORDER BY o.due_at, o.commit_id, o.position) AS turn
      FROM obligation AS o JOIN commit AS c ON c.account_id = o.account_id AND c.id = o.commit_id
     WHERE o.account_id = :account_id AND o.{IS_OPEN} AND o.due_at <= :until{given}
"""),
    {"customer_id": "c.customer_id = :customer_id", "contract_id": "c.invoice_contract_id = :contract_id"},
)

_MONTHS = Filtered(
    lambda given: text(f"""
    SELECT customer_id, starting_at, state, reason FROM usage_month
     WHERE account_id = :account_id{given}
     ORDER BY customer_id, starting_at
"""),
    {"customer_id": "customer_id = :customer_id"},
)

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
) -> list[Draft]:
    """Obligations that are not settled and fall due until then, as the drafts they are, in due order.

    Args:
        connection: a snapshot.
        account_id: whose obligations.
        until: inclusive, by the account's clock.
        open_draws: what usage that is not in the ledger takes from POSTPAID commits until then, by their ids.
        customer_id: of this customer only.
        contract_id: on this contract only.
    """
    which = {"until": until, "customer_id": customer_id, "contract_id": contract_id}
    return read_drafts(connection, account_id, _DUE.given(which), which, open_draws)


def open_months(connection: Connection, account_id: int, customer_id: UUID | None = None) -> list[AwaitedMonth]:
    """The months with usage that are to be closed, ascending for each customer."""
    which = {"account_id": account_id, "customer_id": customer_id}
    return fetch_all(connection, AwaitedMonth, _MONTHS.given(which), which)


def invoiced_contracts(connection: Connection, account_id: int, customer_ids: Iterable[UUID]) -> set[UUID]:
    """The contracts of these customers whose usage is invoiced."""
    return set(connection.scalars(_INVOICED, {"account_id": account_id, "customer_ids": list(customer_ids)}))
