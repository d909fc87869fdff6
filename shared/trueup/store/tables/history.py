"""History: events, and the audit of operators' actions."""

from sqlalchemy import (
    BigInteger,
    Identity,
    Index,
    PrimaryKeyConstraint,
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
    optional,
    references_account,
    required,
)

HAS_POSITION, HAS_NONE = text("last_position IS NOT NULL"), text("last_position IS NULL")

outbox = Table(
    "outbox",
    metadata,
    account_column(),
    required("seq", BigInteger, "order of writing", server_default=Identity(always=True)),
    required("event", Text, "commit.created, invoice.finalized, …"),
    required("subject_ids", ARRAY(ID), "what it happened to: one event each, in this order"),
    required("detail", JSONB, "the same for all of them", server_default=text("'{}'")),
    required("created_at", TIME, "real time", server_default=NOW),
    optional("first_position", BigInteger, "of its first event in the account's feed; null: it has none yet"),
    optional("last_position", BigInteger, "of its last event in the account's feed; null: it has none yet"),
    PrimaryKeyConstraint("account_id", "seq"),
    Index("outbox_seq_idx", "seq", postgresql_where=HAS_NONE),
    Index("outbox_position_key", "account_id", "last_position", unique=True, postgresql_where=HAS_POSITION),
    comment="Events, written in the transaction that made them happen; one row per transaction and kind.",
)

feed = Table(
    "feed",
    metadata,
    account_column(),
    required("last_position", BigInteger, "the last one that was given"),
    required("trimmed_through", BigInteger, "events up to this position are gone", server_default=text("0")),
    optional("oldest_at", TIME, "when the first event that is left happened; null: none is left"),
    PrimaryKeyConstraint("account_id"),
    Index(None, "oldest_at", postgresql_where=text("oldest_at IS NOT NULL")),
    references_account(),
    comment="How far each account's feed of events goes, and from where on it is still there.",
)

audit = Table(
    "audit",
    metadata,
    account_column(),
    required("seq", BigInteger, "order of writing", server_default=Identity(always=True)),
    required("at", TIME, "real time", server_default=NOW),
    required("actor", Text, "key id of the token"),
    required("action", Text, "verb and noun, for example adjust_commit"),
    optional("subject", Text, "what it was done to"),
    optional("before", JSONB, "as it was"),
    optional("after", JSONB, "as it became"),
    PrimaryKeyConstraint("account_id", "seq"),
    Index(None, "account_id", "subject", "seq"),
    comment="What operators did.",
)
