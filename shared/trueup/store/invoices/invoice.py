"""Invoices with their lines, as they are read: finalized, void, and the drafts of what is not invoiced yet."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.domain.burndown.criterion import Criterion
from trueup.domain.payable_rounding import Payable, payable
from trueup.store.invoices.payable_step import kept_step
from trueup.store.postgres.rows import fetch_all

Status = Literal["DRAFT", "FINALIZED", "VOID"]
InvoiceType = Literal["SCHEDULED", "USAGE"]

STORED = f"""
    SELECT i.id, i.number, i.type, i.status, i.customer_id, customer.name AS customer, i.contract_id, i.unit_id,
           unit.name AS unit, i.commit_id, i.total, i.instalments_before, i.issued_at, p.starting_at, p.ending_before,
           i.finalized_at, i.voided_at, i.regenerated_from_id, i.paid_at, i.exported_at,
           {kept_step("i")} AS payable_step
      FROM invoice AS i
      LEFT JOIN usage_period AS p ON p.account_id = i.account_id AND p.id = i.id
      LEFT JOIN customer ON customer.account_id = i.account_id AND customer.id = i.customer_id
      LEFT JOIN unit ON unit.account_id = i.account_id AND unit.id = i.unit_id
"""
"""A SELECT of invoices `i`, each with its usage period `p` if it has one, as the fields of `Invoice`."""

_LINES = text("""
    SELECT invoice_id, position, kind, is_billed, name, product_id, quantity, is_rounded, unit_price, amount, commit_id,
           segment_id, criterion, pricing_group_values, presentation_group_values, starting_at, ending_before,
           arithmetic
      FROM invoice_line WHERE account_id = :account_id AND invoice_id = ANY(CAST(:ids AS uuid[]))
     ORDER BY invoice_id, position
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueUpFigures:
    """Figures of a true-up: committed - drawn + adjustments = due, and nothing where that is below 0."""

    committed: Decimal
    drawn: Decimal
    adjustments: Decimal
    due: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLine:
    """A line of an invoice or a draft.

    Attributes:
        kind: `charge`: an item of a commit's invoice schedule, or its true-up; `usage`: what was used; `applied`: what
            a balance paid of it, below 0.
        name: None where the draft's product is gone; then it cannot become an invoice.
        amount: as the price, None where the draft of a true-up has no ledger to bill.
        is_billed: whether it is part of the total; what is not is shown.
        commit_id: what is charged for, or who pays; None: nobody, it is overage.
        criterion: which rule set the payer before the next balance that could have paid, if there was one.
        arithmetic: of a true-up, its figures as text.
    """

    invoice_id: UUID
    position: int
    kind: Literal["charge", "usage", "applied"] = "charge"
    name: str | None
    product_id: UUID | None
    pricing_group_values: Mapping[str, str] | None = None
    presentation_group_values: Mapping[str, str] | None = None
    quantity: Decimal
    is_rounded: bool = False
    unit_price: Decimal | None
    amount: Decimal | None
    is_billed: bool = True
    commit_id: UUID | None
    segment_id: UUID | None = None
    criterion: int | None = None
    starting_at: datetime | None = None
    ending_before: datetime | None = None
    arithmetic: Mapping[str, str | None] | None = None

    @property
    def rule(self) -> str | None:
        """The rule behind the criterion, in words."""
        return None if self.criterion is None else Criterion(self.criterion).statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """An invoice, or the draft of one.

    Attributes:
        number: None of a draft.
        customer: the customer's name, as that of the unit.
        total: what it bills, exact; None where the draft of a true-up has no ledger to bill.
        payable_step: the smallest amount of its unit that can be paid, as the unit was at finalization; None: any.
        instalments_before: what the instalments of an expanded schedule before it come to.
        starting_at: of usage only: the start of its month.
        ending_before: of usage only: the end of its month.
        due_at: of a draft only: when it becomes an invoice.
        state: of a draft only: pending, held or parked.
        reason: why it is held or parked.
        lines: where they were read.
    """

    id: UUID
    number: int | None = None
    type: InvoiceType
    status: Status
    customer_id: UUID
    customer: str | None
    contract_id: UUID | None
    unit_id: UUID
    unit: str | None
    commit_id: UUID | None
    total: Decimal | None
    payable_step: Decimal | None = None
    instalments_before: Decimal | None = None
    issued_at: datetime
    starting_at: datetime | None = None
    ending_before: datetime | None = None
    finalized_at: datetime | None = None
    voided_at: datetime | None = None
    regenerated_from_id: UUID | None = None
    paid_at: datetime | None = None
    exported_at: datetime | None = None
    due_at: datetime | None = None
    state: str | None = None
    reason: str | None = None
    lines: tuple[InvoiceLine, ...] = ()

    @property
    def amount_due(self) -> Decimal | None:
        """Payable part of the total."""
        return self._payable and self._payable.amount_due

    @property
    def rounding(self) -> Decimal | None:
        """The difference of that to the total; None where there is none."""
        return self._payable and (self._payable.rounding or None)

    @property
    def is_held(self) -> bool:
        """Tell whether it is not issued until an operator has looked at it."""
        return self.state in ("held", "parked")

    @property
    def true_up(self) -> TrueUpFigures | None:
        """The figures of a true-up; None of other invoices, and where there is no ledger to compute them from."""
        told = (self.lines[0].arithmetic if self.lines else None) or {"due": None}
        figures = {name: Decimal(figure) for name, figure in told.items() if figure is not None}
        return TrueUpFigures(**figures) if len(figures) == len(told) else None

    @property
    def _payable(self) -> Payable | None:
        return None if self.total is None else payable(self.total, self.payable_step, before=self.instalments_before)


def lines_of(connection: Connection, account_id: int, ids: Collection[UUID]) -> dict[UUID, tuple[InvoiceLine, ...]]:
    """The lines of invoices, or of usage periods that made none, by their ids."""
    found: dict[UUID, list[InvoiceLine]] = {key: [] for key in ids}
    if found:
        for line in fetch_all(connection, InvoiceLine, _LINES, {"account_id": account_id, "ids": list(found)}):
            found[line.invoice_id].append(line)
    return {key: tuple(lines) for key, lines in found.items()}
