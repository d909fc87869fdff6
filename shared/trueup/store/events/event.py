"""An event as the feed has it."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from trueup.wire.events import EventType

_UUID_8 = 0x8 << 76 | 0x2 << 62
_UUID_FREE_BITS = ~(0xF << 76 | 0x3 << 62)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to one thing.

    Attributes:
        id: the same whenever the event is read.
        type: what happened.
        timestamp: when, in real time.
        position: its place in the account's feed, from 1.
        subject_id: what it happened to; the type tells what kind of thing that is.
        facts: what was true of it in that transaction, JSON-ready.
    """

    id: UUID
    type: EventType
    timestamp: datetime
    position: int
    subject_id: UUID
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """Some events of one transaction and type.

    Attributes:
        seq: of the row.
        position: of the first of these events.
        subject_ids: of these events, in order.
    """

    account_id: int
    seq: int
    event: EventType
    position: int
    subject_ids: Sequence[UUID]
    detail: Mapping[str, Any]
    created_at: datetime

    def events(self) -> Iterator[Event]:
        """Each of them."""
        for position, subject_id in enumerate(self.subject_ids, start=self.position):
            yield Event(
                id=_event_id(self, position, subject_id),
                type=self.event,
                timestamp=self.created_at,
                position=position,
                subject_id=subject_id,
                facts=self.detail,
            )


def _event_id(row: OutboxRow, position: int, subject_id: UUID) -> UUID:
    """The id of an event: a UUID version 8 of what never changes.

    The time is part of it, so that a database that was taken back to an earlier moment gives what happens then other
    ids than those that were read before.
    """
    named = f"event\n{row.account_id}\n{row.seq}\n{position}\n{row.event}\n{subject_id}\n{row.created_at.isoformat()}"
    hashed = int.from_bytes(hashlib.sha256(named.encode()).digest()[:16])
    return UUID(int=hashed & _UUID_FREE_BITS | _UUID_8)
