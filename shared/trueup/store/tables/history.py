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

from trueup.store.tables.columns import ID, NOW, TIME, account_column, metadata, optional, required

outbox = Table(
    "outbox",
    metadata,
    account_column(),
    required("seq", BigInteger, "order of writing", server_default=Identity(always=True)),
    required("event", Text, "commit.created, invoice.finalized, …"),
    required("subject_ids", ARRAY(ID), "what it happened to: one event each, in this order"),
    required("detail", JSONB, "the same for all of them", server_default=text("'{}'")),
    required("created_at", TIME, "real time", server_default=NOW),
    PrimaryKeyConstraint("account_id", "seq"),
    comment="Events, written in the transaction that made them happen; one row per transaction and kind.",
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
    Index(
        "audit_changed_commit_idx",
        "account_id",
        "subject",
        postgresql_where=text("action IN ('adjust_commit', 'disable_true_up', 'edit_commit', 'end_commit')"),
    ),
    comment="What operators did.",
)
