"""Entries of the journal before they have their date and the codes of their accounts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from trueup.domain.burndown.exact import exact_sum
from trueup.domain.journal.accounts import Account

Source = Literal["issued", "voided", "recorded", "ledger", "revalued"]
"""What is booked: an invoice, its void, an instalment that others invoice, a ledger entry, a change of what a commit is
worth. With its id it tells an entry from all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An event of the books.

    Attributes:
        source: with `source_id`: what is booked once.
        event: what happened, in words.
        own_at: the date that it has by itself: of usage the last instant of its service period.
        booked_at: when it was booked, by the account's clock.
        unit_id: of the figures.
        figures: debits above 0, credits below; none of them is 0.
    """

    source: Source
    source_id: UUID
    event: str
    own_at: datetime
    booked_at: datetime
    unit_id: UUID
    figures: Mapping[Account, Decimal]
    customer_id: UUID
    contract_id: UUID | None
    commit_id: UUID | None
    invoice_id: UUID | None
    invoice_number: int | None

    def __post_init__(self) -> None:
        assert not exact_sum(self.figures.values()), f"{self.source} {self.source_id} does not balance"


def transfer(debit: Account, credit: Account, amount: Decimal) -> dict[Account, Decimal]:
    """Figures of an amount that goes from one account to another; below 0 the other way; of nothing none."""
    return {debit: amount, credit: amount.copy_negate()} if amount else {}


def reversed_figures(figures: Mapping[Account, Decimal]) -> dict[Account, Decimal]:
    """The same, the other way round."""
    return {account: amount.copy_negate() for account, amount in figures.items()}


def dated(entry: Entry, *, open_from: datetime | None) -> datetime:
    """Accounting date of an entry: its own, while that month is open; else its booking, or the first open month.

    Args:
        entry: what is dated; what has its own date still to come is dated by its booking.
        open_from: the start of the first month that is open; None: all are.
    """
    own = min(entry.own_at, entry.booked_at)
    if open_from is None or own >= open_from:
        return own
    return max(entry.booked_at, open_from)
