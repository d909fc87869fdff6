"""Deliveries that are due: taken for an attempt, each by one worker at a time; what came of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.limits import WEBHOOK_LEASE_S
from trueup.store.postgres.rows import fetch_all
from trueup.store.webhooks.expansion import Which

# Rows are found by their key and changed where they lie: while a table is young, the planner would read all of them.

# Without regard to how much is due: the time of the first is enough, and one step into the index.
_READY = text("""
    SELECT e.account_id, e.id, e.failing_since IS NOT NULL AS is_failing
      FROM webhook_endpoint AS e
     WHERE e.state = 'enabled' AND EXISTS (
        SELECT FROM webhook_delivery AS d
         WHERE d.account_id = e.account_id AND d.endpoint_id = e.id AND d.state = 'waiting'
           AND d.next_attempt_at <= now())
""")

# The endpoint's row is locked so that two workers together take no more than its share.
_CLAIM = text("""
WITH wanted AS (
    SELECT * FROM unnest(CAST(:accounts AS integer[]), CAST(:endpoints AS uuid[]), CAST(:shares AS integer[]))
        AS w(account_id, id, share)
), locked AS MATERIALIZED (
    SELECT e.account_id, e.id, e.url, e.secret, wanted.share,
           CASE WHEN e.previous_until > now() THEN e.previous_secret END AS previous_secret
      FROM wanted JOIN webhook_endpoint AS e USING (account_id, id)
     WHERE e.state = 'enabled' ORDER BY e.account_id, e.id FOR NO KEY UPDATE OF e SKIP LOCKED
), due AS MATERIALIZED (
    SELECT locked.*, d.place FROM locked CROSS JOIN LATERAL (
        SELECT w.ctid AS place FROM webhook_delivery AS w
         WHERE w.account_id = locked.account_id AND w.endpoint_id = locked.id AND w.state = 'waiting'
           AND w.next_attempt_at <= now()
         ORDER BY w.next_attempt_at, w.position
         LIMIT greatest(0, locked.share - (
            SELECT count(*) FROM webhook_delivery AS c
             WHERE c.account_id = locked.account_id AND c.endpoint_id = locked.id AND c.claimed_until > now()))) AS d
)
UPDATE webhook_delivery AS d
   SET claimed_until = now() + make_interval(secs => :lease_s),
       next_attempt_at = now() + make_interval(secs => :lease_s), attempts = d.attempts + 1
  FROM due
 WHERE d.ctid = due.place
RETURNING d.account_id, d.endpoint_id, d.event_id, d.position, d.type, d.subject_id, d.facts, d.happened_at, d.body,
          d.step, d.hurry, d.attempts, due.url, due.secret, due.previous_secret
""")

_FIX = text("""
    UPDATE webhook_delivery AS d SET body = new.body
      FROM unnest(CAST(:accounts AS integer[]), CAST(:endpoints AS uuid[]), CAST(:events AS uuid[]),
                  CAST(:bodies AS bytea[])) AS new(account_id, endpoint_id, event_id, body)
     CROSS JOIN LATERAL (SELECT ctid FROM webhook_delivery
                           WHERE account_id = new.account_id AND endpoint_id = new.endpoint_id
                             AND event_id = new.event_id OFFSET 0) AS k
     WHERE d.ctid = k.ctid
""")

_RELEASE = text("""
    UPDATE webhook_delivery AS d SET claimed_until = NULL, next_attempt_at = now(), attempts = d.attempts - 1
      FROM unnest(CAST(:accounts AS integer[]), CAST(:endpoints AS uuid[]), CAST(:events AS uuid[]),
                  CAST(:numbers AS integer[])) AS c(account_id, endpoint_id, event_id, number)
     CROSS JOIN LATERAL (SELECT ctid FROM webhook_delivery
                           WHERE account_id = c.account_id AND endpoint_id = c.endpoint_id
                             AND event_id = c.event_id OFFSET 0) AS k
     WHERE d.ctid = k.ctid AND d.attempts = c.number AND d.state = 'waiting'
""")

# A delivery that another has begun anew since has an outcome to come, which is not this one.
_SETTLE = text("""
    UPDATE webhook_delivery AS d
       SET state = o.state, step = o.step, hurry = o.hurry, claimed_until = NULL,
           next_attempt_at = coalesce(o.next_attempt_at, d.next_attempt_at),
           finished_at = CASE WHEN o.state <> 'waiting' THEN now() END
      FROM unnest(CAST(:accounts AS integer[]), CAST(:endpoints AS uuid[]), CAST(:events AS uuid[]),
                  CAST(:numbers AS integer[]), CAST(:states AS text[]), CAST(:steps AS smallint[]),
                  CAST(:hurries AS smallint[]), CAST(:nexts AS timestamptz[]))
        AS o(account_id, endpoint_id, event_id, number, state, step, hurry, next_attempt_at)
     CROSS JOIN LATERAL (SELECT ctid FROM webhook_delivery
                           WHERE account_id = o.account_id AND endpoint_id = o.endpoint_id
                             AND event_id = o.event_id OFFSET 0) AS k
     WHERE d.ctid = k.ctid AND d.attempts = o.number AND d.state = 'waiting'
""")

_LOG = text("""
    INSERT INTO webhook_attempt (account_id, endpoint_id, event_id, number, at, duration_ms, status, error, answer)
    SELECT a.* FROM unnest(CAST(:accounts AS integer[]), CAST(:endpoints AS uuid[]), CAST(:events AS uuid[]),
                           CAST(:numbers AS integer[]), CAST(:times AS timestamptz[]), CAST(:durations AS integer[]),
                           CAST(:statuses AS smallint[]), CAST(:errors AS text[]), CAST(:answers AS text[]))
        AS a(account_id, endpoint_id, event_id, number, at, duration_ms, status, error, answer)
     CROSS JOIN LATERAL (SELECT ctid FROM webhook_delivery
                           WHERE account_id = a.account_id AND endpoint_id = a.endpoint_id
                             AND event_id = a.event_id OFFSET 0) AS k
    ON CONFLICT DO NOTHING
""")

_SUCCEEDED = text("""
    UPDATE webhook_endpoint AS e SET failing_since = NULL, delivered_at = now()
      FROM (SELECT account_id, id, failing_since FROM webhook_endpoint
             WHERE account_id = :account_id AND id = :id FOR NO KEY UPDATE) AS before
     WHERE e.account_id = before.account_id AND e.id = before.id
 RETURNING before.failing_since IS NOT NULL AS failed
""")
_HURRY = text("""
    UPDATE webhook_delivery SET hurry = 1, next_attempt_at = now()
     WHERE account_id = :account_id AND endpoint_id = :id AND state = 'waiting' AND hurry = 0 AND step > 0
       AND claimed_until IS NULL AND next_attempt_at > now()
""")
_FAILED = text("""
    UPDATE webhook_endpoint SET failing_since = coalesce(failing_since, :at)
     WHERE account_id = :account_id AND id = :id AND state = 'enabled'
 RETURNING failing_since
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """An endpoint with something due; `is_failing`: its last attempt failed."""

    account_id: int
    id: UUID
    is_failing: bool

    @property
    def which(self) -> Which:
        """Its name."""
        return Which(self.account_id, self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A delivery that is to be tried now.

    Attributes:
        event_id: its `webhook-id`, too.
        body: None before its first attempt.
        attempts: the number of the one that begins.
        secret: sealed, as is the one before.
    """

    account_id: int
    endpoint_id: UUID
    event_id: UUID
    position: int
    type: str
    subject_id: UUID
    facts: Mapping[str, Any]
    happened_at: datetime
    body: bytes | None
    step: int
    hurry: int
    attempts: int
    url: str
    secret: bytes
    previous_secret: bytes | None

    @property
    def which(self) -> Which:
        """Its endpoint."""
        return Which(self.account_id, self.endpoint_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Outcome of an attempt, and what becomes of its delivery.

    Attributes:
        wait: until the next attempt; None: there is none.
        at: when the attempt began.
        error: None: it was delivered.
    """

    delivery: Claimed
    state: Literal["waiting", "delivered", "failed"]
    step: int
    hurry: int
    wait: timedelta | None
    at: datetime
    ended_at: datetime
    duration_ms: int
    status: int | None
    error: str | None
    answer: str | None


def endpoints_ready(connection: Connection) -> list[Ready]:
    """Endpoints with something due, of all accounts."""
    return fetch_all(connection, Ready, _READY, {})


def claim(connection: Connection, shares: Mapping[Which, int], *, lease_s: float = WEBHOOK_LEASE_S) -> list[Claimed]:
    """Take deliveries that are due, those due for longest first, and of what is due together in the feed's order.

    Args:
        connection: a transaction; what it took is due again after the lease, unless it is settled.
        shares: how many of each endpoint may be taken at once, by whomsoever.
        lease_s: seconds.
    """
    given = {
        "accounts": [each.account_id for each in shares],
        "endpoints": [each.id for each in shares],
        "shares": list(shares.values()),
        "lease_s": lease_s,
    }
    found = fetch_all(connection, Claimed, _CLAIM, given)
    return sorted(found, key=lambda each: (each.attempts > 1, each.position))


def fix_bodies(connection: Connection, bodies: Sequence[tuple[Claimed, bytes]]) -> None:
    """Keep what is sent, now and at every later attempt."""
    connection.execute(_FIX, _keys([each for each, _ in bodies]) | {"bodies": [body for _, body in bodies]})


def release(connection: Connection, claimed: Collection[Claimed]) -> None:
    """Give back what was not tried: it is due at once."""
    connection.execute(_RELEASE, _keys(claimed) | {"numbers": [each.attempts for each in claimed]})


def settle(connection: Connection, settled: Sequence[Settled]) -> None:
    """Record attempts and what became of their deliveries."""
    keys = _keys([each.delivery for each in settled])
    keys["numbers"] = [each.delivery.attempts for each in settled]
    outcome = {
        "states": [each.state for each in settled],
        "steps": [each.step for each in settled],
        "hurries": [each.hurry for each in settled],
        "nexts": [None if each.wait is None else each.ended_at + each.wait for each in settled],
    }
    connection.execute(_SETTLE, keys | outcome)
    log = {
        "times": [each.at for each in settled],
        "durations": [each.duration_ms for each in settled],
        "statuses": [each.status for each in settled],
        "errors": [each.error for each in settled],
        "answers": [each.answer for each in settled],
    }
    connection.execute(_LOG, keys | log)


def note_success(connection: Connection, which: Which) -> None:
    """The endpoint takes deliveries; where it did not before, those that failed meanwhile are due at once."""
    named = {"account_id": which.account_id, "id": which.id}
    if connection.execute(_SUCCEEDED, named).scalar_one_or_none():
        hurry(connection, which)


def hurry(connection: Connection, which: Which) -> None:
    """Let deliveries that wait after a failure be due at once, each once beside its schedule."""
    connection.execute(_HURRY, {"account_id": which.account_id, "id": which.id})


def note_failure(connection: Connection, which: Which, *, at: datetime) -> datetime | None:
    """The endpoint failed; returns since when it has, None where it is switched off already."""
    found = connection.execute(_FAILED, {"account_id": which.account_id, "id": which.id, "at": at})
    since: datetime | None = found.scalar_one_or_none()
    return since


def _keys(claimed: Collection[Claimed]) -> dict[str, list[Any]]:
    return {
        "accounts": [each.account_id for each in claimed],
        "endpoints": [each.endpoint_id for each in claimed],
        "events": [each.event_id for each in claimed],
    }
