"""The use case: a batch is complete once every row of it has an outcome, which is announced once."""

from sqlalchemy import Engine

from trueup.store.events.outbox import announce
from trueup.store.postgres.engine import transaction
from trueup.store.requests.awaited_batches import await_no_more, take_awaited
from trueup.store.requests.outcomes import count_outcomes


def complete_batches(on: Engine, *, batches_max: int = 1) -> int:
    """Count the outcomes of batches that are due for it, and announce what is complete; returns how many were.

    Args:
        on: the database.
        batches_max: that are counted: each takes as long as it has rows.

    Raises:
        DBAPIError: the database is away.
    """
    completed = 0
    for _ in range(batches_max):
        with transaction(on) as connection:
            due = take_awaited(connection)
            if due is None:
                break
            counts = count_outcomes(connection, due.account_id, due.id) if due.is_received else {}
            if due.is_received and sum(counts.values()) >= due.rows:
                told = {"rows": due.rows, "outcomes": counts}
                announce(connection, due.account_id, "batch.completed", [due.id], detail=told)
                await_no_more(connection, due.account_id, due.id)
                completed += 1
    return completed
