"""Usage invoices that are not closed yet: made of open usage whenever they are read, and never stored."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from trueup.defaults import USAGE_GRACE_H
from trueup.domain.bills import BillLine, PeriodBill
from trueup.domain.burndown.catalog import Catalog
from trueup.store.commits.balances import load_products
from trueup.store.invoices.listing import (
    Status,
    is_stored,
    list_invoices,
    names_of_usage,
    show_invoice,
    with_amount_due,
    with_rule,
)
from trueup.store.usage.by_hour import customers_with_open_usage, find_draft
from trueup.store.usage.periods import period_id_of
from trueup_worker.invoicing.open_months import bills_of_open_usage, open_draws

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class UsageDraft:
    """A period as it would be closed now; its id stays the period's, and the invoice's."""

    id: UUID
    bill: PeriodBill


def usage_drafts(
    connection: Connection, account_id: int, customer_id: UUID, *, catalog: Catalog | None = None
) -> list[UsageDraft]:
    """What would become of all open usage of a customer: a draft for each month, contract and unit, in that order.

    A later month draws on what an earlier one leaves. Contracts whose usage is not invoiced have drafts as well: of the
    deductions that their periods will book.

    Args:
        connection: a snapshot.
        account_id: whose customer.
        customer_id: whose usage.
        catalog: the account's, where the caller has it.
    """
    catalog = load_products(connection, account_id) if catalog is None else catalog
    bills = bills_of_open_usage(connection, account_id, customer_id, catalog=catalog, before=None)
    return [UsageDraft(period_id_of(account_id, customer_id, each), each) for each in bills]


def list_with_drafts(
    connection: Connection,
    account_id: int,
    *,
    limit: int,
    status: Status | None = None,
    customer_id: UUID | None = None,
    commit_id: UUID | None = None,
    after: UUID | None = None,
    usage_grace_h: int = USAGE_GRACE_H,
) -> list[Record]:
    """As `list_invoices`, and then the drafts of open usage, customer by customer and month by month."""
    past_usage = None
    if after is not None and not is_stored(connection, account_id, after):
        past_usage = after
    page: list[Record] = []
    if past_usage is None:
        fetch = partial(
            list_invoices,
            connection,
            account_id,
            limit=limit,
            status=status,
            customer_id=customer_id,
            commit_id=commit_id,
            after=after,
        )
        page = fetch()
        draws = open_draws(connection, account_id, _customers_of_drafts(page))
        page = fetch(open_draws=draws.by_commit) if draws.by_commit else page
    if status in (None, "DRAFT") and commit_id is None and len(page) < limit:
        drafts = _records(connection, account_id, customer_id, past_usage, usage_grace_h)
        page += islice(drafts, limit - len(page))
    return page


def show_item(connection: Connection, account_id: int, invoice_id: UUID) -> Record | None:
    """As `show_invoice`; a true-up's draft shows what is unspent with open usage counted."""
    found = show_invoice(connection, account_id, invoice_id)
    customers = _customers_of_drafts([found] if found else [])
    draws = open_draws(connection, account_id, customers)
    return show_invoice(connection, account_id, invoice_id, open_draws=draws.by_commit) if draws.by_commit else found


def show_with_drafts(
    connection: Connection, account_id: int, invoice_id: UUID, *, usage_grace_h: int = USAGE_GRACE_H
) -> Record | None:
    """As `show_item`; the id may also be that of a draft of open usage."""
    found = show_item(connection, account_id, invoice_id)
    terms = None if found else find_draft(connection, account_id, invoice_id)
    if terms is None:
        return found
    for draft in usage_drafts(connection, account_id, terms.customer_id):
        if draft.id == invoice_id:
            head = _record(connection, account_id, terms.customer_id, draft, usage_grace_h)
            lines = [_line(position, line) for position, line in enumerate(draft.bill.lines)]
            return head and head | {"lines": lines}
    return None


def _customers_of_drafts(invoices: Iterable[Record]) -> set[UUID]:
    """Whose usage decides what drafts of commits come to."""
    return {each["customer_id"] for each in invoices if each["status"] == "DRAFT"}


def _records(
    connection: Connection, account_id: int, customer_id: UUID | None, after: UUID | None, usage_grace_h: int
) -> Iterator[Record]:
    """The drafts that will be invoices, from the one after `after` on."""
    reached = None if after is None else find_draft(connection, account_id, after)
    if after is not None and reached is None:
        return
    since, skipping = reached and reached.customer_id, reached is not None
    catalog = load_products(connection, account_id)
    while customers := customers_with_open_usage(connection, account_id, customer_id=customer_id, since=since):
        for each in customers:
            for draft in usage_drafts(connection, account_id, each, catalog=catalog):
                if not skipping and (record := _record(connection, account_id, each, draft, usage_grace_h)):
                    yield record
                skipping = skipping and draft.id != after
            skipping = False
        since = UUID(int=customers[-1].int + 1)


def _record(
    connection: Connection, account_id: int, customer_id: UUID, draft: UsageDraft, usage_grace_h: int
) -> Record | None:
    """A draft under the names of an invoice; None where no invoice will be made of it."""
    bill = draft.bill
    names = names_of_usage(connection, account_id, contract_id=bill.contract_id, unit_id=bill.unit_id)
    if not names["is_invoiced"]:
        return None
    record = {
        "id": draft.id,
        "number": None,
        "type": "USAGE",
        "status": "DRAFT",
        "customer_id": customer_id,
        "customer": names["customer"],
        "contract_id": UUID(bill.contract_id),
        "unit_id": UUID(bill.unit_id),
        "unit": names["unit"],
        "commit_id": None,
        "total": bill.total,
        "issued_at": bill.month.ending_before,
        "finalized_at": None,
        "voided_at": None,
        "regenerated_from_id": None,
        "paid_at": None,
        "exported_at": None,
        "due_at": bill.month.ending_before + timedelta(hours=usage_grace_h),
        "state": "pending",
        "reason": None,
    }
    return with_amount_due(record)


def _line(position: int, line: BillLine) -> Record:
    """A line under the names of a stored one."""
    return with_rule(
        {
            "position": position,
            "kind": line.kind,
            "name": line.name,
            "product_id": UUID(line.product_id),
            "pricing_group_values": dict(line.pricing_group_values) or None,
            "presentation_group_values": dict(line.presentation_group_values) or None,
            "quantity": line.quantity,
            "is_rounded": line.is_rounded,
            "unit_price": line.unit_price,
            "amount": line.amount,
            "is_billed": line.is_billed,
            "commit_id": UUID(line.commit_id) if line.commit_id else None,
            "segment_id": UUID(line.segment_id) if line.segment_id else None,
            "criterion": line.criterion,
            "starting_at": line.starting_at,
            "ending_before": line.ending_before,
        }
    )
