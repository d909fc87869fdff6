"""Events as the feed tells them."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any, Self
from uuid import UUID

from trueup.store.events.event import Event as EventRecord
from trueup.store.events.read import FeedPage
from trueup.wire.events import EventType, SubjectType, subject_type
from trueup_worker.gateway.answers import examples
from trueup_worker.gateway.http.answer import Answer, Instant


class Subject(Answer):
    """Thing that an event happened to; a call of its own tells how it is now."""

    type: SubjectType
    id: UUID


class Event(Answer):
    """Something that happened, as it was then: an event never changes.

    Attributes:
        id: the same whenever and however the event is told.
        timestamp: when it happened, in real time.
        sequence: its place in the account's feed.
        facts: what was true of it in that moment.
    """

    id: UUID
    type: EventType
    timestamp: Instant
    sequence: int
    subject: Subject
    facts: Mapping[str, Any]

    @classmethod
    def of(cls, event: EventRecord) -> Self:
        """An event of the feed."""
        return cls.from_record(
            event,
            timestamp=event.timestamp.astimezone(UTC),
            sequence=event.position,
            subject=Subject(type=subject_type(event.type), id=event.subject_id),
        )


class EventsPage(Answer):
    """Page of the feed, in the order of `sequence`.

    Attributes:
        cursor: `after` of the next page: nothing that was asked for lies between. Keep it once this page is done with.
        has_more: whether something follows now; otherwise ask again later.
    """

    data: list[Event]
    cursor: int
    has_more: bool

    @classmethod
    def of(cls, page: FeedPage) -> Self:
        """Events, and where the next ones are."""
        return cls(data=[Event.of(each) for each in page.events], cursor=page.cursor, has_more=page.has_more)

    @classmethod
    def example(cls) -> Self:
        """A commit that was created."""
        made = Event(
            id=examples.EVENT,
            type="commit.created",
            timestamp=examples.MADE_AT,
            sequence=4711,
            subject=Subject(type="commit", id=examples.COMMIT),
            facts={},
        )
        return cls(data=[made], cursor=4711, has_more=False)
