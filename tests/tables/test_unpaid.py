"""The table unpaid.txt: what the views of a commit say of instalments whose invoices are void."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine

from tests.integration.change_book import ChangeBook
from tests.integration.usage_book import CUSTOMER
from tests.tables.ahead_cells import parts
from tests.tables.table import Row, read_table
from trueup.store.commits.pages import Choice, find_commit_record, list_commit_records
from trueup.store.postgres.engine import snapshot
from trueup_worker.cli.ledger.records import explanation
from trueup_worker.gateway.answers.commits import Commit
from trueup_worker.reporting.balance import customer_balance
from trueup_worker.reporting.explain import explain
from trueup_worker.reporting.usable import UsableCommits

MONTHS = ("01", "04", "07")


def do(book: ChangeBook, commit_id: UUID, step: str) -> None:
    """Does what a step says: "void 1" is that of the first invoice, "anew 1" makes it anew, without waiting."""
    what, _, which = step.partition(" ")
    if what == "void":
        book.void(book.invoices()[int(which) - 1].id)
    elif what == "anew":
        book.regenerate(book.invoices()[int(which) - 1].id)
        book.work()
    elif what == "end":
        book.end(commit_id, invoices_ending_before="2030-01-01T00:00:00Z")
    else:
        book.archive(commit_id)


def views(book: ChangeBook, commit_id: UUID) -> dict[str, Any]:
    """The commit as it is listed, shown, balanced and explained, by the command and over HTTP."""
    account_id, choice = book.account_id, Choice(customer_id=CUSTOMER, types=("PREPAID",), include_archived=True)
    with snapshot(book.engine) as connection:
        usable = UsableCommits(connection, account_id)
        balance = customer_balance(connection, account_id=account_id, customer_id=CUSTOMER)
        (listed,) = list_commit_records(connection, account_id, choice, limit=9)
        found = find_commit_record(connection, account_id, id=commit_id)
        assert found
        return {
            "list": usable.page(limit=9).rows[0],
            "show": usable.one(commit_id),
            "explain": explanation(explain(connection, account_id=account_id, which=commit_id)),
            "balance": {"unpaid": balance.commits[0].unpaid if balance.commits else None},
            "HTTP list": Commit.of(listed),
            "HTTP": Commit.of(found),
        }


def unpaid_of(view: Any) -> Decimal | None:
    """What a view says."""
    unpaid: Decimal | None = view.get("unpaid") if isinstance(view, dict) else view.unpaid
    return unpaid


@pytest.mark.parametrize("case", read_table("unpaid.txt"), ids=lambda case: case["case"])
def test_every_view_of_a_commit_says_what_is_unpaid(common_database: Engine, case: Row) -> None:
    """Each row of unpaid.txt: what is unpaid, in all views, and what is usable all the same."""
    book = ChangeBook(common_database)
    items = [
        {"timestamp": f"2030-{month}-01T00:00:00Z", "amount": float(amount)}
        for month, amount in zip(MONTHS, case["instalments"].split(), strict=True)
    ]
    commit_id = book.request(invoice_schedule={"schedule_items": items})
    book.go_to(datetime(2030, 4, 2, tzinfo=UTC))
    for step in parts(case["steps"]):
        do(book, commit_id, step)
    shown = views(book, commit_id)
    unpaid = Decimal(case["unpaid"]) if case["unpaid"] else None
    assert {view: unpaid_of(told) for view, told in shown.items()} == dict.fromkeys(shown, unpaid)
    assert shown["list"].balance == Decimal(case["usable"])
    assert book.differences() == []
