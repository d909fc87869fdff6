"""What an account may have parked is bounded in bytes, and no request loses its outcome for it."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from tests.conftest import by_hand
from tests.integration.intake import Entry, Intake, entry
from tests.integration.test_intake import prepaid
from tests.integration.test_parked import act, replayed
from trueup.store.requests import parked_total
from trueup.store.requests.parked_total import count_unkept_of
from trueup.store.requests.parking import Choice, count_chosen
from trueup_worker.intake.parked.resolve import discard

BYTES_MAX = 20_000


@pytest.fixture
def intake(database: Engine, monkeypatch: pytest.MonkeyPatch) -> Intake:
    """An account with little room, whose database refuses commits that are called poison."""
    monkeypatch.setattr(parked_total, "PARKED_BYTES_MAX", BYTES_MAX)
    made = Intake(database)
    with by_hand(database) as connection:
        connection.execute(text("ALTER TABLE commit ADD CONSTRAINT poison CHECK (name <> 'poison')"))
    return made


def poison(*, chars: int = 6_000) -> Entry:
    """A request of so many characters that the database refuses."""
    return entry(prepaid(name="poison", description="x" * chars))


def stored(intake: Intake) -> list[Any]:
    """The parked rows: their sizes, and how large they were."""
    return intake.rows(
        "SELECT octet_length(meta) + octet_length(requests), whole_bytes FROM parked WHERE account_id = :a"
        " ORDER BY parked_at, id"
    )


def total(intake: Intake) -> tuple[int, int]:
    """What is noted of the account: bytes, and how many were only counted; the bytes are those that there are."""
    [(noted, unkept)] = intake.rows("SELECT bytes, unkept FROM parked_total WHERE account_id = :a")
    [(found,)] = intake.rows(
        "SELECT coalesce(sum(octet_length(meta) + octet_length(requests)), 0) FROM parked"
        " WHERE account_id = :a AND state = 'parked'"
    )
    assert noted == found
    return int(noted), int(unkept)


def test_beyond_the_bound_beginnings_are_kept(intake: Intake) -> None:
    """Every request is parked with its outcome; what there is no room for is kept by its beginning and its size."""
    entries = [poison() for _ in range(6)]
    outcomes = [intake.receive(each)[0] for each in entries]
    assert {(each.outcome, each.reason) for each in outcomes} == {("parked", "database_refused")}
    rows = stored(intake)
    assert [whole is None for _, whole in rows] == [True] * 3 + [False] * 3
    assert all(size < 2_000 < whole for size, whole in rows[3:])
    assert total(intake)[0] < BYTES_MAX + 3 * 2_000


def test_beyond_twice_the_bound_they_are_counted(intake: Intake) -> None:
    """With room for no beginning either, the outcome alone tells; how many there are is counted."""
    for _ in range(4):
        intake.receive(poison())
    with intake.engine.begin() as connection:
        connection.execute(text("UPDATE parked_total SET bytes = bytes + :n"), {"n": 2 * BYTES_MAX})
    each = poison()
    assert intake.receive(each)[0].outcome == "parked"
    assert len(stored(intake)) == 4
    assert intake.outcomes(each)[UUID(each["id"])].reason == "database_refused"
    with intake.engine.begin() as connection:
        assert count_unkept_of(connection, intake.account_id) == 1


def test_what_is_parked_again_is_counted_once(intake: Intake) -> None:
    """Delivered again, or replayed in vain, a request takes no more room."""
    each = poison()
    for _ in range(3):
        intake.receive(each)
    before = total(intake)
    assert before[0] == stored(intake)[0][0]
    assert replayed(intake, Choice()) == 1
    assert total(intake) == before


def test_room_is_made(intake: Intake) -> None:
    """What is replayed or discarded leaves its room to others; a beginning is not replayed, and may be discarded."""
    for _ in range(5):
        intake.receive(poison())
    with by_hand(intake.engine) as connection:
        connection.execute(text("ALTER TABLE commit DROP CONSTRAINT poison"))
    assert act(intake, count_chosen, Choice(whole=True)) == 3
    assert replayed(intake, Choice()) == 3
    assert intake.count("commit") == 3
    assert total(intake)[0] < 2 * 2_000
    assert act(intake, discard, Choice(), note="sent again", actor="k") == 2
    assert total(intake) == (0, 0)


def test_other_accounts_have_room(intake: Intake) -> None:
    """One that has parked too much takes nothing from another."""
    for _ in range(4):
        intake.receive(poison())
    other = Intake(intake.engine, "other")
    each = poison()
    other.receive(each)
    [(requests,)] = other.rows("SELECT convert_from(requests, 'UTF8') FROM parked WHERE account_id = :a")
    assert json.loads(requests) == [{**each, "kind": "commit"}]


def test_many_park_the_same(intake: Intake) -> None:
    """However many transactions park one request at the same moment, each of its rows is counted once."""
    message = intake.message([poison()])
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: intake.take(message), range(24)))
    assert total(intake)[0] == sum(size for size, _ in stored(intake))
