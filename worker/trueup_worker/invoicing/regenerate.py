"""The use case: what was voided is made anew, and late usage is taken in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from trueup.domain.bills import PeriodBill
from trueup.domain.burndown.engine import burn_down
from trueup.domain.month import YEAR_MAX, Month, month_of
from trueup.errors import Refused
from trueup.ids import new_id
from trueup.store.accounts.audit import note
from trueup.store.catalog.names import customer_of_contract
from trueup.store.commits.balances import load_balances_without_true_ups, load_labels, load_products
from trueup.store.invoices.regenerations import (
    UnbilledUsage,
    expired_in,
    is_archived,
    last_periods,
    renew_obligation,
    settled_by,
    successor_of_obligation,
    successor_of_period,
    take_late_usage_in,
    units_with_late_usage,
)
from trueup.store.invoices.true_ups import issued_named, lock_true_ups, reopen_true_ups
from trueup.store.invoices.voids import ObligationRow, lock_obligation, take_back_expirations
from trueup.store.usage.by_hour import usage_of_period
from trueup.store.usage.months import lock_customer
from trueup.store.usage.periods import find_period, store_periods
from trueup_worker.invoicing.bill import bill
from trueup_worker.invoicing.void import UnknownInvoice

_REASON = "usage of a closed month is burned down anew"


class RegenerateRefused(Refused):
    """Nothing can be made anew; the message says why and what to do."""


class AlreadyRegenerated(RegenerateRefused):
    """The invoice was made anew before: `successor_id` is what replaced it."""

    def __init__(self, invoice_id: UUID, successor_id: UUID) -> None:
        super().__init__(f"{invoice_id} was regenerated already: {successor_id} replaces it")
        self.successor_id = successor_id


@dataclass(frozen=True, slots=True)
class Regenerated:
    """Successor of a void invoice.

    Attributes:
        id: of the new draft (scheduled invoices settle by the usual way), usage invoice or usage period.
        replaces: the void one; None where there was none, as the month had closed without usage.
        is_final: whether it is finalized already: usage of a closed month is.
    """

    id: UUID
    replaces: UUID | None
    is_final: bool


def regenerate_invoice(connection: Connection, *, account_id: int, invoice_id: UUID, actor: str) -> Regenerated:
    """Make a void invoice, or a void usage period, anew, with an audit row, in the caller's transaction.

    A scheduled invoice or true-up becomes a draft again, under a new id, and is issued by whoever issues what is due.
    Usage is burned down anew, with all lines of the contract, unit and month, late ones too, on the balances as they
    are now; its invoice is finalized at once.

    Args:
        connection: a transaction.
        account_id: whose invoice.
        invoice_id: of something void that nothing replaces yet.
        actor: key id of the operator's token.

    Raises:
        UnknownInvoice: the account has nothing of this id.
        AlreadyRegenerated: something replaces it; of two callers at once this is what the second one gets.
        RegenerateRefused: it is not void, or its commit is archived, or the usage would draw on a commit that is trued
            up, or an operator let a true-up ask for it.
    """
    period = find_period(connection, account_id, invoice_id)
    if period is None:
        made = _renew(connection, account_id, invoice_id)
    else:
        _lock(connection, account_id, period.customer_id)
        made = _anew(connection, account_id, _of_void(connection, account_id, invoice_id))
    _note(connection, account_id, actor, invoice_id, made)
    return made


def regenerate_month(
    connection: Connection, *, account_id: int, contract_id: UUID, month: datetime, actor: str
) -> list[Regenerated]:
    """Take late usage of a closed month in: makes the periods that there are none of, and void ones anew.

    Args:
        connection: a transaction.
        account_id: whose contract.
        contract_id: whose usage.
        month: any instant of the calendar month, in UTC.
        actor: key id of the operator's token.

    Returns:
        One for each unit that has late usage.

    Raises:
        RegenerateRefused: the contract has no late usage in this month (that of a month which is not closed yet is
            not late), or an invoice that is not void stands in the way.
    """
    if month.year > YEAR_MAX:
        raise RegenerateRefused(f"a month is of a year up to {YEAR_MAX}")
    wanted = month_of(month)
    customer_id = customer_of_contract(connection, account_id, contract_id)
    if customer_id is None:
        raise RegenerateRefused(f"no contract {contract_id} in this account")
    _lock(connection, account_id, customer_id)
    usage = _late_usage(connection, account_id, customer_id, contract_id, wanted)
    made = [_anew(connection, account_id, each) for each in usage]
    for each in made:
        _note(connection, account_id, actor, each.replaces or contract_id, each)
    return made


def _renew(connection: Connection, account_id: int, invoice_id: UUID) -> Regenerated:
    obligation = lock_obligation(connection, account_id, invoice_id)
    if obligation is None:
        raise UnknownInvoice(f"no invoice {invoice_id} in this account")
    _refuse_unless_void(connection, account_id, invoice_id, obligation)
    renewed = new_id()
    renew_obligation(connection, account_id, invoice_id, new_id=renewed)
    return Regenerated(renewed, replaces=invoice_id, is_final=False)


def _refuse_unless_void(connection: Connection, account_id: int, invoice_id: UUID, obligation: ObligationRow) -> None:
    if obligation.state != "voided":
        raise RegenerateRefused(f"{invoice_id} is {obligation.state}, and only void invoices are made anew")
    successor = successor_of_obligation(connection, account_id, invoice_id)
    if successor is not None:
        raise AlreadyRegenerated(invoice_id, successor)
    if is_archived(connection, account_id, obligation.commit_id):
        raise RegenerateRefused(f"commit {obligation.commit_id} is archived: nothing is invoiced for it any more")


def _lock(connection: Connection, account_id: int, customer_id: UUID) -> None:
    """True-ups first: none that settles may miss the deductions that are booked here."""
    lock_true_ups(connection, account_id, customer_id)
    lock_customer(connection, account_id, customer_id)


def _of_void(connection: Connection, account_id: int, period_id: UUID) -> UnbilledUsage:
    period = find_period(connection, account_id, period_id)
    assert period, "periods are never removed"
    if period.voided_at is None:
        raise RegenerateRefused(f"{period.id} is finalized, and only void invoices are made anew: void it first")
    successor = successor_of_period(connection, account_id, period.id)
    if successor is not None:
        raise AlreadyRegenerated(period.id, successor)
    true_up_id = settled_by(connection, account_id, period.id)
    if true_up_id is not None:
        raise RegenerateRefused(
            f"true-up {true_up_id} was released to bill for the usage of {period.id}: void it first"
        )
    month = Month(period.starting_at, period.ending_before)
    return UnbilledUsage(period.customer_id, period.contract_id, period.unit_id, month, period.id)


def _late_usage(
    connection: Connection, account_id: int, customer_id: UUID, contract_id: UUID, month: Month
) -> list[UnbilledUsage]:
    """One for each unit with late usage."""
    units = units_with_late_usage(connection, account_id, customer_id=customer_id, contract_id=contract_id, month=month)
    if not units:
        raise RegenerateRefused(f"contract {contract_id} has no late usage in {month.starting_at:%Y-%m}")
    last = last_periods(connection, account_id, customer_id=customer_id, contract_id=contract_id, month=month)
    for unit_id in units:
        if unit_id in last and last[unit_id].voided_at is None:
            raise RegenerateRefused(f"the usage is closed by {last[unit_id].id}: void that, then regenerate it")
    return [
        UnbilledUsage(customer_id, contract_id, unit_id, month, last[unit_id].id if unit_id in last else None)
        for unit_id in units
    ]


def _anew(connection: Connection, account_id: int, usage: UnbilledUsage) -> Regenerated:
    """Burn down what is usage on the balances as they are, what had expired since included."""
    expired = expired_in(connection, account_id, usage.customer_id, usage.month)
    take_back_expirations(connection, account_id, expired, reason=_REASON)
    reopen_true_ups(connection, account_id, usage.customer_id, {each.commit_id for each in expired})
    take_late_usage_in(connection, account_id, usage)
    bills = _bills(connection, account_id, usage)
    if not bills:
        raise RegenerateRefused(f"contract {usage.contract_id} used nothing in {usage.month.starting_at:%Y-%m}")
    _refuse_beside_true_ups(connection, account_id, usage, bills)
    (stored,) = store_periods(connection, account_id, bills, customer_id=usage.customer_id, replaces=[usage.replaces])
    return Regenerated(stored, replaces=usage.replaces, is_final=True)


def _bills(connection: Connection, account_id: int, usage: UnbilledUsage) -> list[PeriodBill]:
    """On balances as if nothing had been trued up: usage that a settled promise covers shows as drawn on it."""
    customer_id = usage.customer_id
    lines = usage_of_period(
        connection,
        account_id,
        customer_id=customer_id,
        contract_id=usage.contract_id,
        unit_id=usage.unit_id,
        month=usage.month,
    )
    catalog = load_products(connection, account_id)
    labels = load_labels(connection, account_id, customer_id)
    balances = load_balances_without_true_ups(connection, account_id, customer_id)
    return bill(burn_down(lines, balances, catalog), catalog=catalog, labels=labels)


def _refuse_beside_true_ups(
    connection: Connection, account_id: int, usage: UnbilledUsage, bills: Sequence[PeriodBill]
) -> None:
    drawn = {UUID(each.commit_id) for bill in bills for each in bill.deductions}
    issued = issued_named(connection, account_id, usage.customer_id, drawn)
    if issued:
        month = f"{usage.month.starting_at:%Y-%m}"
        raise RegenerateRefused(
            f"this usage would draw on what was trued up: void that invoice first: {issued}; or let `trueup invoices "
            f"correct --customer {usage.customer_id} --month {month}` do the whole"
        )


def _note(connection: Connection, account_id: int, actor: str, subject: UUID, made: Regenerated) -> None:
    note(
        connection,
        account_id,
        actor=actor,
        action="regenerate_invoice",
        subject=str(subject),
        after={"id": str(made.id), "replaces": made.replaces and str(made.replaces)},
    )
