"""Bodies of calls about webhooks."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from trueup.limits import WEBHOOK_OVERLAP_H, WEBHOOK_URL_CHARS_MAX
from trueup.wire.events import EVENT_TYPES, EventType
from trueup_worker.gateway.answers import examples
from trueup_worker.gateway.schema.bodies.body import Body, Flag, Instant, Text, example

OVERLAP_H_MAX = 24 * 30

Url = Annotated[str, Field(min_length=1, max_length=WEBHOOK_URL_CHARS_MAX)]
Types = Annotated[list[EventType], Field(max_length=len(EVENT_TYPES))]


class NewWebhook(Body):
    """An endpoint to be added; without `types`, or with none, it is sent events of all types."""

    model_config = example({"url": "https://example.com/webhooks", "types": ["commit.created", "invoice.finalized"]})

    url: Url
    types: Types | None = None
    description: Text | None = None


class WebhookChange(Body):
    """Change of an endpoint: what is given; no `types` at all are all of them, an empty description is none."""

    model_config = example({"enabled": False})

    url: Url | None = None
    types: Types | None = None
    description: Text | None = None
    enabled: Flag | None = None


class Rotation(Body):
    """Hours for which the secret before signs as well; 0: from now on the new one alone."""

    model_config = example({"overlap_h": WEBHOOK_OVERLAP_H})

    overlap_h: Annotated[int, Field(ge=0, le=OVERLAP_H_MAX, strict=True)] = WEBHOOK_OVERLAP_H


class Resend(Body):
    """Choice of what is tried again: one delivery, all of what happened since an instant, or all that failed."""

    model_config = example({"since": examples.MADE_AT.isoformat().replace("+00:00", "Z")})

    delivery_id: UUID | None = None
    since: Instant | None = None
    failed: Flag = False
    after: (
        Annotated[int, Field(ge=0, le=2**63 - 1, strict=True, description="Those whose events follow this position.")]
        | None
    ) = None
