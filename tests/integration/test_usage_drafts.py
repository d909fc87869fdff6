"""Drafts of open usage: computed when they are read, and the closed invoice when their month is closed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, insert

from tests.integration.usage_book import CUSTOMER, FIRST, GRACE, SECOND, SILENT, START, TRAFFIC, UsageBook
from trueup.domain.month import month_of
from trueup.ids import new_id
from trueup.store.invoices.invoice import Invoice
from trueup.store.tables import contract, customer
from trueup.store.usage.by_hour import find_draft, open_usage, usage_of_period
from trueup.store.usage.periods import customers_between
from trueup.wire.request.body import USD_CENTS
from trueup_worker.reporting.drafts import list_with_drafts, show_with_drafts, usage_drafts

JANUARY, FEBRUARY = START, datetime(2030, 2, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def book(database: Engine) -> UsageBook:
    """A sandbox's book on 1 January 2030."""
    return UsageBook(database)


def listed(book: UsageBook, **chosen: Any) -> list[Invoice]:
    """All invoices and drafts, read one a page."""
    found: list[Invoice] = []
    with book.engine.begin() as connection:
        while page := list_with_drafts(
            connection, book.account_id, limit=1, after=found[-1].id if found else None, **chosen
        ).rows:
            found += page
    return found


def totals(book: UsageBook) -> list[Any]:
    """The totals of the drafts of the customer's open usage."""
    with book.engine.begin() as connection:
        return [draft.bill.total for draft in usage_drafts(connection, book.account_id, CUSTOMER)]


def test_a_draft_takes_in_whatever_is_there_when_it_is_read(book: UsageBook) -> None:
    """More usage, and a commit that was made after the usage it covers, change a draft."""
    assert totals(book) == []
    book.use(JANUARY, "4")
    assert totals(book) == [4]
    book.use(JANUARY, "5")
    assert totals(book) == [9]
    book.commit("PREPAID", "7")
    assert totals(book) == [2]


def test_a_finalized_invoice_takes_nothing_in(book: UsageBook) -> None:
    """A commit that comes after the month was closed leaves its invoice alone, and pays for the next month."""
    book.use(JANUARY, "4")
    book.use(FEBRUARY, "5")
    book.close(JANUARY)
    book.commit("PREPAID", "7")
    assert ([each.total for each in book.invoices()], totals(book)) == ([4], [0])


def test_a_draft_becomes_its_invoice(book: UsageBook) -> None:
    """Id, total and lines of a draft are those of the invoice, once the month is closed."""
    book.commit("PREPAID", "3", name="Prepaid")
    book.use(JANUARY, "4", groups={"region": "eu"})
    (found,) = listed(book)
    with book.engine.begin() as connection:
        draft = show_with_drafts(connection, book.account_id, found.id)
    book.close(JANUARY)
    with book.engine.begin() as connection:
        invoice = show_with_drafts(connection, book.account_id, found.id)
    assert draft
    assert invoice
    assert (draft.status, draft.issued_at, draft.due_at) == ("DRAFT", FEBRUARY, FEBRUARY + GRACE)
    of_drafts = {"due_at": draft.due_at, "state": draft.state, "status": draft.status}
    assert replace(invoice, number=None, finalized_at=None, **of_drafts) == draft


def test_drafts_are_listed_after_all_else(book: UsageBook) -> None:
    """Invoices by number, then what obligations will bill, then open usage by month; pages go on where they ended."""
    other = {"customer_id": new_id(), "contract_id": new_id()}
    own = {"account_id": book.account_id}
    with book.engine.begin() as connection:
        connection.execute(insert(customer).values(id=other["customer_id"], **own))
        made = {"id": other["contract_id"], "customer_id": other["customer_id"], "starting_at": START}
        connection.execute(insert(contract).values(**made, **own))
    book.use(JANUARY, "1")
    book.close(JANUARY)
    book.commit("POSTPAID", "100")
    book.use(FEBRUARY, "2")
    book.use(FEBRUARY, "3", contract_id=SECOND)
    book.use(FEBRUARY, "9", contract_id=SILENT)
    book.use(FEBRUARY, "4", **other)
    found = listed(book)
    assert [each.status for each in found] == ["FINALIZED", "DRAFT", "DRAFT", "DRAFT", "DRAFT"]
    assert [each.total for each in found[:2]] == [1, 86]  # what open usage of all contracts leaves of 100
    assert sorted(each.total for each in found[2:]) == [2, 3, 4]
    assert [each.total for each in listed(book, status="FINALIZED")] == [1]
    assert [each.total for each in listed(book, customer_id=other["customer_id"])] == [4]


def test_an_unknown_id_is_no_draft(book: UsageBook) -> None:
    """Neither an invoice nor an obligation nor a draft: nothing is shown, and no page follows it."""
    book.use(JANUARY, "1")
    with book.engine.begin() as connection:
        assert show_with_drafts(connection, book.account_id, new_id()) is None
        assert list_with_drafts(connection, book.account_id, limit=9, after=new_id()).rows == []


def test_usage_is_read_by_the_hour(book: UsageBook) -> None:
    """Lines of one hour and kind are one; hours ascend; closed and late usage is not open, but is its period's."""
    book.use(JANUARY, "1")
    book.close(JANUARY)
    book.use(JANUARY, "10")
    book.use(FEBRUARY + 2 * HOUR, "5", "1.50")
    book.use(FEBRUARY + timedelta(minutes=59), "3", "1.5")
    book.use(FEBRUARY, "4", "1.5", groups={})
    book.use(FEBRUARY, "7", product_id=TRAFFIC)
    with book.engine.begin() as connection:
        opened = list(open_usage(connection, book.account_id, CUSTOMER, before=None))
        before = list(open_usage(connection, book.account_id, CUSTOMER, before=FEBRUARY))
        period = usage_of_period(
            connection,
            book.account_id,
            customer_id=CUSTOMER,
            contract_id=FIRST,
            unit_id=UUID(USD_CENTS),
            month=month_of(JANUARY),
        )
        assert [line.quantity for line in period] == [11]
    assert [line.time for line in opened] == [*([FEBRUARY] * (len(opened) - 1)), FEBRUARY + 2 * HOUR]
    assert sorted(sum(line.quantity for line in opened if line.kind == kind) for kind in {x.kind for x in opened}) == [
        7,
        12,
    ]
    assert before == []


def test_a_draft_is_found_by_the_customer_in_its_id(book: UsageBook) -> None:
    """The id names the customer in part: an id that is nobody's is compared with nothing."""
    book.use(JANUARY, "4")
    with book.engine.begin() as connection:
        (draft,) = usage_drafts(connection, book.account_id, CUSTOMER)
        assert draft.id.version == 8
        assert draft.id.bytes[:6] == CUSTOMER.bytes[:6]
        lowest, highest = customers_between(draft.id)
        assert lowest <= CUSTOMER <= highest
        assert lowest.bytes[:6] == highest.bytes[:6]
        terms = find_draft(connection, book.account_id, draft.id)
        assert terms == (CUSTOMER, str(FIRST), USD_CENTS, JANUARY)
        assert find_draft(connection, book.account_id, UUID(int=draft.id.int ^ 1)) is None
        assert find_draft(connection, book.account_id, new_id()) is None


def test_invoices_are_searched_by_number_and_by_a_piece_of_the_customers_name(book: UsageBook) -> None:
    """Drafts likewise, which have no number."""
    book.run("UPDATE customer SET name = 'Alder Analytics'")
    book.use(JANUARY, "1")
    book.close(JANUARY)
    book.commit("POSTPAID", "100")
    book.use(FEBRUARY, "2")
    invoice, of_commit, of_usage = listed(book)
    assert invoice.number is not None
    assert listed(book, search="ALDER ana") == [invoice, of_commit, of_usage]
    assert listed(book, search="alder", customer_id=CUSTOMER, status="DRAFT") == [of_commit, of_usage]
    assert listed(book, search="Birch") == []
    assert listed(book, search=str(invoice.number)) == [invoice]
    assert listed(book, search=str(invoice.number + 1)) == []
