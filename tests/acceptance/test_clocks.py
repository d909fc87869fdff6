"""Hosts whose clocks are wrong: what is due, and what comes back, is judged by the services' clocks."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests import bodies
from tests.acceptance.processes import Fleet, fleet, wait_for
from tests.acceptance.test_exactly_once import (
    assert_reconciled,
    packs_of,
    requests_of,
    send,
    wait_until_acknowledged,
    wait_until_decided,
)
from tests.integration.intake import Intake, entry

HOUR_S = "3600"
RECOVERY_S_MAX = 30.0


@pytest.fixture
def processes(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Fleet]:
    """Where this test's workers run."""
    with fleet(database_url, redis_url, tmp_path) as running:
        yield running


def test_a_worker_dies_on_a_host_an_hour_ahead(database: Engine, processes: Fleet) -> None:
    """What it held comes back as soon as what any other holds, not an hour later."""
    account, requests = Intake(database), requests_of(100)
    victim = processes.worker(
        "commits.bulk",
        app="tests.acceptance.other_clock",
        TRUEUP_TEST_CLOCK_S=HOUR_S,
        TRUEUP_TEST_KILL="before the commit",
    )
    send(processes, account, packs_of(requests, size=100))
    assert victim.wait() == -signal.SIGKILL
    processes.worker("commits.bulk")
    assert set(wait_until_decided(account, requests, seconds_max=RECOVERY_S_MAX)) == {"created"}
    wait_until_acknowledged(processes)
    assert_reconciled(account)


def test_nothing_falls_due_by_a_clock_an_hour_ahead(database: Engine, processes: Fleet) -> None:
    """A worker whose clock is ahead issues what is due by the database's clock, and nothing else."""
    account = Intake(database)
    with database.connect() as connection:
        soon = connection.exec_driver_sql(
            "SELECT to_char(now() + interval '30 minutes', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
        )
        later = soon.scalar_one()
    body = bodies.invoiced({"timestamp": "2025-01-01T00:00:00Z", "amount": 1}, {"timestamp": str(later), "amount": 2})
    account.receive(entry(body))
    processes.scheduler()
    processes.worker("invoices", app="tests.acceptance.other_clock", TRUEUP_TEST_CLOCK_S=HOUR_S)
    wait_for(lambda: account.count("invoice"), what="the invoice that is due")
    assert account.rows("SELECT state FROM obligation WHERE account_id = :a ORDER BY due_at") == [
        ("issued",),
        ("pending",),
    ]
    assert_reconciled(account)
