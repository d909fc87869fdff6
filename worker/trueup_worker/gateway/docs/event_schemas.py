"""Events as webhooks bring them, for the document: of each type its schema and an example."""

import re
from collections.abc import Mapping
from typing import Any

from trueup.wire.events import EVENT_TYPES, EventType, SubjectType, subject_type
from trueup_worker.gateway.answers import examples
from trueup_worker.gateway.answers.commits import Commit
from trueup_worker.gateway.answers.invoices import Invoice
from trueup_worker.gateway.answers.requests import BatchAnswer, RequestAnswer
from trueup_worker.gateway.answers.webhooks import Webhook
from trueup_worker.gateway.http.answer import Answer
from trueup_worker.gateway.schema.answer_schemas import REFERENCE
from trueup_worker.gateway.schema.openapi import as_json

Json = dict[str, Any]

_ID: Json = {"type": "string", "format": "uuid"}
_INSTANT: Json = {"type": "string", "format": "date-time"}
_PLACE: Json = {"type": "integer", "minimum": 0}
_START, _END = "2025-01-01T00:00:00+00:00", "2026-01-01T00:00:00+00:00"
_SEGMENT: Json = {
    "segment_id": str(examples.SEGMENT),
    "customer_id": str(examples.CUSTOMER),
    "starting_at": _START,
    "ending_before": _END,
    "amount": "1200000",
}
_BALANCE: Json = {
    "customer_id": str(examples.CUSTOMER),
    "unit_id": str(examples.UNIT),
    "granted": "1200000",
    "left": "0",
}
_UPCOMING: Json = {
    "commit_id": str(examples.COMMIT),
    "customer_id": str(examples.CUSTOMER),
    "unit_id": str(examples.UNIT),
    "is_true_up": True,
    "issued_at": _END,
    "due_at": _END,
    "amount": "250000",
    "offset_days": 7.0,
}
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", dict: "object"}
# What happened, and its facts, as in an example; an event that has none tells all by its object.
_TOLD: Mapping[str, tuple[str, Json]] = {
    "created": ("It was created.", {}),
    "rejected": ("A request was refused: the object says why.", {}),
    "parked": ("A request waits for an operator: the object says why.", {}),
    "edited": ("Its terms were changed.", {}),
    "archived": ("It was archived.", {}),
    "segment.start": ("A segment of its access began.", _SEGMENT),
    "segment.end": ("A segment of its access ended.", _SEGMENT),
    "expiring": ("A segment of its access ends in some days.", {"offset_days": 30.0} | _SEGMENT),
    "balance_low": (
        "So much of it is used, or so little left, as an alert asks for.",
        _BALANCE | {"used_percent": "80"},
    ),
    "exhausted": ("Nothing of it is left.", _BALANCE),
    "trued_up": ("What was not drawn was settled.", {"outcome": "issued"}),
    "invoice.upcoming": ("An invoice is due in some days, with the amount as it stands.", _UPCOMING),
    "invoice.finalized": ("An invoice was finalized.", {}),
    "invoice.voided": ("An invoice was voided.", {}),
    "invoice.held": ("A true-up is held until an operator looks at it.", {"reason": "usage_voided"}),
    "usage.late": ("A line of usage came after its month was invoiced; its id is `data.id`.", {}),
    "batch.completed": ("Every row of a batch has its outcome.", {"rows": 2, "outcomes": {"created": 1, "invalid": 1}}),
    "batch.undone": ("A batch was taken back.", {"archived": 2, "suppressed": 1, "voided": 0, "left": {}}),
    "webhook.disabled": ("A webhook was switched off, as it answered 410 or failed for days.", {"reason": "failing"}),
}
_OBJECTS: Mapping[SubjectType, Answer] = {
    "commit": Commit.example(),
    "credit": Commit.example_of_credit(),
    "request": RequestAnswer.example().data,
    "invoice": Invoice.example(),
    "batch": BatchAnswer.example().data,
    "webhook": Webhook.example(),
}
_HEADERS = {
    "webhook-id": "Id of the event, the same at every attempt: what was received before may be dropped by it.",
    "webhook-timestamp": "Seconds since 1970 of this attempt: refuse what is older than some minutes.",
    "webhook-signature": "Signatures by the secret, and beside it, after rotations, by those before.",
}


def event_operations() -> Json:
    """The document's section `webhooks`: a call that we make, by the type of its event."""
    return {event: {"post": _operation(event)} for event in EVENT_TYPES.values()}


def event_components() -> Json:
    """The schemas of deliveries, by the names that they have in the document."""
    return {_name_of(event): _schema(event) for event in EVENT_TYPES.values()}


def _operation(event: EventType) -> Json:
    described, _ = _told_of(event)
    content = {"schema": {"$ref": REFERENCE.format(name=_name_of(event))}, "example": _example(event)}
    return {
        "operationId": f"on_{re.sub(r'[.]', '_', event)}",
        "tags": ["Webhooks"],
        "summary": event,
        "description": f"{described} Signed as [Standard Webhooks](https://www.standardwebhooks.com) says.",
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": told, "schema": {"type": "string"}}
            for name, told in _HEADERS.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {
            "2XX": {"description": "Received: it is not sent again."},
            "410": {"description": "Wanted no more: the webhook is switched off."},
            "default": {"description": "Not received: it is sent again, later."},
        },
    }


def _schema(event: EventType) -> Json:
    told, (described, facts) = _OBJECTS.get(subject_type(event)), _told_of(event)
    data: Json = {"id": _ID | {"description": "What it happened to."}, "account": {"type": "string"}}
    if told is not None:
        data["object"] = {
            "allOf": [{"$ref": REFERENCE.format(name=type(told).__name__)}],
            "description": "As it was at the first attempt; left out where it is too long or gone.",
        }
    if facts:
        data["facts"] = {
            "type": "object",
            "description": "What was true in that moment.",
            "properties": {name: {"type": _TYPES[type(value)]} for name, value in facts.items()},
        }
    data["truncated"] = {
        "const": True,
        "description": "The object is left out, as it is too long, or took too long to read: ask for it by its id.",
    }
    return {
        "type": "object",
        "description": described,
        "required": ["type", "timestamp", "data", "sequence", "as_of"],
        "properties": {
            "type": {"type": "string", "const": event},
            "timestamp": _INSTANT | {"description": "When it happened."},
            "data": {"type": "object", "required": ["id", "account"], "properties": data},
            "sequence": _PLACE | {"description": "Place of the event in the feed."},
            "as_of": _PLACE | {"description": "Place at which the object was read: keep the object of the highest."},
        },
    }


def _example(event: EventType) -> Json:
    told, (_, facts) = _OBJECTS.get(subject_type(event)), _told_of(event)
    data: Json = {"id": str(examples.LINE), "account": "acme"}
    if told is not None:
        whole = as_json(told)
        data |= {"id": whole["id"], "object": whole}
    if facts:
        data["facts"] = facts
    return {"type": event, "timestamp": "2025-01-02T08:15:00Z", "data": data, "sequence": 4711, "as_of": 4712}


def _told_of(event: EventType) -> tuple[str, Json]:
    return _TOLD.get(event) or _TOLD[event.partition(".")[2]]


def _name_of(event: EventType) -> str:
    return "Event" + "".join(word.capitalize() for word in re.split(r"[._]", event))
