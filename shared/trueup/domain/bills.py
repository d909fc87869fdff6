"""Bills of a contract's usage in one month and unit: the values between burn-down and invoice.

Ids are text in lower case, amounts are rounded to 12 decimals, times are in UTC.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from trueup.domain.burndown.values import CommitType, GroupValues
from trueup.domain.month import Month


@dataclass(frozen=True, slots=True)
class Label:
    """Name of a commit on an invoice: the product it is invoiced under; its own name, else the product's."""

    product_id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BillLine:
    """A line of a usage invoice.

    Attributes:
        kind: `usage`: what was used, and who pays for it; `applied`: what a balance paid, as a negative amount.
        is_billed: whether the total holds it; what a postpaid commit covers is shown and not subtracted.
        quantity: of usage, rounded; 1 for `applied`.
        is_rounded: whether that made the quantity another.
        commit_id: who pays; None: overage.
        segment_id: of that commit.
        criterion: which rule (1 to 11) set the paying balance before its next rival; None: no rival, or overage.
        starting_at: of usage: its first hour.
        ending_before: of usage: the end of its last hour.
        hours: of usage: those of the month, from 0, of which it holds some; ascending.
    """

    kind: Literal["usage", "applied"]
    is_billed: bool
    product_id: str
    name: str
    quantity: Decimal
    is_rounded: bool = False
    unit_price: Decimal
    amount: Decimal
    commit_id: str | None = None
    segment_id: str | None = None
    criterion: int | None = None
    pricing_group_values: GroupValues = ()
    presentation_group_values: GroupValues = ()
    starting_at: datetime | None = None
    ending_before: datetime | None = None
    hours: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Deduction:
    """Deduction from a segment: more than 0, in the money of its commit, or in units for QUANTITY access."""

    commit_id: str
    segment_id: str
    commit_type: CommitType
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodBill:
    """A contract's usage of one month in one unit. A period without usage has no bill.

    Attributes:
        lines: usage first, then what was applied.
        deductions: one for each segment that gave something.
        total: the sum of the lines that are billed.
    """

    contract_id: str
    unit_id: str
    month: Month
    lines: tuple[BillLine, ...]
    deductions: tuple[Deduction, ...]
    total: Decimal
