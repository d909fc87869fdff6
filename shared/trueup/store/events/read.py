"""Reading the feed: the events of a range of positions."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.errors import ErrorCode, TrueupError
from trueup.store.events.event import Event, OutboxRow
from trueup.store.postgres.filtered import Filtered
from trueup.store.postgres.rows import fetch_all
from trueup.store.postgres.search_page import SEARCHED_ROWS_MAX
from trueup.wire.events import EventType

# What is trimmed and what is left are seen in one moment. Rows are chosen by their positions alone: the ids of what
# they happened to are read of those that are told.
_READ = Filtered(
    lambda given: text(f"""
WITH place AS (
    SELECT last_position, trimmed_through, coalesce(CAST(:after AS bigint), trimmed_through) AS after
      FROM feed WHERE account_id = :account_id
), searched AS MATERIALIZED (
    SELECT o.seq, o.event, o.first_position, o.last_position, place.after
      FROM place CROSS JOIN LATERAL (
        SELECT seq, event, first_position, last_position FROM outbox
         WHERE account_id = :account_id AND last_position > place.after
         ORDER BY last_position LIMIT :limit) AS o
), counted AS (
    SELECT seq, first_position, greatest(after + 1, first_position) AS position,
           sum(last_position - greatest(after, first_position - 1)) OVER (ORDER BY last_position)
             - (last_position - greatest(after, first_position - 1)) AS events_before
      FROM searched WHERE true{given}
)
SELECT place.trimmed_through, place.last_position, (SELECT max(last_position) FROM searched) AS searched_to,
       o.seq, o.event, told.position, o.detail, o.created_at,
       o.subject_ids[CAST(told.position - told.first_position + 1 AS integer) :
                     CAST(told.position - told.first_position + :events - told.events_before AS integer)]
         AS subject_ids
  FROM place
  LEFT JOIN (
    counted AS told CROSS JOIN LATERAL (
        SELECT * FROM outbox WHERE account_id = :account_id AND seq = told.seq OFFSET 0) AS o
  ) ON told.events_before < :events
 ORDER BY told.position
"""),
    {"types": "event = ANY(CAST(:types AS text[]))"},
)


_PLACE_OF_LAST = text("""
    SELECT greatest(trimmed_through, last_position - :events) FROM feed WHERE account_id = :account_id
""")


class EventsTrimmed(TrueupError):
    """Some events behind this place were kept for their term, and are gone.

    Attributes:
        oldest: the position of the first event that is left.
    """

    code: ClassVar[ErrorCode] = "gone"

    def __init__(self, after: int, oldest: int) -> None:
        super().__init__(
            f"events after {after} are no longer kept: the oldest one left has the position {oldest}. Read what you "
            f"keep anew, then go on with after={oldest - 1}"
        )
        self.oldest = oldest


class PlaceAhead(TrueupError):
    """No event has this position yet: the place was made by another database, or by a later state of this one."""


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Some events of the feed, in its order.

    Attributes:
        cursor: the place after which the next page begins: nothing that was asked for lies between.
        has_more: whether something follows now.
    """

    events: Sequence[Event]
    cursor: int
    has_more: bool


@dataclass(frozen=True, slots=True)
class _Found:
    """The feed as it stands, with one of the rows that were asked for, if there is any."""

    trimmed_through: int
    last_position: int
    searched_to: int | None
    seq: int | None
    event: EventType
    position: int
    detail: Mapping[str, Any]
    created_at: datetime
    subject_ids: Sequence[UUID]

    def events(self, account_id: int) -> Iterator[Event]:
        """Those of the row."""
        if self.seq is None:
            return iter(())
        return OutboxRow(
            account_id=account_id,
            seq=self.seq,
            event=self.event,
            position=self.position,
            subject_ids=self.subject_ids,
            detail=self.detail,
            created_at=self.created_at,
        ).events()


def read_feed(
    connection: Connection,
    account_id: int,
    *,
    after: int | None = None,
    types: Collection[EventType] = (),
    limit: int,
) -> FeedPage:
    """The events that follow a place, some at a time.

    Args:
        connection: a transaction.
        account_id: whose feed.
        after: the cursor of the page before, which is the position of an event; None: from the oldest one left on.
        types: these only; empty: all. A page looks at a bounded stretch, and may hold none of them.
        limit: events on the page.

    Raises:
        EventsTrimmed: something after this place is gone.
        PlaceAhead: the feed does not go so far.
    """
    asked = {"account_id": account_id, "after": after, "events": limit, "types": list(types) or None}
    asked |= {"limit": SEARCHED_ROWS_MAX if types else limit}
    rows = fetch_all(connection, _Found, _READ.given(asked), asked)
    if not rows:  # nothing has ever happened
        return _nothing(after, last=0)
    first = rows[0]
    if after is not None and after < first.trimmed_through:
        raise EventsTrimmed(after, first.trimmed_through + 1)
    if after is not None and after > first.last_position:
        return _nothing(after, last=first.last_position)
    told = [event for row in rows for event in row.events(account_id)]
    start = first.trimmed_through if after is None else after
    cursor = told[-1].position if len(told) == limit else first.searched_to or start
    return FeedPage(told, cursor, cursor < first.last_position)


def last_position(connection: Connection, account_id: int) -> int:
    """The position of the last event; 0: there is none."""
    return connection.scalar(text("SELECT last_position FROM feed WHERE account_id = :id"), {"id": account_id}) or 0


def place_of_last(connection: Connection, account_id: int, *, events: int) -> int:
    """The place after which the last so many events stand, or as many of them as are kept."""
    return connection.scalar(_PLACE_OF_LAST, {"account_id": account_id, "events": events}) or 0


def _nothing(after: int | None, *, last: int) -> FeedPage:
    if after:
        raise PlaceAhead(f"no event has the position {after}: the last one has {last}")
    return FeedPage((), 0, has_more=False)
