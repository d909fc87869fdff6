"""The use case: an invoice's document, of one moment."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.domain.unit import PIECES
from trueup.store.catalog.parties import parties_of
from trueup.store.catalog.units import units_of
from trueup.store.invoices.invoice import Invoice
from trueup_worker.documents.view import Document, document_of

_OF_MONTH = text("""
    SELECT id FROM invoice
     WHERE account_id = :account_id AND issued_at >= :since AND issued_at < :until ORDER BY number
""")


def document_of_invoice(connection: Connection, account_id: int, invoice: Invoice) -> Document:
    """Document of an invoice or a draft; lines as they are stored, and nothing is computed but what JSON tells.

    It shows 5,000 lines at most, and four million characters in them; what the others come to stands in one line.

    Args:
        connection: the snapshot that the invoice was read in.
        account_id: whose.
        invoice: with its lines.
    """
    parties = parties_of(
        connection,
        account_id,
        invoice_id=invoice.id,
        customer_id=invoice.customer_id,
        contract_id=invoice.contract_id,
        commit_id=invoice.commit_id,
    )
    unit = parties.unit or units_of(connection, account_id).get(str(invoice.unit_id), PIECES)
    return document_of(invoice, parties, unit)


def invoices_of_month(connection: Connection, account_id: int, *, since: datetime, until: datetime) -> Iterator[UUID]:
    """Ids of the invoices, void ones too, with a date from `since` on and before `until`, by number."""
    which = {"account_id": account_id, "since": since, "until": until}
    yield from connection.scalars(_OF_MONTH, which)
