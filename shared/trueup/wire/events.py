"""Types of events, and what kind of thing each happens to."""

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from trueup.errors import TrueupError

CommitEvent = Literal[
    "commit.created",
    "commit.rejected",
    "commit.parked",
    "commit.edited",
    "commit.archived",
    "commit.segment.start",
    "commit.segment.end",
    "commit.expiring",
    "commit.balance_low",
    "commit.exhausted",
    "commit.trued_up",
]
CreditEvent = Literal[
    "credit.created",
    "credit.rejected",
    "credit.parked",
    "credit.edited",
    "credit.archived",
    "credit.segment.start",
    "credit.segment.end",
    "credit.expiring",
    "credit.balance_low",
    "credit.exhausted",
]
InvoiceEvent = Literal["invoice.upcoming", "invoice.finalized", "invoice.voided", "invoice.held"]
OtherEvent = Literal["usage.late", "batch.completed", "batch.undone", "webhook.disabled"]
EventType = Literal[CommitEvent, CreditEvent, InvoiceEvent, OtherEvent]
SubjectType = Literal["commit", "credit", "request", "invoice", "usage_line", "batch", "webhook"]

EVENT_TYPES: Mapping[str, EventType] = {each: each for each in get_args(EventType)}

_OF_REQUESTS = frozenset({"rejected", "parked"})
_SUBJECTS: Mapping[str, SubjectType] = {
    "commit": "commit",
    "credit": "credit",
    "invoice": "invoice",
    "usage": "usage_line",
    "batch": "batch",
    "webhook": "webhook",
}


class UnknownEventType(TrueupError):
    """No event is of this type; the message names all that there are."""


def event_types(names: Iterable[str]) -> list[EventType]:
    """The types of these names, each once, sorted.

    Raises:
        UnknownEventType: one of them is none.
    """
    named = sorted(set(names))
    if unknown := [each for each in named if each not in EVENT_TYPES]:
        raise UnknownEventType(f"there is no event type {unknown[0][:100]!r}; there are {', '.join(EVENT_TYPES)}")
    return [EVENT_TYPES[each] for each in named]


def subject_type(event: str) -> SubjectType:
    """The kind of thing that an event of this type happened to."""
    noun, _, verb = event.partition(".")
    return "request" if verb in _OF_REQUESTS else _SUBJECTS[noun]
