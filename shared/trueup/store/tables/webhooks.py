"""Webhooks: where an account's events are sent, what was sent, and every attempt at it."""

from sqlalchemy import (
    BigInteger,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from trueup.store.tables.columns import (
    ID,
    NOW,
    TIME,
    account_column,
    metadata,
    one_of,
    optional,
    references_account,
    required,
)

_ENABLED = text("state = 'enabled'")
_WAITING = text("state = 'waiting'")

webhook_endpoint = Table(
    "webhook_endpoint",
    metadata,
    account_column(),
    required("id", ID, "of the endpoint"),
    required("url", Text, "where its deliveries are sent"),
    required("types", ARRAY(Text), "of the events it is sent; empty: all"),
    optional("description", Text, "what it is for, in the account's words"),
    required("secret", LargeBinary, "that signs deliveries, sealed under the installation's secret key"),
    optional("previous_secret", LargeBinary, "the one before, which signs as well until previous_until"),
    optional("previous_until", TIME, "until when both sign; null: one does"),
    required(
        "older_secrets",
        ARRAY(LargeBinary),
        "those before the previous one, sealed, which sign until older_until",
        server_default=text("'{}'"),
    ),
    required("older_until", ARRAY(TIME), "until when each of them signs as well", server_default=text("'{}'")),
    required("state", Text, "enabled: it is delivered to; disabled: not now; deleted: never again"),
    optional("disabled_reason", Text, "why it is disabled: gone, failing or by_hand"),
    optional("disabled_at", TIME, "when it was"),
    optional("failing_since", TIME, "the first failure since the last success; null: the last attempt succeeded"),
    optional("delivered_at", TIME, "the last success; null: there was none"),
    required("position", BigInteger, "events of the feed up to this place have become deliveries"),
    required("created_at", TIME, "real time", server_default=NOW),
    one_of("state", "enabled", "disabled", "deleted"),
    PrimaryKeyConstraint("account_id", "id"),
    Index("webhook_endpoint_enabled_idx", "account_id", "position", postgresql_where=_ENABLED),
    references_account(),
    comment="Where an account's events are sent.",
)

webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    account_column(),
    required("endpoint_id", ID, "where it goes"),
    required("event_id", ID, "what it tells, and its webhook-id: the same at every attempt"),
    required("position", BigInteger, "of the event in the feed"),
    required("type", Text, "of the event"),
    required("subject_id", ID, "what it happened to"),
    required("facts", JSONB, "of the event"),
    required("happened_at", TIME, "when"),
    optional("body", LargeBinary, "what is sent, fixed before the first attempt; null: there was none"),
    required("state", Text, "waiting, delivered, or failed: every attempt of the schedule did"),
    required("step", SmallInteger, "waits of the schedule that have begun", server_default=text("0")),
    required(
        "hurry",
        SmallInteger,
        "1: it is tried beside the schedule, as another delivery went through; 2: that failed",
        server_default=text("0"),
    ),
    required("attempts", Integer, "that have begun", server_default=text("0")),
    required("next_attempt_at", TIME, "due then; of one that is being tried: when whoever tries it is given up"),
    optional("claimed_until", TIME, "it is being tried, until then at the latest; null: it is not"),
    optional("finished_at", TIME, "when it was delivered or failed"),
    one_of("state", "waiting", "delivered", "failed"),
    PrimaryKeyConstraint("account_id", "endpoint_id", "event_id"),
    ForeignKeyConstraint(["account_id", "endpoint_id"], ["webhook_endpoint.account_id", "webhook_endpoint.id"]),
    Index(
        "webhook_delivery_due_idx",
        "account_id",
        "endpoint_id",
        "next_attempt_at",
        "position",
        postgresql_where=_WAITING,
    ),
    Index(
        "webhook_delivery_claimed_idx",
        "account_id",
        "endpoint_id",
        postgresql_where=text("claimed_until IS NOT NULL"),
    ),
    Index("webhook_delivery_position_idx", "endpoint_id", "position"),
    Index("webhook_delivery_finished_idx", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
    comment="An event on its way to an endpoint.",
)

webhook_attempt = Table(
    "webhook_attempt",
    metadata,
    account_column(),
    required("endpoint_id", ID, "where it went"),
    required("event_id", ID, "which delivery"),
    required("number", Integer, "of the attempt, from 1"),
    required("at", TIME, "when it began"),
    required("duration_ms", Integer, "how long it took"),
    optional("status", SmallInteger, "of the answer; null: there was none"),
    optional("error", Text, "why it failed; null: it did not"),
    optional("answer", Text, "the beginning of the answer's body; null: there was none"),
    PrimaryKeyConstraint("account_id", "endpoint_id", "event_id", "number"),
    ForeignKeyConstraint(
        ["account_id", "endpoint_id", "event_id"],
        ["webhook_delivery.account_id", "webhook_delivery.endpoint_id", "webhook_delivery.event_id"],
        ondelete="CASCADE",
    ),
    comment="The delivery log: every attempt, and what came of it.",
)
