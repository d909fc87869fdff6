"""Deliveries as people read them, and what they ask for: again, as a test, no longer kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.errors import NotFound
from trueup.ids import new_id
from trueup.limits import WEBHOOK_RESENT_MAX
from trueup.store.postgres.filtered import Filtered
from trueup.store.postgres.rows import fetch_all
from trueup.store.webhooks.endpoints import find_endpoint

State = Literal["waiting", "delivered", "failed"]
TEST_TYPE = "webhook.test"

_COLUMNS = """
    SELECT d.event_id AS id, d.type, d.position, d.subject_id, d.happened_at, d.state, d.attempts, d.finished_at,
           CASE WHEN d.state = 'waiting' THEN d.next_attempt_at END AS next_attempt_at,
           last.at AS attempted_at, last.status, last.error
      FROM webhook_delivery AS d
      LEFT JOIN LATERAL (
        SELECT at, status, error FROM webhook_attempt AS a
         WHERE a.account_id = d.account_id AND a.endpoint_id = d.endpoint_id AND a.event_id = d.event_id
         ORDER BY number DESC LIMIT 1) AS last ON true
     WHERE d.account_id = :account_id AND d.endpoint_id = :endpoint_id
"""
_LIST = Filtered(
    lambda given: text(f"{_COLUMNS}{given} ORDER BY d.position DESC, d.event_id DESC LIMIT :limit"),
    {
        "before": "(d.position, d.event_id) < (:before, CAST(:before_id AS uuid))",
        **{each: f"d.state = '{each}'" for each in get_args(State)},
    },
)
_ONE = text(f"{_COLUMNS} AND d.event_id = :event_id")
_ATTEMPTS = text("""
    SELECT number, at, duration_ms, status, error, answer FROM webhook_attempt
     WHERE account_id = :account_id AND endpoint_id = :endpoint_id AND event_id = :event_id ORDER BY number
""")
_BODY = text("""
    SELECT body FROM webhook_delivery
     WHERE account_id = :account_id AND endpoint_id = :endpoint_id AND event_id = :event_id
""")
_RESEND = Filtered(
    lambda given: text(f"""
    WITH chosen AS MATERIALIZED (
        SELECT event_id FROM webhook_delivery AS d
         WHERE account_id = :account_id AND endpoint_id = :endpoint_id
           AND (claimed_until IS NULL OR claimed_until < now()){given}
         ORDER BY position FETCH FIRST :limit ROWS WITH TIES FOR NO KEY UPDATE
    ), resent AS (
        UPDATE webhook_delivery AS d
           SET state = 'waiting', step = 0, hurry = 0, next_attempt_at = now(), claimed_until = NULL,
               finished_at = NULL
          FROM chosen
         WHERE d.account_id = :account_id AND d.endpoint_id = :endpoint_id AND d.event_id = chosen.event_id
        RETURNING d.position
    )
    SELECT count(*) AS count, CASE WHEN count(*) >= :limit THEN max(position) END AS reached FROM resent
"""),
    {
        "after": "d.position > :after",
        "event_id": "d.event_id = :event_id",
        "since": "d.happened_at >= :since",
        "failed": "(d.state = 'failed' OR d.state = 'waiting' AND d.step > 0)",
    },
)
_TEST = text("""
    INSERT INTO webhook_delivery (account_id, endpoint_id, event_id, position, type, subject_id, facts, happened_at,
                                  state, next_attempt_at)
    VALUES (:account_id, :endpoint_id, :event_id,
            coalesce((SELECT last_position FROM feed WHERE account_id = :account_id), 0), :type, :endpoint_id, '{}',
            now(), 'waiting', now())
""")
_FORGET = text("""
    DELETE FROM webhook_delivery AS d
     USING (SELECT account_id, endpoint_id, event_id FROM webhook_delivery
             WHERE finished_at < now() - make_interval(days => :days) ORDER BY finished_at LIMIT :limit
               FOR UPDATE SKIP LOCKED) AS old
     WHERE d.account_id = old.account_id AND d.endpoint_id = old.endpoint_id AND d.event_id = old.event_id
""")
# What had happened before it was switched off: it gets nothing since.
_FORGET_OFF = text("""
    DELETE FROM webhook_delivery AS d
     USING (SELECT w.account_id, w.endpoint_id, w.event_id
              FROM webhook_endpoint AS e
              JOIN webhook_delivery AS w ON w.account_id = e.account_id AND w.endpoint_id = e.id
             WHERE e.state = 'disabled' AND e.disabled_at < now() - make_interval(days => :days)
               AND w.state = 'waiting' AND w.happened_at < now() - make_interval(days => :days)
             LIMIT :limit FOR UPDATE OF w SKIP LOCKED) AS old
     WHERE d.account_id = old.account_id AND d.endpoint_id = old.endpoint_id AND d.event_id = old.event_id
""")
_FORGET_DELETED = text("""
    DELETE FROM webhook_delivery AS d
     USING (SELECT w.account_id, w.endpoint_id, w.event_id
              FROM webhook_endpoint AS e
              JOIN webhook_delivery AS w ON w.account_id = e.account_id AND w.endpoint_id = e.id
             WHERE e.state = 'deleted' LIMIT :limit FOR UPDATE OF w SKIP LOCKED) AS old
     WHERE d.account_id = old.account_id AND d.endpoint_id = old.endpoint_id AND d.event_id = old.event_id
""")
_FORGET_ENDPOINTS = text("""
    DELETE FROM webhook_endpoint AS e
     WHERE e.state = 'deleted' AND NOT EXISTS (
        SELECT FROM webhook_delivery AS d WHERE d.account_id = e.account_id AND d.endpoint_id = e.id)
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An attempt, and what came of it.

    Attributes:
        number: from 1.
        status: of the answer; None: there was none.
        error: why it failed; None: it did not.
        answer: the beginning of the answer's body; None: there was no answer.
    """

    number: int
    at: datetime
    duration_ms: int
    status: int | None
    error: str | None
    answer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resent:
    """Deliveries that are tried again.

    Attributes:
        count: number of them.
        reached: the position of the last one, where others may follow.
    """

    count: int
    reached: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An event on its way to an endpoint.

    Attributes:
        id: of the event, and the `webhook-id`.
        position: of the event in the feed.
        next_attempt_at: None: there is none.
        attempted_at: of the last attempt, as status and error; None: it had none yet.
        log: its attempts, where they were read.
    """

    id: UUID
    type: str
    position: int
    subject_id: UUID
    happened_at: datetime
    state: State
    attempts: int
    finished_at: datetime | None
    next_attempt_at: datetime | None
    attempted_at: datetime | None
    status: int | None
    error: str | None
    log: Sequence[Attempt] = field(default_factory=tuple)


def list_deliveries(
    connection: Connection,
    account_id: int,
    endpoint_id: UUID,
    *,
    limit: int,
    state: State | None = None,
    before: Delivery | tuple[int, UUID] | None = None,
) -> list[Delivery]:
    """Deliveries to an endpoint, the latest of the feed first.

    Args:
        connection: a transaction.
        account_id: whose.
        endpoint_id: where they go.
        limit: at most this many.
        state: these only.
        before: the last one of the page before, or its position and id.

    Raises:
        NotFound: the account has no such endpoint.
    """
    find_endpoint(connection, account_id, endpoint_id)
    place = (before.position, before.id) if isinstance(before, Delivery) else before or (None, None)
    which = {"account_id": account_id, "endpoint_id": endpoint_id, "limit": limit}
    which |= {"before": place[0], "before_id": place[1]}
    given = which if state is None else which | {state: True}
    return fetch_all(connection, Delivery, _LIST.given(given), which)


def show_delivery(connection: Connection, account_id: int, endpoint_id: UUID, delivery_id: UUID) -> Delivery:
    """One delivery with its log.

    Raises:
        NotFound: the endpoint has none of this id.
    """
    which = {"account_id": account_id, "endpoint_id": endpoint_id, "event_id": delivery_id}
    found = fetch_all(connection, Delivery, _ONE, which)
    if not found:
        raise NotFound(f"webhook {endpoint_id} has no delivery {delivery_id}")
    return replace(found[0], log=tuple(fetch_all(connection, Attempt, _ATTEMPTS, which)))


def body_of(connection: Connection, account_id: int, endpoint_id: UUID, delivery_id: UUID) -> bytes | None:
    """The bytes that are sent; None before the first attempt."""
    which = {"account_id": account_id, "endpoint_id": endpoint_id, "event_id": delivery_id}
    found: bytes | None = connection.scalar(_BODY, which)
    return found


def resend(
    connection: Connection,
    account_id: int,
    endpoint_id: UUID,
    *,
    delivery_id: UUID | None = None,
    since: datetime | None = None,
    failed: bool = False,
    after: int | None = None,
    deliveries_max: int = WEBHOOK_RESENT_MAX,
) -> Resent:
    """Let deliveries be tried again at once, with the bytes that they have, in the feed's order.

    Args:
        connection: a transaction.
        account_id: whose.
        endpoint_id: where they go.
        delivery_id: this one.
        since: of what happened then or later.
        failed: those that failed, for good or until now.
        after: those whose events follow this position.
        deliveries_max: at once.

    Raises:
        NotFound: the account has no such endpoint, or that no such delivery.
    """
    assert delivery_id or since or failed
    find_endpoint(connection, account_id, endpoint_id)
    which = {"account_id": account_id, "endpoint_id": endpoint_id, "limit": deliveries_max}
    which |= {"event_id": delivery_id, "since": since, "failed": failed, "after": after}
    if delivery_id is not None:
        show_delivery(connection, account_id, endpoint_id, delivery_id)
    (resent,) = fetch_all(connection, Resent, _RESEND.given(which), which)
    return resent


def send_test(connection: Connection, account_id: int, endpoint_id: UUID) -> UUID:
    """Make a delivery that tells of nothing but the endpoint itself; returns its id.

    Raises:
        NotFound: the account has no such endpoint.
    """
    find_endpoint(connection, account_id, endpoint_id)
    test_id = new_id()
    given = {"account_id": account_id, "endpoint_id": endpoint_id, "event_id": test_id, "type": TEST_TYPE}
    connection.execute(_TEST, given)
    return test_id


def forget_deliveries(connection: Connection, *, days: int, limit: int) -> int:
    """Remove old deliveries; returns how many.

    Old are those that ended more than `days` ago, those that wait for as long at an endpoint that is switched off, and
    those of endpoints that are deleted.
    """
    gone = connection.execute(_FORGET, {"days": days, "limit": limit}).rowcount
    gone += connection.execute(_FORGET_OFF, {"days": days, "limit": limit}).rowcount
    gone += connection.execute(_FORGET_DELETED, {"limit": limit}).rowcount
    connection.execute(_FORGET_ENDPOINTS)
    return int(gone)
