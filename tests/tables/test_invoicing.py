"""The accountant's tables, row by row, on a real database."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal, localcontext

import pytest
from sqlalchemy import Engine

from tests.integration.book import LAST_YEAR, Book
from tests.tables.table import Row, read_table
from trueup.store.accounts.accounts import create_account
from trueup_worker.invoicing.clock import advance_clock
from trueup_worker.invoicing.issue import issue_all_due
from trueup_worker.reporting.reconcile import reconcile


@pytest.fixture
def book(database: Engine, account: int) -> Book:
    """The empty book of an account that lives in real time."""
    return Book(database, account)


@pytest.fixture(autouse=True)
def _exactly() -> Iterator[None]:
    """Sums of 30 digits are not rounded by the test."""
    with localcontext(prec=64):
        yield


def amounts(cell: str) -> list[Decimal]:
    """The amounts of a cell: "12x800 -5" are thirteen."""
    found = re.findall(r"(?:(\d+)x)?(-?[\d.]+)", cell)
    return [Decimal(amount) for times, amount in found for _ in range(int(times or 1))]


def total(entries: list[tuple[str, Decimal]]) -> Decimal:
    """The balance that these entries make."""
    return sum((amount for _, amount in entries), Decimal(0))


def settle(book: Book) -> None:
    """Settles what is due, and checks that everything agrees afterwards; what was drawn was booked without usage."""
    issue_all_due(book.engine, book.account_id)
    with book.engine.begin() as connection:
        assert {each.check for each in reconcile(connection)} <= {"deduction_without_period", "charged_once"}


@pytest.mark.parametrize("case", read_table("true_ups.txt"), ids=lambda case: case["case"])
def test_a_true_up_bills_what_is_missing(book: Book, case: Row) -> None:
    """Each row of true_ups.txt: what is billed, what is booked, what is left, and the arithmetic on the line."""
    commit_id = book.postpaid(case["committed"], suppressed_by=case["suppressed by"] or None)
    for amount in amounts(case["drawn"]):
        book.entry(commit_id, "POSTPAID_COMMIT_AUTOMATED_INVOICE_DEDUCTION", -amount)
    for amount in amounts(case["adjustments"]):
        book.entry(commit_id, "POSTPAID_COMMIT_MANUAL", amount)
    before = book.entries(commit_id)
    settle(book)
    booked = book.entries(commit_id)[len(before) :]
    assert book.state(commit_id) == case["becomes"]
    assert [invoice.total for invoice in book.invoices()] == amounts(case["billed"])
    assert booked == ([(case["booked"], -total(before))] if case["booked"] else [])
    assert total(book.entries(commit_id)) == Decimal(case["left"])
    for line in book.rows("SELECT * FROM invoice_line"):
        assert {name: Decimal(value) for name, value in line.arithmetic.items()} == {
            "committed": Decimal(case["committed"]),
            "drawn": sum(amounts(case["drawn"])),
            "adjustments": sum(amounts(case["adjustments"])),
            "due": line.amount,
        }
        assert (line.quantity, line.unit_price, line.amount) == (1, line.amount, Decimal(case["billed"]))


@pytest.mark.parametrize("case", read_table("due.txt"), ids=lambda case: case["case"])
def test_an_obligation_falls_due_by_its_accounts_clock(database: Engine, case: Row) -> None:
    """Each row of due.txt: pending or issued by a sandbox's clock; the invoice bears the scheduled date."""
    at, ends, clock = (datetime.fromisoformat(case[name]) for name in ("timestamp", "access ends", "clock"))
    with database.begin() as connection:
        sandbox = create_account(connection, "sandbox", sandbox=True, now=datetime(2000, 1, 1, tzinfo=UTC)).id
    book = Book(database, sandbox)
    if case["type"] == "PREPAID":
        commit_id = book.prepaid((at, "1"), ends=ends)
    else:
        commit_id = book.postpaid("1", at=at, ends=ends)
    with database.begin() as connection:
        advance_clock(connection, account_id=sandbox, to=clock, actor="key")
    settle(book)
    assert book.state(commit_id) == case["becomes"]
    assert [invoice.issued_at for invoice in book.invoices()] == ([at] if case["becomes"] == "issued" else [])


@pytest.mark.parametrize("case", read_table("invoice_lines.txt"), ids=lambda case: case["case"])
def test_a_scheduled_invoice_has_one_line(book: Book, case: Row) -> None:
    """Each row of invoice_lines.txt: the line's name and figures, with all their digits."""
    charge = (LAST_YEAR, case["unit price"], case["quantity"], case["amount"])
    book.prepaid_in_bulk([[charge]], name=case["name"] or None)
    settle(book)
    (line,) = book.rows("SELECT * FROM invoice_line")
    (invoice,) = book.invoices()
    assert line.name == case["line"]
    assert (line.unit_price, line.quantity) == (Decimal(case["unit price"]), Decimal(case["quantity"]))
    assert line.amount == invoice.total == Decimal(case["total"])
