"""Months, days and hours are those of UTC, whatever zone a session has: behind a pooler it may be somebody else's."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.types.datetime import TimestamptzLoader
from sqlalchemy import Engine, event

from tests.integration.test_reconcile import differences
from tests.integration.usage_book import CUSTOMER, UsageBook
from trueup.store.postgres.engine import make_engine
from trueup.store.usage.by_hour import closed_usage, open_usage

HOUR = timedelta(hours=1)
FEBRUARY, MARCH, APRIL = (datetime(2030, month, 1, tzinfo=UTC) for month in (2, 3, 4))


class InUtc(TimestamptzLoader):
    """The driver gives times in the session's zone; here they are in UTC, so that SQL alone is abroad."""

    def load(self, data: Any) -> datetime:
        """The time, in UTC."""
        return super().load(data).astimezone(UTC)


@pytest.fixture(params=["Asia/Kolkata", "America/New_York"])
def abroad(request: pytest.FixtureRequest, database_url: str) -> Iterator[Engine]:
    """An engine whose transactions run in another zone: half an hour off, or with days of 23 and 25 hours."""
    engine = make_engine(database_url)
    event.listen(engine, "connect", lambda driver, _: driver.adapters.register_loader("timestamptz", InUtc))
    event.listen(engine, "begin", lambda begun: begun.exec_driver_sql(f"SET LOCAL timezone = '{request.param}'"))
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def at_home(shared_database: Engine) -> dict[str, Any]:
    """The same life in sessions that run in UTC."""
    return life(shared_database)


def life(engine: Engine) -> dict[str, Any]:
    """What three months come to: usage at their borders, a true-up, and credit that ends."""
    book = UsageBook(engine)
    postpaid = book.commit("POSTPAID", "1000", ends=MARCH)
    credit = book.commit("CREDIT", "50", ends=FEBRUARY)
    for at in (FEBRUARY - HOUR / 4, FEBRUARY, FEBRUARY + HOUR / 4, MARCH - HOUR / 4, MARCH, APRIL - HOUR / 4):
        book.use(at, "10", "3")
    found: dict[str, Any] = {}
    for month in (FEBRUARY - HOUR, FEBRUARY, MARCH):
        with engine.begin() as connection:
            found[f"open in {month:%B}"] = list(open_usage(connection, book.account_id, CUSTOMER, before=None))
        book.close(month)
        found[f"watermark of {month:%B}"] = book.watermark()
    with engine.begin() as connection:
        closed = closed_usage(connection, book.account_id, CUSTOMER, since=FEBRUARY, before=APRIL)
        found["closed"] = list(closed)
    found["invoices"] = [(each.type, each.total, each.issued_at) for each in book.invoices()]
    found["entries"] = [book.entries(postpaid), book.entries(credit)]
    found["differences"] = differences(book)
    return found


def test_three_months_abroad(at_home: dict[str, Any], abroad: Engine) -> None:
    """Every figure, watermark and line is the same as in a session that runs in UTC, and nothing differs."""
    there = life(abroad)
    assert there == at_home
    assert there["differences"] == []
    assert there["watermark of March"] == APRIL
