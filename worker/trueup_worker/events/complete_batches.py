"""The use case: a batch is complete once every row of it has an outcome, which is announced once."""

from sqlalchemy import Connection, Engine

from trueup.store.events.outbox import announce
from trueup.store.postgres.engine import transaction
from trueup.store.requests.awaited_batches import Awaited, await_no_more, take_awaited
from trueup.store.requests.outcomes import count_outcomes


def complete_batches(on: Engine, *, batches_max: int = 1) -> int:
    """Count the outcomes of batches that are due for it, and announce what is complete; returns how many were.

    The next look at a batch is put off before it is counted: one that cannot be counted in time keeps no other waiting.

    Args:
        on: the database.
        batches_max: that are counted: each takes as long as it has rows.

    Raises:
        DBAPIError: the database is away, or a batch took too long to count.
    """
    completed = 0
    for _ in range(batches_max):
        with transaction(on) as connection:
            due = take_awaited(connection)
        if due is None:
            break
        if due.is_received:
            with transaction(on) as connection:
                completed += _complete(connection, due)
    return completed


def _complete(connection: Connection, due: Awaited) -> bool:
    """Announce a batch whose rows all have outcomes, unless another was first."""
    counts = count_outcomes(connection, due.account_id, due.id)
    if sum(counts.values()) < due.rows or not await_no_more(connection, due.account_id, due.id):
        return False
    told = {"rows": due.rows, "outcomes": counts}
    announce(connection, due.account_id, "batch.completed", [due.id], detail=told)
    return True
