"""Invoices that are finalized or void, by number."""

from collections.abc import Iterator

from sqlalchemy import Connection, text

from trueup.domain.payable_rounding import payable
from trueup.store.invoices.payable_step import kept_step
from trueup_worker.exports.export import Export, Row, Span, streamed

_INVOICES = text(f"""
    SELECT i.id, i.number, i.type, i.status, i.customer_id, customer.name AS customer, i.contract_id, i.commit_id,
           i.unit_id, unit.name AS unit, trim_scale(i.total) AS total, i.instalments_before, i.issued_at,
           p.starting_at, p.ending_before, i.finalized_at, i.booked_at, i.voided_at, i.regenerated_from_id, i.paid_at,
           i.exported_at, {kept_step("i")} AS payable_step
      FROM invoice AS i
      LEFT JOIN usage_period AS p ON p.account_id = i.account_id AND p.id = i.id
      LEFT JOIN customer ON customer.account_id = i.account_id AND customer.id = i.customer_id
      LEFT JOIN unit ON unit.account_id = i.account_id AND unit.id = i.unit_id
     WHERE i.account_id = :account_id AND i.issued_at >= :since AND i.issued_at < :until
     ORDER BY i.number
""")  # noqa: S608 (constants only)
_TOTAL, _BEFORE = 10, 11


def _rows(connection: Connection, account_id: int, span: Span) -> Iterator[Row]:
    since, until = span.bounds
    for *row, step in streamed(connection, _INVOICES, {"account_id": account_id, "since": since, "until": until}):
        due = payable(row[_TOTAL], step, before=row[_BEFORE])
        yield (*row[:_BEFORE], due.amount_due, due.rounding, *row[_BEFORE + 1 :])


INVOICES = Export(
    name="invoices",
    about="an invoice that is finalized or void",
    dated="issued_at",
    columns={
        "id": "of the invoice",
        "number": "gapless and ascending in the account",
        "type": "SCHEDULED (of a commit) or USAGE (of a month)",
        "status": "FINALIZED or VOID",
        "customer_id": "who pays",
        "customer": "the customer's name",
        "contract_id": "under which contract",
        "commit_id": "the commit that it bills; empty: usage",
        "unit_id": "of its amounts",
        "unit": "the unit's name: of `USD (cents)` 1 is a cent",
        "total": "sum of its lines, exact",
        "amount_due": "what can be paid of that: the total, rounded half-even",
        "rounding": "amount_due - total",
        "issued_at": "date of the invoice",
        "service_starting_at": "of usage: the start of its month",
        "service_ending_before": "of usage: the end of its month",
        "finalized_at": "by the account's clock",
        "booked_at": "in real time",
        "voided_at": "by the account's clock; empty: it is not void",
        "regenerated_from_id": "the void invoice that it replaces",
        "paid_at": "when it was marked as paid",
        "exported_at": "when it was marked as exported",
    },
    rows=_rows,
)
