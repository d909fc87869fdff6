"""The use case: a batch is complete once every row of it has an outcome, which is announced once."""

import time

from sqlalchemy import Connection, Engine

from trueup.limits import BATCHES_COUNTED_MAX, BATCHES_COUNTED_S, BATCHES_PAUSE_SHARE
from trueup.store.events.outbox import announce
from trueup.store.postgres.engine import transaction
from trueup.store.requests.awaited_batches import Awaited, await_no_more, put_off, take_awaited
from trueup.store.requests.outcomes import count_outcomes


def complete_batches(on: Engine, *, batches_max: int = BATCHES_COUNTED_MAX) -> int:
    """Count the outcomes of batches that are due for it, and announce what is complete; returns how many were.

    Counting takes as long as the batch has rows: after a long one nothing more is counted for now, and that one only
    after a pause that is many times longer. The pause is told before it is counted, too: one that cannot be counted in
    time keeps no other waiting.

    Args:
        on: the database.
        batches_max: that are counted.

    Raises:
        DBAPIError: the database is away, or a batch took too long to count.
    """
    completed, ends_at = 0, time.monotonic() + BATCHES_COUNTED_S
    for _ in range(batches_max):
        with transaction(on) as connection:
            due = take_awaited(connection)
        if due is None:
            break
        if due.is_received:
            with transaction(on) as connection:
                completed += _complete(connection, due)
        if time.monotonic() >= ends_at:
            break
    return completed


def _complete(connection: Connection, due: Awaited) -> bool:
    """Announce a batch whose rows all have outcomes, unless another was first."""
    counts = count_outcomes(connection, due.account_id, due.id)
    if sum(counts.values()) < due.rows:
        put_off(connection, due.account_id, due.id, times=BATCHES_PAUSE_SHARE)
        return False
    if not await_no_more(connection, due.account_id, due.id):
        return False
    told = {"rows": due.rows, "outcomes": counts}
    announce(connection, due.account_id, "batch.completed", [due.id], detail=told)
    return True
