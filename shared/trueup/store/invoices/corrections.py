"""Months and true-ups of a customer as they are stored: what correcting them compares with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.domain.burndown.exact import exact_sum
from trueup.domain.burndown.values import GroupValues, group_values
from trueup.store.postgres.rows import fetch_all

# The last of each chain of periods that replace each other.
_PERIODS = text("""
    SELECT p.id, p.contract_id, p.unit_id, p.starting_at, p.ending_before, p.is_invoiced,
           p.voided_at IS NOT NULL AS is_void, t.id AS settled_by_id, i.number, i.total,
           i.paid_at IS NOT NULL AS is_paid, i.exported_at IS NOT NULL AS is_exported
      FROM usage_period AS p
      LEFT JOIN invoice AS i ON i.account_id = p.account_id AND i.id = p.id
      LEFT JOIN obligation AS t ON t.account_id = p.account_id AND t.id = p.settled_by_id AND t.state <> 'voided'
     WHERE p.account_id = :account_id AND p.customer_id = :customer_id AND p.starting_at >= :since
       AND NOT EXISTS (SELECT FROM usage_period AS n
                        WHERE n.account_id = p.account_id AND n.regenerated_from_id = p.id OFFSET 0)
     ORDER BY p.starting_at, p.contract_id, p.unit_id
""")

# What is on a bill, whatever the rules that put the payers in their order.
_LINES = text("""
    SELECT invoice_id, kind, is_billed, product_id, unit_price, segment_id, pricing_group_values,
           presentation_group_values, sum(quantity), sum(amount)
      FROM invoice_line WHERE account_id = :account_id AND invoice_id = ANY(CAST(:ids AS uuid[]))
     GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
""")

_TRUE_UPS = text("""
    SELECT o.id, o.commit_id, s.id AS segment_id, c.invoice_contract_id AS contract_id, c.invoice_unit_id AS unit_id,
           o.state, i.number, i.total, i.paid_at IS NOT NULL AS is_paid, i.exported_at IS NOT NULL AS is_exported
      FROM commit AS c
      JOIN segment AS s ON s.account_id = c.account_id AND s.commit_id = c.id AND s.position = 0
      JOIN obligation AS o ON o.account_id = c.account_id AND o.commit_id = c.id AND o.kind = 'TRUE_UP'
      LEFT JOIN invoice AS i ON i.account_id = o.account_id AND i.id = o.id
     WHERE c.account_id = :account_id AND c.customer_id = :customer_id AND c.type = 'POSTPAID' AND o.state <> 'voided'
     ORDER BY o.due_at, o.commit_id
""")

_CLOSED_BEFORE = text("SELECT usage_closed_before FROM customer WHERE account_id = :account_id AND id = :customer_id")

LineKey = tuple[str, bool, str, Decimal, str | None, GroupValues, GroupValues]
"""Kind, whether it is billed, product, unit price, segment, pricing and presentation group values; ids are text."""

Figures = tuple[Decimal, Decimal]
"""Quantity and amount."""


@dataclass(frozen=True, slots=True)
class StandingPeriod:
    """A period that nothing replaces.

    Attributes:
        settled_by_id: the true-up that was released to ask for its usage, while that is not void.
        number: of its invoice; None where the contract is not invoiced.
        total: of its invoice.
    """

    id: UUID
    contract_id: UUID
    unit_id: UUID
    starting_at: datetime
    ending_before: datetime
    is_invoiced: bool
    is_void: bool
    settled_by_id: UUID | None
    number: int | None
    total: Decimal | None
    is_paid: bool
    is_exported: bool


@dataclass(frozen=True, slots=True)
class StandingTrueUp:
    """A true-up that is not void; `number` and `total` of its invoice, where it was issued."""

    id: UUID
    commit_id: UUID
    segment_id: UUID
    contract_id: UUID
    unit_id: UUID
    state: str
    number: int | None
    total: Decimal | None
    is_paid: bool
    is_exported: bool


def standing_periods(
    connection: Connection, account_id: int, customer_id: UUID, *, since: datetime
) -> list[StandingPeriod]:
    """The periods of months from `since` on that nothing replaces, void ones too, by month."""
    which = {"account_id": account_id, "customer_id": customer_id, "since": since}
    return fetch_all(connection, StandingPeriod, _PERIODS, which)


def lines_of_periods(
    connection: Connection, account_id: int, period_ids: Sequence[UUID]
) -> dict[UUID, dict[LineKey, Figures]]:
    """Lines on the bills of these periods: those that differ only in the rule behind them are added up."""
    found: dict[UUID, dict[LineKey, Figures]] = {key: {} for key in period_ids}
    for row in connection.execute(_LINES, {"account_id": account_id, "ids": list(period_ids)}):
        period_id, kind, is_billed, product_id, unit_price, segment_id, pricing, presentation, quantity, amount = row
        key = (
            kind,
            is_billed,
            str(product_id),
            Decimal(0) if kind == "applied" else unit_price,
            str(segment_id) if segment_id else None,
            group_values(pricing),
            group_values(presentation),
        )
        quantity_before, amount_before = found[period_id].get(key, (Decimal(0), Decimal(0)))
        found[period_id][key] = exact_sum([quantity_before, quantity]), exact_sum([amount_before, amount])
    return found


def standing_true_ups(connection: Connection, account_id: int, customer_id: UUID) -> list[StandingTrueUp]:
    """The customer's true-ups that are not void, as they fall due."""
    return fetch_all(connection, StandingTrueUp, _TRUE_UPS, {"account_id": account_id, "customer_id": customer_id})


def usage_closed_before(connection: Connection, account_id: int, customer_id: UUID) -> datetime | None:
    """Time before which the customer's usage is final; None where no month is closed, or there is no such customer."""
    found: datetime | None = connection.scalar(_CLOSED_BEFORE, {"account_id": account_id, "customer_id": customer_id})
    return found
