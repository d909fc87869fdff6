"""The use case: an invoice is marked paid or exported, so that nobody takes it back unawares."""

from typing import Literal
from uuid import UUID

from sqlalchemy import Connection

from trueup.store.accounts.audit import note
from trueup.store.invoices.voids import find_invoice, lock_obligation, set_mark
from trueup.store.usage.months import lock_customer
from trueup.store.usage.periods import find_period
from trueup_worker.invoicing.void import UnknownInvoice, VoidRefused, refuse_malformed

Mark = Literal["paid", "exported"]


def mark_invoice(
    connection: Connection,
    *,
    account_id: int,
    invoice_id: UUID,
    mark: Mark,
    is_set: bool,
    actor: str,
    reason: str | None = None,
) -> bool:
    """Set a mark, or take it back, with an audit row, in the caller's transaction.

    An invoice that is marked is neither voided nor corrected before the mark is taken back.

    Args:
        connection: a transaction.
        account_id: whose invoice.
        invoice_id: of a finalized invoice.
        mark: which.
        is_set: whether it is marked from now on.
        actor: key id of the token.
        reason: why the mark is taken back; needed for that.

    Returns:
        Whether that changed anything.

    Raises:
        UnknownInvoice: the account has no finalized invoice of this id.
        VoidRefused: it is void, or the reason is missing.
    """
    if not is_set:
        refuse_malformed(reason or "")
    _lock(connection, account_id, invoice_id)
    invoice = find_invoice(connection, account_id, invoice_id)
    if invoice is None:
        raise UnknownInvoice(f"no finalized invoice {invoice_id} in this account")
    if invoice.voided_at is not None:
        raise VoidRefused(f"invoice {invoice.number} is void: it carries no mark")
    changed = set_mark(connection, account_id, invoice_id, mark=mark, is_set=is_set)
    if changed:
        note(
            connection,
            account_id,
            actor=actor,
            action="mark_invoice" if is_set else "unmark_invoice",
            subject=str(invoice_id),
            after={"mark": mark, **({"reason": reason} if reason else {})},
        )
    return changed


def _lock(connection: Connection, account_id: int, invoice_id: UUID) -> None:
    """Wait for whoever voids or corrects the invoice, by what all of them lock before they look for marks."""
    period = find_period(connection, account_id, invoice_id)
    if period is None:
        lock_obligation(connection, account_id, invoice_id)
    else:
        lock_customer(connection, account_id, period.customer_id)
