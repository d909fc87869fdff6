"""Requests: kept envelopes, outcomes, parked messages, batches."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

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

outcome = Table(
    "outcome",
    metadata,
    account_column(),
    required("request_id", ID, "whose outcome"),
    required(
        "outcome", Text, "created only for a replayed idempotency key: otherwise the commit itself is that outcome"
    ),
    required("errors", JSONB, "problems, as in the error body", server_default=text("'[]'")),
    required("more", Integer, "how many problems there are beyond those listed", server_default=text("0")),
    optional("existing", JSONB, "the commit that is there already: id, type, same_content"),
    optional("reason", Text, "why it is parked"),
    optional("batch_id", ID, "the batch it came with"),
    required("attempt", SmallInteger, "the delivery that decided it, from 1", server_default=text("1")),
    required("decided_at", TIME, "real time", server_default=NOW),
    optional("first_decided_at", TIME, "real time, of the first time; null: it was decided once, at decided_at"),
    optional("customer", Text, "as the body names it, where that can be read"),
    optional("uniqueness_key", Text, "as the body gives it; of a usage line its transaction id"),
    PrimaryKeyConstraint("account_id", "request_id"),
    Index(None, "account_id", "batch_id", "outcome", "request_id", postgresql_where=text("batch_id IS NOT NULL")),
    Index(None, "account_id", "decided_at", "request_id"),
    Index(None, "account_id", "customer", "decided_at", "request_id", postgresql_where=text("customer IS NOT NULL")),
    Index(
        None,
        "account_id",
        "uniqueness_key",
        "decided_at",
        "request_id",
        postgresql_where=text("uniqueness_key IS NOT NULL"),
    ),
    one_of("outcome", "created", "duplicate", "invalid", "not_found", "parked"),
    comment="What became of each request that made no commit of its own. It stands until a sender wants another.",
)

refused_body = Table(
    "refused_body",
    metadata,
    account_column(),
    required("request_id", ID, "whose body"),
    required("body", LargeBinary, "as received"),
    optional("whole_bytes", Integer, "its size, of which only the beginning is kept; null: all is"),
    required("kept_at", TIME, "decided_at of the outcome that it belongs to", server_default=NOW),
    PrimaryKeyConstraint("account_id", "request_id"),
    Index(None, "kept_at"),
    comment="Bodies of refused requests, for TRUEUP_OUTCOME_BODY_DAYS.",
)

idempotency = Table(
    "idempotency",
    metadata,
    account_column(),
    required("key", Text, "the caller's"),
    required("request_id", ID, "the request that used it first"),
    required("fingerprint", LargeBinary, "of that request"),
    required("fingerprint_version", SmallInteger, "of the normal form"),
    required("created_at", TIME, "real time; kept for seven days", server_default=NOW),
    PrimaryKeyConstraint("account_id", "key"),
    Index(None, "created_at"),
    comment="Idempotency keys of requests that were created or duplicates.",
)

answered_call = Table(
    "answered_call",
    metadata,
    account_column(),
    required("digest", LargeBinary, "SHA-256 of the token's key id, method, path and body"),
    optional("answer", Text, "the body that it was answered with; null: only while it is worked on"),
    required("answered_at", TIME, "real time; kept for ten minutes", server_default=NOW),
    PrimaryKeyConstraint("account_id", "digest"),
    Index(None, "answered_at"),
    references_account(),
    comment="Calls over HTTP that changed something at once: a client's own retry gets the same answer.",
)

create_try = Table(
    "create_try",
    metadata,
    account_column(),
    required("digest", LargeBinary, "SHA-256 of the token's key id, method, path and body"),
    required("request_id", ID, "the request that it brought, or brought again"),
    required("retries", SmallInteger, "how many tries its client had made before"),
    required("tried_at", TIME, "real time; kept for ten minutes", server_default=text("clock_timestamp()")),
    required("is_claimed", Boolean, "a retry has sent its request again", server_default=text("false")),
    required("is_lost", Boolean, "its client had hung up before it was answered", server_default=text("false")),
    PrimaryKeyConstraint("account_id", "digest", "request_id", "retries"),
    Index(None, "tried_at"),
    comment="Creates over HTTP without a key: a client's own retry sends the request of an unclaimed try again.",
)

batch = Table(
    "batch",
    metadata,
    account_column(),
    required("id", ID, "from account and content, or from its name, or new"),
    optional("name", Text, "given by --batch-id"),
    required("source", Text, "file name"),
    required("content_sha256", LargeBinary, "of the uncompressed file"),
    required("kind", Text, "what a bare body in it means: commit or credit"),
    required("rows", BigInteger, "received: every one of them gets an outcome"),
    optional("content_rows", BigInteger, "how many the content has: an upload is received in parts; null: as `rows`"),
    required("created_at", TIME, "real time", server_default=NOW),
    optional(
        "closed_at",
        TIME,
        "real time; from then on nothing of it becomes a commit, as it is taken back; null: it is open",
    ),
    optional("undo", JSONB, "how far taking it back has come; null: none is under way"),
    optional(
        "awaited_at",
        TIME,
        "when it is next counted whether all of it has outcomes; null: that was announced",
        server_default=NOW,
    ),
    PrimaryKeyConstraint("account_id", "id"),
    Index(None, "account_id", "created_at", "id"),
    Index(None, "awaited_at", postgresql_where=text("awaited_at IS NOT NULL")),
    Index(None, "account_id", "source"),
    Index(None, "account_id", "name", postgresql_where=text("name IS NOT NULL")),
    references_account(),
    comment="Files that were ingested.",
)

batch_lookup = Table(
    "batch_lookup",
    metadata,
    account_column(),
    required("batch_id", ID, "whose file"),
    required("digest", LargeBinary, "SHA-256 of what was asked for: kind, way, text, and of a contract its customer"),
    required("kind", Text, "customer, product, contract or unit"),
    required("named", Text, "the text in the file"),
    required("record_id", ID, "the record that it named when the batch was begun"),
    required("record_name", Text, "what that was called then"),
    PrimaryKeyConstraint("account_id", "batch_id", "digest"),
    references_account(),
    comment="What the texts of a batch's file were found to name: a batch that is resumed is sent as it was begun.",
)

intake = Table(
    "intake",
    metadata,
    account_column(),
    required("digest", LargeBinary, "SHA-256 of meta and requests: one row per envelope"),
    required("meta", LargeBinary, "first argument, as accepted"),
    required("requests", LargeBinary, "second argument, as accepted"),
    required("queue", Text, "where it is published"),
    required("size", SmallInteger, "received: every one of its requests gets an outcome"),
    required("lease_s", Integer, "seconds until it is published again; doubles each time"),
    required("due_at", TIME, "when it is published (again), unless it has its outcomes by then"),
    required("accepted_at", TIME, "real time", server_default=NOW),
    optional("first_id", ID, "the least id of its requests; null: nobody has read them"),
    optional("last_id", ID, "the greatest id of its requests"),
    optional(
        "in_line_since",
        TIME,
        "real time; too heavy for one transaction, one of an account at a time; null: not in line",
    ),
    PrimaryKeyConstraint("account_id", "digest"),
    Index(None, "account_id", "last_id", "first_id"),
    Index(None, "digest"),
    Index(None, "account_id", "due_at"),
    Index(None, "due_at"),
    Index(
        "intake_line_idx", "account_id", "in_line_since", "digest", postgresql_where=text("in_line_since IS NOT NULL")
    ),
    comment="Accepted means kept: an envelope stays here until the transaction that stores its outcomes removes it.",
)

delivery = Table(
    "delivery",
    metadata,
    account_column(),
    required("digest", LargeBinary, "SHA-256 of meta and requests"),
    required("count", SmallInteger, "deliveries, each counted before the work"),
    required("last_at", TIME, "real time", server_default=NOW),
    PrimaryKeyConstraint("account_id", "digest"),
    Index(None, "last_at"),
    comment="Envelopes that workers took and did not finish (yet): from the third delivery on they are halved.",
)

parked = Table(
    "parked",
    metadata,
    optional("account_id", Integer, "null: nobody could be asked"),
    required("id", ID, "of this parking", primary_key=True, server_default=text("gen_random_uuid()")),
    required("reason", Text, "what kept it from being decided"),
    required("detail", Text, "what was wrong, for people", server_default=text("''")),
    optional("request_id", ID, "null: the whole envelope"),
    optional("batch_id", ID, "the batch it came with"),
    required("task", Text, "name of the Celery task"),
    required("meta", LargeBinary, "first argument, as received"),
    required("requests", LargeBinary, "second argument, as received; for one request of it, cut down to that"),
    optional("signature", Text, "header, as received"),
    required("digest", LargeBinary, "SHA-256 of account, reason, task, meta, requests: a redelivery parks once"),
    required("attempts", SmallInteger, "deliveries so far", server_default=text("1")),
    optional("whole_bytes", Integer, "size of both arguments, of which only the beginnings are kept; null: all is"),
    required("state", Text, "parked, replayed or discarded", server_default=text("'parked'")),
    optional("note", Text, "an operator's words"),
    required("parked_at", TIME, "real time", server_default=NOW),
    optional("resolved_at", TIME, "real time"),
    UniqueConstraint("digest"),
    Index(None, "account_id", "reason"),
    Index(None, "account_id", "state", "parked_at", "id"),
    Index("parked_request_idx", "account_id", "request_id", postgresql_where=text("request_id IS NOT NULL")),
    Index("parked_done_idx", "resolved_at", postgresql_where=text("state <> 'parked'")),
    one_of("state", "parked", "replayed", "discarded"),
    comment="What could not be decided, with its bytes and the reason.",
)

parked_total = Table(
    "parked_total",
    metadata,
    account_column(),
    required("bytes", BigInteger, "of both arguments of all that is in state parked"),
    required("unkept", BigInteger, "beyond the bound: parked by their outcomes alone"),
    PrimaryKeyConstraint("account_id"),
    references_account(),
    comment="How much each account has parked.",
)
