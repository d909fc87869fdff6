"""A forecast says what will be, and writes nothing. The amounts stand in tests/tables/forecast.txt."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from tests.integration.change_book import ChangeBook
from tests.integration.instalments import instalment
from tests.integration.usage_book import CUSTOMER, FIRST, SECOND, START, UsageBook
from trueup.store.postgres.engine import snapshot
from trueup.store.tables import metadata
from trueup_worker.invoicing.release import release_obligation
from trueup_worker.reporting.forecast import ForecastRefused, Foreseen, forecast

FEBRUARY, MARCH, NEXT_YEAR = (
    datetime(2030, 2, 1, tzinfo=UTC),
    datetime(2030, 3, 1, tzinfo=UTC),
    START.replace(year=2031),
)


@pytest.fixture
def book(shared_database: Engine, request: pytest.FixtureRequest) -> UsageBook:
    """A sandbox with instalments, a true-up, and usage of two contracts."""
    made = UsageBook(shared_database, name=request.node.name)
    prepaid = made.commit("PREPAID", "100", ends=MARCH)
    for at in (START, FEBRUARY):
        instalment(made, prepaid, at, "50")
    made.commit("POSTPAID", "1000", ends=MARCH)
    made.use(START + timedelta(days=9), "80")
    made.use(FEBRUARY + timedelta(days=9), "300", contract_id=SECOND)
    return made


def foreseen(book: UsageBook, until: datetime = NEXT_YEAR, **more: Any) -> list[Foreseen]:
    """The forecast."""
    with snapshot(book.engine) as connection:
        return forecast(connection, account_id=book.account_id, until=until, usage_grace_h=24, **more)


def outcomes(found: list[Foreseen]) -> list[tuple[str, Decimal, str]]:
    """Type, amount and outcome of each."""
    return [(each.type, each.amount, each.outcome) for each in found]


def contents(book: UsageBook) -> dict[str, list[Any]]:
    """Every row of every table, sequences included."""
    with book.engine.begin() as connection:
        tables = {table.name: sorted(map(repr, connection.execute(table.select()))) for table in metadata.sorted_tables}
        numbers = connection.execute(text("SELECT sequencename, last_value FROM pg_sequences ORDER BY 1"))
        return tables | {"sequences": [tuple(row) for row in numbers]}


def test_nothing_is_written(book: UsageBook) -> None:
    """Before and after a forecast every row and every sequence of the database is the same."""
    before = contents(book)
    assert len(foreseen(book)) == 5
    assert contents(book) == before


def test_a_snapshot_cannot_write(book: UsageBook) -> None:
    """What a forecast reads in refuses to be written to by itself."""
    with pytest.raises(DBAPIError, match="read-only"), snapshot(book.engine) as connection:
        connection.execute(text("UPDATE account SET name = 'x'"))


def test_what_is_due_comes_in_its_order(book: UsageBook) -> None:
    """By the time it settles; months are closed before the true-ups that wait for them."""
    assert [(each.at, each.type, each.amount) for each in foreseen(book)] == [
        (START, "SCHEDULED", 50),
        (FEBRUARY, "SCHEDULED", 50),
        (FEBRUARY + timedelta(days=1), "USAGE", 0),
        (MARCH + timedelta(days=1), "USAGE", 280),
        (MARCH + timedelta(days=1), "TRUE_UP", 720),
    ]


def test_a_true_up_shows_its_arithmetic(book: UsageBook) -> None:
    """Usage of open months is among what will be drawn."""
    assert foreseen(book)[-1].why == "committed 1000 - drawn 280 + adjustments 0 = due 720"


def test_of_one_contract_or_customer(book: UsageBook) -> None:
    """One contract's invoices only, with the amounts that all of the customer's usage makes."""
    assert outcomes(foreseen(book, contract_id=SECOND)) == [("USAGE", 280, "issued")]
    assert {each.contract_id for each in foreseen(book, contract_id=FIRST)} == {FIRST}
    assert foreseen(book, customer_id=CUSTOMER) == foreseen(book)


def test_a_month_that_is_parked_holds_up_what_waits_for_it(book: UsageBook) -> None:
    """The month itself is parked; later months and the true-up wait, and say for what."""
    book.run("UPDATE usage_month SET state = 'parked', reason = 'boom' WHERE starting_at = :start", start=START)
    parked, waiting, true_up = foreseen(book)[2:]
    assert (parked.outcome, parked.why) == ("parked", "boom")
    assert {(each.outcome, each.why) for each in (waiting, true_up)} == {
        ("waiting", "usage of 2030-01 is parked: boom")
    }


def test_a_true_up_waits_for_months_that_close_after_its_date(book: UsageBook) -> None:
    """Due before the month of its access can be closed: it comes with the month, not with its date."""
    book.run("UPDATE obligation SET due_at = :at WHERE kind = 'TRUE_UP' AND account_id = :account_id", at=MARCH)
    assert "TRUE_UP" not in {each.type for each in foreseen(book, MARCH)}
    assert foreseen(book)[-1].at == MARCH + timedelta(days=1)


def test_a_true_up_over_invoiced_usage_will_be_held(book: UsageBook) -> None:
    """Made after usage of its time was charged: held, until an operator lets it be made."""
    book.use(START, "1500")
    book.go_to(FEBRUARY + timedelta(days=2))
    late: UUID = book.commit("POSTPAID", "70", ends=FEBRUARY)
    held = next(each for each in foreseen(book) if each.commit_id == late)
    assert (held.outcome, held.why, held.amount) == ("held", "usage_already_invoiced", 70)
    book.work()
    assert [each for each in foreseen(book) if each.commit_id == late] == [held]
    with book.engine.begin() as connection:
        release_obligation(connection, account_id=book.account_id, obligation_id=held.id, actor="key", reason="agreed")
    assert next(each for each in foreseen(book) if each.commit_id == late).outcome == "issued"


def test_a_widened_promise_will_be_held(common_database: Engine) -> None:
    """What an edit lets a commit cover was charged before: held, as it is when the time has come."""
    promises = ChangeBook(common_database)
    commit_id = promises.commit("POSTPAID", "20", ends=MARCH)
    promises.use(START, "30")
    promises.go_to(FEBRUARY + timedelta(days=2))
    assert outcomes(foreseen(promises)) == [("TRUE_UP", Decimal(0), "nothing_due")]
    promises.change_promise(commit_id, amount=70)
    found = foreseen(promises)
    assert outcomes(found) == [("TRUE_UP", Decimal(50), "held")]
    promises.go_to(found[0].at)
    assert (promises.state(commit_id), foreseen(promises)[0].why) == ("held", "usage_already_invoiced")


def test_a_true_up_is_foreseen_with_the_present_grace_time(common_database: Engine) -> None:
    """It waits for the month of its access's last hour, however long that is left open now."""
    promises = ChangeBook(common_database)
    promises.commit("POSTPAID", "20", ends=MARCH - timedelta(days=9))
    with snapshot(promises.engine) as connection:
        (found,) = forecast(connection, account_id=promises.account_id, until=NEXT_YEAR, usage_grace_h=240)
    assert found.at == MARCH + timedelta(hours=240)


def test_an_obligation_that_is_parked_says_so(book: UsageBook) -> None:
    """With the reason, and what it would have billed."""
    book.run(
        "UPDATE obligation SET state = 'parked', reason = 'boom' WHERE scheduled_at = :at AND kind = 'SCHEDULED'"
        " AND account_id = :account_id",
        at=FEBRUARY,
    )
    parked = foreseen(book)[1]
    assert (parked.outcome, parked.why, parked.amount) == ("parked", "boom", 50)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"until": START - timedelta(seconds=1)}, "has passed"),
        ({"until": datetime(9999, 1, 1, tzinfo=UTC)}, "up to 9998"),
        ({"customer_id": uuid4()}, "no customer"),
        ({"contract_id": uuid4()}, "no contract"),
    ],
    ids=["the past", "year 9999", "unknown customer", "unknown contract"],
)
def test_what_cannot_be_foreseen_is_refused(book: UsageBook, given: dict[str, Any], said: str) -> None:
    """The past, years that no timestamp has, and what the account does not know."""
    with pytest.raises(ForecastRefused, match=said):
        foreseen(book, **given)
