"""The use case: what was finalized is taken back."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from trueup.errors import NotFound, Refused
from trueup.limits import TEXT_CHARS_MAX
from trueup.store.accounts.audit import note
from trueup.store.invoices.true_ups import issued_named, lock_true_ups
from trueup.store.invoices.voids import (
    drawn_by,
    find_invoice,
    lock_obligation,
    void_period,
    void_scheduled,
)
from trueup.store.usage.months import lock_customer
from trueup.store.usage.periods import UsagePeriod, find_period


class UnknownInvoice(NotFound):
    """The account has no invoice or closed usage period of this id."""


class VoidRefused(Refused):
    """The invoice stays as it is; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Voided:
    """Invoices and periods that are void now.

    Attributes:
        id: of the invoice, or of the usage period that made none.
        voided_at: on the account's clock.
        was_void: it had been voided before: nothing was changed.
    """

    id: UUID
    voided_at: datetime
    was_void: bool


def void_invoice(connection: Connection, *, account_id: int, invoice_id: UUID, reason: str, actor: str) -> Voided:
    """Void an invoice, or a usage period that made none, with an audit row, in the caller's transaction.

    Books the opposite of its ledger entries, and of the expirations booked on those segments since. To void what is
    void already changes nothing: whoever repeats a doubtful call is told the same again.

    Args:
        connection: a transaction.
        account_id: whose invoice.
        invoice_id: of a scheduled invoice, a true-up, a usage invoice or a usage period.
        reason: why, in the operator's words; it stands in the ledger and in the audit row.
        actor: key id of the operator's token.

    Raises:
        UnknownInvoice: the account has nothing of this id.
        VoidRefused: it is a draft, or carries the mark paid or exported, or a finalized true-up counts its usage as
            drawn.
    """
    refuse_malformed(reason)
    period = find_period(connection, account_id, invoice_id)
    if period is not None:
        voided = _void_usage(connection, account_id, period, reason=reason)
    else:
        voided = _void_scheduled(connection, account_id, invoice_id, reason=reason)
    if not voided.was_void:
        note(
            connection,
            account_id,
            actor=actor,
            action="void_invoice",
            subject=str(invoice_id),
            before={"status": "FINALIZED"},
            after={"status": "VOID", "reason": reason},
        )
    return voided


def refuse_malformed(reason: str) -> None:
    """Refuse a reason that is empty, too long or cannot be stored.

    Raises:
        VoidRefused: it is.
    """
    if not reason.strip() or len(reason) > TEXT_CHARS_MAX or "\x00" in reason:
        raise VoidRefused(f"the reason must be a text of 1 to {TEXT_CHARS_MAX} characters")


def _void_scheduled(connection: Connection, account_id: int, invoice_id: UUID, *, reason: str) -> Voided:
    obligation = lock_obligation(connection, account_id, invoice_id)
    if obligation is None:
        raise UnknownInvoice(f"no finalized invoice {invoice_id} in this account: drafts of open usage are not voided")
    invoice = find_invoice(connection, account_id, invoice_id)
    if invoice and invoice.voided_at:
        return Voided(invoice_id, invoice.voided_at, was_void=True)
    if obligation.state != "issued":
        raise VoidRefused(_NOT_AN_INVOICE.get(obligation.state, _DRAFT).format(id=invoice_id))
    _refuse_marked(connection, account_id, invoice_id)
    at = void_scheduled(connection, account_id, invoice_id, commit_id=obligation.commit_id, reason=reason)
    return Voided(invoice_id, at, was_void=False)


_DRAFT = "invoice {id} is a draft, and only finalized ones are voided: edit or end its commit, or archive it"
_NOT_AN_INVOICE = {
    "nothing_due": "true-up {id} found nothing due: there is no invoice to void",
    "suppressed": "obligation {id} was suppressed: there is no invoice to void",
}


def _void_usage(connection: Connection, account_id: int, found: UsagePeriod, *, reason: str) -> Voided:
    lock_true_ups(connection, account_id, found.customer_id)
    lock_customer(connection, account_id, found.customer_id)
    period = find_period(connection, account_id, found.id) or found  # as it is now that nobody else may change it
    if period.voided_at is not None:
        return Voided(period.id, period.voided_at, was_void=True)
    _refuse_marked(connection, account_id, period.id)
    drawn = drawn_by(connection, account_id, period)
    issued = issued_named(connection, account_id, period.customer_id, {each.commit_id for each in drawn})
    if issued:
        raise VoidRefused(f"what {period.id} drew entered a finalized true-up: void that invoice first: {issued}")
    return Voided(period.id, void_period(connection, account_id, period, drawn=drawn, reason=reason), was_void=False)


def _refuse_marked(connection: Connection, account_id: int, invoice_id: UUID) -> None:
    invoice = find_invoice(connection, account_id, invoice_id)
    if invoice and invoice.marks:
        raise VoidRefused(f"invoice {invoice.number} is marked {invoice.marks}: {LIFT}")


LIFT = "take the mark back with a reason first (`trueup invoices unmark`)"
