"""The journal as lines: those of closed months as they were written, then what is open."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Context, Decimal
from itertools import chain

from sqlalchemy import Connection

from trueup.domain.journal.entry import Entry, dated
from trueup.domain.money import plain_text
from trueup.domain.unit import Unit
from trueup.store.catalog.units import units_of
from trueup.store.journal.months import Codes, JournalLine, account_codes_of, closed_lines, open_from
from trueup_worker.journal.calendar import Calendar
from trueup_worker.journal.given import given_entries
from trueup_worker.journal.invoices import invoice_entries, recorded_entries
from trueup_worker.journal.prepaid import prepaid_entries_of

_WIDE = Context(prec=64)


def journal_lines(
    connection: Connection, account_id: int, *, since: datetime, until: datetime
) -> Iterator[JournalLine]:
    """Lines whose accounting date lies in a span.

    Args:
        connection: a snapshot.
        account_id: whose books.
        since: inclusive.
        until: exclusive.
    """
    opens = open_from(connection, account_id)
    if opens is None or since < opens:
        yield from closed_lines(connection, account_id, since=since, until=until)
    if opens is None or until > opens:
        for line in open_lines(connection, account_id, opens=opens):
            if since <= line.dated < until:
                yield line


def open_lines(connection: Connection, account_id: int, *, opens: datetime | None) -> Iterator[JournalLine]:
    """Lines that no closed month has, numbered from 1; what is no money is left out.

    Args:
        connection: a snapshot.
        account_id: whose books.
        opens: the start of the first open month; None: all are open.
    """
    units, codes = units_of(connection, account_id), account_codes_of(connection, account_id)
    number = 0
    for entry in open_entries(connection, account_id):
        unit = units.get(str(entry.unit_id))
        if unit is None or unit.currency is None:
            continue
        number += 1
        yield from _lines(entry, unit, codes, number=number, at=dated(entry, open_from=opens))


def open_entries(connection: Connection, account_id: int) -> Iterator[Entry]:
    """Entries that no closed month has, in a fixed order."""
    calendar = Calendar(connection, account_id)
    return chain(
        invoice_entries(connection, account_id),
        recorded_entries(connection, account_id, calendar),
        prepaid_entries_of(connection, account_id, calendar),
        given_entries(connection, account_id, calendar),
    )


def _lines(entry: Entry, unit: Unit, codes: Codes, *, number: int, at: datetime) -> Iterator[JournalLine]:
    debits_first = sorted(entry.figures.items(), key=lambda figure: figure[1] < 0)
    for place, (account, figure) in enumerate(debits_first):
        amount = Decimal(plain_text(_WIDE.scaleb(figure.copy_abs(), -unit.decimals)))
        yield JournalLine(
            entry=number,
            line=place,
            source=entry.source,
            source_id=entry.source_id,
            event=entry.event,
            dated=at,
            booked_at=entry.booked_at,
            account=account,
            code=codes.codes[account],
            debit=amount if figure > 0 else Decimal(0),
            credit=amount if figure < 0 else Decimal(0),
            currency=unit.called,
            customer_id=entry.customer_id,
            contract_id=entry.contract_id,
            commit_id=entry.commit_id,
            invoice_id=entry.invoice_id,
            invoice_number=entry.invoice_number,
        )
