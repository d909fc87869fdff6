"""From the feed to deliveries: an endpoint's place moves, and what it asks for on the way is made to be sent."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Literal
from uuid import UUID

import orjson
from sqlalchemy import Connection, text

from trueup.limits import WEBHOOK_EXPANDED_MAX, WEBHOOK_UNTRIED_MAX, WEBHOOK_WAITING_MAX
from trueup.store.events.event import Event
from trueup.store.events.read import EventsTrimmed, PlaceAhead, last_position, read_feed
from trueup.store.postgres.driver_statement import uuid_array
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
_NAMED = "unnest(CAST(:accounts AS integer[]), CAST(:endpoints AS uuid[])) AS named (account_id, id)"
_LOCK = text(f"""
    SELECT e.account_id, e.id, e.position, e.types FROM {_NAMED} JOIN webhook_endpoint AS e USING (account_id, id)
     WHERE e.state = 'enabled' ORDER BY e.account_id, e.id FOR NO KEY UPDATE OF e SKIP LOCKED
""")
_WITH_ROOM = text(f"""
    SELECT account_id, id FROM {_NAMED}
     WHERE (SELECT count(*) FROM (SELECT FROM webhook_delivery AS d
             WHERE d.account_id = named.account_id AND d.endpoint_id = named.id AND d.state = 'waiting'
               AND d.next_attempt_at <= now() LIMIT :untried) AS due) < :untried
       AND (SELECT count(*) FROM (SELECT FROM webhook_delivery AS d
             WHERE d.account_id = named.account_id AND d.endpoint_id = named.id AND d.state = 'waiting'
             LIMIT :waiting) AS all_of_them) < :waiting
""")
_INSERT = text("""
    INSERT INTO webhook_delivery (account_id, endpoint_id, event_id, position, type, subject_id, facts, happened_at,
                                  state, next_attempt_at)
    SELECT new.*, 'waiting', now()
      FROM unnest(CAST(:accounts AS integer[]), CAST(:endpoints AS uuid[]), CAST(:event_ids AS uuid[]),
                  CAST(:positions AS bigint[]), CAST(:types AS text[]), CAST(:subject_ids AS uuid[]),
                  CAST(:facts AS jsonb[]), CAST(:times AS timestamptz[])) AS new
    ON CONFLICT DO NOTHING
""")
_MOVE = text("""
    UPDATE webhook_endpoint AS e SET position = moved.position
      FROM unnest(CAST(:accounts AS integer[]), CAST(:endpoints AS uuid[]), CAST(:positions AS bigint[]))
        AS moved (account_id, id, position)
     WHERE e.account_id = moved.account_id AND e.id = moved.id
""")


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


def expand(connection: Connection, endpoints: Sequence[Which]) -> Mapping[Which, Expanded]:
    """Make deliveries of the next events that each of some endpoints asks for, some at a time.

    Tells `more` where others follow these, `done` where none do or another worker takes the endpoint forward, and
    `full` where so many wait that it gets no more for now.

    Nothing is made while so many wait that these take a while: a feed of millions stays where it is. What is past its
    term when an endpoint comes to it is passed over.

    Args:
        connection: a transaction, which ends with this.
        endpoints: some of them; those that another takes forward at this moment are left alone.
    """
    found = connection.execute(_LOCK, _names(endpoints)).all()
    expanded: dict[Which, Expanded] = dict.fromkeys(endpoints, "done")
    locked = {Which(each.account_id, each.id): (each.position, tuple(each.types)) for each in found}
    with_room = _with_room(connection, locked) if locked else set()
    read = cache(partial(_next, connection))  # endpoints of an account mostly stand at one place
    made: list[tuple[Which, Event]] = []
    moved: dict[Which, int] = {}
    for which, (position, types) in locked.items():
        if which not in with_room:
            expanded[which] = "full"
            continue
        events, moved[which], has_more = read(which.account_id, position, types)
        made += [(which, each) for each in events]
        expanded[which] = "more" if has_more else "done"
    if made:
        connection.execute(_INSERT, _names([which for which, _ in made]) | _columns([each for _, each in made]))
    if moved:
        connection.execute(_MOVE, _names(moved) | {"positions": list(moved.values())})
    return expanded


def _with_room(connection: Connection, endpoints: Collection[Which]) -> set[Which]:
    bounds = {"untried": WEBHOOK_UNTRIED_MAX, "waiting": WEBHOOK_WAITING_MAX}
    return {Which(*each) for each in connection.execute(_WITH_ROOM, _names(endpoints) | bounds)}


def _names(endpoints: Collection[Which]) -> dict[str, Any]:
    return {
        "accounts": [each.account_id for each in endpoints],
        "endpoints": uuid_array(str(each.id) for each in endpoints),
    }


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


def _columns(events: Sequence[Event]) -> dict[str, Any]:
    return {
        "event_ids": uuid_array(str(each.id) for each in events),
        "positions": [each.position for each in events],
        "types": [each.type for each in events],
        "subject_ids": uuid_array(str(each.subject_id) for each in events),
        "facts": [orjson.dumps(each.facts).decode() for each in events],
        "times": [each.timestamp for each in events],
    }
