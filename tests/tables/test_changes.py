"""The tables voids.txt, edits.txt and held.txt: what void, regenerate and edit do to balances, totals and true-ups."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine

from tests.integration.change_book import ChangeBook
from tests.integration.usage_book import FIRST, SECOND, STORAGE, TRAFFIC
from tests.tables.table import Row, read_table
from trueup.wire.request.changes import EDIT
from trueup_worker.commit_changes.refusal import ChangeRefused

JANUARY = datetime(2030, 1, 1, tzinfo=UTC)
USED_AT = datetime(2030, 1, 5, 8, 30, tzinfo=UTC)
SCOPES = {
    "contracts": {"first": str(FIRST), "second": str(SECOND)},
    "products": {"storage": str(STORAGE), "traffic": str(TRAFFIC)},
}


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


def scope(name: str, cell: str) -> list[str] | None:
    """The contracts or products of a cell; all of them are none in particular."""
    return None if cell == "all" else [SCOPES[name][each] for each in cell.split(",")]


def promise(book: ChangeBook, case: Row) -> UUID:
    """The commit of a row."""
    more: dict[str, Any] = {
        "applicable_contract_ids": scope("contracts", case["contracts"]),
        "applicable_product_ids": scope("products", case["products"]),
    }
    starts, ends = datetime.fromisoformat(f"{case['starts']}T00:00Z"), datetime(2030, 3, 1, tzinfo=UTC)
    return book.commit("POSTPAID", case["amount"], starts=starts, ends=ends, **more)


def edit(book: ChangeBook, commit_id: UUID, cell: str) -> None:
    """Makes the edit of a cell: "contracts second,first"."""
    what, _, value = cell.partition(" ")
    if what in ("starts", "ends"):
        name = {"starts": "starting_at", "ends": "ending_before"}[what]
        book.change_promise(commit_id, **{name: f"{datetime.fromisoformat(value):%Y-%m-%dT%H:%M:%SZ}"})
    elif what == "amount":
        book.change_promise(commit_id, amount=int(value))
    elif what == "priority":
        book.edit(commit_id, priority=int(value))
    else:
        book.edit(commit_id, **{f"applicable_{what[:-1]}_ids": scope(what, value)})


@pytest.mark.parametrize("case", read_table("held.txt"), ids=lambda case: case["case"])
def test_what_was_charged_is_not_billed_again(common_database: Engine, case: Row) -> None:
    """Each row of held.txt: whether the true-up is held, and what it bills."""
    book = ChangeBook(common_database)
    if case["prepaid"]:
        book.commit("PREPAID", case["prepaid"], paid=False)
    made = promise(book, case) if case["made"] == "before" else None
    book.use(USED_AT, case["used"])
    book.close(JANUARY)
    commit_id = made or promise(book, case)
    if case["edit"]:
        edit(book, commit_id, case["edit"])
    book.go_to(datetime(2030, 4, 2, tzinfo=UTC))
    assert book.state(commit_id) == case["becomes"]
    billed = [invoice.total for invoice in book.invoices() if invoice.type == "SCHEDULED"]
    assert billed == ([Decimal(case["billed"])] if case["billed"] else [])
    assert book.differences() == []
