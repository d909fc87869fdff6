"""Deliveries that are due: taken for an attempt, each by one worker at a time; what came of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from types import MappingProxyType
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.limits import WEBHOOK_FAILING_DAYS, WEBHOOK_LEASE_S
from trueup.store.postgres.driver_statement import uuid_array
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

_IS_ANY_READY = text("""
    SELECT EXISTS (SELECT FROM webhook_endpoint AS e CROSS JOIN LATERAL (
        SELECT FROM webhook_delivery AS d
         WHERE d.account_id = e.account_id AND d.endpoint_id = e.id AND d.state = 'waiting'
           AND d.next_attempt_at <= now() LIMIT 1) AS due
     WHERE e.state = 'enabled')
""")

_SECRETS = """e.secret || ARRAY(SELECT b.secret
                               FROM unnest(e.older_secrets || e.previous_secret, e.older_until || e.previous_until)
                                    AS b(secret, until)
                              WHERE b.until > now() ORDER BY b.until DESC)"""

# The endpoint's row is locked so that two workers together take no more than its share; the deliveries are, so that
# they stay as they were found until they are taken. Where another worker has first
# attempts to make, this one takes none of them: they begin in order.
_DUE = text(f"""
WITH wanted AS (
    SELECT * FROM unnest(CAST(:accounts AS integer[]), CAST(:endpoints AS uuid[]), CAST(:shares AS integer[]),
                         CAST(:held AS integer[])) AS w(account_id, id, share, held)
), locked AS MATERIALIZED (
    SELECT e.account_id, e.id, e.url, wanted.share, wanted.held,
           {_SECRETS} AS secrets
      FROM wanted JOIN webhook_endpoint AS e USING (account_id, id)
     WHERE e.state = 'enabled' ORDER BY e.account_id, e.id FOR NO KEY UPDATE OF e SKIP LOCKED
)
SELECT locked.account_id, locked.id AS endpoint_id, d.*, locked.url, locked.secrets
  FROM locked CROSS JOIN LATERAL (
    SELECT count(*) AS count, count(*) FILTER (WHERE c.attempts = 1) AS first FROM webhook_delivery AS c
     WHERE c.account_id = locked.account_id AND c.endpoint_id = locked.id AND c.claimed_until > now()
  ) AS claimed CROSS JOIN LATERAL (
    SELECT w.event_id, w.position, w.type, w.subject_id, w.facts, w.happened_at, w.body, w.step, w.hurry,
           w.attempts + 1 AS attempts
      FROM webhook_delivery AS w
     WHERE w.account_id = locked.account_id AND w.endpoint_id = locked.id AND w.state = 'waiting'
       AND w.next_attempt_at <= now() AND (w.attempts > 0 OR claimed.first <= locked.held)
     ORDER BY w.next_attempt_at, w.position LIMIT greatest(0, locked.share - claimed.count)
       FOR NO KEY UPDATE SKIP LOCKED) AS d
""")

_DESTINATIONS = text(f"""
    SELECT e.account_id, e.id, e.url, {_SECRETS} AS secrets
      FROM unnest(CAST(:accounts AS integer[]), CAST(:endpoints AS uuid[])) AS w(account_id, id)
      JOIN webhook_endpoint AS e USING (account_id, id)
     WHERE e.state = 'enabled'
""")

# Bodies come in one piece: an array of them is written character by character.
_TAKE = text("""
    UPDATE webhook_delivery AS d
       SET claimed_until = now() + make_interval(secs => :lease_s),
           next_attempt_at = now() + make_interval(secs => :lease_s), attempts = d.attempts + 1,
           body = coalesce(d.body, substr(CAST(:bodies AS bytea), new.start, new.length))
      FROM unnest(CAST(:accounts AS integer[]), CAST(:endpoints AS uuid[]), CAST(:events AS uuid[]),
                  CAST(:starts AS integer[]), CAST(:lengths AS integer[]))
        AS new(account_id, endpoint_id, event_id, start, length)
     CROSS JOIN LATERAL (SELECT ctid FROM webhook_delivery
                           WHERE account_id = new.account_id AND endpoint_id = new.endpoint_id
                             AND event_id = new.event_id OFFSET 0) AS k
     WHERE d.ctid = k.ctid
""")

# What was never tried stands before all that is due for its first attempt, as it did.
_RELEASE = text("""
    UPDATE webhook_delivery AS d
       SET claimed_until = NULL, attempts = d.attempts - 1,
           next_attempt_at = CASE WHEN d.attempts = 1 THEN least(d.happened_at, now()) ELSE now() END
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
           next_attempt_at = coalesce(now() + o.wait, d.next_attempt_at),
           finished_at = CASE WHEN o.state <> 'waiting' THEN now() END
      FROM unnest(CAST(:accounts AS integer[]), CAST(:endpoints AS uuid[]), CAST(:events AS uuid[]),
                  CAST(:numbers AS integer[]), CAST(:states AS text[]), CAST(:steps AS smallint[]),
                  CAST(:hurries AS smallint[]), CAST(:waits AS interval[]))
        AS o(account_id, endpoint_id, event_id, number, state, step, hurry, wait)
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
# Deliveries are given up before an endpoint is: the next one's failure goes on from theirs, unless it is another
# trouble by then.
_FAILED = text("""
    UPDATE webhook_endpoint
       SET failing_since = CASE WHEN :goes_on OR failed_at > now() - make_interval(days => :days)
                                THEN coalesce(failing_since, now()) ELSE now() END,
           failed_at = now()
     WHERE account_id = :account_id AND id = :id AND state = 'enabled'
 RETURNING now() - failing_since
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


@dataclass(frozen=True, slots=True)
class Destination:
    """Address of an endpoint's deliveries, and the secrets that sign them, as `Claimed` has it."""

    url: str
    secrets: Sequence[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A delivery that is to be tried now.

    Attributes:
        event_id: its `webhook-id`, too.
        body: None before its first attempt.
        attempts: the number of the one that begins.
        secrets: that sign, sealed, the last one first.
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
    secrets: Sequence[bytes]

    @property
    def destination(self) -> Destination:
        """Its address."""
        return Destination(self.url, self.secrets)

    @property
    def which(self) -> Which:
        """Its endpoint."""
        return Which(self.account_id, self.endpoint_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Outcome of an attempt, and what becomes of its delivery.

    Attributes:
        wait: until the next attempt, by the database's clock; None: there is none.
        at: when the attempt began, by the worker's.
        error: None: it was delivered.
    """

    delivery: Claimed
    state: Literal["waiting", "delivered", "failed"]
    step: int
    hurry: int
    wait: timedelta | None
    at: datetime
    duration_ms: int
    status: int | None
    error: str | None
    answer: str | None


def endpoints_ready(connection: Connection) -> list[Ready]:
    """Endpoints with something due, of all accounts."""
    return fetch_all(connection, Ready, _READY, {})


def destinations(connection: Connection, endpoints: Collection[Which]) -> dict[Which, Destination]:
    """Addresses of deliveries to these endpoints now; those that are switched off or deleted are left out."""
    given = {"accounts": [each.account_id for each in endpoints], "endpoints": [each.id for each in endpoints]}
    rows = connection.execute(_DESTINATIONS, given)
    return {Which(row.account_id, row.id): Destination(row.url, row.secrets) for row in rows}


def is_any_ready(connection: Connection) -> bool:
    """Tell whether there is an endpoint that `endpoints_ready` names."""
    return bool(connection.scalar(_IS_ANY_READY))


def find_due(
    connection: Connection, shares: Mapping[Which, int], held: Mapping[Which, int] = MappingProxyType({})
) -> list[Claimed]:
    """Deliveries that are due, those due for longest first, and of what is due together in the feed's order.

    They are for the caller alone until the transaction ends, and longer only if they are taken.

    Args:
        connection: a transaction.
        shares: how many of each endpoint may be taken at once, by whomsoever.
        held: first attempts of each that the caller has taken before and not settled; where others have some, nothing
            is found, so that first attempts begin in the feed's order.
    """
    given = {
        "accounts": [each.account_id for each in shares],
        "endpoints": [each.id for each in shares],
        "shares": list(shares.values()),
        "held": [held.get(each, 0) for each in shares],
    }
    found = fetch_all(connection, Claimed, _DUE, given)
    return sorted(found, key=lambda each: (each.attempts > 1, each.position))


def take(
    connection: Connection,
    due: Sequence[Claimed],
    bodies: Mapping[tuple[Which, UUID], bytes],
    *,
    lease_s: float = WEBHOOK_LEASE_S,
) -> None:
    """Take what was found in this transaction; it is due again after the lease, unless it is settled.

    Args:
        connection: the transaction that found them.
        due: what it found.
        bodies: of what has none yet, by endpoint and event: sent now and at every later attempt.
        lease_s: seconds.
    """
    made = [bodies.get((each.which, each.event_id)) for each in due]
    lengths = [None if each is None else len(each) for each in made]
    starts = accumulate((each or 0 for each in lengths[:-1]), initial=1)
    whole = b"".join(each for each in made if each is not None)
    given = {"bodies": whole, "starts": list(starts), "lengths": lengths, "lease_s": lease_s}
    connection.execute(_TAKE, _keys(due) | given)


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
        "waits": [each.wait for each in settled],
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


def note_failure(connection: Connection, which: Which, tried: Sequence[Claimed]) -> timedelta | None:
    """The endpoint failed, `tried` being what was sent to it; returns for how long it has, None where it is off.

    A first attempt that fails after the endpoint was left alone for so long as would have switched it off begins anew.
    """
    given = {"goes_on": any(each.step > 0 for each in tried), "days": WEBHOOK_FAILING_DAYS}
    found = connection.execute(_FAILED, {"account_id": which.account_id, "id": which.id} | given)
    failing_for: timedelta | None = found.scalar_one_or_none()
    return failing_for


def _keys(claimed: Collection[Claimed]) -> dict[str, Any]:
    return {
        "accounts": [each.account_id for each in claimed],
        "endpoints": uuid_array(str(each.endpoint_id) for each in claimed),
        "events": uuid_array(str(each.event_id) for each in claimed),
    }
