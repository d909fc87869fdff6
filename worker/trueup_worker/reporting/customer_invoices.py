"""The use case: a customer's invoices by date, whatever they are: finalized, void, scheduled, of open usage."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from trueup.domain.bills import BillLine
from trueup.store.invoices.by_customer import (
    Details,
    InvoiceChoice,
    Place,
    contracts_invoiced_monthly,
    details_of,
    ends_of_open_months,
    scheduled_drafts,
    stored_invoices,
)
from trueup.store.invoices.listing import with_amount_due
from trueup.store.usage.by_hour import find_draft
from trueup_worker.invoicing.open_months import open_draws
from trueup_worker.reporting.drafts import UsageDraft, usage_drafts

Record = dict[str, Any]


def list_customer_invoices(
    connection: Connection, account_id: int, choice: InvoiceChoice, *, limit: int
) -> tuple[list[Record], Details]:
    """Up to `limit` invoices in the order of date and id, with their `lines`, and what they refer to.

    Drafts are what would be billed now. Those of open usage are burned down anew, unless none of them can be on the
    page.

    Args:
        connection: a snapshot.
        account_id: whose customer.
        choice: which of the customer's invoices.
        limit: at most this many.
    """
    found = stored_invoices(connection, account_id, choice, limit=limit)
    found += _drafts_of_commits(connection, account_id, choice, limit=limit)
    page = _page(found, choice, limit)
    until = place_of(page[-1]) if len(page) == limit else None
    if _has_open_usage(connection, account_id, choice, until=until):
        page = _page([*page, *_drafts_of_usage(connection, account_id, choice)], choice, limit)
    return page, details_of(connection, account_id, page)


def find_customer_invoice(
    connection: Connection, account_id: int, customer_id: UUID, invoice_id: UUID
) -> tuple[Record, Details] | None:
    """One of a customer's invoices or drafts; None where the customer has none of this id."""
    choice = InvoiceChoice(customer_id=customer_id, id=invoice_id)
    found = stored_invoices(connection, account_id, choice, limit=1)
    found = found or _drafts_of_commits(connection, account_id, choice, limit=1)
    terms = None if found else find_draft(connection, account_id, invoice_id)
    if terms is not None and terms.customer_id == customer_id:
        found = _drafts_of_usage(connection, account_id, choice)
    return (found[0], details_of(connection, account_id, found)) if found else None


def _drafts_of_commits(connection: Connection, account_id: int, choice: InvoiceChoice, *, limit: int) -> list[Record]:
    """What true-ups among them come to depends on usage that is not in the ledger."""
    found = scheduled_drafts(connection, account_id, choice, limit=limit, open_draws={})
    if not any(line["is_true_up"] for each in found for line in each["lines"]):
        return found
    draws = open_draws(connection, account_id, [choice.customer_id]).by_commit
    return scheduled_drafts(connection, account_id, choice, limit=limit, open_draws=draws) if draws else found


def _page(found: Iterable[Record], choice: InvoiceChoice, limit: int) -> list[Record]:
    return sorted(found, key=place_of, reverse=choice.descending)[:limit]


def place_of(invoice: Record) -> Place:
    """Where it stands: pages are in this order."""
    return Place(invoice["issued_at"], invoice["id"])


def _has_open_usage(connection: Connection, account_id: int, choice: InvoiceChoice, *, until: Place | None) -> bool:
    """Whether a draft of open usage can be on a page that ends at `until`: it has the date at which its month ends."""
    if choice.status not in (None, "DRAFT") or choice.type not in (None, "USAGE"):
        return False
    first, last = choice.after, until
    if choice.descending:
        first, last = last, first
    return any(
        (first is None or end >= first.issued_at)
        and (last is None or end <= last.issued_at)
        and (choice.ending_before is None or end <= choice.ending_before)
        for end in ends_of_open_months(connection, account_id, choice.customer_id)
    )


def _drafts_of_usage(connection: Connection, account_id: int, choice: InvoiceChoice) -> list[Record]:
    """Those that will be invoices, and fit."""
    drafts = usage_drafts(connection, account_id, choice.customer_id)
    invoiced = contracts_invoiced_monthly(connection, account_id, {UUID(each.bill.contract_id) for each in drafts})
    records = (_record(choice.customer_id, each) for each in drafts if UUID(each.bill.contract_id) in invoiced)
    return [each for each in records if _fits(each, choice)]


def _fits(draft: Record, choice: InvoiceChoice) -> bool:
    place, after = place_of(draft), choice.after
    return (
        choice.id in (None, draft["id"])
        and choice.contract_id in (None, draft["contract_id"])
        and choice.unit_id in (None, draft["unit_id"])
        and (choice.starting_on is None or draft["starting_at"] >= choice.starting_on)
        and (choice.ending_before is None or draft["ending_before"] <= choice.ending_before)
        and (after is None or (place < after if choice.descending else place > after))
    )


def _record(customer_id: UUID, draft: UsageDraft) -> Record:
    """A draft under the names of a stored invoice."""
    bill = draft.bill
    record = {
        "id": draft.id,
        "type": "USAGE",
        "status": "DRAFT",
        "customer_id": customer_id,
        "contract_id": UUID(bill.contract_id),
        "unit_id": UUID(bill.unit_id),
        "commit_id": None,
        "total": bill.total,
        "issued_at": bill.month.ending_before,
        "regenerated_from_id": None,
        "starting_at": bill.month.starting_at,
        "ending_before": bill.month.ending_before,
        "lines": [_line(line) for line in bill.lines],
    }
    return with_amount_due(record)


def _line(line: BillLine) -> Record:
    return {
        "kind": line.kind,
        "name": line.name,
        "product_id": UUID(line.product_id),
        "quantity": line.quantity,
        "is_rounded": line.is_rounded,
        "unit_price": line.unit_price,
        "amount": line.amount,
        "commit_id": UUID(line.commit_id) if line.commit_id else None,
        "segment_id": UUID(line.segment_id) if line.segment_id else None,
        "pricing_group_values": dict(line.pricing_group_values) or None,
        "presentation_group_values": dict(line.presentation_group_values) or None,
        "starting_at": line.starting_at,
        "ending_before": line.ending_before,
        "is_true_up": False,
    }
