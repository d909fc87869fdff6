"""The line of an account's heavy envelopes, in `intake`: the first has its turn, the others wait until they are called.

One of an account at a time: what others send passes by those that wait.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.store.requests.kept_envelopes import Kept, as_bytes

_REJOIN = text("""
    UPDATE intake
       SET in_line_since = coalesce(in_line_since, clock_timestamp()), due_at = now() + make_interval(secs => lease_s)
     WHERE account_id = :account_id AND digest = :digest
    RETURNING digest
""")

_JOIN = text("""
    INSERT INTO intake AS i (
        account_id, digest, meta, requests, queue, size, lease_s, due_at, first_id, last_id, in_line_since)
    VALUES (:account_id, :digest, :meta, :requests, :queue, :size, :lease_s, now() + make_interval(secs => :lease_s),
            :first_id, :last_id, clock_timestamp())
    ON CONFLICT (account_id, digest) DO UPDATE SET in_line_since = coalesce(i.in_line_since, excluded.in_line_since)
""")

_IN_LINE = "SELECT digest FROM intake WHERE account_id = :account_id AND in_line_since IS NOT NULL"

_FIRST = text(f"{_IN_LINE} ORDER BY in_line_since, digest LIMIT 1")

_YIELD = text("""
    UPDATE intake SET due_at = now(), lease_s = :lease_s WHERE account_id = :account_id AND digest = :digest
""")

_CALL_NEXT = text(f"""
    UPDATE intake SET due_at = now()
     WHERE account_id = :account_id
       AND digest = ({_IN_LINE} AND digest <> :digest ORDER BY in_line_since, digest LIMIT 1)
""")


@dataclass(frozen=True, slots=True)
class Place:
    """An envelope, and how long it waits for its turn before it is sent again all the same."""

    account_id: int
    digest: bytes
    lease_s: int

    @property
    def key(self) -> dict[str, object]:
        """Which row it is."""
        return {"account_id": self.account_id, "digest": self.digest}


def join(connection: Connection, place: Place, kept: Kept) -> bool:
    """Keep the envelope, and put it at the end of its account's line unless it stands in it already.

    Args:
        connection: each statement is a transaction of its own.
        place: which it is.
        kept: as it is sent again.

    Returns:
        Whether it is the first. Two that join at the same moment may both be.
    """
    if connection.execute(_REJOIN, place.key).one_or_none() is None:
        span = kept.span
        row = {
            "meta": as_bytes(kept.meta),
            "requests": as_bytes(kept.requests),
            "queue": kept.queue,
            "size": kept.size,
            "lease_s": place.lease_s,
            "first_id": span and UUID(span.first),
            "last_id": span and UUID(span.last),
        }
        connection.execute(_JOIN, place.key | row)
    first: bytes | None = connection.scalar(_FIRST, {"account_id": place.account_id})
    return first == place.digest


def give_way(connection: Connection, place: Place) -> None:
    """End the turn of the first, which stays the first: it is sent again at once, behind what waits on the queue."""
    connection.execute(_YIELD, place.key | {"lease_s": place.lease_s})


def call_next(connection: Connection, place: Place) -> None:
    """Let the one behind it be sent: in the transaction that takes this one out of the line."""
    connection.execute(_CALL_NEXT, place.key)
