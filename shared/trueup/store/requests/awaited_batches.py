"""Batches that somebody waits for: not all of their rows had outcomes when they were last counted."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.store.postgres.rows import fetch_one

# The pause grows with the batch's age: counting costs as much as the batch is long.
_TAKE = text("""
    UPDATE batch AS b
       SET awaited_at = now() + least(greatest((now() - b.created_at) / 8, interval '1 second'), interval '1 hour')
      FROM (SELECT account_id, id FROM batch WHERE awaited_at <= now()
             ORDER BY awaited_at LIMIT 1 FOR UPDATE SKIP LOCKED) AS due
     WHERE b.account_id = due.account_id AND b.id = due.id
    RETURNING b.account_id, b.id, b.rows, b.rows = coalesce(b.content_rows, b.rows) AS is_received
""")
_PUT_OFF = text("""
    UPDATE batch
       SET awaited_at = greatest(awaited_at, clock_timestamp() + :times * (clock_timestamp() - now()))
     WHERE account_id = :account_id AND id = :id AND awaited_at IS NOT NULL
""")
_FORGET = text("""
    UPDATE batch SET awaited_at = NULL WHERE account_id = :account_id AND id = :id AND awaited_at IS NOT NULL
""")


@dataclass(frozen=True, slots=True)
class Awaited:
    """A batch that is to be counted.

    Attributes:
        rows: that are received.
        is_received: whether these are all of them.
    """

    account_id: int
    id: UUID
    rows: int
    is_received: bool


def take_awaited(connection: Connection) -> Awaited | None:
    """Put the next look at the batch that has been due for the longest time off, and give it; None where none is."""
    return fetch_one(connection, Awaited, _TAKE, {})


def put_off(connection: Connection, account_id: int, batch_id: UUID, *, times: int) -> None:
    """Leave a batch alone for at least so many times as long as this transaction has taken to count it."""
    connection.execute(_PUT_OFF, {"account_id": account_id, "id": batch_id, "times": times})


def await_no_more(connection: Connection, account_id: int, batch_id: UUID) -> bool:
    """Leave a batch alone from now on; False: another left it alone before."""
    return bool(connection.execute(_FORGET, {"account_id": account_id, "id": batch_id}).rowcount)
