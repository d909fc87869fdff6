"""What is due becomes tasks, whatever is away in between."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
import redis
from sqlalchemy import Engine, TextClause, text
from structlog.testing import capture_logs

from tests.conftest import SECRET_KEY, RunningServices
from tests.integration.book import LAST_YEAR, LONG_AGO, Book
from tests.integration.usage_book import FEE, START, UsageBook
from tests.messages import read_body
from trueup.broker.broker import Broker, open_broker
from trueup.clock import utc_now
from trueup.limits import PROBED_ROWS_MAX
from trueup.readiness import PROCESS_NAME_VARIABLE, READY_FOLDER_VARIABLE
from trueup.store.accounts.accounts import create_account
from trueup.store.accounts.next_looks import accounts_to_look_at, look_again
from trueup.store.invoices import accounts_due
from trueup.store.invoices.overdue import oldest_due
from trueup.store.postgres.engine import make_engine
from trueup.store.usage import months
from trueup_worker.invoicing.clock import advance_clock
from trueup_worker.scheduling.look import Looks, look
from trueup_worker.scheduling.loop import Steps, run

WAITING = """
    WITH used AS (
        INSERT INTO usage_month (account_id, customer_id, starting_at, settles_at)
        SELECT :account_id, gen_random_uuid(), '2030-01-01Z', now() + interval '1 hour'
          FROM generate_series(1, :number) RETURNING account_id, customer_id
    ), made AS (
        INSERT INTO commit (account_id, id, type, customer_id, product_id, priority, rate_type, access_type,
                            access_unit_id, fingerprint, fingerprint_version, created_at)
        SELECT account_id, gen_random_uuid(), type, customer_id, :fee, 1, 'LIST_RATE', 'SPEND', :fee, '', 1, now()
          FROM used CROSS JOIN (VALUES ('POSTPAID'), ('CREDIT')) AS each (type)
        RETURNING account_id, id, type
    ), opened AS (
        INSERT INTO segment (account_id, commit_id, position, amount, starting_at, ending_before, granted_at, expires)
        SELECT account_id, id, 0, 1, '2030-01-01Z', '2030-02-01Z', '2030-01-01Z', type = 'CREDIT' FROM made
    )
    INSERT INTO obligation (account_id, id, commit_id, position, kind, scheduled_at, due_at, unit_price, quantity,
                            amount)
    SELECT account_id, gen_random_uuid(), id, 0, 'TRUE_UP', '2030-02-01Z', '2030-02-02Z', 1, 1, 1
      FROM made WHERE type = 'POSTPAID'
"""


class Pauses(Event):
    """Notes the pauses that a loop makes instead of making them, does what is to happen in one, and ends the last."""

    def __init__(self, last: int, happens: Mapping[int, Callable[[], None]] | None = None) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self._last, self._happens = last, happens or {}

    def wait(self, timeout: float | None = None) -> bool:
        """One pause."""
        assert timeout is not None
        self.seconds.append(timeout)
        self._happens.get(len(self.seconds), lambda: None)()
        if len(self.seconds) == self._last:
            self.set()
        return self.is_set()


@pytest.fixture
def broker(redis_url: str) -> Iterator[Broker]:
    """An empty broker."""
    opened = open_broker(redis_url)
    yield opened
    opened.close()


def sent(redis_url: str) -> list[int]:
    """The accounts named by the messages on queue `invoices`, oldest first."""
    with redis.Redis.from_url(redis_url) as client:
        messages = [json.loads(message) for message in reversed(client.lrange("invoices", 0, -1))]
    assert all(message["headers"]["task"] == "invoices.issue" for message in messages)
    return [read_body(message)[0][0] for message in messages]


def until(condition: Callable[[], bool]) -> None:
    """Waits until the condition holds, at most 30 seconds."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_one_task_for_each_account_with_due_rows(database: Engine, broker: Broker, redis_url: str) -> None:
    """Accounts are named longest overdue first; one without due rows is not named."""
    with database.begin() as connection:
        ids = [create_account(connection, name, now=utc_now()).id for name in ("late", "idle", "later", "empty")]
    late, idle, later, _ = (Book(database, account_id) for account_id in ids)
    late.prepaid((LAST_YEAR, "1"), (LAST_YEAR, "2"))
    idle.prepaid((utc_now() + timedelta(days=1), "1"))
    later.prepaid((LONG_AGO, "1"))
    assert look(database, broker) == 2
    assert sent(redis_url) == [later.account_id, late.account_id]


def test_a_sandbox_is_due_by_its_own_clock(database: Engine, broker: Broker, redis_url: str) -> None:
    """A sandbox is named once its clock has been moved past a due time, whatever the real time is."""
    start = datetime(2020, 1, 1, tzinfo=UTC)
    with database.begin() as connection:
        sandbox = create_account(connection, "sandbox", sandbox=True, now=start).id
    Book(database, sandbox).prepaid((LAST_YEAR, "1"))
    assert look(database, broker) == 0
    with database.begin() as connection:
        advance_clock(connection, account_id=sandbox, to=LAST_YEAR, actor="key")
    assert look(database, broker) == 1
    assert sent(redis_url) == [sandbox]


def test_a_month_and_a_segment_that_are_over_are_work(database: Engine, broker: Broker, redis_url: str) -> None:
    """An account is named for a month that is to be closed, or a segment that is to expire, and for nothing less."""
    used, expiring = UsageBook(database), UsageBook(database, name="expiring")
    used.use(START, "1")
    expiring.commit("CREDIT", "1", ends=datetime(2030, 2, 1, tzinfo=UTC))
    for clock, busy in (("2030-02-01T23:59:59Z", []), ("2030-02-02T00:00:00Z", [used, expiring])):
        used.run("UPDATE account SET clock_at = :clock", clock=clock)
        assert look(database, broker) == len(busy)
    assert sorted(sent(redis_url)) == [used.account_id, expiring.account_id]
    used.work()
    expiring.work()
    assert look(database, broker) == 0


def test_a_look_costs_little(database: Engine) -> None:
    """It descends one index for each kind of work: thousands of months and segments to come add nothing."""
    book = UsageBook(database)
    book.commit("CREDIT", "1")
    book.run(
        "INSERT INTO usage_month (account_id, customer_id, starting_at) "
        "SELECT :account_id, gen_random_uuid(), '2030-01-01Z' FROM generate_series(1, 4000)"
    )
    book.run(
        "INSERT INTO segment (account_id, commit_id, position, amount, starting_at, ending_before, expires) "
        "SELECT s.account_id, s.commit_id, n, 1, starting_at, ending_before, true FROM segment AS s, "
        "generate_series(1, 4000) AS n"
    )
    book.run("ANALYZE usage_month, segment")
    assert buffers(book, accounts_due._ALL, accounts_max=9, usage_grace_h=24, rows_max=None) < 20


def make_waiting(book: UsageBook, number: int) -> None:
    """Customers with an open January that settles, a true-up that is due and waits for it, and a credit that ended."""
    book.run(WAITING, number=number, fee=FEE)
    book.run("UPDATE account SET clock_at = '2030-02-02Z'")
    book.run("ANALYZE usage_month, segment, commit, obligation")


def test_a_quick_look_costs_little_however_much_waits(database: Engine) -> None:
    """It passes over a bounded number of true-ups and segments that wait for months; a whole one finds what is left."""
    book = UsageBook(database)
    make_waiting(book, 4_000)
    given = {"accounts_max": 9, "usage_grace_h": 24}
    assert buffers(book, accounts_due._ALL, rows_max=PROBED_ROWS_MAX, **given) < 20 * PROBED_ROWS_MAX
    book.commit("POSTPAID", "1", starts=START - timedelta(days=31), ends=START, at=datetime(2030, 2, 2, tzinfo=UTC))
    with database.begin() as connection:
        assert accounts_due.accounts_due(connection, rows_max=None, **given) == [book.account_id]


def looked(book: UsageBook, *, rows_max: int | None = None) -> list[int]:
    """Accounts that a look finds to have work."""
    with book.engine.begin() as connection:
        chosen = accounts_to_look_at(connection, "work")
        given = {"accounts_max": 9, "usage_grace_h": 24, "rows_max": rows_max}
        return list(accounts_due.accounts_due(connection, among=chosen, **given)) if chosen else []


def test_an_account_is_looked_at_when_it_is_time(book: Book) -> None:
    """It is noted when the first of its work falls due; until then it costs nothing."""
    due_at = utc_now() + timedelta(hours=1)
    book.prepaid((due_at, "1"), (due_at + timedelta(days=1), "1"))
    with book.engine.begin() as connection:
        chosen = accounts_to_look_at(connection, "work")
        assert list(chosen) == [book.account_id]
        assert accounts_due.accounts_due(connection, accounts_max=9, usage_grace_h=24, among=chosen) == []
        assert not accounts_to_look_at(connection, "work")
    assert [row.work_at for row in book.rows("SELECT work_at FROM next_look")] == [due_at]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE obligation SET state = 'pending'",
        """
        INSERT INTO usage_month (account_id, customer_id, starting_at)
        VALUES (:account_id, gen_random_uuid(), '2029-01-01Z')
        """,
        "UPDATE segment SET ending_before = '2029-01-01Z', granted_at = '2028-01-01Z'",
        "UPDATE account SET clock_at = '2031-01-01Z'",
    ],
)
def test_an_account_is_looked_at_again_when_something_comes(database: Engine, change: str) -> None:
    """What waited and does so no more, usage, shortened access, and a sandbox's clock that moved."""
    book = UsageBook(database)
    book.commit("CREDIT", "1", ends=datetime(2030, 6, 1, tzinfo=UTC))
    book.commit("POSTPAID", "1", starts=START - timedelta(days=31), ends=START)
    book.run("UPDATE obligation SET state = 'held'")
    book.run("UPDATE account SET clock_at = '2030-01-02Z'")
    assert looked(book) == []
    assert looked(book) == []
    book.run(change)
    assert looked(book) == [book.account_id]


@pytest.mark.parametrize(
    "wrong",
    [
        "DELETE FROM next_look",
        "UPDATE next_look SET work_at = now() + interval '1 hour'",
        "UPDATE next_look SET work_at = now() + interval '1 year'",
    ],
)
def test_an_account_that_looks_have_lost_is_looked_at_again(book: Book, wrong: str) -> None:
    """Its work is done, and the gauge of what is overdue, which asks no other accounts, sees it."""
    book.prepaid((LAST_YEAR, "1"))
    with book.engine.begin() as connection:
        assert accounts_to_look_at(connection, "work")
    book.run(wrong)
    with book.engine.begin() as connection:
        assert not accounts_to_look_at(connection, "work")
        assert oldest_due(connection) is None
    with book.engine.begin() as connection:
        look_again(connection)
    with book.engine.begin() as connection:
        assert (oldest_due(connection) or timedelta()) > timedelta(days=300)
        assert accounts_to_look_at(connection, "work") == [book.account_id]


def test_asking_every_account_changes_nothing_where_all_is_right(book: Book) -> None:
    """Each keeps its times."""
    book.prepaid((utc_now() + timedelta(hours=1), "1"))
    with book.engine.begin() as connection:
        chosen = accounts_to_look_at(connection, "work")
        accounts_due.accounts_due(connection, accounts_max=9, usage_grace_h=24, among=chosen)
    before = book.rows("SELECT * FROM next_look")
    with book.engine.begin() as connection:
        look_again(connection)
    assert book.rows("SELECT * FROM next_look") == before


def test_every_account_is_asked_once_an_hour() -> None:
    """By the first look, too."""
    looks = Looks()
    assert [at for at in (100.0, 101.0, 3699.9, 3700.0, 3701.0) if looks.seeks_overlooked(at)] == [100.0, 3700.0]


def test_a_transaction_notes_an_account_once(database: Engine) -> None:
    """However much it brings: a look takes so many notes, and others' stand behind them."""
    books = [UsageBook(database, name=name) for name in ("one", "other")]
    month = "INSERT INTO usage_month (account_id, customer_id, starting_at)"
    month += " SELECT :account_id, gen_random_uuid(), '2029-01-01Z' FROM generate_series(1, 500)"
    looked(books[0])
    with database.begin() as connection:
        undone = connection.begin_nested()
        connection.execute(text(month), {"account_id": books[0].account_id})
        undone.rollback()
        for book in books:
            for _ in range(2):
                connection.execute(text(month), {"account_id": book.account_id})
    assert [row.account_id for row in books[0].rows("SELECT account_id FROM changed_account ORDER BY seq")] == [
        book.account_id for book in books
    ]
    books[0].run("DELETE FROM changed_account")
    books[0].run(month)
    assert len(books[0].rows("SELECT * FROM changed_account")) == 1


def test_what_stands_behind_much_that_waits_is_found_by_a_whole_look(database: Engine) -> None:
    """A quick one leaves the account to be looked at again."""
    book = UsageBook(database)
    make_waiting(book, PROBED_ROWS_MAX + 1)
    book.run("UPDATE account SET clock_at = '2030-02-03Z'")
    book.commit("POSTPAID", "1", starts=START - timedelta(days=31), ends=START, at=datetime(2030, 2, 3, tzinfo=UTC))
    assert looked(book, rows_max=PROBED_ROWS_MAX) == []
    assert looked(book, rows_max=PROBED_ROWS_MAX) == []
    assert looked(book) == [book.account_id]


def test_claiming_a_month_costs_little(database: Engine) -> None:
    """It reads the months in the order in which they are claimed, and stops at the first, however many there are."""
    book = UsageBook(database)
    book.run(
        "INSERT INTO usage_month (account_id, customer_id, starting_at) "
        "SELECT :account_id, gen_random_uuid(), '2030-01-01Z' FROM generate_series(1, 4000)"
    )
    book.run("UPDATE account SET clock_at = '2030-02-02Z'")
    book.run("ANALYZE usage_month")
    assert buffers(book, months._CLAIM, account_id=book.account_id, usage_grace_h=24) < 20


def test_now_and_then_a_look_is_a_whole_one() -> None:
    """The first one is, and one in each half minute."""
    looks = Looks()
    assert [at for at in (100.0, 101.0, 129.9, 130.0, 131.0) if looks.rows_max(at) is None] == [100.0, 130.0]


def buffers(book: UsageBook, statement: TextClause, **given: object) -> int:
    """How many pages a statement looks at."""
    top = book.rows(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement.text}", **given)[0][0][0]["Plan"]
    return int(top["Shared Hit Blocks"] + top["Shared Read Blocks"])


def test_a_round_at_a_time(book: Book, broker: Broker, redis_url: str) -> None:
    """While a task waits nobody is named again: an account with much to do does not stand in its own queue."""
    book.prepaid((LAST_YEAR, "1"))
    assert [look(book.engine, broker) for _ in range(3)] == [1, 0, 0]
    assert sent(redis_url) == [book.account_id]
    with redis.Redis.from_url(redis_url) as client:
        client.rpop("invoices")  # a worker takes it, and is at it
    assert look(book.engine, broker) == 1


def test_a_round_has_a_bound(database: Engine, broker: Broker) -> None:
    """It names so many accounts and no more."""
    with database.begin() as connection:
        ids = [create_account(connection, name, now=utc_now()).id for name in ("one", "two", "three")]
    for account_id in ids:
        Book(database, account_id).prepaid((LAST_YEAR, "1"))
    assert look(database, broker, accounts_max=2) == 2


def test_the_loop_outlives_a_database_that_is_not_there(
    services: RunningServices, template: str, broker: Broker
) -> None:
    """Failing looks are logged once and repeated until the database is there; only then is readiness told."""
    url = services.database("comes_late")
    engine = make_engine(url)
    pauses = Pauses(6, {4: lambda: services.create("comes_late", template=template)})
    ready: list[int] = []
    with capture_logs() as logged:
        run(
            lambda: look(engine, broker),
            interval_s=1,
            on_first_look=lambda: ready.append(len(pauses.seconds)),
            stopping=pauses,
        )
    engine.dispose()
    services.drop("comes_late")
    assert pauses.seconds == [2, 4, 5, 5, 1, 1]
    assert ready == [4]
    assert [entry["action"] for entry in logged if entry["log_level"] != "debug"] == [
        "scheduler_away",
        "scheduler_back",
    ]


def test_the_loop_outlives_a_broker_that_is_not_there(book: Book) -> None:
    """A broker that refuses connections fails the look at once, and the loop goes on."""
    book.prepaid((LAST_YEAR, "1"))
    broker = open_broker("redis://127.0.0.1:1/0")
    pauses = Pauses(3)
    started = time.monotonic()
    run(lambda: look(book.engine, broker), interval_s=1, on_first_look=lambda: None, stopping=pauses)
    assert pauses.seconds == [2, 4, 5]
    assert time.monotonic() - started < 20


def test_a_step_that_fails_keeps_no_other_from_being_taken() -> None:
    """The look has failed once all others were taken; the step is named once in a row."""
    taken: list[str] = []

    def take(name: str) -> int:
        taken.append(name)
        return 1

    steps = Steps({"first": lambda: take("first"), "stuck": lambda: 1 // 0, "last": lambda: take("last")})
    with capture_logs() as logged:
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                steps()
    assert taken == ["first", "last"] * 2
    assert [(each["action"], each["step"]) for each in logged] == [("step_failed", "stuck")]
    assert Steps({"first": lambda: take("first"), "last": lambda: take("last")})() == 2


def test_two_scheduler_processes(book: Book, database_url: str, redis_url: str, tmp_path: Path) -> None:
    """Two of them say that they are ready, name due accounts, and stop at once on SIGTERM and SIGINT."""
    book.prepaid((LAST_YEAR, "1"))
    schedulers = [start_scheduler(f"scheduler.{n}", database_url, redis_url, tmp_path) for n in (1, 2)]
    try:
        until(lambda: len(list(tmp_path.glob("scheduler.*"))) == 2)
        until(lambda: len(sent(redis_url)) >= 1)
        for scheduler, number in zip(schedulers, (signal.SIGTERM, signal.SIGINT), strict=True):
            asked = time.monotonic()
            scheduler.send_signal(number)
            assert scheduler.wait(timeout=10) == 0
            assert time.monotonic() - asked < 8
    finally:
        for scheduler in schedulers:
            with suppress(ProcessLookupError):
                scheduler.kill()
            scheduler.wait()
    assert set(sent(redis_url)) == {book.account_id}


def start_scheduler(name: str, database_url: str, redis_url: str, ready_folder: Path) -> "subprocess.Popen[bytes]":
    """A scheduler process as the Procfile starts it."""
    environ = {
        "PATH": os.environ["PATH"],
        "TRUEUP_DATABASE_URL": database_url,
        "TRUEUP_BROKER_URL": redis_url,
        "TRUEUP_SECRET_KEY": SECRET_KEY,
        "TRUEUP_SCHEDULER_INTERVAL_S": "20",
        READY_FOLDER_VARIABLE: str(ready_folder),
        PROCESS_NAME_VARIABLE: name,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "trueup_worker.scheduling"], env=environ, cwd=Path(__file__).parents[2]
    )
