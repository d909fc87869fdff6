"""What time brings about is told once, whenever somebody looks."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine, text

from tests.integration.alert_book import DAY, AlertBook
from tests.integration.usage_book import START
from trueup.store.alerts import timed
from trueup.store.alerts.due import accounts_to_alert
from trueup.store.alerts.settings import AlertKind, set_thresholds
from trueup.store.postgres.plans import plan_afresh
from trueup.wire.request.changes import EndDate
from trueup_worker.alerts.change_settings import change_thresholds
from trueup_worker.alerts.timed import tell_what_fell_due
from trueup_worker.commit_changes.archive import archive_commit
from trueup_worker.commit_changes.end_date import end_commit
from trueup_worker.invoicing.clock import advance_clock


@pytest.fixture
def alerts(database: Engine) -> AlertBook:
    """An empty book."""
    return AlertBook(database)


def test_a_segment_is_told_of_at_each_of_its_instants(alerts: AlertBook) -> None:
    """Its start, thirty, seven and one days before its end, and its end."""
    ends = START + 100 * DAY
    commit = alerts.commit("PREPAID", "100", starts=START + 10 * DAY, ends=ends, paid=False)
    assert alerts.told() == []
    assert alerts.move(START + 10 * DAY) == [("commit.segment.start", commit, None)]
    for days in (30, 7, 1):
        assert alerts.move(ends - days * DAY - timedelta(seconds=1)) == []
        assert alerts.move(ends - days * DAY) == [("commit.expiring", commit, days)]
        alerts.settle()
        assert alerts.told() == []
    assert alerts.move(ends) == [("commit.segment.end", commit, None)]
    assert alerts.rows("SELECT * FROM outbox WHERE event = 'commit.segment.end'")[0].detail == {
        "amount": "100",
        "customer_id": "c0000000-0000-4000-8000-000000000001",
        "ending_before": "2030-04-11T00:00:00+00:00",
        "starting_at": "2030-01-11T00:00:00+00:00",
        "segment_id": str(alerts.rows("SELECT id FROM segment")[0].id),
    }


def test_a_credit_has_its_own_types(alerts: AlertBook) -> None:
    """What is given for free is no commit."""
    credit = alerts.commit("CREDIT", "100", starts=START + DAY, ends=START + 3 * DAY)
    assert alerts.move(START + DAY) == [("credit.segment.start", credit, None)]
    assert alerts.move(START + 2 * DAY + timedelta(hours=1)) == [("credit.expiring", credit, 1)]
    assert alerts.move(START + 3 * DAY) == [("credit.segment.end", credit, None)]


def test_after_weeks_only_the_nearest_offset_is_told(alerts: AlertBook) -> None:
    """Thirty and seven days were missed: one tells what there is to know."""
    ends = START + 100 * DAY
    commit = alerts.commit("PREPAID", "100", starts=START + DAY, ends=ends, paid=False)
    assert alerts.move(ends - 5 * DAY) == [("commit.segment.start", commit, None), ("commit.expiring", commit, 7)]


def test_nothing_is_about_to_happen_that_has_happened(alerts: AlertBook) -> None:
    """Access that ended while nobody looked is told of as ended, and no more as about to end."""
    commit = alerts.commit("PREPAID", "100", starts=START + DAY, ends=START + 40 * DAY, paid=False)
    assert alerts.move(START + 400 * DAY) == [
        ("commit.segment.start", commit, None),
        ("commit.segment.end", commit, None),
    ]


def test_what_began_with_its_creation_is_told_by_that_alone(alerts: AlertBook) -> None:
    """Access of the past, and offsets that are past, were never due."""
    commit = alerts.commit("PREPAID", "100", starts=START, ends=START + 5 * DAY, paid=False)
    assert alerts.told() == []
    assert alerts.move(START + 4 * DAY) == [("commit.expiring", commit, 1)]


def test_a_moved_end_is_told_of_anew(alerts: AlertBook) -> None:
    """What was told of the old one is not told again; what was not told of it is told of the new one alone."""
    ends = START + 100 * DAY
    commit = alerts.commit("PREPAID", "100", ends=ends, paid=False)
    assert alerts.move(ends - 7 * DAY) == [("commit.expiring", commit, 7)]
    later = ends + 50 * DAY
    alerts.run("UPDATE segment SET ending_before = :later WHERE commit_id = :id", later=later, id=commit)
    assert alerts.move(ends) == []
    assert alerts.move(later - 30 * DAY) == [("commit.expiring", commit, 30)]


@pytest.mark.parametrize("hours", [0, 30])
def test_an_end_that_is_moved_to_where_all_is_settled_is_told(alerts: AlertBook, hours: int) -> None:
    """A sandbox stands still: its time does not come to what ends where it stands, or ended before."""
    commit = alerts.commit("PREPAID", "100", ends=START + 100 * DAY, paid=False)
    other = alerts.commit("PREPAID", "100", ends=START + 10 * DAY, paid=False)
    assert alerts.move(START + 10 * DAY)[-1] == ("commit.segment.end", other, None)
    for _ in range(3):
        alerts.settle()
        alerts.told()
    ends = START + 10 * DAY - timedelta(hours=hours)
    for expected in ([("commit.segment.end", commit, None)], []):
        before = len(alerts.by_time())
        with alerts.engine.begin() as connection:
            change: EndDate = {"commit_id": str(commit), "access_ending_before": ends}
            end_commit(connection, account_id=alerts.account_id, commit_id=commit, change=change, actor="key")
        alerts.told()
        assert alerts.by_time()[before:] == expected
        ends -= timedelta(hours=1)
    assert alerts.move(START + 101 * DAY) == []


def test_an_end_that_is_moved_to_where_it_is_judged_again_is_told_once(alerts: AlertBook) -> None:
    """By that judgement."""
    commit = alerts.commit("PREPAID", "100", ends=START + 100 * DAY, paid=False)
    alerts.move(START + 10 * DAY)
    with alerts.engine.begin() as connection:
        change: EndDate = {"commit_id": str(commit), "access_ending_before": START + 10 * DAY}
        end_commit(connection, account_id=alerts.account_id, commit_id=commit, change=change, actor="key")
    alerts.told()
    for _ in range(3):
        alerts.settle()
        alerts.told()
    assert alerts.by_time() == [("commit.segment.end", commit, None)]


def test_an_archived_commit_is_not_told_of(alerts: AlertBook) -> None:
    """Nobody can use it: that it ends does not matter."""
    commit = alerts.commit("PREPAID", "100", ends=START + 10 * DAY, paid=False)
    with alerts.engine.begin() as connection:
        archive_commit(connection, account_id=alerts.account_id, commit_id=commit, actor="key")
    assert alerts.move(START + 20 * DAY) == []


def test_a_true_up_is_announced_with_what_it_would_bill_now(alerts: AlertBook) -> None:
    """Seven days before it is due, with open usage taken off; a settled one is not announced."""
    ends = datetime(2030, 2, 1, tzinfo=UTC)
    alerts.commit("POSTPAID", "100", ends=ends, at=datetime(2030, 3, 1, tzinfo=UTC))
    alerts.use(START + 3 * DAY, "30")
    told = alerts.move(datetime(2030, 2, 22, tzinfo=UTC))
    assert [(kind, offset) for kind, _, offset in told] == [("commit.segment.end", None), ("invoice.upcoming", 7)]
    (row,) = alerts.rows("SELECT * FROM outbox WHERE event = 'invoice.upcoming'")
    (due,) = alerts.rows("SELECT * FROM obligation")
    assert row.subject_ids == [due.id]
    assert (row.detail["amount"], row.detail["is_true_up"], row.detail["due_at"]) == (
        "70",
        True,
        "2030-03-01T00:00:00+00:00",
    )
    assert alerts.move(datetime(2030, 2, 25, tzinfo=UTC)) == []


def test_a_true_up_of_which_nothing_is_left_is_not_announced(alerts: AlertBook) -> None:
    """No invoice will come of it."""
    alerts.commit("POSTPAID", "100", ends=datetime(2030, 2, 1, tzinfo=UTC), at=datetime(2030, 3, 1, tzinfo=UTC))
    alerts.use(START + 3 * DAY, "100")
    assert [kind for kind, *_ in alerts.move(datetime(2030, 2, 25, tzinfo=UTC))] == ["commit.segment.end"]


def test_few_true_ups_are_burnt_down_in_a_transaction(alerts: AlertBook) -> None:
    """Each costs as much as its customer has usage; invoices of other kinds do not wait for them."""
    ends = datetime(2030, 2, 1, tzinfo=UTC)
    for _ in range(5):
        alerts.commit("POSTPAID", "100", ends=ends, at=datetime(2030, 3, 1, tzinfo=UTC))
    alerts.to(datetime(2030, 2, 25, tzinfo=UTC))
    told: list[int] = []
    is_more = True
    while is_more:
        before = len(alerts.by_time())
        is_more = tell_what_fell_due(alerts.engine, alerts.account_id, true_ups_max=2)
        told.append(sum(kind == "invoice.upcoming" for kind, *_ in alerts.by_time()[before:]))
    assert told == [2, 2, 1]


def test_what_an_account_sets_counts(alerts: AlertBook) -> None:
    """Other offsets, or none."""
    ends = START + 100 * DAY
    commit = alerts.commit("PREPAID", "100", ends=ends, paid=False)
    with alerts.engine.begin() as connection:
        set_thresholds(connection, alerts.account_id, "expiring_days", [Decimal("0.5"), Decimal(60)])
    assert alerts.move(ends - 60 * DAY) == [("commit.expiring", commit, 60)]
    assert alerts.move(ends - DAY) == []
    assert alerts.move(ends - DAY / 2) == [("commit.expiring", commit, 0.5)]


@pytest.mark.parametrize("is_reset", [False, True])
def test_an_offset_counts_from_when_it_is_set(alerts: AlertBook, is_reset: bool) -> None:  # noqa: FBT001
    """However long ago the account was judged: what passed before is not told, what comes is; of a default, too."""
    due_at = START + 98 * DAY
    commit = alerts.commit("PREPAID", "1", ends=START + 100 * DAY, paid=False)
    later = alerts.commit("PREPAID", "1", ends=START + 130 * DAY, paid=False)
    alerts.commit("POSTPAID", "1", starts=START - 31 * DAY, ends=START, at=due_at)
    (billed,) = (row.id for row in alerts.rows("SELECT id FROM obligation"))
    for kind in ("expiring_days", "upcoming_days"):
        _set(alerts, kind, [Decimal(1)])
    assert alerts.told() == []
    alerts.to(START + 95 * DAY)
    for kind, days in (("expiring_days", [1, 7, 30]), ("upcoming_days", [1, 7])):
        _set(alerts, kind, None if is_reset else [Decimal(each) for each in days])
    assert alerts.told() == []
    alerts.settle()
    assert alerts.told() == []
    assert alerts.move(START + 97 * DAY) == ([] if is_reset else [("invoice.upcoming", billed, 1)])
    assert alerts.move(START + 100 * DAY - DAY) == [("commit.expiring", commit, 1)]
    assert alerts.move(START + 101 * DAY) == [("commit.segment.end", commit, None), ("commit.expiring", later, 30)]


def _set(alerts: AlertBook, kind: AlertKind, days: list[Decimal] | None) -> None:
    with alerts.engine.begin() as connection:
        change_thresholds(connection, alerts.account_id, kind, days, actor="key")


def test_what_commits_late_is_told_late(alerts: AlertBook) -> None:
    """A transaction that was under way when its instant was judged is looked at once more."""
    with alerts.engine.begin() as writing:
        commit = alerts.promise(writing, "100", "PREPAID", starts=START + DAY, ends=START + 3 * DAY, paid=False)
        assert alerts.move(START + DAY) == []
        alerts.settle()
        assert alerts.told() == []
    assert alerts.told() == [("commit.segment.start", commit, None)]
    alerts.settle()
    assert alerts.told() == []


def test_what_commits_between_its_judgement_and_the_end_of_it_is_told(alerts: AlertBook) -> None:
    """The judgement that settles a stretch looks at all of it once more."""
    with alerts.engine.begin() as writing:
        commit = alerts.promise(writing, "100", "PREPAID", starts=START + DAY, ends=START + 3 * DAY, paid=False)
        assert alerts.move(START + DAY) == []
    alerts.settle()
    assert alerts.told() == [("commit.segment.start", commit, None)]


def test_what_is_judged_again_and_again_is_settled(alerts: AlertBook) -> None:
    """Turns that come before a stretch can be settled do not put that off: what was told is forgotten."""
    alerts.commit("PREPAID", "100", starts=START + DAY, paid=False)
    alerts.move(START + DAY)
    for _ in range(12):
        alerts.pass_by(seconds=30)
        assert alerts.told() == []
    assert alerts.rows("SELECT settled_to FROM alert_clock") == [(START + DAY,)]
    assert alerts.rows("SELECT * FROM alert_told") == []


def test_a_clock_that_steps_back_tells_nothing_again(alerts: AlertBook) -> None:
    """What is settled stays so."""
    alerts.commit("PREPAID", "100", starts=START + DAY, paid=False)
    alerts.move(START + DAY)
    for clock in (START + 2 * DAY, START, START + 2 * DAY):
        alerts.run("UPDATE account SET clock_at = :clock WHERE id = :account_id", clock=clock)
        for _ in range(3):
            alerts.settle()
            assert alerts.told() == []


def test_more_than_fit_into_a_transaction_are_told_one_page_after_the_other(alerts: AlertBook) -> None:
    """Each once."""
    made = {alerts.commit("PREPAID", "1", starts=START + DAY, paid=False) for _ in range(7)}
    with alerts.engine.begin() as connection:
        advance_clock(connection, account_id=alerts.account_id, to=START + 2 * DAY, actor="key")
    rounds = 0
    while tell_what_fell_due(alerts.engine, alerts.account_id, rows_max=2):
        rounds += 1
    assert rounds == 3
    told = alerts.by_time()
    assert sorted(each for _, each, _ in told) == sorted(made)


def test_what_was_told_of_an_instant_is_not_read_for_each_that_fell_due_with_it(alerts: AlertBook) -> None:
    """It is found by its subject: else a month in which thousands end would take hours."""
    alerts.commit("PREPAID", "1", starts=START + DAY, paid=False)
    alerts.run(
        "INSERT INTO segment (account_id, commit_id, position, amount, starting_at, ending_before, granted_at)"
        " SELECT account_id, commit_id, n, amount, starting_at, ending_before, granted_at"
        " FROM segment, generate_series(1, 3000) AS n"
    )
    alerts.run("ANALYZE segment")
    alerts.to(START + DAY)
    assert tell_what_fell_due(alerts.engine, alerts.account_id, rows_max=2_000)
    given = {"account_id": alerts.account_id, "since": START, "present": START + DAY, "days": [Decimal(0)]}
    statement = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {timed._TELL_SEGMENTS['start'].text}"
    with alerts.engine.begin() as connection:
        plan_afresh(connection)
        plan = connection.execute(text(statement), given | {"rows_max": 10}).scalar_one()[0]
    assert plan["Plan"]["Shared Hit Blocks"] < 5 * 2_000


def test_accounts_are_found_by_what_is_due_in_them(alerts: AlertBook) -> None:
    """Not before, and once it was told not again, but to settle it."""
    alerts.commit("PREPAID", "100", starts=START + DAY, ends=START + 100 * DAY, paid=False)
    alerts.told()
    assert _due(alerts) == []
    with alerts.engine.begin() as connection:
        advance_clock(connection, account_id=alerts.account_id, to=START + DAY, actor="key")
    assert _due(alerts) == [alerts.account_id]
    alerts.told()
    assert _due(alerts) == []
    for _ in range(2):  # of the beginning, then of that day
        alerts.settle()
        assert _due(alerts) == [alerts.account_id]
        alerts.told()
    alerts.settle()
    assert _due(alerts) == []


def _due(alerts: AlertBook) -> list[int]:
    with alerts.engine.begin() as connection:
        return list(accounts_to_alert(connection, accounts_max=10))
