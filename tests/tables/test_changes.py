"""The tables voids.txt and edits.txt: what void, regenerate and edit do to balances and totals."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import Engine

from shared.wire.changes import EDIT
from tests.integration.change_book import ChangeBook
from tests.tables.table import Row, read_table
from worker.commits.refusal import ChangeRefused

JANUARY = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("case", read_table("voids.txt"), ids=lambda case: case["case"])
def test_a_month_is_voided_and_made_anew(common_database: Engine, case: Row) -> None:
    """Each row of voids.txt: balances and totals when closed, when void, and when made anew."""
    book = ChangeBook(common_database)
    prepaid = book.commit("PREPAID", case["prepaid"], paid=False)
    postpaid = book.commit("POSTPAID", case["postpaid"])

    def stands(*columns: str) -> None:
        assert (book.balance(prepaid), book.balance(postpaid)) == tuple(Decimal(case[name]) for name in columns)

    book.use(JANUARY, case["used"])
    book.close(JANUARY)
    (closed,) = book.invoices()
    assert closed.total == Decimal(case["total"])
    stands("left", "left post")
    book.use(JANUARY, case["late"])
    book.void(closed.id)
    stands("void left", "void post")
    book.regenerate(closed.id)
    assert book.invoices()[-1].total == Decimal(case["total anew"])
    stands("left anew", "post anew")
    assert book.differences() == []


@pytest.mark.parametrize("case", read_table("edits.txt"), ids=lambda case: case["case"])
def test_an_amount_is_edited(common_database: Engine, case: Row) -> None:
    """Each row of edits.txt: what becomes of the edit, and of the ledger."""
    book = ChangeBook(common_database)
    credit = book.commit("CREDIT", case["granted"])
    book.use(JANUARY, case["drawn"])
    book.close(JANUARY)
    (segment,) = book.segments(credit)
    item = f'{{"id": "{segment.id}", "amount": {case["edited to"]}}}'
    change = EDIT.read(f'{{"access_schedule": {{"update_schedule_items": [{item}]}}}}')
    assert not isinstance(change, list), json.dumps(case)
    try:
        became = "edited" if book.edit_read(credit, change).after else "no change"
    except ChangeRefused:
        became = "refused"
    openings = book.rows(
        "SELECT amount FROM ledger_entry WHERE commit_id = :id AND type = 'CREDIT_SEGMENT_START' ORDER BY seq",
        id=credit,
    )
    assert became == case["becomes"]
    assert [row.amount for row in openings] == [Decimal(amount) for amount in case["opening entries"].split(",")]
    assert book.balance(credit) == Decimal(case["left"])
    assert book.differences() == []
