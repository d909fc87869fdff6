"""The accountant's tables of what lies ahead, row by row, on a real database."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest
from sqlalchemy import Engine

from tests.integration.usage_book import CUSTOMER, UsageBook
from tests.tables.ahead_cells import adjust, day, make_commits, make_usage, parts
from tests.tables.table import Row, read_table
from trueup.domain.burndown.exact import exact_sum
from trueup.store.commits.balances import BalanceFilter
from trueup.store.commits.pages import Choice, list_commit_records, with_balances
from trueup.store.postgres.engine import snapshot
from trueup_worker.invoicing.clock import advance_clock
from trueup_worker.reporting.balance import customer_balance, left_by_drafts, net_balance
from trueup_worker.reporting.forecast import Foreseen, forecast
from trueup_worker.reporting.reconcile import reconcile
from trueup_worker.reporting.usable import UsableCommits

Told = tuple[datetime, str, Decimal, str]


@pytest.fixture
def book(shared_database: Engine, request: pytest.FixtureRequest) -> UsageBook:
    """The empty book of a sandbox."""
    return UsageBook(shared_database, name=request.node.name)


def told(cell: str) -> list[Told]:
    """What a cell foresees: "2030-03-02 true-up 0 nothing_due"."""
    found = []
    for part in parts(cell):
        when, kind, amount, *outcome = part.split()
        found.append((day(when), kind.upper().replace("-", "_"), Decimal(amount), *(outcome or ["issued"])))
    return found


def foreseen(book: UsageBook, until: datetime) -> list[Foreseen]:
    """The forecast."""
    with snapshot(book.engine) as connection:
        return forecast(connection, account_id=book.account_id, until=until, usage_grace_h=24)


@pytest.mark.parametrize("case", read_table("forecast.txt"), ids=lambda case: case["case"])
def test_what_is_foreseen_comes_true(book: UsageBook, case: Row) -> None:
    """Each row of forecast.txt: the forecast, and the invoices that are made when the time has come."""
    with book.engine.begin() as connection:
        advance_clock(connection, account_id=book.account_id, to=day(case["clock"]), actor="key")
    make_commits(book, case["commits"])
    make_usage(book, case["usage"])
    found = foreseen(book, day(case["until"]))
    assert [(each.at, each.type, each.amount, each.outcome) for each in found] == told(case["foreseen"])
    book.go_to(day(case["until"]))
    made = {invoice.id: (invoice.issued_at, invoice.total) for invoice in book.invoices()}
    assert made == {each.id: (each.issued_at, each.amount) for each in found if each.outcome == "issued"}
    with book.engine.begin() as connection:
        assert reconcile(connection, book.account_id) == []


@pytest.mark.parametrize("case", read_table("balance.txt"), ids=lambda case: case["case"])
def test_what_can_be_used_now(book: UsageBook, case: Row) -> None:
    """Each row of balance.txt: what is usable of each commit, with drafts and without; lists say the same."""
    commits = make_commits(book, case["commits"])
    make_usage(book, case["usage"])
    if case["adjusted"]:
        adjust(book, commits[0], case["adjusted"])
    book.go_to(day(case["clock"]))
    with snapshot(book.engine) as connection:
        balance = customer_balance(connection, account_id=book.account_id, customer_id=CUSTOMER)
        net = [
            net_balance(
                connection,
                account_id=book.account_id,
                customer_id=CUSTOMER,
                access_type="SPEND",
                filters=[BalanceFilter(ids=commits)],
                with_drafts=with_drafts,
            )
            for with_drafts in (True, False)
        ]
        left = left_by_drafts(connection, account_id=book.account_id, customer_id=CUSTOMER)
        choice = Choice(customer_id=CUSTOMER, types=("PREPAID", "POSTPAID", "CREDIT"), left=left)
        listed = list_commit_records(connection, book.account_id, choice, limit=9)
        usable = list_commit_records(connection, book.account_id, replace(choice, has_balance=True), limit=9)
        listed = with_balances(connection, book.account_id, listed, left)
        read = UsableCommits(connection, book.account_id)
        shown = [*read.page(limit=9).rows, *(read.one(key) for key in commits)]
    by_id = {each.commit_id: each for each in balance.commits}
    found = [by_id[str(key)] for key in commits]
    assert [each.usable for each in found] == [Decimal(amount) for amount in case["usable"].split()]
    assert [each.finalized for each in found] == [Decimal(amount) for amount in case["finalized"].split()]
    assert net == [exact_sum(each.usable for each in found), exact_sum(each.finalized for each in found)]
    assert {str(each.id): each.balance for each in shown if each} == {key: by_id[key].usable for key in by_id}
    by_list = {str(each.id): each.balance for each in listed}
    assert by_list == {each.commit_id: each.usable for each in found}
    assert {str(each.id) for each in usable} == {each.commit_id for each in found if each.usable}
    assert [each.usable for each in balance.units] == [exact_sum(each.usable for each in found)]
