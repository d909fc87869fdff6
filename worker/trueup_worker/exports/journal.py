"""The journal: double entry of invoices and ledger, in the major units of their currencies."""

from collections.abc import Iterator

from sqlalchemy import Connection

from trueup.store.journal.months import JournalLine, units_left_out
from trueup_worker.exports.export import Export, Row, Span
from trueup_worker.journal.lines import journal_lines

_NAMES_MAX = 20


def _rows(connection: Connection, account_id: int, span: Span) -> Iterator[Row]:
    since, until = span.bounds
    return map(_row, journal_lines(connection, account_id, since=since, until=until))


def _left_out(connection: Connection, account_id: int, _: Span) -> list[str]:
    names = units_left_out(connection, account_id)
    more = f", and {len(names) - _NAMES_MAX} more" if len(names) > _NAMES_MAX else ""
    return [f"units that are no money: {', '.join(names[:_NAMES_MAX])}{more}"] if names else []


def _row(line: JournalLine) -> Row:
    return (
        f"{line.source}-{line.source_id}",
        f"{line.dated:%Y-%m-%d}",
        line.event,
        line.account,
        line.code,
        line.debit or None,
        line.credit or None,
        line.currency,
        line.customer_id,
        line.contract_id,
        line.commit_id,
        line.invoice_id,
        line.invoice_number,
        line.booked_at,
    )


JOURNAL = Export(
    name="journal",
    about="a line of a balanced entry: a debit or a credit",
    dated="date",
    columns={
        "entry": "what is booked; its lines follow one another, and balance",
        "date": "accounting date",
        "event": "what happened, in words",
        "account": "receivable, contract_position, revenue, breakage, clearing, promotional_expense or rounding",
        "code": "of the account (`trueup months codes`)",
        "debit": "in the currency's major unit, exact; empty: it is a credit",
        "credit": "in the currency's major unit, exact; empty: it is a debit",
        "currency": "ISO 4217",
        "customer_id": "who pays",
        "contract_id": "under which contract",
        "commit_id": "the commit that it is about",
        "invoice_id": "the invoice that it is about",
        "invoice_number": "its number",
        "booked_at": "by the account's clock",
    },
    rows=_rows,
    left_out=_left_out,
)
