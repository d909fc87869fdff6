"""Any number of issuers, crashes and operators at once: one invoice each, numbers without a gap."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from tests.integration.book import LAST_YEAR, LONG_AGO, Book
from trueup.clock import utc_now
from trueup.store.invoices.obligations import claim_due
from trueup.store.postgres.engine import make_engine
from trueup_worker.invoicing.adjust import AdjustmentRefused, adjust_commit
from trueup_worker.invoicing.issue import Issued, issue_all_due, settle_claimed
from trueup_worker.reporting.reconcile import reconcile

_WAITING = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
KILLS_MAX = 4  # one fewer than the tries that a unit of work has, if all of them hit the same one

_KILL_A_WRITER = text("""
    SELECT count(pg_terminate_backend(pid)) FROM (
        SELECT pid FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_xid IS NOT NULL
         LIMIT 1
    ) AS busy
""")


def until(condition: Callable[[], bool]) -> None:
    """Waits until the condition holds, at most 20 seconds."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def assert_each_is_issued_once(book: Book, count: int) -> None:
    """One invoice for each of `count` obligations, numbered 1 to `count`, and all sums agree."""
    assert [invoice.number for invoice in book.invoices()] == list(range(1, count + 1))
    assert {row.state for row in book.rows("SELECT DISTINCT state FROM obligation")} == {"issued"}
    announced = [key for event, ids, _ in book.events() if event == "invoice.finalized" for key in ids]
    assert sorted(announced) == sorted(invoice.id for invoice in book.invoices())
    with book.engine.begin() as connection:
        assert reconcile(connection) == []


def a_due_mixture(book: Book) -> int:
    """400 due items and 100 due true-ups."""
    book.prepaid_in_bulk([[(LONG_AGO + timedelta(hours=n), "1", "1", "1")] for n in range(400)])
    book.postpaid_in_bulk(["5"] * 100, at=LAST_YEAR, ends=LAST_YEAR)
    return 500


def test_three_issuers_at_once_make_one_invoice_each(book: Book) -> None:
    """Three threads settle one account's due rows: nothing twice, nothing left, numbers gapless."""
    count = a_due_mixture(book)
    with ThreadPoolExecutor(3) as pool:
        works = [pool.submit(issue_all_due, book.engine, book.account_id, rows_max=9) for _ in range(3)]
    total = sum((work.result() for work in works), Issued())
    total += issue_all_due(book.engine, book.account_id)  # an issuer stops when all that is left is in others' hands
    assert total == Issued(issued=count)
    assert_each_is_issued_once(book, count)


def test_killed_connections_cost_no_number(book: Book, database_url: str) -> None:
    """Backends terminated in the middle of issuing: the work is repeated, and no number is lost or used twice."""
    count = a_due_mixture(book)
    outside = make_engine(database_url)
    killed = 0
    with ThreadPoolExecutor(2) as pool, outside.connect().execution_options(isolation_level="AUTOCOMMIT") as killer:
        works = [pool.submit(issue_all_due, book.engine, book.account_id, rows_max=5) for _ in range(2)]
        while killed < KILLS_MAX and not all(work.done() for work in works):
            killed += killer.execute(_KILL_A_WRITER).scalar_one()
    outside.dispose()
    total = sum((work.result() for work in works), issue_all_due(book.engine, book.account_id))
    assert killed > 0
    assert total.parked == 0
    assert_each_is_issued_once(book, count)


def test_a_rollback_gives_its_numbers_back(book: Book) -> None:
    """What settles and then fails leaves neither invoices nor a gap behind."""
    book.prepaid((LONG_AGO, "1"), (LAST_YEAR, "2"))

    def fail(connection: Connection) -> None:
        settle_claimed(
            connection, book.account_id, claim_due(connection, book.account_id, rows_max=1, usage_grace_h=24)
        )
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), book.engine.begin() as connection:
        fail(connection)
    assert issue_all_due(book.engine, book.account_id) == Issued(issued=2)
    assert_each_is_issued_once(book, 2)


def test_claims_do_not_wait_for_each_other(book: Book) -> None:
    """Rows that another transaction holds are passed over."""
    book.prepaid((LONG_AGO, "1"), (LAST_YEAR, "2"))
    with book.engine.begin() as first, book.engine.begin() as second:
        held = claim_due(first, book.account_id, rows_max=1, usage_grace_h=24)
        others = claim_due(second, book.account_id, rows_max=9, usage_grace_h=24)
        assert len(held) == len(others) == 1
        assert set(held).isdisjoint(others)


def adjust(engine: Engine, book: Book, commit_id: Any, amount: str) -> None:
    """Books a manual entry in a transaction of its own."""
    with engine.begin() as connection:
        adjust_commit(
            connection,
            account_id=book.account_id,
            commit_id=commit_id,
            amount=Decimal(amount),
            reason="agreed by phone",
            actor="key",
        )


def test_an_adjustment_in_flight_is_in_the_true_up(book: Book) -> None:
    """A true-up is not issued while its commit is being adjusted; afterwards it bills the adjusted balance."""
    commit_id = book.postpaid("10")
    with book.engine.begin() as connection:
        adjust_commit(
            connection,
            account_id=book.account_id,
            commit_id=commit_id,
            amount=Decimal(-3),
            reason="goodwill",
            actor="key",
        )
        assert issue_all_due(book.engine, book.account_id) == Issued()
    assert issue_all_due(book.engine, book.account_id) == Issued(issued=1)
    assert [invoice.total for invoice in book.invoices()] == [7]
    assert_each_is_issued_once(book, 1)


def test_an_adjustment_waits_for_the_true_up_and_is_refused(book: Book) -> None:
    """Whoever adjusts while the true-up is being issued waits for it, and then comes too late."""
    commit_id = book.postpaid("10")
    with ThreadPoolExecutor(1) as pool:
        with book.engine.begin() as connection:
            claimed = claim_due(connection, book.account_id, rows_max=1, usage_grace_h=24)
            late: Future[None] = pool.submit(adjust, book.engine, book, commit_id, "-3")
            until(lambda: len(book.rows(_WAITING)) == 1)
            settle_claimed(connection, book.account_id, claimed)
        with pytest.raises(AdjustmentRefused, match="was invoiced"):
            late.result()
    assert [invoice.total for invoice in book.invoices()] == [10]
    assert_each_is_issued_once(book, 1)


def test_a_long_look_ahead_costs_nothing(book: Book) -> None:
    """The claim walks the index of what is due: with thousands of future rows it reads a handful of pages."""
    ahead = utc_now() + timedelta(days=1)
    for _ in range(4):
        book.prepaid_in_bulk([[(ahead + timedelta(seconds=n), "1", "1", "1")] for n in range(1000)])
    book.prepaid((LAST_YEAR, "1"))
    book.run("ANALYZE obligation")
    plan = book.rows(
        "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT id FROM obligation WHERE account_id = :account_id"
        " AND state = 'pending' AND due_at <= now() ORDER BY due_at, commit_id, position LIMIT 500 FOR UPDATE"
    )
    top = plan[0][0][0]["Plan"]
    assert top["Shared Hit Blocks"] + top["Shared Read Blocks"] < 20
