"""Balances are judged once usage may have brought them to a threshold, and each threshold is told once."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import IntegrityError

from tests.conftest import by_hand
from tests.integration.alert_book import DAY, HOUR, BalanceBook
from tests.integration.usage_book import CUSTOMER, START
from trueup.limits import LOOKED_AT_MAX
from trueup.store.alerts.due import accounts_to_alert
from trueup.store.alerts.settings import set_thresholds
from trueup.store.usage.months import lock_customer
from trueup.wire.request.body import USD_CENTS
from trueup_worker.alerts.balances import due_customers, gather, judge_customer
from trueup_worker.alerts.turn import give_alerts
from trueup_worker.invoicing.adjust import adjust_commit


@pytest.fixture
def balances(database: Engine) -> BalanceBook:
    """An empty book."""
    return BalanceBook(database)


def test_open_usage_uses_a_balance_up(balances: BalanceBook) -> None:
    """Each threshold is told once, with what is left by then; drafts count."""
    commit = balances.commit("PREPAID", "1000", paid=False)
    balances.record("499")
    assert balances.low() == []
    balances.record("1")
    assert balances.low() == ["commit.balance_low 50"]
    assert balances.low() == []
    balances.record("600")
    assert balances.low() == ["commit.balance_low 80", "commit.balance_low 100", "commit.exhausted"]
    balances.record("600")
    assert balances.low() == []
    (first, *_) = balances.rows("SELECT * FROM outbox WHERE event = 'commit.balance_low' ORDER BY seq")
    assert (first.subject_ids, first.detail) == (
        [commit],
        {
            "customer_id": str(CUSTOMER),
            "unit_id": USD_CENTS,
            "granted": "1000",
            "left": "500",
            "used_percent": "50",
        },
    )


def test_closing_a_month_tells_nothing_twice(balances: BalanceBook) -> None:
    """What was open is booked: the balance is the same."""
    balances.commit("PREPAID", "1000", paid=False)
    balances.record("600")
    assert balances.low() == ["commit.balance_low 50"]
    balances.close(START)
    assert balances.low() == []
    balances.record("250", at=datetime(2030, 2, 3, tzinfo=UTC))
    assert balances.low() == ["commit.balance_low 80"]


@pytest.mark.parametrize("rate", ["LIST_RATE", "COMMIT_RATE"])
def test_small_usage_costs_no_judgement(balances: BalanceBook, rate: str) -> None:
    """As long as it cannot have reached a threshold, nothing is burnt down."""
    balances.commit("PREPAID", "1000", paid=False, rate_type=rate)
    balances.record("1")
    balances.low()
    balances.record("498")
    balances.later()
    assert gather(balances.engine, balances.account_id) == 1
    assert due_customers(balances.engine, balances.account_id) == []
    balances.record("1")
    gather(balances.engine, balances.account_id)
    assert due_customers(balances.engine, balances.account_id) == [CUSTOMER]


def test_a_new_commit_is_judged_with_the_next_usage(balances: BalanceBook) -> None:
    """Whatever room there was before it."""
    balances.commit("PREPAID", "1000", paid=False)
    balances.record("1")
    assert balances.low() == []
    balances.commit("CREDIT", "10", priority="0")
    balances.record("9")
    assert balances.low() == [
        "credit.balance_low 50",
        "credit.balance_low 80",
        "credit.balance_low 100",
        "credit.exhausted",
    ]


def test_a_balance_that_rose_is_told_of_again(balances: BalanceBook) -> None:
    """An entry by hand gives room: what is reached after it is news."""
    commit = balances.commit("PREPAID", "1000", paid=False)
    balances.record("600")
    assert balances.low() == ["commit.balance_low 50"]
    with balances.engine.begin() as connection:
        adjust_commit(
            connection, account_id=balances.account_id, commit_id=commit, amount=Decimal(300), reason="x", actor="key"
        )
    assert balances.low() == []
    balances.record("250")
    assert balances.low() == ["commit.balance_low 50"]


def test_a_new_segment_begins_anew(balances: BalanceBook) -> None:
    """By the sandbox's clock: shares are of what can be used now."""
    february = datetime(2030, 2, 1, tzinfo=UTC)
    commit = balances.commit("PREPAID", "100", ends=february, paid=False)
    balances.run(
        "INSERT INTO segment (account_id, commit_id, position, amount, starting_at, ending_before, granted_at)"
        " SELECT account_id, commit_id, 1, 100, ending_before, ending_before + interval '28 days', granted_at"
        " FROM segment WHERE commit_id = :id",
        id=commit,
    )
    balances.run(
        "INSERT INTO ledger_entry (account_id, commit_id, segment_id, type, amount, effective_at)"
        " SELECT account_id, commit_id, id, 'PREPAID_COMMIT_SEGMENT_START', 100, starting_at FROM segment"
        " WHERE commit_id = :id AND position = 1",
        id=commit,
    )
    balances.record("90")
    assert balances.low() == ["commit.balance_low 50", "commit.balance_low 80"]
    balances.to(february)
    balances.record("10", at=february + HOUR)
    assert balances.low() == []
    balances.record("45", at=february + HOUR)
    assert balances.low() == ["commit.balance_low 50"]


def test_a_commit_may_have_thresholds_of_its_own(balances: BalanceBook) -> None:
    """Shares or amounts that are left; those of the account count for the others."""
    _, second = (balances.commit("PREPAID", "100", paid=False, priority=each) for each in ("1", "2"))
    with balances.engine.begin() as connection:
        set_thresholds(connection, balances.account_id, "used_percent", [])
        set_thresholds(connection, balances.account_id, "left_amount", [Decimal("12.5")], commit_id=second)
    balances.record("187.5")
    assert balances.low() == ["commit.exhausted", "commit.balance_low 12.5"]


def test_a_lowered_threshold_is_judged_at_once(balances: BalanceBook) -> None:
    """No usage has to come first."""
    balances.commit("PREPAID", "100", paid=False)
    balances.record("20")
    assert balances.low() == []
    with balances.engine.begin() as connection:
        set_thresholds(connection, balances.account_id, "used_percent", [Decimal(20)])
    assert balances.low() == ["commit.balance_low 20"]


def test_a_customer_is_judged_once_a_minute(balances: BalanceBook) -> None:
    """Whatever comes meanwhile waits for the next one, and is within two minutes."""
    balances.commit("PREPAID", "100", paid=False)
    balances.record("50")
    assert balances.low() == ["commit.balance_low 50"]
    balances.record("50")
    give_alerts(balances.engine, balances.account_id)
    assert due_customers(balances.engine, balances.account_id) == []
    (watch,) = balances.rows("SELECT *, due_at - now() AS wait FROM balance_watch")
    assert timedelta(seconds=40) < watch.wait <= timedelta(seconds=60)
    assert balances.low() == ["commit.balance_low 80", "commit.balance_low 100", "commit.exhausted"]


def test_usage_finds_its_account(balances: BalanceBook) -> None:
    """Once some has been gathered, and until it was judged."""
    balances.commit("PREPAID", "100", paid=False)
    give_alerts(balances.engine, balances.account_id)
    balances.record("50")
    assert _due(balances) == []
    balances.run("UPDATE usage_arrival SET booked_at = now() - interval '20 seconds'")
    assert _due(balances) == [balances.account_id]
    gather(balances.engine, balances.account_id)
    assert _due(balances) == [balances.account_id]
    balances.low()
    assert _due(balances) == []


def test_usage_of_one_account_hides_none_of_another(balances: BalanceBook) -> None:
    """However much of it lies there, older than theirs: that of an account in which something fails stays."""
    other = BalanceBook(balances.engine, name="other")
    for number, book in ((LOOKED_AT_MAX + 1, balances), (1, other)):
        give_alerts(book.engine, book.account_id)
        book.run(
            """
            INSERT INTO usage_arrival (account_id, customer_ids, amounts, booked_at)
            SELECT :account_id, '{}', '{}', now() - make_interval(secs => 20 + :number)
              FROM generate_series(1, :number)
            """,
            number=number,
        )
        book.run(
            """
            INSERT INTO balance_watch (account_id, customer_id, due_at)
            SELECT :account_id, gen_random_uuid(), now() - make_interval(secs => 20 + :number)
              FROM generate_series(1, :number)
            """,
            number=number,
        )
    assert set(_due(balances)) == {balances.account_id, other.account_id}
    balances.run("DELETE FROM usage_arrival")
    assert set(_due(balances)) == {balances.account_id, other.account_id}


def test_places_are_shared_by_time_and_usage(balances: BalanceBook) -> None:
    """Accounts with usage, however many, keep none waiting in which time tells something; nor the other way round."""
    books = [balances, *(BalanceBook(balances.engine, name=f"book {n}") for n in range(6))]
    ids = [book.account_id for book in books]
    for book in books:
        give_alerts(book.engine, book.account_id)
        book.settle()
    by_time, by_usage = books[:3], books[3:]
    for book in by_time:
        book.commit("PREPAID", "100", starts=START + HOUR, paid=False)
        book.to(START + 2 * HOUR)
    for book in by_usage:
        book.run(
            "INSERT INTO usage_arrival (account_id, customer_ids, amounts, booked_at)"
            " VALUES (:account_id, '{}', '{}', now() - interval '1 hour')"
        )
    with balances.engine.begin() as connection:
        named = set(accounts_to_alert(connection, accounts_max=4))
    assert (len(named & set(ids[:3])), len(named & set(ids[3:]))) == (2, 2)


def test_balances_are_judged_though_telling_of_time_fails(balances: BalanceBook) -> None:
    """What fails is raised when they have been."""
    balances.commit("PREPAID", "100", ends=START + 10 * DAY, paid=False)
    give_alerts(balances.engine, balances.account_id)
    balances.record("60")
    balances.to(START + 4 * DAY)
    with by_hand(balances.engine) as connection:
        connection.exec_driver_sql("ALTER TABLE alert_told ADD CHECK (false) NOT VALID")
    with pytest.raises(IntegrityError):
        balances.low()
    assert balances.of_balances() == ["commit.balance_low 50"]


def test_two_judges_tell_each_threshold_once(balances: BalanceBook) -> None:
    """One that comes between finds that it is judged, or begins anew."""
    balances.commit("PREPAID", "100", paid=False)
    balances.record("50")
    gather(balances.engine, balances.account_id)
    with _meanwhile(balances.engine, "SELECT s.id, s.amount") as during:
        during.append(lambda: judge_customer(balances.engine, balances.account_id, CUSTOMER))
        judge_customer(balances.engine, balances.account_id, CUSTOMER)
    assert balances.of_balances() == ["commit.balance_low 50"]


def test_usage_that_comes_while_it_is_judged_is_not_lost(balances: BalanceBook) -> None:
    """The judgement is of one moment, and is repeated, after a pause, where that has passed."""
    balances.commit("PREPAID", "100", paid=False)
    balances.record("50")
    gather(balances.engine, balances.account_id)

    def more() -> None:
        balances.record("50")
        gather(balances.engine, balances.account_id)

    with _meanwhile(balances.engine, "SELECT s.id, s.amount") as during:
        during.append(more)
        assert judge_customer(balances.engine, balances.account_id, CUSTOMER)
    assert balances.of_balances() == ["commit.balance_low 50"]
    assert due_customers(balances.engine, balances.account_id) == []
    assert balances.low() == ["commit.balance_low 80", "commit.balance_low 100", "commit.exhausted"]
    (watch,) = balances.rows("SELECT used, due_at FROM balance_watch")
    assert watch == (0, None)


def test_a_judgement_is_not_repeated_at_once_however_much_comes_meanwhile(balances: BalanceBook) -> None:
    """One that takes longer than usage leaves it in peace would never end else."""
    balances.commit("PREPAID", "100", paid=False)
    balances.record("50")
    gather(balances.engine, balances.account_id)
    burnt_down: list[str] = []

    def note(_c: Any, _cursor: Any, sql: str, *_: Any) -> None:
        if sql.strip().startswith("SELECT s.id, s.amount"):
            burnt_down.append(sql)
            balances.record("1")
            gather(balances.engine, balances.account_id)

    event.listen(balances.engine, "before_cursor_execute", note)
    judge_customer(balances.engine, balances.account_id, CUSTOMER)
    event.remove(balances.engine, "before_cursor_execute", note)
    assert len(burnt_down) == 1


def test_gathering_waits_for_nobody(balances: BalanceBook) -> None:
    """Usage of a customer whose month is being closed stays where it is; that of others is gathered."""
    balances.commit("PREPAID", "100", paid=False)
    balances.record("50")
    balances.low()
    balances.record("50")
    balances.run(
        "INSERT INTO usage_arrival (account_id, customer_ids, amounts) VALUES (:account_id, :ids, '{1}')", ids=[uuid4()]
    )
    with balances.engine.begin() as closing:
        lock_customer(closing, balances.account_id, CUSTOMER)
        assert gather(balances.engine, balances.account_id) == 1
    assert gather(balances.engine, balances.account_id) == 1
    assert balances.low() == ["commit.balance_low 80", "commit.balance_low 100", "commit.exhausted"]


@contextmanager
def _meanwhile(on: Engine, statement: str) -> Iterator[list[Any]]:
    """Do something once, by another connection, before a statement that begins so."""
    waiting: list[Any] = []

    def before(_c: Any, _cursor: Any, sql: str, *_: Any) -> None:
        if waiting and sql.strip().startswith(statement):
            waiting.pop()()

    event.listen(on, "before_cursor_execute", before)
    yield waiting
    event.remove(on, "before_cursor_execute", before)
    assert not waiting


def _due(balances: BalanceBook) -> list[int]:
    with balances.engine.begin() as connection:
        return list(accounts_to_alert(connection, accounts_max=10))
