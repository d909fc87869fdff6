"""Alerts by real schedulers and workers that are killed: each is told once."""

import signal
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.acceptance.processes import fleet, wait_for
from tests.integration.alert_book import DAY, BalanceBook
from tests.integration.usage_book import START

MOMENTS = 4


@pytest.mark.slow
def test_each_alert_is_told_once_whoever_is_killed(
    database: Engine, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    """After weeks without anybody, over workers and schedulers that die: by the clock of a sandbox."""
    book = BalanceBook(database)
    ends = START + 60 * DAY
    first = book.commit("PREPAID", "100", starts=START + DAY, ends=ends, paid=False)
    second = book.commit("CREDIT", "10000", starts=START + 50 * DAY, ends=START + 100 * DAY)
    book.to(ends - 5 * DAY)
    book.record("90", at=START + 2 * DAY)
    with fleet(database_url, redis_url, tmp_path) as running:
        scheduler = running.scheduler()
        with running.restarting("maintenance", app="tests.acceptance.dying_alerts"):
            wait_for(lambda: len(list(tmp_path.glob("killed *"))) == MOMENTS, what="all kills")
            scheduler.send_signal(signal.SIGKILL)
            running.scheduler()
            book.to(ends)
            wait_for(lambda: ("commit.segment.end", first, None) in book.by_time(), what="the end to be told")
    assert sorted(book.by_time(), key=repr) == sorted(
        [
            ("commit.segment.start", first, None),
            ("commit.expiring", first, 7),
            ("credit.segment.start", second, None),
            ("commit.segment.end", first, None),
        ],
        key=repr,
    )
    assert book.of_balances() == ["commit.balance_low 50", "commit.balance_low 80"]
