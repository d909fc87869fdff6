"""Accepted means kept (spec 2.4): envelopes that stay in `intake` until their outcomes are stored.

This is also how Trueup itself puts messages on the queue: what is to be replayed, or halved, becomes rows here that are
due at once, and the sweeper publishes whatever is due.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, func, text
from sqlalchemy.dialects.postgresql import insert

from shared.limits import LEASE_S_MAX
from shared.store.tables import intake

_TAKE_DUE = text("""
    UPDATE intake SET due_at = now() + make_interval(secs => lease_s), lease_s = least(2 * lease_s, :lease_s_max)
     WHERE (account_id, digest) IN (
        SELECT account_id, digest FROM intake WHERE due_at <= now() ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED)
    RETURNING meta, requests, queue, size, attempt
""")

_RELEASE = text("DELETE FROM intake WHERE account_id = :account_id AND digest = :digest")
_FORGET_DELIVERIES = text("DELETE FROM delivery WHERE account_id = :account_id AND digest = :digest")

_COUNT_DELIVERY = text("""
    INSERT INTO delivery AS d (account_id, digest, count) VALUES (:account_id, :digest, 1)
    ON CONFLICT (account_id, digest) DO UPDATE SET count = d.count + 1, last_at = now()
    RETURNING count
""")


@dataclass(frozen=True, slots=True)
class Kept:
    """An envelope as it is published.

    Attributes:
        size: how many requests it holds.
        attempt: the number of its next delivery, from 1; half of an envelope goes on counting where that was.
    """

    meta: str
    requests: str
    queue: str
    size: int
    attempt: int = 1


def digest_of(meta: str, requests: str) -> bytes:
    """What an envelope is known by: the same bytes, delivered again, are the same envelope."""
    joined = hashlib.sha256()
    for part in (meta, requests):
        joined.update(hashlib.sha256(as_bytes(part)).digest())
    return joined.digest()


def as_bytes(text: str) -> bytes:
    """An argument as it is stored: what was received, even where it is no good Unicode."""
    return text.encode("utf-8", "surrogatepass")


def as_text(stored: bytes) -> str:
    """What `as_bytes` was made of."""
    return stored.decode("utf-8", "surrogatepass")


def accept(
    connection: Connection, account_id: int, envelopes: Iterable[Kept], *, lease_s: int, due_now: bool = False
) -> None:
    """Keeps envelopes until they have their outcomes.

    Args:
        connection: of the transaction that accepts them.
        account_id: whose requests they are.
        envelopes: as they were, or will be, published.
        lease_s: after this many seconds without outcomes the sweeper publishes them; then after twice as many.
        due_now: the sweeper is to publish them in the first place.
    """
    rows = [
        {
            "account_id": account_id,
            "digest": digest_of(each.meta, each.requests),
            "meta": as_bytes(each.meta),
            "requests": as_bytes(each.requests),
            "queue": each.queue,
            "size": each.size,
            "attempt": each.attempt,
            "lease_s": lease_s,
        }
        for each in envelopes
    ]
    if rows:
        due_at = func.now() + timedelta(seconds=0 if due_now else lease_s)
        statement = insert(intake).values(due_at=due_at)
        sooner = func.least(intake.c.due_at, statement.excluded.due_at)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=[intake.c.account_id, intake.c.digest], set_={"due_at": sooner}
            ),
            rows,
        )


def take_due(connection: Connection, *, limit: int) -> list[Kept]:
    """Envelopes without outcomes whose lease is over, of all accounts; each lease is doubled, up to an hour."""
    taken = connection.execute(_TAKE_DUE, {"limit": limit, "lease_s_max": LEASE_S_MAX})
    return [Kept(as_text(row.meta), as_text(row.requests), row.queue, row.size, row.attempt) for row in taken]


def release(connection: Connection, account_id: int, digest: bytes, *, was_redelivered: bool) -> None:
    """Forgets an envelope whose outcomes are stored in this transaction."""
    which = {"account_id": account_id, "digest": digest}
    connection.execute(_RELEASE, which)
    if was_redelivered:
        connection.execute(_FORGET_DELIVERIES, which)


def count_redelivery(connection: Connection, account_id: int, digest: bytes) -> int:
    """How often this envelope was delivered again, this time included."""
    return int(connection.execute(_COUNT_DELIVERY, {"account_id": account_id, "digest": digest}).scalar_one())
