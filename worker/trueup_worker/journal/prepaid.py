"""Entries of PREPAID commits that somebody pays for: what is drawn and what expires is earned, in their money."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection

from trueup.domain.journal.accounts import Account
from trueup.domain.journal.entry import Entry, Source, transfer
from trueup.domain.journal.valuation import Earned, Valuation
from trueup.store.journal.sources import (
    EntryRow,
    PrepaidRow,
    RevaluationRow,
    prepaid_commits,
    prepaid_entries,
    revaluations,
)
from trueup_worker.journal.calendar import Calendar
from trueup_worker.journal.invoices import MOMENT
from trueup_worker.journal.merged import of_each

_EVENTS = {  # of an entry that takes from the balance, and of one that gives it back
    "DEDUCTION": ("drawn", "draw taken back"),
    "EXPIRATION": ("expired", "expiry taken back"),
    "MANUAL": ("adjusted by hand", "adjusted by hand"),
}
_ENDS = ("_AUTOMATED_INVOICE_DEDUCTION", "_EXPIRATION")


@dataclass(frozen=True, slots=True)
class _Change:
    """Step of a commit: what it earns, by account, and what it is."""

    source: Source
    id: UUID
    event: str
    own_at: datetime
    booked_at: datetime
    invoice_id: UUID | None
    is_closed: bool
    earned: dict[Earned, Decimal]


def prepaid_entries_of(connection: Connection, account_id: int, calendar: Calendar) -> Iterator[Entry]:
    """Entries of what commits earn, by commit, in the order of booking, as far as no closed month has it."""
    entries = of_each(prepaid_entries(connection, account_id), lambda row: row.commit_id)
    worth = of_each(revaluations(connection, account_id), lambda row: row.commit_id)
    for commit in prepaid_commits(connection, account_id):
        for change in _changes(commit, list(worth(commit.id)), entries(commit.id)):
            figures = _figures(change.earned)
            if figures and not change.is_closed:
                yield _entry(commit, change, figures, calendar)


def _changes(commit: PrepaidRow, worth: list[RevaluationRow], entries: Iterator[EntryRow]) -> Iterator[_Change]:
    first = worth[0] if worth else commit
    valuation, later = Valuation(first.instalments, first.access), worth[1:]
    for row in entries:
        while later and later[0].after_seq < row.seq:
            yield _revalued(valuation, later.pop(0))
        if row.type.endswith("_SEGMENT_START"):
            valuation.open(row.amount)
        else:
            yield _booked(valuation, row)
    for each in later:
        yield _revalued(valuation, each)


def _booked(valuation: Valuation, row: EntryRow) -> _Change:
    earned: Earned = "revenue" if row.type.endswith("_DEDUCTION") else "breakage"
    booked, taken_back = _EVENTS[row.type.rpartition("_")[2]]
    is_of_the_end = row.type.endswith(_ENDS) and not row.is_archived
    return _Change(
        source="ledger",
        id=row.id,
        event=taken_back if row.amount > 0 else booked,
        own_at=row.effective_at - MOMENT if is_of_the_end else row.effective_at,
        booked_at=row.booked_at,
        invoice_id=row.invoice_id,
        is_closed=row.is_closed,
        earned={earned: valuation.take(earned, row.amount)},
    )


def _revalued(valuation: Valuation, row: RevaluationRow) -> _Change:
    return _Change(
        source="revalued",
        id=row.id,
        event="catch-up of changed schedules",
        own_at=row.booked_at,
        booked_at=row.booked_at,
        invoice_id=None,
        is_closed=row.is_closed,
        earned=dict(valuation.revalue(row.instalments, row.access)),
    )


def _figures(earned: dict[Earned, Decimal]) -> dict[Account, Decimal]:
    figures: dict[Account, Decimal] = {}
    for account, amount in earned.items():
        for name, figure in transfer("contract_position", account, amount).items():
            figures[name] = figures.get(name, Decimal(0)) + figure
    return {account: figure for account, figure in figures.items() if figure}


def _entry(commit: PrepaidRow, change: _Change, figures: dict[Account, Decimal], calendar: Calendar) -> Entry:
    booked_at = calendar.at(change.booked_at)
    return Entry(
        source=change.source,
        source_id=change.id,
        event=change.event,
        own_at=booked_at if change.source == "revalued" else change.own_at,
        booked_at=booked_at,
        unit_id=commit.unit_id,
        figures=figures,
        customer_id=commit.customer_id,
        contract_id=commit.contract_id,
        commit_id=commit.id,
        invoice_id=change.invoice_id,
        invoice_number=None,
    )
