"""The use case: a customer's invoices by date, whatever they are: finalized, void, scheduled, of open usage."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from uuid import UUID

from sqlalchemy import Connection

from trueup.store.catalog.units import units_of
from trueup.store.invoices.by_customer import (
    Details,
    InvoiceChoice,
    Place,
    customers_of_obligations,
    details_of,
    ends_of_open_months,
    invoices_by_ids,
    scheduled_drafts,
    stored_invoices,
)
from trueup.store.invoices.invoice import Invoice
from trueup.store.usage.by_hour import find_draft
from trueup_worker.invoicing.open_months import open_draws
from trueup_worker.reporting.drafts import invoices_of_usage, usage_drafts


def list_customer_invoices(
    connection: Connection, account_id: int, choice: InvoiceChoice, *, limit: int
) -> tuple[list[Invoice], Details]:
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
) -> tuple[Invoice, Details] | None:
    """One of a customer's invoices or drafts; None where the customer has none of this id."""
    choice = InvoiceChoice(customer_id=customer_id, id=invoice_id)
    found = stored_invoices(connection, account_id, choice, limit=1)
    found = found or _drafts_of_commits(connection, account_id, choice, limit=1)
    terms = None if found else find_draft(connection, account_id, invoice_id)
    if terms is not None and terms.customer_id == customer_id:
        found = _drafts_of_usage(connection, account_id, choice)
    return (found[0], details_of(connection, account_id, found)) if found else None


def find_invoices(connection: Connection, account_id: int, ids: Collection[UUID]) -> Iterator[tuple[Invoice, Details]]:
    """Invoices of any customers, and drafts of obligations; what is neither is left out."""
    stored = invoices_by_ids(connection, account_id, ids)
    details = details_of(connection, account_id, stored)
    yield from ((each, details) for each in stored)
    missing = set(ids) - {each.id for each in stored}
    for draft_id, customer_id in customers_of_obligations(connection, account_id, missing) if missing else ():
        found = find_customer_invoice(connection, account_id, customer_id, draft_id)
        if found is not None:
            yield found


def _drafts_of_commits(connection: Connection, account_id: int, choice: InvoiceChoice, *, limit: int) -> list[Invoice]:
    """Drafts whose commits' true-ups depend on usage that is not in the ledger."""
    found = scheduled_drafts(connection, account_id, choice, limit=limit, open_draws={})
    if not any(line.arithmetic for each in found for line in each.lines):
        return found
    draws = open_draws(connection, account_id, [choice.customer_id]).by_commit
    return scheduled_drafts(connection, account_id, choice, limit=limit, open_draws=draws) if draws else found


def _page(found: Iterable[Invoice], choice: InvoiceChoice, limit: int) -> list[Invoice]:
    return sorted(found, key=place_of, reverse=choice.descending)[:limit]


def place_of(invoice: Invoice) -> Place:
    """Place of an invoice: pages are in this order."""
    return Place(invoice.issued_at, invoice.id)


def _has_open_usage(connection: Connection, account_id: int, choice: InvoiceChoice, *, until: Place | None) -> bool:
    """Tell whether a page that ends at `until` can have a draft of open usage: its date is its month's end."""
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


def _drafts_of_usage(connection: Connection, account_id: int, choice: InvoiceChoice) -> list[Invoice]:
    """Those that will be invoices, and fit."""
    drafts = {each.id: each for each in usage_drafts(connection, account_id, choice.customer_id)}
    units = units_of(connection, account_id)
    invoices = invoices_of_usage(connection, account_id, choice.customer_id, drafts.values(), units=units)
    return [replace(each, lines=drafts[each.id].lines) for each in invoices if _fits(each, choice)]


def _fits(draft: Invoice, choice: InvoiceChoice) -> bool:
    place, after = place_of(draft), choice.after
    assert draft.starting_at
    assert draft.ending_before
    return (
        choice.id in (None, draft.id)
        and choice.contract_id in (None, draft.contract_id)
        and choice.unit_id in (None, draft.unit_id)
        and (choice.starting_on is None or draft.starting_at >= choice.starting_on)
        and (choice.ending_before is None or draft.ending_before <= choice.ending_before)
        and (after is None or (place < after if choice.descending else place > after))
    )
