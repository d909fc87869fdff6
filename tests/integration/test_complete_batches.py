"""A batch is announced as complete once, with the last of its outcomes."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, text

from tests.conftest import by_hand
from tests.integration.intake import Intake, entry
from tests.integration.test_intake import prepaid
from trueup.ids import new_id, row_id
from trueup.store.requests.batches import Batch, open_batch
from trueup.store.requests.outcomes import count_outcomes
from trueup.wire.outcome import Verdict
from trueup_worker.events.complete_batches import complete_batches


def test_it_is_announced_with_the_last_outcome(database: Engine) -> None:
    """Not while a row has none, and not a second time; with how many rows have which outcome."""
    intake = Intake(database)
    batch = Batch(new_id(), None, "file.jsonl", b"", "commit", 2)
    with database.begin() as connection:
        open_batch(connection, intake.account_id, batch)
    assert taken(database) == 0
    intake.receive(entry(prepaid(), request_id=row_id(batch.id, 1)), batch_id=str(batch.id))
    assert taken(database) == 0
    intake.receive(entry({}, request_id=row_id(batch.id, 2)), batch_id=str(batch.id))
    assert taken(database) == 1
    assert taken(database) == 0
    assert intake.rows(
        "SELECT subject_ids, detail FROM outbox WHERE account_id = :a AND event = 'batch.completed'"
    ) == [
        ([batch.id], {"rows": 2, "outcomes": {"created": 1, "duplicate": 0, "invalid": 1, "not_found": 0, "parked": 0}})
    ]


def test_an_upload_that_goes_on_is_not_complete(database: Engine) -> None:
    """While rows are still received, nothing is counted."""
    intake = Intake(database)
    batch = Batch(new_id(), None, "file.jsonl", b"", "commit", 5)
    with database.begin() as connection:
        open_batch(connection, intake.account_id, batch, received=0)
    assert taken(database) == 0


def test_a_batch_that_cannot_be_counted_keeps_no_other_waiting(
    database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next look at it comes later, whatever becomes of this one."""
    intake = Intake(database)
    stuck, small = (Batch(new_id(), None, "file.jsonl", b"", "commit", 1) for _ in range(2))
    for batch in (stuck, small):
        with database.begin() as connection:
            open_batch(connection, intake.account_id, batch)
        intake.receive(entry({}, request_id=row_id(batch.id, 1)), batch_id=str(batch.id))
    with by_hand(database) as connection:
        connection.execute(text("UPDATE batch SET awaited_at = now() - interval '1 second'"))
        connection.execute(
            text("UPDATE batch SET awaited_at = now() - interval '2 s' WHERE id = :id"), {"id": stuck.id}
        )
    monkeypatch.setattr(
        "trueup_worker.events.complete_batches.count_outcomes",
        lambda connection, account, batch: 1 / 0 if batch == stuck.id else count_outcomes(connection, account, batch),
    )
    with pytest.raises(ZeroDivisionError):
        complete_batches(database)
    assert complete_batches(database) == 1


def test_two_that_count_a_batch_announce_it_once(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one took it, as the pause of the first was over, and was quicker."""
    intake = Intake(database)
    batch = Batch(new_id(), None, "file.jsonl", b"", "commit", 1)
    with database.begin() as connection:
        open_batch(connection, intake.account_id, batch)
    intake.receive(entry({}, request_id=row_id(batch.id, 1)), batch_id=str(batch.id))
    by_the_other: list[int] = []

    def count(connection: Connection, account: int, batch_id: UUID) -> dict[Verdict, int]:
        monkeypatch.undo()
        by_the_other.append(taken(database))
        return count_outcomes(connection, account, batch_id)

    monkeypatch.setattr("trueup_worker.events.complete_batches.count_outcomes", count)
    assert taken(database) == 0
    assert by_the_other == [1]


def test_a_long_count_is_seldom_repeated(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing else is counted in the same look: the scheduler has other things to do."""
    intake = Intake(database)
    for number in range(2):
        with database.begin() as connection:
            open_batch(connection, intake.account_id, Batch(new_id(), None, f"{number}.jsonl", b"", "commit", 2))

    def count_slowly(connection: Connection, *_: Any) -> dict[Any, int]:
        connection.execute(text("SELECT pg_sleep(0.4)"))
        return {}

    monkeypatch.setattr("trueup_worker.events.complete_batches.count_outcomes", count_slowly)
    assert taken(database) == 0
    waits = intake.rows("SELECT awaited_at - now() FROM batch WHERE account_id = :a ORDER BY 1")
    assert waits[0][0] <= timedelta(0)
    assert waits[1][0] > timedelta(seconds=10)


def taken(on: Engine) -> int:
    """How many batches are announced, all of them being due."""
    with by_hand(on) as connection:
        connection.execute(text("UPDATE batch SET awaited_at = now() WHERE awaited_at IS NOT NULL"))
    return complete_batches(on, batches_max=5)
