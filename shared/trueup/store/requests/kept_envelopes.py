"""Accepted means kept: envelopes that stay in `intake` until their outcomes are stored.

This is also how Trueup itself puts messages on the queue: what is to be replayed, or halved, becomes rows here that are
due at once, and the sweeper publishes whatever is due.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Connection, func, text
from sqlalchemy.dialects.postgresql import insert

from trueup.limits import LEASE_S_MAX
from trueup.store.postgres.driver_statement import DriverStatement
from trueup.store.tables import delivery, intake
from trueup.wire.message.packing import Span
from trueup.wire.message.signature import Digests, digests_of

# The oldest of each account, then the second of each, and so on: who has a hundred thousand due has no more of it.
# Where nothing is due, that is all that is looked for; else accounts are found one after the other, by those kept.
_TAKE_DUE = text("""
WITH RECURSIVE keeper AS (
    SELECT min(account_id) AS id FROM intake
     WHERE (SELECT due_at FROM intake ORDER BY due_at LIMIT 1) <= now()
     UNION ALL
    SELECT (SELECT i.account_id FROM intake AS i WHERE i.account_id > keeper.id ORDER BY i.account_id LIMIT 1)
      FROM keeper WHERE keeper.id IS NOT NULL
), waiting AS MATERIALIZED (
    SELECT due.account_id, due.digest
      FROM keeper CROSS JOIN LATERAL (
        SELECT account_id, digest, due_at, row_number() OVER (ORDER BY due_at) AS nth
          FROM (SELECT account_id, digest, due_at FROM intake
                 WHERE account_id = keeper.id AND due_at <= now() ORDER BY due_at LIMIT :limit) AS oldest) AS due
     ORDER BY due.nth, due.due_at LIMIT :limit
), due AS MATERIALIZED (
    SELECT i.account_id, i.digest FROM intake AS i JOIN waiting USING (account_id, digest)
     WHERE i.due_at <= now() FOR UPDATE OF i SKIP LOCKED
)
UPDATE intake SET due_at = now() + make_interval(secs => lease_s), lease_s = least(2 * lease_s, :lease_s_max)
  FROM due WHERE intake.account_id = due.account_id AND intake.digest = due.digest
RETURNING meta, requests, queue, size
""")

_RELEASE = DriverStatement("""
WITH done AS (DELETE FROM delivery WHERE account_id = :account_id AND digest = :digest)
DELETE FROM intake WHERE account_id = :account_id AND digest = :digest
""")

_FORGET_DELIVERY = text("DELETE FROM delivery WHERE account_id = :account_id AND digest = :digest")

_FORGET_OLD_DELIVERIES = text("SELECT trim_delivery(make_interval(days => :days), :limit)")

_COUNT_DELIVERY = DriverStatement("""
    INSERT INTO delivery AS d (account_id, digest, count)
    SELECT :account_id, :digest, 1 FROM set_config('synchronous_commit', 'off', true)
    ON CONFLICT (account_id, digest) DO UPDATE SET count = least(d.count + 1, 1000), last_at = now()
    RETURNING count
""")

_ACCOUNT_OF = text("""
    SELECT account.id, account.name
      FROM intake JOIN account ON account.id = intake.account_id WHERE digest = :digest LIMIT 1
""")


_WAITING = text("SELECT count(*), coalesce(extract(epoch FROM now() - min(accepted_at)), 0) FROM intake")


@dataclass(frozen=True, slots=True)
class Kept:
    """An envelope as it is published.

    Attributes:
        size: how many requests it holds.
        span: where their ids lie, so that they are found by them; None: nobody has read it.
    """

    meta: str
    requests: str
    queue: str
    size: int
    span: Span | None = None


def digest_of(meta: str, requests: str) -> bytes:
    """Digest of an envelope: the same bytes, delivered again, are the same envelope."""
    return digest_of_digests(digests_of(meta, requests))


def digest_of_digests(digests: Digests) -> bytes:
    """As `digest_of`, of arguments that were digested before."""
    return hashlib.sha256(b"".join(digests)).digest()


def as_bytes(text: str) -> bytes:
    """An argument as it is stored: what was received, even where it is no good Unicode."""
    return text.encode("utf-8", "surrogatepass")


def as_text(stored: bytes) -> str:
    """Text that `as_bytes` was made of."""
    return stored.decode("utf-8", "surrogatepass")


def accept(
    connection: Connection, account_id: int, envelopes: Iterable[Kept], *, lease_s: int, due_now: bool = False
) -> None:
    """Keep envelopes until they have their outcomes.

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
            "lease_s": lease_s,
            "first_id": each.span and UUID(each.span.first),
            "last_id": each.span and UUID(each.span.last),
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
    return [Kept(as_text(row.meta), as_text(row.requests), row.queue, row.size) for row in taken]


def waiting(connection: Connection) -> tuple[int, float]:
    """Number of kept envelopes without outcomes, of all accounts, and for how many seconds the oldest has waited."""
    count, seconds = connection.execute(_WAITING).one()
    return int(count), float(seconds)


def accepting_account(connection: Connection, digest: bytes) -> tuple[int, str] | None:
    """Id and name of the account that an envelope was accepted from, while it has no outcomes yet."""
    row = connection.execute(_ACCOUNT_OF, {"digest": digest}).one_or_none()
    return (row.id, row.name) if row else None


def release(connection: Connection, account_id: int, digest: bytes) -> None:
    """Forget an envelope whose outcomes are stored in this transaction."""
    _RELEASE.run(connection, {"account_id": account_id, "digest": digest})


def count_delivery(connection: Connection, account_id: int, digest: bytes) -> int:
    """Count a delivery, before the work; how many there were, this one included.

    The count of a worker that is killed survives it. It need not survive a crash of the database, so that nobody waits
    for the disk.
    """
    ((count,),) = _COUNT_DELIVERY.run(connection, {"account_id": account_id, "digest": digest})
    return int(count)


def forget_old_deliveries(connection: Connection, *, days: int, limit: int) -> None:
    """Remove counts of messages that never came again, of all accounts, some at a time."""
    connection.execute(_FORGET_OLD_DELIVERIES, {"days": days, "limit": limit})


def suspect(connection: Connection, account_id: int, digests: Iterable[bytes], *, deliveries: int) -> None:
    """Let envelopes that nobody has seen yet start with deliveries behind them."""
    rows = [{"account_id": account_id, "digest": digest, "count": deliveries} for digest in digests]
    connection.execute(insert(delivery).on_conflict_do_nothing(), rows)


def forget_delivery(connection: Connection, account_id: int, digest: bytes) -> None:
    """Take a delivery back that ended without its worker's death."""
    connection.execute(_FORGET_DELIVERY, {"account_id": account_id, "digest": digest})
