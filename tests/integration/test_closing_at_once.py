"""Closing, intake, expiry and true-ups of one customer at the same moment, and crashes among them."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Connection, Engine, insert, text

from tests.integration.change_book import ChangeBook
from tests.integration.usage_book import CUSTOMER, GRACE, START, UsageBook
from trueup.ids import new_id
from trueup.store.invoices.obligations import claim_due
from trueup.store.postgres.engine import make_engine
from trueup.store.tables import contract, customer
from trueup.store.usage.months import OpenMonth, claim_month
from trueup_worker.invoicing.close import Closed, close_all_due, close_month
from trueup_worker.invoicing.expire import expire_all_due
from trueup_worker.invoicing.issue import settle_claimed
from trueup_worker.reporting.reconcile import reconcile

DECEMBER, JANUARY, FEBRUARY = (START.replace(year=2029, month=12), START, datetime(2030, 2, 1, tzinfo=UTC))
_WAITING = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
CUSTOMERS = 30
KILLS_MAX = 4  # one fewer than the tries that a unit of work has, if all of them hit the same one

_KILL_A_WRITER = text("""
    SELECT count(pg_terminate_backend(pid)) FROM (
        SELECT pid FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_xid IS NOT NULL
         LIMIT 1
    ) AS busy
""")


@pytest.fixture
def book(database: Engine) -> UsageBook:
    """A sandbox's book on 1 January 2030."""
    return UsageBook(database)


def until_somebody_waits(book: UsageBook) -> None:
    """Until another connection waits for a lock, at most 20 seconds."""
    deadline = time.monotonic() + 20
    while not book.rows(_WAITING):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def at_closing_time(book: UsageBook) -> None:
    """Moves the clock to where January may be closed, and does nothing."""
    book.run("UPDATE account SET clock_at = :at WHERE id = :account_id", at=FEBRUARY + GRACE)


def claim(connection: Connection, book: UsageBook) -> OpenMonth:
    """Claims the month that is to be closed next."""
    month = claim_month(connection, book.account_id, usage_grace_h=24)
    assert month
    return month


def many_customers(book: UsageBook) -> None:
    """Customers that used 4 in January and 4 in February, and the clock in March."""
    own = {"account_id": book.account_id}
    for _ in range(CUSTOMERS):
        ids = {"customer_id": new_id(), "contract_id": new_id()}
        with book.engine.begin() as connection:
            connection.execute(insert(customer).values(id=ids["customer_id"], **own))
            made = {"id": ids["contract_id"], "customer_id": ids["customer_id"], "starting_at": START}
            connection.execute(insert(contract).values(**made, **own))
            for month in (JANUARY, FEBRUARY):
                book.take_in(connection, month, "4", **ids)
    book.run("UPDATE account SET clock_at = :at WHERE id = :account_id", at=FEBRUARY + timedelta(days=40))


def assert_all_is_closed_once(book: UsageBook) -> None:
    """Two invoices for each customer, numbered without a gap, months ascending, and all sums agree."""
    made = book.invoices()
    assert [each.number for each in made] == list(range(1, 2 * CUSTOMERS + 1))
    assert {each.total for each in made} == {Decimal(4)}
    seen: dict[object, datetime] = {}
    for each in made:
        assert each.issued_at > seen.get(each.customer_id, START)
        seen[each.customer_id] = each.issued_at
    announced = [key for event, ids in book.events() if event == "invoice.finalized" for key in ids]
    assert sorted(announced) == sorted(each.id for each in made)
    with book.engine.begin() as connection:
        assert reconcile(connection) == []


@pytest.mark.parametrize("first", ["promise", "closing"])
def test_a_promise_and_closing_at_once(book: UsageBook, first: str) -> None:
    """Whoever comes second waits: either usage draws on the commit, or the true-up is held; never neither, or both."""
    promises = ChangeBook(book.engine)
    promises.use(JANUARY, "300")
    at_closing_time(promises)
    with ThreadPoolExecutor(1) as pool, book.engine.begin() as connection:
        connection.execute(text("SELECT now()"))  # both transactions have begun
        if first == "closing":
            assert close_month(connection, promises.account_id, claim(connection, promises))
            work = pool.submit(promises.commit, "POSTPAID", "1000", ends=FEBRUARY)
        else:
            promises.promise(connection, "1000", ends=FEBRUARY)
            work = pool.submit(close_all_due, book.engine, promises.account_id)
        until_somebody_waits(book)
        connection.commit()
        work.result()
    promises.work()
    (true_up,) = promises.rows("SELECT * FROM obligation WHERE account_id = :account_id")
    totals = [invoice.total for invoice in promises.invoices()]
    assert (true_up.state, totals) == (("held", [300]) if first == "closing" else ("issued", [300, 700]))


def test_what_closing_saw_is_not_held(book: UsageBook) -> None:
    """A commit that was made after closing's transaction had begun, and that usage was drawn on, is trued up."""
    book.use(JANUARY, "300")
    at_closing_time(book)
    with book.engine.begin() as closing:
        closing.execute(text("SELECT now()"))
        commit_id = book.commit("POSTPAID", "1000", ends=FEBRUARY)
        assert close_month(closing, book.account_id, claim(closing, book))
    book.work()
    assert [invoice.total for invoice in book.invoices()] == [300, 700]
    assert book.balance(commit_id) == 0


def test_three_closers_at_once_close_each_month_once(book: UsageBook) -> None:
    """Three threads close one account's months: nothing twice, nothing left, each customer's months in order."""
    many_customers(book)
    with ThreadPoolExecutor(3) as pool:
        works = [pool.submit(close_all_due, book.engine, book.account_id) for _ in range(3)]
    total = sum((work.result() for work in works), close_all_due(book.engine, book.account_id))
    assert total == Closed(months=2 * CUSTOMERS)
    assert_all_is_closed_once(book)


def test_killed_connections_close_nothing_by_half(book: UsageBook, database_url: str) -> None:
    """Backends terminated in the middle of closing: the work is repeated, and nothing is booked twice."""
    many_customers(book)
    outside = make_engine(database_url)
    killed = 0
    with ThreadPoolExecutor(2) as pool, outside.connect().execution_options(isolation_level="AUTOCOMMIT") as killer:
        works = [pool.submit(close_all_due, book.engine, book.account_id) for _ in range(2)]
        while killed < KILLS_MAX and not all(work.done() for work in works):
            killed += killer.execute(_KILL_A_WRITER).scalar_one()
    outside.dispose()
    total = sum((work.result() for work in works), close_all_due(book.engine, book.account_id))
    assert killed > 0
    assert (total.parked, total.failed) == (0, 0)
    assert_all_is_closed_once(book)


def test_a_rollback_leaves_the_month_as_it_was(book: UsageBook) -> None:
    """What closes and then fails leaves no period, no entry, no number and no moved watermark behind."""
    commit_id = book.commit("PREPAID", "10")
    book.use(JANUARY, "4")
    at_closing_time(book)

    def fail(connection: Connection) -> None:
        assert close_month(connection, book.account_id, claim(connection, book))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), book.engine.begin() as connection:
        fail(connection)
    assert (book.entries(commit_id), book.invoices(), book.watermark()) == ([], [], None)
    book.work()
    assert [(each.number, each.total) for each in book.invoices()] == [(1, 0)]


def test_a_line_that_is_being_taken_in_counts(book: UsageBook) -> None:
    """Closing waits for intake: a line that came before is on the invoice."""
    book.use(JANUARY, "4")
    at_closing_time(book)
    with ThreadPoolExecutor(1) as pool:
        with book.engine.begin() as intake:
            book.take_in(intake, JANUARY, "5")
            closing = pool.submit(book.work)
            until_somebody_waits(book)
        closing.result()
    assert [each.total for each in book.invoices()] == [9]


def test_a_line_that_comes_during_closing_is_late(book: UsageBook) -> None:
    """Intake waits for closing: a line that came after is kept as late, and the invoice stays as it is."""
    book.use(JANUARY, "4")
    at_closing_time(book)
    with ThreadPoolExecutor(1) as pool:
        with book.engine.begin() as connection:
            assert close_month(connection, book.account_id, claim(connection, book))
            late = pool.submit(book.use, JANUARY, "5")
            until_somebody_waits(book)
        late.result()
    assert [each.total for each in book.invoices()] == [4]
    assert [each.is_late for each in book.rows("SELECT * FROM usage_line ORDER BY quantity")] == [False, True]
    assert book.rows("SELECT * FROM usage_month") == []


def test_an_earlier_month_that_turns_up_is_closed_first(book: UsageBook) -> None:
    """A month whose closing waited while usage of an earlier one came in is left until that one is closed."""
    book.commit("PREPAID", "5", starts=DECEMBER)
    book.use(JANUARY, "4")
    at_closing_time(book)
    with ThreadPoolExecutor(1) as pool:
        with book.engine.begin() as intake:
            book.take_in(intake, DECEMBER, "3")
            closing = pool.submit(book.work)
            until_somebody_waits(book)
        closing.result()
    book.work()
    assert [(each.issued_at, each.total) for each in book.invoices()] == [(JANUARY, 0), (FEBRUARY, 2)]


def test_a_true_up_waits_for_usage_that_is_being_taken_in(book: UsageBook) -> None:
    """The first usage of a month, taken in while the true-up that relies on it settles, is closed before it."""
    book.commit("POSTPAID", "10", ends=FEBRUARY)
    at_closing_time(book)
    with ThreadPoolExecutor(1) as pool:
        with book.engine.begin() as intake:
            book.take_in(intake, JANUARY, "4")
            settling = pool.submit(book.work)
            until_somebody_waits(book)
        settling.result()
    assert [each.type for each in book.invoices()] == []
    book.work()
    assert [(each.type, each.total) for each in book.invoices()] == [("USAGE", 4), ("SCHEDULED", 6)]


def test_usage_that_comes_while_a_true_up_settles_is_late(book: UsageBook) -> None:
    """Intake waits for a true-up that closes the month: what comes after it is late."""
    book.commit("POSTPAID", "10", ends=FEBRUARY)
    at_closing_time(book)
    with ThreadPoolExecutor(1) as pool:
        with book.engine.begin() as connection:
            settle_claimed(
                connection, book.account_id, claim_due(connection, book.account_id, rows_max=9, usage_grace_h=24)
            )
            late = pool.submit(book.use, JANUARY, "4")
            until_somebody_waits(book)
        late.result()
    (line,) = book.rows("SELECT * FROM usage_line")
    assert line.is_late
    assert [each.total for each in book.invoices()] == [10]


def test_an_expiry_waits_for_usage_that_is_being_taken_in(book: UsageBook) -> None:
    """The first usage of a month, taken in while a segment expires, draws on it before it does."""
    commit_id = book.commit("PREPAID", "10", ends=FEBRUARY)
    at_closing_time(book)
    with ThreadPoolExecutor(1) as pool:
        with book.engine.begin() as intake:
            book.take_in(intake, JANUARY, "4")
            expiring = pool.submit(book.work)
            until_somebody_waits(book)
        expiring.result()
    book.work()
    assert [amount for _, amount in book.entries(commit_id)] == [-4, -6]


def test_two_expirers_at_once_expire_once(book: UsageBook) -> None:
    """Any number of workers expire a segment once."""
    commits = [book.commit("CREDIT", "10", ends=FEBRUARY) for _ in range(40)]
    at_closing_time(book)
    with ThreadPoolExecutor(3) as pool:
        works = [pool.submit(expire_all_due, book.engine, book.account_id, rows_max=3) for _ in range(3)]
    total = sum(work.result() for work in works) + expire_all_due(book.engine, book.account_id)
    assert total == len(commits)
    assert {tuple(book.entries(each)) for each in commits} == {(("CREDIT_EXPIRATION", Decimal(-10)),)}
    assert book.watermark(CUSTOMER) == FEBRUARY
