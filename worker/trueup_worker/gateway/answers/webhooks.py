"""Webhooks: endpoints, deliveries and their log."""

from datetime import UTC, datetime
from typing import Literal, Self
from uuid import UUID

from trueup.store.webhooks.deliveries import Attempt as AttemptRecord
from trueup.store.webhooks.deliveries import Delivery as DeliveryRecord
from trueup.store.webhooks.deliveries import State
from trueup.store.webhooks.endpoints import DisabledReason
from trueup.store.webhooks.endpoints import Endpoint as EndpointRecord
from trueup.wire.events import EventType
from trueup_worker.gateway.answers import examples
from trueup_worker.gateway.http.answer import Answer, Id, Instant

_SECRET = "whsec_" + "c2VjcmV0" * 5 + "c2U="  # of an example


class Webhook(Answer):
    """An endpoint that events are sent to.

    Attributes:
        types: of the events it is sent; empty: all.
        disabled_reason: `gone`: it answered 410; `failing`: it took nothing for five days; `by_hand`.
        failing_since: the first failure since the last success.
        delivered_at: the last success.
        previous_secret_until: until when a secret before signs as well, the last of them.
        behind: events of the feed, of any type, that it has not come to yet.
    """

    id: UUID
    url: str
    types: list[EventType]
    enabled: bool
    created_at: Instant
    behind: int
    description: str | None = None
    disabled_reason: DisabledReason | None = None
    disabled_at: Instant | None = None
    failing_since: Instant | None = None
    delivered_at: Instant | None = None
    previous_secret_until: Instant | None = None
    secret: str | None = None

    @classmethod
    def of(cls, endpoint: EndpointRecord, *, secret: str | None = None) -> Self:
        """An endpoint; with its secret only where that was just made."""
        return cls.from_record(
            endpoint,
            types=list(endpoint.types),
            enabled=endpoint.is_enabled,
            created_at=endpoint.created_at.astimezone(UTC),
            disabled_at=_utc(endpoint.disabled_at),
            failing_since=_utc(endpoint.failing_since),
            delivered_at=_utc(endpoint.delivered_at),
            previous_secret_until=_utc(endpoint.previous_until),
            secret=secret,
        )

    @classmethod
    def example(cls, *, secret: bool = False) -> Self:
        """One that is told of commits and invoices."""
        return cls(
            id=examples.WEBHOOK,
            url="https://example.com/webhooks",
            types=["commit.created", "invoice.finalized"],
            enabled=True,
            created_at=examples.MADE_AT,
            behind=0,
            secret=_SECRET if secret else None,
        )


class WebhookAnswer(Answer):
    """One endpoint; its secret is told when it is made, and never again."""

    data: Webhook

    @classmethod
    def example(cls, *, secret: bool = False) -> Self:
        """One that takes what it is sent."""
        return cls(data=Webhook.example(secret=secret))


class WebhookList(Answer):
    """Every endpoint of the account."""

    data: list[Webhook]

    @classmethod
    def example(cls) -> Self:
        """One endpoint."""
        return cls(data=[Webhook.example()])


class NewSecret(Answer):
    """A secret that signs from now on.

    Attributes:
        previous_secret_until: until when the one before signs as well; left out: it does not.
    """

    secret: str
    previous_secret_until: Instant | None = None

    @classmethod
    def of(cls, secret: str, *, previous_until: datetime | None) -> Self:
        """A secret that was just made."""
        return cls(secret=secret, previous_secret_until=_utc(previous_until))


class SecretAnswer(Answer):
    """A new secret, told this once."""

    data: NewSecret

    @classmethod
    def example(cls) -> Self:
        """With a day's overlap."""
        return cls(data=NewSecret(secret=_SECRET, previous_secret_until=examples.MADE_AT))


class DeliveryAttempt(Answer):
    """An attempt.

    Attributes:
        status: of the answer, where there was one.
        error: why it failed.
        answer: the beginning of what was answered.
    """

    number: int
    at: Instant
    duration_ms: int
    status: int | None = None
    error: str | None = None
    answer: str | None = None

    @classmethod
    def of(cls, attempt: AttemptRecord) -> Self:
        """An attempt of the log."""
        return cls.from_record(attempt, at=attempt.at.astimezone(UTC))


class Delivery(Answer):
    """An event on its way to an endpoint.

    Attributes:
        id: of the event; the header `webhook-id` of every attempt.
        sequence: of the event in the feed.
        state: `waiting` for an attempt, `delivered`, or `failed` at every attempt of the schedule.
        attempts: how many have begun.
        status: of the last attempt's answer.
        error: of the last attempt.
        log: every attempt, where one delivery is asked for.
    """

    id: UUID
    type: EventType | Literal["webhook.test"]
    sequence: int
    subject_id: UUID
    happened_at: Instant
    state: State
    attempts: int
    next_attempt_at: Instant | None = None
    finished_at: Instant | None = None
    attempted_at: Instant | None = None
    status: int | None = None
    error: str | None = None
    log: list[DeliveryAttempt] | None = None

    @classmethod
    def of(cls, delivery: DeliveryRecord) -> Self:
        """A delivery, with its log where that was read."""
        return cls.from_record(
            delivery,
            sequence=delivery.position,
            happened_at=delivery.happened_at.astimezone(UTC),
            next_attempt_at=_utc(delivery.next_attempt_at),
            finished_at=_utc(delivery.finished_at),
            attempted_at=_utc(delivery.attempted_at),
            log=[DeliveryAttempt.of(each) for each in delivery.log] or None,
        )

    @classmethod
    def example(cls, *, log: bool = False) -> Self:
        """One that failed once."""
        attempt = DeliveryAttempt(number=1, at=examples.MADE_AT, duration_ms=187, status=503, error="answered 503")
        return cls(
            id=examples.EVENT,
            type="commit.created",
            sequence=4711,
            subject_id=examples.COMMIT,
            happened_at=examples.MADE_AT,
            state="waiting",
            attempts=1,
            next_attempt_at=examples.MADE_AT,
            attempted_at=examples.MADE_AT,
            status=503,
            error="answered 503",
            log=[attempt] if log else None,
        )


class DeliveryAnswer(Answer):
    """One delivery with its log."""

    data: Delivery

    @classmethod
    def example(cls) -> Self:
        """One that failed once."""
        return cls(data=Delivery.example(log=True))


class DeliveryPage(Answer):
    """Deliveries, the latest of the feed first, and where the next page begins."""

    data: list[Delivery]
    next_page: str | None

    @classmethod
    def of(cls, deliveries: list[DeliveryRecord], *, limit: int) -> Self:
        """A page of at most `limit`, and where the next one begins, if more than that are given."""
        told = deliveries[:limit]
        more = len(deliveries) > limit
        return cls(
            data=[Delivery.of(each) for each in told], next_page=f"{told[-1].position}.{told[-1].id}" if more else None
        )

    @classmethod
    def example(cls) -> Self:
        """One delivery."""
        return cls(data=[Delivery.example()], next_page=None)


class Resent(Answer):
    """Number of deliveries that are tried again.

    Attributes:
        reached: the position of the last one's event, where others may follow: they are those `after` it.
    """

    resent: int
    reached: int | None = None


class ResentAnswer(Answer):
    """Tried again at once."""

    data: Resent

    @classmethod
    def example(cls) -> Self:
        """Three of them."""
        return cls(data=Resent(resent=3))


class SentAnswer(Answer):
    """The id of a delivery that was made."""

    data: Id

    @classmethod
    def example(cls) -> Self:
        """A test."""
        return cls(data=Id(id=examples.EVENT))


def _utc(at: datetime | None) -> datetime | None:
    return at and at.astimezone(UTC)
