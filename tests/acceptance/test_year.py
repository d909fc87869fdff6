"""A year on a sandbox's clock, with real workers and schedulers of which some are killed: it all adds up."""

import signal
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine

from tests.acceptance.processes import Fleet, Process, fleet, wait_for
from tests.acceptance.year import Year, month_start
from tests.integration.books import close_month, journal, journal_bytes, unbalanced
from trueup.store.invoices.accounts_due import accounts_due
from trueup.store.postgres.engine import snapshot
from trueup.wire.message.names import QUEUES
from trueup_worker.reporting.forecast import forecast
from trueup_worker.reporting.reconcile import reconcile

SEED = 7
GRACE_H = 24
USAGE_AND_WHAT_COVERS_IT = """
    SELECT p.id, (SELECT sum(l.amount) FROM invoice_line AS l WHERE l.invoice_id = p.id AND l.kind = 'usage') AS billed,
           (SELECT sum(u.quantity * u.list_price) FROM usage_line AS u
             WHERE u.contract_id = p.contract_id AND u.unit_id = p.unit_id AND NOT u.is_late
               AND u.at >= p.starting_at AND u.at < p.ending_before) AS used
      FROM usage_period AS p WHERE p.voided_at IS NULL
"""
SUMMARY = """
    SELECT (SELECT count(*) FROM commit) AS commits, (SELECT count(*) FROM usage_line) AS lines,
           (SELECT count(*) FROM usage_line WHERE is_late) AS late, (SELECT count(*) FROM usage_period) AS periods,
           (SELECT count(*) FROM invoice) AS invoices,
           (SELECT count(*) FROM invoice WHERE status = 'VOID') AS void,
           (SELECT count(*) FROM invoice WHERE regenerated_from_id IS NOT NULL) AS regenerated,
           (SELECT count(*) FROM ledger_entry) AS entries,
           (SELECT count(*) FROM ledger_entry WHERE type ~ 'EXPIRATION') AS expirations,
           (SELECT sum(total) FROM invoice WHERE status = 'FINALIZED' AND type = 'USAGE') AS "usage billed",
           (SELECT sum(total) FROM invoice AS i JOIN obligation AS o USING (account_id, id)
             WHERE i.status = 'FINALIZED' AND o.kind = 'TRUE_UP') AS "trued up"
"""


class Stack:
    """Two workers and a scheduler, in processes of their own."""

    def __init__(self, processes: Fleet) -> None:
        self._processes = processes
        self._workers = [processes.worker(",".join(QUEUES)) for _ in range(2)]
        self._scheduler = processes.scheduler()

    def kill(self) -> None:
        """Kills a worker and the scheduler, whatever they are doing, and starts others."""
        for process in (self._workers[0], self._scheduler):
            _kill(process)
        self._workers = [self._workers[1], self._processes.worker(",".join(QUEUES))]
        self._scheduler = self._processes.scheduler()


def _kill(process: Process) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.fixture
def processes(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Stack]:
    """The processes of the year."""
    with fleet(database_url, redis_url, tmp_path) as running:
        yield Stack(running)


@pytest.fixture
def year(database: Engine, database_url: str, redis_url: str) -> Iterator[Year]:
    """The account, on the first of January."""
    made = Year(database, database_url=database_url, broker_url=redis_url, seed=SEED)
    yield made
    made.close()


def wait_until_settled(year: Year) -> None:
    """Waits until nothing is due."""

    def is_settled() -> bool:
        with year.engine.connect() as connection:
            return not accounts_due(connection, accounts_max=1, usage_grace_h=GRACE_H)

    wait_for(is_settled, what="everything due to be settled")


def finalized(year: Year) -> dict[UUID, Decimal]:
    """The totals of all invoices."""
    return {row.id: row.total for row in year.rows("SELECT id, total FROM invoice")}


def foreseen(year: Year, until: datetime) -> dict[UUID, Decimal]:
    """The totals of the invoices that the forecast says will be made."""
    with snapshot(year.engine) as connection:
        found = forecast(connection, account_id=year.account_id, until=until, usage_grace_h=GRACE_H)
    return {each.id: each.amount for each in found if each.outcome == "issued"}


def assert_sound(year: Year) -> None:
    """Everything agrees, and what was used is what was drawn and what was charged, line by line."""
    with year.engine.begin() as connection:
        assert reconcile(connection) == []
    for period in year.rows(USAGE_AND_WHAT_COVERS_IT):
        assert abs(period.billed - period.used) < Decimal("1e-9"), period.id


def book(year: Year, month: int, booked: dict[str, bytes]) -> None:
    """Closes a month of the books: it is exported as before, and so is every month that was closed before it."""
    name = f"{month_start(month):%Y-%m}"
    booked[name] = journal_bytes(year, name)
    close_month(year, name)
    assert {each: journal_bytes(year, each) for each in booked} == booked
    assert unbalanced(journal(year)) == set()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_year(processes: Stack, year: Year, capsys: pytest.CaptureFixture[str]) -> None:
    """Month by month: what is foreseen comes true, kills or not, reconcile finds nothing, and the books are closed."""
    year.begin()
    booked: dict[str, bytes] = {}
    for month in range(12):
        year.live(month)
        wait_until_settled(year)
        until, before = month_start(month + 1) + timedelta(hours=GRACE_H + 1), finalized(year)
        expected = before | foreseen(year, until)
        year.advance(until)
        if month % 3 == 2:
            processes.kill()
            year.done["workers and schedulers killed"] += 2
        wait_until_settled(year)
        assert finalized(year) == expected
        assert_sound(year)
        book(year, month, booked)
    year.release_all()
    year.advance(month_start(24))
    wait_until_settled(year)
    assert_sound(year)
    assert year.rows("SELECT id FROM obligation WHERE state IN ('pending', 'parked')") == []
    for month in range(12, 24):
        book(year, month, booked)
    year.done["lines of the journal"] = len(journal(year))
    assert_sound(year)
    (summary,) = year.rows(SUMMARY)
    told = {**year.done, **summary._mapping}
    with capsys.disabled():
        sys.stdout.write(f"\na year, seed {SEED}:\n" + "".join(f"  {name}: {n}\n" for name, n in told.items()))
