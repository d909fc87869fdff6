"""From the feed to deliveries: an endpoint's place moves, and what it asks for on the way is made to be sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import orjson
from sqlalchemy import Connection, text

from trueup.limits import WEBHOOK_EXPANDED_MAX, WEBHOOK_UNTRIED_MAX, WEBHOOK_WAITING_MAX
from trueup.store.events.event import Event
from trueup.store.events.read import EventsTrimmed, PlaceAhead, last_position, read_feed
from trueup.store.postgres.rows import fetch_all
from trueup.wire.events import EventType

_BEHIND = text("""
    SELECT e.account_id, e.id FROM webhook_endpoint AS e JOIN feed AS f ON f.account_id = e.account_id
     WHERE e.state = 'enabled' AND e.position < f.last_position
""")
_IS_ANY_BEHIND = text("""
    SELECT EXISTS (SELECT FROM feed AS f JOIN webhook_endpoint AS e ON e.account_id = f.account_id
                    WHERE e.state = 'enabled' AND e.position < f.last_position)
""")
_LOCK = text("""
    SELECT position, types FROM webhook_endpoint
     WHERE account_id = :account_id AND id = :id AND state = 'enabled' FOR NO KEY UPDATE SKIP LOCKED
""")
_HAS_ROOM = text("""
    SELECT (SELECT count(*) FROM (SELECT FROM webhook_delivery
             WHERE account_id = :account_id AND endpoint_id = :id AND state = 'waiting' AND next_attempt_at <= now()
             LIMIT :untried) AS due) < :untried
       AND (SELECT count(*) FROM (SELECT FROM webhook_delivery
             WHERE account_id = :account_id AND endpoint_id = :id AND state = 'waiting'
             LIMIT :waiting) AS all_of_them) < :waiting
""")
_INSERT = text("""
    INSERT INTO webhook_delivery (account_id, endpoint_id, event_id, position, type, subject_id, facts, happened_at,
                                  state, next_attempt_at)
    SELECT CAST(:account_id AS integer), CAST(:id AS uuid), new.*, 'waiting', now()
      FROM unnest(CAST(:event_ids AS uuid[]), CAST(:positions AS bigint[]), CAST(:types AS text[]),
                  CAST(:subject_ids AS uuid[]), CAST(:facts AS jsonb[]), CAST(:times AS timestamptz[])) AS new
    ON CONFLICT DO NOTHING
""")
_MOVE = text("UPDATE webhook_endpoint SET position = :position WHERE account_id = :account_id AND id = :id")


Expanded = Literal["more", "done", "full"]


@dataclass(frozen=True, slots=True)
class Which:
    """Name of an endpoint: its account and id."""

    account_id: int
    id: UUID


def endpoints_behind(connection: Connection) -> list[Which]:
    """Endpoints whose account's feed goes on behind their place, in no order."""
    return fetch_all(connection, Which, _BEHIND, {})


def is_any_behind(connection: Connection) -> bool:
    """Tell whether there is an endpoint that `endpoints_behind` names."""
    return bool(connection.scalar(_IS_ANY_BEHIND))


def expand(connection: Connection, which: Which) -> Expanded:
    """Make deliveries of the next events that an endpoint asks for, some at a time.

    Returns `more` where others follow these, `done` where none do or another worker takes the endpoint forward, and
    `full` where so many wait that it gets no more for now.

    Nothing is made while so many wait that these take a while: a feed of millions stays where it is. What is past its
    term when an endpoint comes to it is passed over.

    Args:
        connection: a transaction, which ends with this.
        which: the endpoint; one that another takes forward at this moment is left alone.
    """
    named = {"account_id": which.account_id, "id": which.id}
    found = connection.execute(_LOCK, named).one_or_none()
    if found is None:
        return "done"
    bounds = {"untried": WEBHOOK_UNTRIED_MAX, "waiting": WEBHOOK_WAITING_MAX}
    if not connection.execute(_HAS_ROOM, named | bounds).scalar_one():
        return "full"
    events, cursor, has_more = _next(connection, which.account_id, found.position, found.types)
    if events:
        connection.execute(_INSERT, named | _columns(events))
    connection.execute(_MOVE, named | {"position": cursor})
    return "more" if has_more else "done"


def _next(
    connection: Connection, account_id: int, after: int, types: Sequence[EventType]
) -> tuple[Sequence[Event], int, bool]:
    try:
        page = read_feed(connection, account_id, after=after, types=types, limit=WEBHOOK_EXPANDED_MAX)
    except EventsTrimmed as error:
        return (), error.oldest - 1, True
    except PlaceAhead:  # the database was taken back to an earlier moment
        return (), last_position(connection, account_id), False
    return page.events, page.cursor, page.has_more


def _columns(events: Sequence[Event]) -> dict[str, list[Any]]:
    return {
        "event_ids": [each.id for each in events],
        "positions": [each.position for each in events],
        "types": [each.type for each in events],
        "subject_ids": [each.subject_id for each in events],
        "facts": [orjson.dumps(each.facts).decode() for each in events],
        "times": [each.timestamp for each in events],
    }
