"""The feed of events: places given after commit, pages that skip and repeat nothing, what is past its term."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, text

from tests.conftest import by_hand
from tests.integration.explained import explain_all
from trueup.clock import utc_now
from trueup.ids import new_id
from trueup.limits import RELAYED_ROWS_MAX
from trueup.store.accounts.accounts import create_account
from trueup.store.events.event import Event
from trueup.store.events.outbox import announce
from trueup.store.events.read import EventsTrimmed, PlaceAhead, place_of_last, read_feed
from trueup.store.events.relay import lag_s, place, trim
from trueup.wire.events import EventType
from trueup_worker.events.relay import relay

BUFFERS_MAX = 300


def announce_some(on: Engine, account: int, event: EventType = "commit.created", *, events: int = 1) -> list[UUID]:
    """One transaction with one outbox row; returns the ids it happened to."""
    ids = [new_id() for _ in range(events)]
    with on.begin() as connection:
        announce(connection, account, event, ids)
    return ids


def read_all(on: Engine, account: int, *, limit: int = 1_000, types: tuple[EventType, ...] = ()) -> list[Event]:
    """The whole feed, a page at a time."""
    found: list[Event] = []
    after = None
    while True:
        with on.begin() as connection:
            page = read_feed(connection, account, after=after, types=types, limit=limit)
        found += page.events
        after = page.cursor
        if not page.has_more:
            return found


def test_what_is_not_placed_is_not_told(database: Engine, account: int) -> None:
    """An event is in the feed once the relay has given it its place, and not before."""
    ids = announce_some(database, account, events=2)
    assert read_all(database, account) == []
    assert relay(database) == {"commit.created": 2}
    assert [(each.position, each.subject_id) for each in read_all(database, account)] == [(1, ids[0]), (2, ids[1])]


def test_what_commits_later_stands_behind(database: Engine, account: int) -> None:
    """A transaction that wrote first and commits last comes after what was read meanwhile: a cursor skips nothing."""
    with database.begin() as slow:
        announce(slow, account, "commit.edited", [new_id()])
        announce_some(database, account)
        assert relay(database).total() == 1
        (first,) = read_all(database, account)
    relay(database)
    with database.begin() as connection:
        page = read_feed(connection, account, after=first.position, limit=10)
    assert [each.type for each in page.events] == ["commit.edited"]


def test_what_was_rolled_back_leaves_no_gap(database: Engine, account: int) -> None:
    """Places are dense: they are given to what committed."""
    announce_some(database, account)
    with suppress(ZeroDivisionError), database.begin() as connection:
        announce(connection, account, "commit.edited", [new_id()])
        raise ZeroDivisionError
    announce_some(database, account)
    relay(database)
    assert [each.position for each in read_all(database, account)] == [1, 2]


def test_an_open_transaction_stops_nobody(database: Engine, account: int) -> None:
    """The feed goes on though another transaction stays open; its events follow when it commits."""
    with database.begin() as open_for_long:
        announce(open_for_long, account, "commit.edited", [new_id()])
        for _ in range(3):
            announce_some(database, account)
        relay(database)
        assert len(read_all(database, account)) == 3
        with database.begin() as connection:
            assert lag_s(connection) == 0.0


def test_one_relay_at_a_time(database: Engine, account: int) -> None:
    """While one places, another finds that it does, and goes; no place is given twice."""
    announce_some(database, account)
    with database.begin() as first:
        assert [each.rows for each in place(first, rows_max=10)] == [1]
        assert relay(database).total() == 0
    assert [each.position for each in read_all(database, account)] == [1]


def test_a_relay_that_dies_has_done_nothing(database: Engine, account: int) -> None:
    """What it had not committed is placed by the next one, under the same positions."""
    announce_some(database, account, events=3)
    with suppress(ZeroDivisionError), database.begin() as connection:
        place(connection, rows_max=10)
        raise ZeroDivisionError
    assert read_all(database, account) == []
    relay(database)
    assert [each.position for each in read_all(database, account)] == [1, 2, 3]


def test_more_than_one_round(database: Engine, account: int) -> None:
    """A backlog is placed in bounded transactions, in the order of writing."""
    with database.begin() as connection:
        for _ in range(RELAYED_ROWS_MAX + 5):
            announce(connection, account, "commit.edited", [new_id()])
    assert relay(database).total() == RELAYED_ROWS_MAX + 5
    assert [each.position for each in read_all(database, account)] == list(range(1, RELAYED_ROWS_MAX + 6))


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
def test_pages_of_any_size_are_the_same_feed(database: Engine, account: int, limit: int) -> None:
    """Pages may begin and end within a transaction's events; the same range has the same ids, types and facts."""
    for events in (1, 5, 2, 8):
        announce_some(database, account, events=events)
    announce_some(database, account, "invoice.finalized")
    relay(database)
    assert read_all(database, account, limit=limit) == read_all(database, account)
    assert len({each.id for each in read_all(database, account)}) == 17


def test_types_are_chosen(database: Engine, account: int) -> None:
    """A page of some types passes over the others, and its cursor too."""
    announce_some(database, account, "invoice.finalized")
    announce_some(database, account, events=5)
    announce_some(database, account, "invoice.voided", events=2)
    announce_some(database, account, events=5)
    relay(database)
    chosen = read_all(database, account, types=("invoice.finalized", "invoice.voided"), limit=2)
    assert [each.position for each in chosen] == [1, 7, 8]
    with database.begin() as connection:
        page = read_feed(connection, account, after=8, types=["invoice.voided"], limit=10)
    assert (page.events, page.cursor, page.has_more) == ([], 13, False)


def test_accounts_have_feeds_of_their_own(database: Engine, account: int) -> None:
    """Each counts from 1, and reads nothing of another's."""
    with database.begin() as connection:
        other = create_account(connection, "other", now=utc_now()).id
    mine, its = announce_some(database, account), announce_some(database, other)
    relay(database)
    assert [(each.position, each.subject_id) for each in read_all(database, account)] == [(1, mine[0])]
    assert [(each.position, each.subject_id) for each in read_all(database, other)] == [(1, its[0])]


def age(on: Engine, account: int, *, through: int, days: int) -> None:
    """Makes the events up to a position older."""
    with by_hand(on) as connection:
        which = {"account": account, "through": through, "age": timedelta(days=days)}
        for statement in (
            """UPDATE outbox SET created_at = now() - CAST(:age AS interval)
                WHERE account_id = :account AND last_position <= :through""",
            "UPDATE feed SET oldest_at = now() - CAST(:age AS interval) WHERE account_id = :account",
        ):
            connection.execute(text(statement), which)


def test_what_is_past_its_term_goes_from_the_beginning_on(database: Engine, account: int) -> None:
    """In bounded steps; a cursor before what is left is gone and names the oldest, no cursor begins with that."""
    for _ in range(6):
        announce_some(database, account)
    relay(database)
    age(database, account, through=4, days=31)
    with database.begin() as connection:
        assert trim(connection, days=30, rows_max=3) == 3
        assert trim(connection, days=30, rows_max=3) == 1
        assert trim(connection, days=30, rows_max=3) == 0
    assert [each.position for each in read_all(database, account)] == [5, 6]
    with database.begin() as connection:
        assert [place_of_last(connection, account, events=each) for each in (1, 10)] == [5, 4]
        with pytest.raises(EventsTrimmed) as gone:
            read_feed(connection, account, after=3, limit=10)
        assert gone.value.oldest == 5
        assert read_feed(connection, account, after=4, limit=10).events[0].position == 5


def test_positions_go_on_after_all_was_trimmed(database: Engine, account: int) -> None:
    """An empty feed remembers how far it came; what happens next is trimmed in its turn."""
    announce_some(database, account, events=2)
    relay(database)
    for expected in ([3], [4]):
        age(database, account, through=expected[0] - 1, days=31)
        with database.begin() as connection:
            assert trim(connection, days=30, rows_max=10) == 1
        announce_some(database, account)
        relay(database)
        assert [each.position for each in read_all(database, account)] == expected


def test_a_place_that_no_event_has(database: Engine, account: int) -> None:
    """A cursor of another database, or of a later state of this one, is refused: its reader would miss what comes."""
    with database.begin() as connection, pytest.raises(PlaceAhead, match="the last one has 0"):
        read_feed(connection, account, after=1, limit=10)
    announce_some(database, account)
    relay(database)
    with database.begin() as connection, pytest.raises(PlaceAhead, match="the last one has 1"):
        read_feed(connection, account, after=2, limit=10)


READS: dict[str, Callable[[Connection, int], object]] = {
    "from the beginning": lambda on, account: read_feed(on, account, limit=100),
    "from the middle": lambda on, account: read_feed(on, account, after=25_000, limit=100),
    "of a rare type": lambda on, account: read_feed(on, account, after=25_000, types=["invoice.held"], limit=100),
    "placing": lambda on, _: place(on, rows_max=10),
    "trimming": lambda on, _: trim(on, days=30, rows_max=10),
    "lag": lambda on, _: lag_s(on),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_page_costs_as_much_with_many_events_as_with_few(
    database: Engine, account: int, read: Callable[[Connection, int], object]
) -> None:
    """No statement of the feed reads the outbox from end to end, under the plans of production."""
    with by_hand(database) as connection:
        connection.execute(
            text("""
                INSERT INTO outbox (account_id, event, subject_ids, first_position, last_position)
                SELECT :account, CASE WHEN n % 1000 = 0 THEN 'invoice.held' ELSE 'commit.created' END,
                       ARRAY[md5(n::text)::uuid, md5('x' || n)::uuid], 2 * n - 1, 2 * n
                  FROM generate_series(1, 40000) AS n
            """),
            {"account": account},
        )
        connection.execute(
            text("INSERT INTO feed (account_id, last_position, oldest_at) VALUES (:a, 80000, now())"), {"a": account}
        )
        connection.execute(text("ANALYZE"))
    with database.connect() as connection:
        for each in explain_all(connection, lambda: read(connection, account)):
            assert "outbox" not in each.scanned, each.statement
            assert each.buffers <= BUFFERS_MAX, each


@pytest.mark.parametrize("analyzed", [False, True])
def test_a_backlog_is_read_once(database: Engine, account: int, *, analyzed: bool) -> None:
    """Those that are placed are looked at, and none behind them, whether statistics know of the backlog or not."""
    with by_hand(database) as connection:
        connection.execute(text("ANALYZE outbox"))
        connection.execute(
            text("""
                INSERT INTO outbox (account_id, event, subject_ids)
                SELECT :account, 'commit.created', ARRAY[gen_random_uuid()] FROM generate_series(1, 40000)
            """),
            {"account": account},
        )
        if analyzed:
            connection.execute(text("ANALYZE outbox"))
    with database.connect() as connection:
        (placing,) = (
            each
            for each in explain_all(connection, lambda: place(connection, rows_max=100))
            if "known" in each.statement
        )
        assert "outbox" not in placing.scanned
        assert placing.looked_at["outbox"] <= 3 * 100


def test_what_happened_to_nothing_is_no_event(database: Engine, account: int) -> None:
    """It is refused where it is announced, and the feed has no place for it."""
    with pytest.raises(ValueError, match="happened to nothing"), database.begin() as connection:
        announce(connection, account, "commit.edited", [])
