"""The table instalments.txt: what is to be paid of instalments, in every view, from the first draft on."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine

from tests.integration.change_book import ChangeBook
from tests.integration.usage_book import CUSTOMER
from tests.tables.table import Row, read_table
from trueup.domain.money import plain_text
from trueup.domain.payable_rounding import payable
from trueup.store.invoices.by_customer import InvoiceChoice
from trueup.store.postgres.engine import snapshot
from trueup_worker.cli.ledger.records import explanation
from trueup_worker.gateway.answers.invoices import Invoice
from trueup_worker.reporting.customer_invoices import list_customer_invoices
from trueup_worker.reporting.drafts import list_with_drafts, show_with_drafts
from trueup_worker.reporting.explain import explain
from trueup_worker.reporting.forecast import forecast

MAY, NEXT_YEAR = datetime(2030, 5, 2, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
Due = dict[UUID, Decimal]


def promise(book: ChangeBook, cell: str) -> UUID:
    """The commit that a cell's schedule pays for: "MONTHLY DIVIDED 100", or the amounts of April and the days after."""
    first, *rest = cell.split()
    if first.isalpha() or "_" in first:
        distribution, amount = rest
        window = {"starting_at": "2030-01-01T00:00:00Z", "ending_before": "2031-01-01T00:00:00Z"}
        recurring = {"frequency": first, "amount_distribution": distribution, "amount": float(amount), **window}
        return book.request(invoice_schedule={"recurring_schedule": recurring})
    items = [
        {"timestamp": f"2030-04-{day:02}T00:00:00Z", "amount": float(amount)}
        for day, amount in enumerate([first, *rest], 1)
    ]
    return book.request(invoice_schedule={"schedule_items": items})


def foreseen(connection: Connection, book: ChangeBook) -> Due:
    """By the forecast; nothing but what is not invoiced yet."""
    found = forecast(connection, account_id=book.account_id, until=NEXT_YEAR, usage_grace_h=24)
    return {each.id: each.amount_due for each in found}


def listed(connection: Connection, book: ChangeBook) -> Due:
    """By the list of the command."""
    found = list_with_drafts(connection, book.account_id, limit=99).rows
    return {each.id: each.amount_due for each in found if each.status != "VOID"}


def shown(connection: Connection, book: ChangeBook) -> Due:
    """Invoice by invoice, by the command; the rounding is the difference."""
    which = listed(connection, book)
    found = [each for key in which if (each := show_with_drafts(connection, book.account_id, key))]
    assert all(each.total + (each.rounding or 0) == each.amount_due for each in found)
    return {each.id: each.amount_due for each in found}


def explained(connection: Connection, book: ChangeBook) -> Due:
    """By explain."""
    which = listed(connection, book)
    found = [explanation(explain(connection, account_id=book.account_id, which=each)) for each in which]
    return {each["id"]: each["amount_due"] for each in found}


def over_http(connection: Connection, book: ChangeBook) -> Due:
    """By the API."""
    found, details = list_customer_invoices(connection, book.account_id, InvoiceChoice(customer_id=CUSTOMER), limit=99)
    invoices = [Invoice.of(each, details) for each in found if each.status != "VOID"]
    assert all(each.total + (each.rounding or 0) == each.amount_due for each in invoices)
    return {each.id: each.amount_due for each in invoices}


VIEWS: list[Callable[[Connection, ChangeBook], Due]] = [foreseen, listed, shown, explained, over_http]


def due(book: ChangeBook, commit_id: UUID, *, without: tuple[Any, ...] = ()) -> str:
    """What is due of each instalment, in their order, on which all views agree."""
    with snapshot(book.engine) as connection:
        told = [view(connection, book) for view in VIEWS if view not in without]
        assert all(each == told[0] for each in told)
    items = [item for item in book.obligations(commit_id) if item.state != "voided"]
    return " ".join(plain_text(told[0][item.id]) for item in items)


@pytest.mark.parametrize("case", read_table("instalments.txt"), ids=lambda case: case["case"])
def test_what_is_to_be_paid_of_instalments(common_database: Engine, case: Row) -> None:
    """Each row of instalments.txt: by forecast, drafts and invoices, and again when the last but one was made anew."""
    book = ChangeBook(common_database)
    commit_id = promise(book, case["schedule"])
    assert due(book, commit_id) == case["amount due"]
    book.go_to(MAY)
    assert due(book, commit_id, without=(foreseen,)) == case["amount due"]
    *_, voided = book.invoices()
    book.void(voided.id)
    book.regenerate(voided.id)
    assert due(book, commit_id, without=(foreseen,)) == case["amount due"]
    book.go_to(NEXT_YEAR)
    assert due(book, commit_id, without=(foreseen,)) == case["amount due"]
    assert book.differences() == []


def test_an_edit_changes_what_is_due_of_no_other(common_database: Engine) -> None:
    """One is moved, one taken away, one given another amount: the others stay as they were, also when made anew."""
    book = ChangeBook(common_database)
    commit_id = promise(book, "MONTHLY DIVIDED 100")
    book.go_to(datetime(2030, 2, 1, tzinfo=UTC))
    items = [str(item.id) for item in book.obligations(commit_id)]
    moved = {"id": items[2], "timestamp": "2030-12-24T00:00:00Z"}
    changes = {"update_schedule_items": [moved, {"id": items[4], "amount": 20.6}]}
    book.edit(commit_id, invoice_schedule=changes | {"remove_schedule_items": [{"id": items[3]}]})
    with snapshot(book.engine) as connection:
        told = listed(connection, book)
    kept = [told.get(UUID(key)) for key in items]
    assert kept == [8, 9, 8, None, 21, 8, 8, 9, 8, 8, 9, 8]
    book.go_to(NEXT_YEAR)
    book.void(UUID(items[7]))
    anew = book.regenerate(UUID(items[7])).id
    with snapshot(book.engine) as connection:
        told = listed(connection, book)
    assert [told.get(UUID(key), told[anew]) for key in items if key != items[3]] == [8, 9, 8, 21, 8, 8, 9, 8, 8, 9, 8]
    assert book.differences() == []


SCHEDULES = st.lists(
    st.tuples(
        st.sampled_from(["MONTHLY", "QUARTERLY", "SEMI_ANNUAL", "ANNUAL"]),
        st.sampled_from(["EACH", "DIVIDED", "DIVIDED_ROUNDED"]),
        st.decimals("12", "99999", places=9),
    ),
    min_size=1,
    max_size=12,
)


@settings(deadline=None, max_examples=8, suppress_health_check=list(HealthCheck))
@given(SCHEDULES)
def test_instalments_add_up_to_the_rounded_sum(
    common_database: Engine, schedules: list[tuple[str, str, Decimal]]
) -> None:
    """Whatever is divided, and how: what is due is never below 0, and its sum is the rounded sum of the totals."""
    book = ChangeBook(common_database)
    commits = [promise(book, " ".join(map(str, each))) for each in schedules]
    with snapshot(book.engine) as connection:
        drafts = list_with_drafts(connection, book.account_id, limit=999).rows
    with localcontext(prec=64):
        for commit_id in commits:
            own = [each for each in drafts if each.commit_id == commit_id]
            total = sum(each.total for each in own)
            assert sum(each.amount_due for each in own) == payable(total, Decimal(1)).amount_due
            assert all(each.amount_due >= 0 for each in own)
