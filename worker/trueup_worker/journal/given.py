"""Entries of credits and complimentary commits: what they pay is earned, and it is we who pay."""

from collections.abc import Iterator

from sqlalchemy import Connection

from trueup.domain.journal.entry import Entry, transfer
from trueup.store.journal.sources import given_draws
from trueup_worker.journal.calendar import Calendar
from trueup_worker.journal.invoices import MOMENT


def given_entries(connection: Connection, account_id: int, calendar: Calendar) -> Iterator[Entry]:
    """Draws on what nobody pays for, by commit, in the order of booking, as far as no closed month has them."""
    for row in given_draws(connection, account_id):
        if not row.money:
            continue
        yield Entry(
            source="ledger",
            source_id=row.id,
            event="drawn for free" if row.money > 0 else "free draw taken back",
            own_at=row.effective_at - MOMENT,
            booked_at=calendar.at(row.booked_at),
            unit_id=row.unit_id,
            figures=transfer("promotional_expense", "revenue", row.money),
            customer_id=row.customer_id,
            contract_id=row.contract_id,
            commit_id=row.commit_id,
            invoice_id=row.invoice_id,
            invoice_number=None,
        )
