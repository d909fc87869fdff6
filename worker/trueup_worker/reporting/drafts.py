"""Usage invoices that are not closed yet: made of open usage whenever they are read, and never stored."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import islice
from uuid import UUID

from sqlalchemy import Connection

from trueup.defaults import USAGE_GRACE_H
from trueup.domain.bills import BillLine, PeriodBill
from trueup.domain.burndown.catalog import Catalog
from trueup.domain.unit import PIECES, Unit
from trueup.store.catalog.names import called_so, customer_name
from trueup.store.catalog.units import units_of
from trueup.store.commits.balances import load_products
from trueup.store.invoices.forecast import invoiced_contracts
from trueup.store.invoices.invoice import Invoice, InvoiceLine, Status
from trueup.store.invoices.listing import is_stored, list_invoices, number_in, show_invoice
from trueup.store.postgres.search_page import SearchPage
from trueup.store.usage.by_hour import customers_with_open_usage, find_draft
from trueup.store.usage.periods import period_id_of
from trueup_worker.invoicing.open_months import bills_of_open_usage, open_draws


@dataclass(frozen=True, slots=True)
class UsageDraft:
    """A period as it would be closed now; its id stays the period's, and the invoice's."""

    id: UUID
    bill: PeriodBill

    @property
    def lines(self) -> tuple[InvoiceLine, ...]:
        """The lines of the invoice that it would be."""
        return tuple(_line(self.id, position, line) for position, line in enumerate(self.bill.lines))


def usage_drafts(
    connection: Connection, account_id: int, customer_id: UUID, *, catalog: Catalog | None = None
) -> list[UsageDraft]:
    """Drafts of all open usage of a customer, for each month, contract and unit, in that order.

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


def invoice_of(
    draft: UsageDraft,
    customer_id: UUID,
    *,
    customer: str | None = None,
    unit: Unit = PIECES,
    usage_grace_h: int = USAGE_GRACE_H,
) -> Invoice:
    """The invoice that a draft of usage would be, without its lines.

    Args:
        draft: of open usage.
        customer_id: whose.
        customer: the customer's name, where the caller has it.
        unit: of its amounts, where the caller has it.
        usage_grace_h: hours for which a month still takes usage in after its end.
    """
    bill = draft.bill
    return Invoice(
        id=draft.id,
        type="USAGE",
        status="DRAFT",
        customer_id=customer_id,
        customer=customer,
        contract_id=UUID(bill.contract_id),
        unit_id=UUID(bill.unit_id),
        unit=unit.name or None,
        payable_step=unit.payable_step,
        commit_id=None,
        total=bill.total,
        issued_at=bill.month.ending_before,
        starting_at=bill.month.starting_at,
        ending_before=bill.month.ending_before,
        due_at=bill.month.ending_before + timedelta(hours=usage_grace_h),
        state="pending",
    )


def invoices_of_usage(
    connection: Connection,
    account_id: int,
    customer_id: UUID,
    drafts: Iterable[UsageDraft],
    *,
    units: Mapping[str, Unit],
    usage_grace_h: int = USAGE_GRACE_H,
) -> list[Invoice]:
    """The invoices that a customer's drafts would be, without their lines; none of contracts that are not invoiced.

    Args:
        connection: a snapshot.
        account_id: whose customer.
        customer_id: whose drafts.
        drafts: of open usage.
        units: of the account, by their ids.
        usage_grace_h: hours for which a month still takes usage in after its end.
    """
    customer = customer_name(connection, account_id, customer_id)
    invoiced = invoiced_contracts(connection, account_id, [customer_id])
    return [
        invoice_of(
            each, customer_id, customer=customer, unit=units.get(each.bill.unit_id, PIECES), usage_grace_h=usage_grace_h
        )
        for each in drafts
        if UUID(each.bill.contract_id) in invoiced
    ]


def list_with_drafts(
    connection: Connection,
    account_id: int,
    *,
    limit: int,
    status: Status | None = None,
    customer_id: UUID | None = None,
    commit_id: UUID | None = None,
    search: str | None = None,
    after: UUID | None = None,
    usage_grace_h: int = USAGE_GRACE_H,
) -> SearchPage[Invoice, UUID]:
    """As `list_invoices`, and then the drafts of open usage, customer by customer and month by month."""
    past_usage = None
    if after is not None and not is_stored(connection, account_id, after):
        past_usage = after
    page: SearchPage[Invoice, UUID] = SearchPage([], None)
    if past_usage is None:
        fetch = partial(
            list_invoices,
            connection,
            account_id,
            limit=limit,
            status=status,
            customer_id=customer_id,
            commit_id=commit_id,
            search=search,
            after=after,
        )
        page = fetch()
        draws = open_draws(connection, account_id, _customers_of_drafts(page.rows))
        page = fetch(open_draws=draws.by_commit) if draws.by_commit else page
    is_of_one = commit_id is not None or number_in(search) is not None
    if page.searched_to is not None or status not in {None, "DRAFT"} or is_of_one:
        return page
    drafts = _invoices(
        connection, account_id, customer_id=customer_id, piece=search, after=past_usage, usage_grace_h=usage_grace_h
    )
    rows = [*page.rows, *islice(drafts, limit - len(page.rows))]
    return SearchPage(rows, rows[-1].id if len(rows) == limit else None)


def show_item(connection: Connection, account_id: int, invoice_id: UUID) -> Invoice | None:
    """As `show_invoice`; a true-up's draft shows what is unspent with open usage counted."""
    found = show_invoice(connection, account_id, invoice_id)
    customers = _customers_of_drafts([found] if found else [])
    draws = open_draws(connection, account_id, customers)
    return show_invoice(connection, account_id, invoice_id, open_draws=draws.by_commit) if draws.by_commit else found


def show_with_drafts(
    connection: Connection, account_id: int, invoice_id: UUID, *, usage_grace_h: int = USAGE_GRACE_H
) -> Invoice | None:
    """As `show_item`; the id may also be that of a draft of open usage."""
    found = show_item(connection, account_id, invoice_id)
    terms = None if found else find_draft(connection, account_id, invoice_id)
    if terms is None:
        return found
    drafts = [each for each in usage_drafts(connection, account_id, terms.customer_id) if each.id == invoice_id]
    units = units_of(connection, account_id)
    made = invoices_of_usage(
        connection, account_id, terms.customer_id, drafts, units=units, usage_grace_h=usage_grace_h
    )
    return replace(made[0], lines=drafts[0].lines) if made else None


def _customers_of_drafts(invoices: Iterable[Invoice]) -> set[UUID]:
    """Customers whose usage decides what drafts of commits come to."""
    return {each.customer_id for each in invoices if each.status == "DRAFT"}


def _invoices(
    connection: Connection,
    account_id: int,
    *,
    customer_id: UUID | None,
    piece: str | None,
    after: UUID | None,
    usage_grace_h: int,
) -> Iterator[Invoice]:
    """The drafts that will be invoices, from the one after `after` on."""
    reached = None if after is None else find_draft(connection, account_id, after)
    if after is not None and reached is None:
        return
    since, skipped = reached and reached.customer_id, after
    catalog, units = load_products(connection, account_id), units_of(connection, account_id)
    while customers := customers_with_open_usage(connection, account_id, customer_id=customer_id, since=since):
        called = customers if piece is None else called_so(connection, account_id, customers, piece)
        for each in customers:
            if each not in called:
                continue
            drafts = usage_drafts(connection, account_id, each, catalog=catalog)
            following = _following(drafts, skipped)
            yield from invoices_of_usage(
                connection, account_id, each, following, units=units, usage_grace_h=usage_grace_h
            )
            skipped = None
        since = UUID(int=customers[-1].int + 1)


def _following(drafts: list[UsageDraft], skipped: UUID | None) -> list[UsageDraft]:
    """Those after the one with this id; none if it is not among them."""
    if skipped is None:
        return drafts
    ids = [each.id for each in drafts]
    return drafts[ids.index(skipped) + 1 :] if skipped in ids else []


def _line(invoice_id: UUID, position: int, line: BillLine) -> InvoiceLine:
    return InvoiceLine(
        invoice_id=invoice_id,
        position=position,
        kind=line.kind,
        is_billed=line.is_billed,
        name=line.name,
        product_id=UUID(line.product_id),
        quantity=line.quantity,
        is_rounded=line.is_rounded,
        unit_price=line.unit_price,
        amount=line.amount,
        commit_id=UUID(line.commit_id) if line.commit_id else None,
        segment_id=UUID(line.segment_id) if line.segment_id else None,
        criterion=line.criterion,
        pricing_group_values=dict(line.pricing_group_values) or None,
        presentation_group_values=dict(line.presentation_group_values) or None,
        starting_at=line.starting_at,
        ending_before=line.ending_before,
    )
