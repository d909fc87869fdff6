"""What is told of access that ends, as an accountant reads it."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import Engine

from tests.integration.alert_book import AlertBook, Told
from tests.tables.table import Row, read_table
from trueup.ids import new_id_text
from trueup.store.alerts.settings import set_thresholds

CASES = read_table("expiring.txt")
_SAID = {"commit.segment.start": "begins", "commit.segment.end": "ends"}


@pytest.mark.parametrize("case", CASES, ids=[each["case"] for each in CASES])
def test_access_is_told_of_as_the_table_says(common_database: Engine, case: Row) -> None:
    """A row of expiring.txt: what each look tells, and a second look tells nothing more."""
    book = AlertBook(common_database, name=new_id_text())
    days = [] if case["days before"] == "none" else [Decimal(each) for each in case["days before"].split()]
    with book.engine.begin() as connection:
        set_thresholds(connection, book.account_id, "expiring_days", days)
    starts, ends = _instant(case["access begins"]), _instant(case["access ends"])
    book.commit("PREPAID", "100", starts=starts, ends=ends, paid=False)
    book.told()
    told = [_said(book.move(instant)) for instant in _instants(case["looked at"])]
    assert "; ".join(told) == case["told"]


def _instants(cell: str) -> list[datetime]:
    """Instants; those after the first may leave out its year."""
    first, *more = cell.split("; ")
    year = first[:5]
    return [_instant(first), *(_instant(each if each[4] == "-" else year + each) for each in more)]


def _instant(said: str) -> datetime:
    return datetime.fromisoformat(said).replace(tzinfo=UTC)


def _said(told: list[Told]) -> str:
    found = [_SAID.get(event, f"{days:g}" if days else event) for event, _, days in told]
    return " and ".join(found) or "-"
