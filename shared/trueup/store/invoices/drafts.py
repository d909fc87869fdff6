"""The draft of a commit's invoice, computed in SQL: what an obligation would bill if it settled now.

Reads of drafts and the issuing of invoices share this one computation. A column that cannot be computed (the commit,
its product or its opening entry is missing) is null, so that the invoice's NOT NULL constraints refuse the row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, TextClause, text

from trueup.store.invoices.invoice import Invoice, InvoiceLine
from trueup.store.invoices.payable_step import step_now
from trueup.store.postgres.amounts import amounts_as_json
from trueup.store.postgres.rows import fetch_all

IS_OPEN = "state IN ('pending', 'held', 'parked')"
NOTHING_OPEN = "{}"
"""For `:open_draws` of whoever settles: all usage that counts is in the ledger by then."""

# What the instalments before an obligation `o` come to, where the schedule of its commit `c` is an expanded one: all
# are alike, but for the last of what was divided, which takes the rest.
_CHARGE = (
    "CAST(c.recurring_schedule ->> 'unit_price' AS numeric) * CAST(c.recurring_schedule ->> 'quantity' AS numeric)"
)
BEFORE = f"""CASE
               WHEN c.recurring_schedule ->> 'amount_distribution' = 'EACH' OR (o.position + 1) * o.amount < {_CHARGE}
               THEN o.position * o.amount ELSE {_CHARGE} - o.amount END"""


def drafts_of(obligations: str) -> str:
    """A SELECT of one draft per obligation.

    The statement that it stands in has a parameter `open_draws`: what usage that is not in the ledger takes from
    POSTPAID commits, by their ids, as JSON.

    Args:
        obligations: a SELECT of obligation rows, with a column `turn` that is passed through.
    """
    return f"""
    SELECT o.account_id, o.id, o.turn, o.commit_id, o.position, o.kind, o.state, o.reason, o.suppressed_by,
           o.scheduled_at, o.due_at, o.regenerated_from_id,
           c.customer_id, c.invoice_contract_id AS contract_id, c.invoice_unit_id AS unit_id,
           c.product_id, coalesce(c.name, p.name) AS name,
           CASE o.kind WHEN 'TRUE_UP' THEN 1 ELSE o.quantity END AS quantity,
           CASE o.kind WHEN 'TRUE_UP' THEN ledger.due ELSE o.unit_price END AS unit_price,
           CASE o.kind WHEN 'TRUE_UP' THEN ledger.due ELSE o.amount END AS amount,
           CASE WHEN o.kind = 'SCHEDULED' THEN coalesce(o.instalments_before, {BEFORE}) END AS instalments_before,
           CASE o.kind WHEN 'TRUE_UP' THEN jsonb_build_object(
               'committed', trim_scale(ledger.committed)::text, 'drawn', trim_scale(ledger.drawn)::text,
               'adjustments', trim_scale(ledger.adjustments)::text, 'due', ledger.due::text) END AS arithmetic
      FROM ({obligations}) AS o
      LEFT JOIN commit AS c ON c.account_id = o.account_id AND c.id = o.commit_id
      LEFT JOIN product AS p ON p.account_id = o.account_id AND p.id = c.product_id
      LEFT JOIN LATERAL (
          SELECT trim_scale(greatest(sum(amount) - open.drawn, 0)) AS due,
                 sum(amount) FILTER (WHERE type = 'POSTPAID_COMMIT_INITIAL_BALANCE') AS committed,
                 coalesce(-sum(amount) FILTER (WHERE type = 'POSTPAID_COMMIT_AUTOMATED_INVOICE_DEDUCTION'), 0)
                     + open.drawn AS drawn,
                 coalesce(sum(amount) FILTER (WHERE type = 'POSTPAID_COMMIT_MANUAL'), 0) AS adjustments
            FROM ledger_entry AS e
           CROSS JOIN (
                SELECT coalesce(CAST(CAST(:open_draws AS jsonb) ->> CAST(o.commit_id AS text) AS numeric), 0) AS drawn
           ) AS open
           WHERE o.kind = 'TRUE_UP' AND e.account_id = o.account_id AND e.commit_id = o.commit_id
           GROUP BY open.drawn
      ) AS ledger ON true
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Draft of an obligation: what it will bill, as it stands now.

    Attributes:
        position: of the item in the invoice schedule, from 0.
        customer: the customer's name, as that of the unit.
        name: what the line will be called; None where the product is gone.
        amount: as the price, None where a true-up has no ledger to bill.
        arithmetic: of a true-up, its figures as text.
        access_ends: of the first segment.
    """

    id: UUID
    position: int
    kind: Literal["SCHEDULED", "TRUE_UP"]
    state: Literal["pending", "held", "parked"]
    reason: str | None
    suppressed_by: str | None
    scheduled_at: datetime
    due_at: datetime
    regenerated_from_id: UUID | None
    commit_id: UUID
    customer_id: UUID
    customer: str | None
    contract_id: UUID | None
    unit_id: UUID
    unit: str | None
    payable_step: Decimal | None
    product_id: UUID | None
    name: str | None
    quantity: Decimal
    unit_price: Decimal | None
    amount: Decimal | None
    instalments_before: Decimal | None
    arithmetic: Mapping[str, str | None] | None
    access_ends: datetime | None

    @property
    def invoice(self) -> Invoice:
        """The invoice that it would be, with its one line."""
        line = InvoiceLine(
            invoice_id=self.id,
            position=0,
            name=self.name,
            product_id=self.product_id,
            quantity=self.quantity,
            unit_price=self.unit_price,
            amount=self.amount,
            commit_id=self.commit_id,
            arithmetic=self.arithmetic,
        )
        return Invoice(
            id=self.id,
            type="SCHEDULED",
            status="DRAFT",
            customer_id=self.customer_id,
            customer=self.customer,
            contract_id=self.contract_id,
            unit_id=self.unit_id,
            unit=self.unit,
            commit_id=self.commit_id,
            total=self.amount,
            payable_step=self.payable_step,
            instalments_before=self.instalments_before,
            issued_at=self.scheduled_at,
            regenerated_from_id=self.regenerated_from_id,
            due_at=self.due_at,
            state=self.state,
            reason=self.reason,
            lines=(line,),
        )


def select_drafts(obligations: str) -> TextClause:
    """The statement that reads drafts, in the order of `turn`; `obligations` as for `drafts_of`."""
    return text(f"""
    SELECT d.id, d.position, d.kind, d.state, d.reason, d.suppressed_by, d.scheduled_at, d.due_at,
           d.regenerated_from_id, d.commit_id, d.customer_id, customer.name AS customer, d.contract_id, d.unit_id,
           unit.name AS unit, {step_now("unit")} AS payable_step, d.product_id, d.name, d.quantity, d.unit_price,
           d.amount, d.instalments_before,
           d.arithmetic, s.ending_before AS access_ends
      FROM ({drafts_of(obligations)}) AS d
      LEFT JOIN segment AS s ON s.account_id = d.account_id AND s.commit_id = d.commit_id AND s.position = 0
      LEFT JOIN customer ON customer.account_id = d.account_id AND customer.id = d.customer_id
      LEFT JOIN unit ON unit.account_id = d.account_id AND unit.id = d.unit_id
     ORDER BY d.turn
    """)


def read_drafts(
    connection: Connection,
    account_id: int,
    statement: TextClause,
    parameters: Mapping[str, object],
    open_draws: Mapping[UUID, Decimal],
) -> list[Draft]:
    """Drafts as they stand now.

    Args:
        connection: a transaction.
        account_id: whose.
        statement: of `select_drafts`.
        parameters: of the statement, but for those that are arguments here.
        open_draws: what usage that is not in the ledger takes from POSTPAID commits, by their ids.
    """
    given = {**parameters, "account_id": account_id, "open_draws": amounts_as_json(open_draws)}
    return fetch_all(connection, Draft, statement, given)
