"""The accountant's tables of usage over the months, row by row, on a real database."""

from datetime import datetime
from decimal import Decimal

import pytest
from sqlalchemy import Engine

from tests.integration.usage_book import UsageBook
from tests.tables.table import Row, read_table
from trueup.domain.money import plain_text


def rows(name: str) -> pytest.MarkDecorator:
    """A test for each row of a table."""
    return pytest.mark.parametrize("case", read_table(name), ids=lambda case: case["case"])


@rows("usage_months.txt")
def test_which_month_usage_counts_in(database: Engine, case: Row) -> None:
    """Each row of usage_months.txt: the invoices that are there when the clock has come so far."""
    book = UsageBook(database)
    for each in case["usage at"].split(", "):
        book.use(datetime.fromisoformat(each), "1")
    book.go_to(datetime.fromisoformat(case["clock"]))
    found = [f"{each.issued_at:%Y-%m-%d} {plain_text(each.total)}" for each in book.invoices()]
    assert ", ".join(found) == case["invoices"]


@rows("usage_expiry.txt")
def test_what_is_left_expires(database: Engine, case: Row) -> None:
    """Each row of usage_expiry.txt: what is booked as expired, effective when access ended, and once only."""
    book, ends = UsageBook(database), datetime.fromisoformat(case["ends"])
    commit_id = book.commit(case["type"], "100", ends=ends)
    if case["usage"]:
        at, quantity = case["usage"].split()
        book.use(datetime.fromisoformat(at), quantity)
    book.go_to(datetime.fromisoformat(case["clock"]))
    book.work()
    booked = book.rows("SELECT * FROM ledger_entry WHERE type ~ 'EXPIRATION'")
    kind = "CREDIT_EXPIRATION" if case["type"] == "CREDIT" else "PREPAID_COMMIT_EXPIRATION"
    assert [(each.type, -each.amount, each.effective_at) for each in booked] == (
        [(kind, Decimal(case["expired"]), ends)] if case["expired"] not in {"", "waits"} else []
    )
    (segment,) = book.rows("SELECT expires FROM segment WHERE commit_id = :id", id=commit_id)
    assert segment.expires == (case["expired"] == "waits")


def test_the_year_of_the_worked_example(database: Engine) -> None:
    """usage_year.txt, month by month: usage is charged as it comes, and the true-up is the 400 that are left."""
    book, months = UsageBook(database), read_table("usage_year.txt")
    commit_id = book.commit("POSTPAID", "10000.00")
    for number, month in enumerate(months):
        start = datetime.fromisoformat(f"{month['month']}-01T00:00Z")
        book.use(start.replace(day=10), month["usage"])
        book.close(start)
        assert [each.total for each in book.invoices()][number] == Decimal(month["usage invoice"])
        if number < len(months) - 1:
            assert book.balance(commit_id) == Decimal(month["left of the commitment"])
    *usage, true_up = book.invoices()
    assert [each.type for each in usage] == ["USAGE"] * 12
    assert (true_up.type, true_up.number, true_up.total) == ("SCHEDULED", 13, 400)
    (line,) = book.lines(true_up.id)
    assert line.arithmetic == {"committed": "10000", "drawn": "9600", "adjustments": "0", "due": "400"}
    assert book.balance(commit_id) == 0
