"""What a true-up comes to is one figure, wherever it is told: 1,000,000 promised, 300,000 used, 700,000 left."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine

from tests.integration.change_book import ChangeBook
from tests.integration.usage_book import CUSTOMER, FIRST
from trueup.store.invoices.by_customer import InvoiceChoice
from trueup.store.invoices.overdue import unfinished
from trueup.store.postgres.engine import snapshot
from trueup_worker.reporting.balance import customer_balance
from trueup_worker.reporting.customer_invoices import find_customer_invoice, list_customer_invoices
from trueup_worker.reporting.drafts import list_with_drafts, show_with_drafts
from trueup_worker.reporting.explain import ItemExplanation, explain
from trueup_worker.reporting.forecast import forecast
from trueup_worker.reporting.usable import UsableCommits

JANUARY, FEBRUARY, MARCH = (datetime(2030, month, 1, tzinfo=UTC) for month in (1, 2, 3))
NEXT_YEAR, FAR = datetime(2031, 1, 1, tzinfo=UTC), datetime(2032, 1, 1, tzinfo=UTC)


@pytest.fixture
def book(common_database: Engine) -> ChangeBook:
    """A sandbox's book on 1 January 2030."""
    return ChangeBook(common_database)


def listed(connection: Connection, account_id: int, draft_id: UUID) -> Decimal:
    """On the command line's list."""
    found = list_with_drafts(connection, account_id, limit=9).rows
    return next(Decimal(each.total or -1) for each in found if each.id == draft_id)


def shown(connection: Connection, account_id: int, draft_id: UUID) -> Decimal:
    """With its line."""
    found = show_with_drafts(connection, account_id, draft_id)
    assert found
    assert found.total == found.lines[0].amount
    return found.total or Decimal(-1)


def listed_over_http(connection: Connection, account_id: int, draft_id: UUID) -> Decimal:
    """In a customer's page."""
    page, _ = list_customer_invoices(connection, account_id, InvoiceChoice(customer_id=CUSTOMER), limit=9)
    return next(Decimal(each.total or -1) for each in page if each.id == draft_id)


def shown_over_http(connection: Connection, account_id: int, draft_id: UUID) -> Decimal:
    """By its id."""
    found = find_customer_invoice(connection, account_id, CUSTOMER, draft_id)
    return Decimal(found[0].total or -1) if found else Decimal(-1)


def explained(connection: Connection, account_id: int, draft_id: UUID) -> Decimal:
    """As committed - drawn + adjustments."""
    found = explain(connection, account_id=account_id, which=draft_id)
    assert isinstance(found, ItemExplanation)
    assert found.invoice
    figures = found.invoice.true_up
    assert figures
    return figures.committed - figures.drawn + figures.adjustments


def foreseen(connection: Connection, account_id: int, draft_id: UUID) -> Decimal:
    """In the forecast."""
    found = forecast(connection, account_id=account_id, until=FAR, usage_grace_h=24)
    return next(Decimal(each.amount or -1) for each in found if each.id == draft_id)


def usable(connection: Connection, account_id: int, _: UUID) -> Decimal:
    """In the customer's balance."""
    return customer_balance(connection, account_id=account_id, customer_id=CUSTOMER).commits[0].usable


def listed_as_commit(connection: Connection, account_id: int, _: UUID) -> Decimal:
    """In the list of commits."""
    return UsableCommits(connection, account_id).page(limit=9).rows[0].balance or Decimal()


VIEWS: list[Callable[[Connection, int, UUID], Decimal]] = [
    listed,
    shown,
    listed_over_http,
    shown_over_http,
    explained,
    foreseen,
    usable,
    listed_as_commit,
]


def figures(book: ChangeBook, draft_id: UUID) -> dict[str, Decimal]:
    """What each view says."""
    with snapshot(book.engine) as connection:
        return {view.__name__: view(connection, book.account_id, draft_id) for view in VIEWS}


def test_open_usage_counts_everywhere(book: ChangeBook) -> None:
    """A draft is what is still unspent with the usage of open months counted."""
    commit_id = book.commit("POSTPAID", "1000000", ends=NEXT_YEAR)
    book.use(JANUARY, "100000")
    book.use(FEBRUARY, "200000")
    assert set(figures(book, book.obligations(commit_id)[0].id).values()) == {Decimal(700_000)}


def test_void_usage_stays_reserved_everywhere(book: ChangeBook) -> None:
    """What it had drawn is kept for it until it is made anew; an operator is told of it, and of what it holds."""
    commit_id = book.commit("POSTPAID", "1000000", ends=MARCH)
    book.use(JANUARY, "300000")
    book.close(JANUARY)
    book.void(book.invoices()[0].id)
    (draft,) = book.obligations(commit_id)
    assert set(figures(book, draft.id).values()) == {Decimal(700_000)}
    book.close(FEBRUARY)
    with snapshot(book.engine) as connection:
        waiting = unfinished(connection, book.account_id)
        (told,) = (each for each in list_with_drafts(connection, book.account_id, limit=9).rows if each.id == draft.id)
    assert (waiting.held, waiting.void) == ([draft.id], [book.invoices()[0].id])
    assert (told.state, told.reason, told.total) == ("held", "usage_voided", 700_000)


def test_what_is_held_is_seen_with_its_reason(book: ChangeBook) -> None:
    """In lists and by id, on the command line and over HTTP, and in the forecast."""
    book.use(JANUARY, "300")
    book.close(JANUARY)
    commit_id = book.commit("POSTPAID", "1000", ends=FEBRUARY, applicable_contract_ids=[str(FIRST)])
    book.work()
    draft_id = book.obligations(commit_id)[0].id
    with snapshot(book.engine) as connection:
        (line,) = (each for each in list_with_drafts(connection, book.account_id, limit=9).rows if each.id == draft_id)
        page, _ = list_customer_invoices(connection, book.account_id, InvoiceChoice(customer_id=CUSTOMER), limit=9)
        (object_,) = (each for each in page if each.id == draft_id)
        (ahead,) = forecast(connection, account_id=book.account_id, until=FAR, usage_grace_h=24)
    for told in (line, object_):
        assert (told.state, told.reason, told.total) == ("held", "usage_already_invoiced", 1000)
    assert (ahead.outcome, ahead.why, ahead.amount) == ("held", "usage_already_invoiced", 1000)
