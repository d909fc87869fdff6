"""Entries of invoices, and of instalments that others invoice."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection

from trueup.domain.burndown.exact import exact_sum
from trueup.domain.journal.accounts import Account
from trueup.domain.journal.entry import Entry, reversed_figures, transfer
from trueup.domain.payable_rounding import payable
from trueup.store.journal.sources import InvoiceRow, invoices, recorded_instalments
from trueup_worker.journal.calendar import Calendar

_EVENTS = {"SCHEDULED": "instalment", "TRUE_UP": "true-up", None: "usage"}
MOMENT = timedelta(microseconds=1)


def invoice_entries(connection: Connection, account_id: int) -> Iterator[Entry]:
    """Entries of invoices that are issued, and of those that are void, by number, as far as no closed month has it."""
    for row in invoices(connection, account_id):
        figures = invoice_figures(row)
        if not figures:
            continue
        if not row.is_closed:
            yield _entry(row, figures)
        if row.voided_at and not row.is_void_closed:
            yield _void(row, figures, row.voided_at)


def recorded_entries(connection: Connection, account_id: int, calendar: Calendar) -> Iterator[Entry]:
    """Instalments of commits that are not invoiced here, by id, as far as no closed month has them."""
    for row in recorded_instalments(connection, account_id):
        yield Entry(
            source="recorded",
            source_id=row.id,
            event="instalment recorded",
            own_at=row.scheduled_at,
            booked_at=calendar.at(row.settled_at),
            unit_id=row.unit_id,
            figures=transfer("clearing", "contract_position", row.amount),
            customer_id=row.customer_id,
            contract_id=row.contract_id,
            commit_id=row.commit_id,
            invoice_id=None,
            invoice_number=None,
        )


def invoice_figures(row: InvoiceRow) -> dict[Account, Decimal]:
    """Figures of an invoice: what can be paid of it is owed; usage and true-ups are earned, instalments are not yet."""
    due = payable(row.total, row.payable_step, before=row.instalments_before)
    against: Account = "contract_position" if row.kind == "SCHEDULED" else "revenue"
    figures: dict[Account, Decimal] = {
        "receivable": due.amount_due,
        against: row.total.copy_negate(),
        "rounding": due.rounding.copy_negate(),
    }
    assert not exact_sum(figures.values())
    return {account: amount for account, amount in figures.items() if amount}


def _entry(row: InvoiceRow, figures: dict[Account, Decimal]) -> Entry:
    return Entry(
        source="issued",
        source_id=row.id,
        event=f"{_EVENTS[row.kind]} invoiced",
        own_at=_own_at(row),
        booked_at=row.finalized_at,
        unit_id=row.unit_id,
        figures=figures,
        customer_id=row.customer_id,
        contract_id=row.contract_id,
        commit_id=row.commit_id,
        invoice_id=row.id,
        invoice_number=row.number,
    )


def _void(row: InvoiceRow, figures: dict[Account, Decimal], voided_at: datetime) -> Entry:
    return Entry(
        source="voided",
        source_id=row.id,
        event=f"{_EVENTS[row.kind]} invoice voided",
        own_at=_own_at(row),
        booked_at=voided_at,
        unit_id=row.unit_id,
        figures=reversed_figures(figures),
        customer_id=row.customer_id,
        contract_id=row.contract_id,
        commit_id=row.commit_id,
        invoice_id=row.id,
        invoice_number=row.number,
    )


def _own_at(row: InvoiceRow) -> datetime:
    """The date on the invoice; of usage the last instant of its month, whose end is that date."""
    return row.issued_at - MOMENT if row.type == "USAGE" else row.issued_at
