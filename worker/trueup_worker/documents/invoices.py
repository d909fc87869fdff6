"""The use case: an invoice's document, of one moment."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.domain.unit import PIECES
from trueup.errors import TrueupError
from trueup.limits import DOCUMENT_CHARS_MAX, DOCUMENT_LINES_MAX
from trueup.store.catalog.parties import parties_of
from trueup.store.catalog.units import units_of
from trueup.store.invoices.invoice import Invoice
from trueup_worker.documents.view import Document, document_of

_OF_MONTH = text("""
    SELECT id FROM invoice
     WHERE account_id = :account_id AND issued_at >= :since AND issued_at < :until ORDER BY number
""")


class TooManyLines(TrueupError):
    """The invoice has more lines than a document shows, or longer ones."""


def document_of_invoice(connection: Connection, account_id: int, invoice: Invoice) -> Document:
    """Document of an invoice or a draft; lines as they are stored, and nothing is computed but what JSON tells.

    Args:
        connection: the snapshot that the invoice was read in.
        account_id: whose.
        invoice: with its lines.

    Raises:
        TooManyLines: it has more than 5,000, or four million characters in them.
    """
    if len(invoice.lines) > DOCUMENT_LINES_MAX:
        raise TooManyLines(f"the invoice has {len(invoice.lines)} lines, and a document {DOCUMENT_LINES_MAX} at most")
    parties = parties_of(
        connection,
        account_id,
        invoice_id=invoice.id,
        customer_id=invoice.customer_id,
        contract_id=invoice.contract_id,
        commit_id=invoice.commit_id,
    )
    unit = parties.unit or units_of(connection, account_id).get(str(invoice.unit_id), PIECES)
    document = document_of(invoice, parties, unit)
    chars = sum(len(line.name) + len(line.note) for line in document.lines)
    if chars > DOCUMENT_CHARS_MAX:
        raise TooManyLines(
            f"the lines of the invoice have {chars} characters, and those of a document {DOCUMENT_CHARS_MAX} at most"
        )
    return document


def invoices_of_month(connection: Connection, account_id: int, *, since: datetime, until: datetime) -> Iterator[UUID]:
    """Ids of the invoices, void ones too, with a date from `since` on and before `until`, by number."""
    which = {"account_id": account_id, "since": since, "until": until}
    yield from connection.scalars(_OF_MONTH, which)
