"""A batch is announced as complete once, with the last of its outcomes."""

from sqlalchemy import Engine, text

from tests.conftest import by_hand
from tests.integration.intake import Intake, entry
from tests.integration.test_intake import prepaid
from trueup.ids import new_id, row_id
from trueup.store.requests.batches import Batch, open_batch
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


def taken(on: Engine) -> int:
    """How many batches are announced, all of them being due."""
    with by_hand(on) as connection:
        connection.execute(text("UPDATE batch SET awaited_at = now() WHERE awaited_at IS NOT NULL"))
    return complete_batches(on, batches_max=5)
