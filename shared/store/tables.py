"""The tables. Comments are part of the schema, so that a database client explains the system."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)

_TIME = DateTime(timezone=True)
_NOW = text("now()")
_ID = UUID(as_uuid=True)


def _required(name: str, kind: Any, comment: str, **more: Any) -> Column[Any]:
    return Column(name, kind, nullable=False, comment=comment, **more)


def _optional(name: str, kind: Any, comment: str, **more: Any) -> Column[Any]:
    return Column(name, kind, nullable=True, comment=comment, **more)


def _account() -> Column[Any]:
    return _required("account_id", Integer, "whose row this is")


def _of_account() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["account_id"], ["account.id"])


def _one_of(column: str, *values: str) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def _positive(column: str) -> CheckConstraint:
    return CheckConstraint(f"{column} > 0 AND {column} < 1e18", name=f"{column}_positive")


def _finite(column: str) -> CheckConstraint:
    """No NaN and no infinity: to Postgres NaN is greater than every number."""
    return CheckConstraint(f"{column} > -1e30 AND {column} < 1e30", name=f"{column}_finite")


account = Table(
    "account",
    metadata,
    _required(
        "id", Integer, "short key used by every other table", primary_key=True, server_default=Identity(always=True)
    ),
    _required("name", Text, "what people and messages call it", unique=True),
    _required(
        "sandbox", Boolean, "chosen at creation, for good: time moves only by hand", server_default=text("false")
    ),
    _optional("clock_at", _TIME, "the sandbox clock; null for accounts that live in real time"),
    _required("created_at", _TIME, "real time", server_default=_NOW),
    _required("next_invoice_number", BigInteger, "gapless counter, locked last", server_default=text("1")),
    CheckConstraint("sandbox = (clock_at IS NOT NULL)", name="sandbox_has_clock"),
    comment="A tenant. An account never sees, guesses or counts another's rows.",
)

token = Table(
    "token",
    metadata,
    _account(),
    _required("key_id", Text, "the public half of tu_<key id>_<secret>", primary_key=True),
    _required("secret_sha256", LargeBinary, "verifies a bearer token"),
    _required("signing_key", LargeBinary, "HMAC-SHA-256(secret, 'trueup-queue-v1'), encrypted under TRUEUP_SECRET_KEY"),
    _required("scopes", ARRAY(Text), "commits:write, usage:write, read, operate, admin"),
    _optional("name", Text, "what the operator calls it"),
    _required("created_at", _TIME, "real time", server_default=_NOW),
    _optional("expires_at", _TIME, "refused from then on"),
    _optional("last_used_at", _TIME, "to the minute"),
    _optional("revoked_at", _TIME, "refused from then on"),
    _of_account(),
    Index(None, "account_id"),
    comment="API tokens. Neither the verifier nor the signing key can be had from the other.",
)

customer = Table(
    "customer",
    metadata,
    _account(),
    _required("id", _ID, "the producer's id"),
    _required("name", Text, "shown on invoices", server_default=text("''")),
    _required("custom_fields", JSONB, "string to string", server_default=text("'{}'")),
    _required("created_at", _TIME, "booking time", server_default=_NOW),
    PrimaryKeyConstraint("account_id", "id"),
    _of_account(),
    comment="Catalog: who promises to spend.",
)

product = Table(
    "product",
    metadata,
    _account(),
    _required("id", _ID, "the producer's id"),
    _required("name", Text, "shown on invoices", server_default=text("''")),
    _required("type", Text, "never changes"),
    _required("tags", ARRAY(Text), "what applicability filters match", server_default=text("'{}'")),
    _required("created_at", _TIME, "booking time", server_default=_NOW),
    PrimaryKeyConstraint("account_id", "id"),
    _of_account(),
    _one_of("type", "FIXED", "USAGE", "SUBSCRIPTION", "COMPOSITE"),
    comment="Catalog: what is charged for. FIXED products carry the invoices of commits.",
)

contract = Table(
    "contract",
    metadata,
    _account(),
    _required("id", _ID, "the producer's id"),
    _required("customer_id", _ID, "never changes"),
    _required("starting_at", _TIME, "inclusive"),
    _optional("ending_before", _TIME, "exclusive; null: open"),
    _required("usage_invoicing", Text, "whether usage periods make invoices", server_default=text("'MONTHLY'")),
    _optional("net_payment_terms_days", Integer, "days from invoice date to due date"),
    _required("created_at", _TIME, "booking time", server_default=_NOW),
    PrimaryKeyConstraint("account_id", "id"),
    ForeignKeyConstraint(["account_id", "customer_id"], ["customer.account_id", "customer.id"]),
    _one_of("usage_invoicing", "MONTHLY", "NONE"),
    comment="Catalog: under which agreement a customer is invoiced.",
)

unit = Table(
    "unit",
    metadata,
    _account(),
    _required("id", _ID, "credit type id"),
    _required("name", Text, "for example 'USD (cents)'", server_default=text("''")),
    _required("created_at", _TIME, "booking time", server_default=_NOW),
    PrimaryKeyConstraint("account_id", "id"),
    _of_account(),
    comment="Catalog: what amounts are counted in. USD in cents is there from the start.",
)

commit = Table(
    "commit",
    metadata,
    _account(),
    _required("id", _ID, "the id of the request that made it"),
    _required("type", Text, "PREPAID, POSTPAID, or CREDIT (the same balance, given for free)"),
    _required("customer_id", _ID, "who promised"),
    _required("product_id", _ID, "the FIXED product it is invoiced under"),
    _optional("name", Text, "shown on invoices"),
    _optional("description", Text, "internal: never on an invoice"),
    _required("priority", Numeric, "lower is drawn first"),
    _required("rate_type", Text, "LIST_RATE or COMMIT_RATE"),
    _required("access_type", Text, "SPEND (draws money) or QUANTITY (draws units)"),
    _required("access_unit_id", _ID, "unit of the segments"),
    _optional("invoice_unit_id", _ID, "unit of the invoice schedule; null: complimentary"),
    _optional("invoice_contract_id", _ID, "where its invoices go"),
    _required("do_not_invoice", Boolean, "the schedule is recorded and never invoiced", server_default=text("false")),
    _optional("recurring_schedule", JSONB, "the schedule as asked for, when it was a recurring one"),
    _optional("applicable_product_ids", ARRAY(_ID), "usage of any of these draws it down"),
    _optional("applicable_product_tags", ARRAY(Text), "and of products with any of these tags"),
    _optional("applicable_contract_ids", ARRAY(_ID), "usage on these contracts only; null: all of the customer's"),
    _optional("specifiers", JSONB, "usage that meets at least one of these draws it down"),
    _optional("custom_fields", JSONB, "string to string"),
    _optional("netsuite_sales_order_id", Text, "kept and returned"),
    _optional("salesforce_opportunity_id", Text, "kept and returned"),
    _optional("uniqueness_key", Text, "used once per account, for ever"),
    _required("fingerprint", LargeBinary, "SHA-256 of the normalised request"),
    _required("fingerprint_version", SmallInteger, "of the normal form"),
    _optional("batch_id", _ID, "the batch it came with"),
    _required("attempt", SmallInteger, "the delivery that made it, from 1", server_default=text("1")),
    _required("created_at", _TIME, "the account's clock"),
    _required("booked_at", _TIME, "real time", server_default=_NOW),
    _optional("archived_at", _TIME, "the account's clock; its uniqueness key stays used"),
    PrimaryKeyConstraint("account_id", "id"),
    Index("commit_account_id_uniqueness_key_key", "account_id", "uniqueness_key", unique=True),
    Index(None, "account_id", "batch_id", postgresql_where=text("batch_id IS NOT NULL")),
    Index(None, "account_id", "customer_id"),
    _one_of("type", "PREPAID", "POSTPAID", "CREDIT"),
    _one_of("rate_type", "LIST_RATE", "COMMIT_RATE"),
    _one_of("access_type", "SPEND", "QUANTITY"),
    _finite("priority"),
    comment="Commits and credits. A row is its request's outcome 'created'.",
)

segment = Table(
    "segment",
    metadata,
    _account(),
    _required("commit_id", _ID, "whose access this is"),
    _required("position", SmallInteger, "place in the request, from 0"),
    _required("id", _ID, "of its own", server_default=text("gen_random_uuid()")),
    _required("amount", Numeric, "money or units granted"),
    _required("starting_at", _TIME, "inclusive, on a whole hour"),
    _required("ending_before", _TIME, "exclusive, on a whole hour"),
    PrimaryKeyConstraint("account_id", "commit_id", "position"),
    _positive("amount"),
    CheckConstraint("starting_at < ending_before", name="window"),
    comment="Access schedule items: when how much may be drawn.",
)

obligation = Table(
    "obligation",
    metadata,
    _account(),
    _required("id", _ID, "stays the invoice's id; time-ordered, so that index pages fill in order"),
    _required("commit_id", _ID, "what falls due"),
    _required("position", SmallInteger, "occurrence in the invoice schedule, from 0"),
    _required("kind", Text, "SCHEDULED (a PREPAID item) or TRUE_UP (what a POSTPAID commit still lacks)"),
    _required("scheduled_at", _TIME, "the item's timestamp: the date on the invoice"),
    _required("due_at", _TIME, "when to look at it; for a true-up not before access has ended"),
    _required("unit_price", Numeric, "of the item"),
    _required("quantity", Numeric, "of the item"),
    _required("amount", Numeric, "of the item; a true-up bills what the ledger says instead"),
    _required("state", Text, "pending, then settled once", server_default=text("'pending'")),
    _optional(
        "suppressed_by", Text, "why it will settle without an invoice: do_not_invoice, true_up_disabled, archived"
    ),
    _optional("reason", Text, "why it is held, parked or suppressed"),
    _required("attempts", SmallInteger, "failed tries", server_default=text("0")),
    _optional("settled_at", _TIME, "real time"),
    _optional("regenerated_from_id", _ID, "the void invoice that this one replaces"),
    PrimaryKeyConstraint("account_id", "id"),
    Index(
        "obligation_one_per_item_key",
        "account_id",
        "commit_id",
        "position",
        unique=True,
        postgresql_where=text("state <> 'voided'"),
    ),
    Index(
        "obligation_due_idx",
        "account_id",
        "due_at",
        "commit_id",
        "position",
        postgresql_where=text("state = 'pending'"),
    ),
    _one_of("kind", "SCHEDULED", "TRUE_UP"),
    _one_of("state", "pending", "issued", "nothing_due", "suppressed", "held", "parked", "voided"),
    _positive("unit_price"),
    _positive("quantity"),
    _positive("amount"),
    comment="What will be invoiced, and when: the draft of exactly one invoice.",
)

ledger_entry = Table(
    "ledger_entry",
    metadata,
    _account(),
    _required("commit_id", _ID, "whose balance"),
    _required("seq", BigInteger, "total order of booking", server_default=Identity(always=True)),
    _required("id", _ID, "of its own", server_default=text("gen_random_uuid()")),
    _optional("segment_id", _ID, "the segment it belongs to"),
    _required("type", Text, "spec 3.2"),
    _required("amount", Numeric, "signed"),
    _required("effective_at", _TIME, "when it counts, the account's clock"),
    _required("booked_at", _TIME, "real time", server_default=_NOW),
    _optional("invoice_id", _ID, "the invoice it was booked with"),
    _optional("reason", Text, "an operator's words"),
    PrimaryKeyConstraint("account_id", "commit_id", "seq"),
    _finite("amount"),
    _one_of(
        "type",
        "PREPAID_COMMIT_SEGMENT_START",
        "CREDIT_SEGMENT_START",
        "POSTPAID_COMMIT_INITIAL_BALANCE",
        "PREPAID_COMMIT_AUTOMATED_INVOICE_DEDUCTION",
        "CREDIT_AUTOMATED_INVOICE_DEDUCTION",
        "POSTPAID_COMMIT_AUTOMATED_INVOICE_DEDUCTION",
        "PREPAID_COMMIT_EXPIRATION",
        "CREDIT_EXPIRATION",
        "POSTPAID_COMMIT_EXPIRATION",
        "POSTPAID_COMMIT_TRUEUP",
        "PREPAID_COMMIT_MANUAL",
        "CREDIT_MANUAL",
        "POSTPAID_COMMIT_MANUAL",
    ),
    comment="Append-only. A balance is the sum of its entries; nothing stores it a second time.",
)

invoice = Table(
    "invoice",
    metadata,
    _account(),
    _required("id", _ID, "the obligation's id"),
    _required("number", BigInteger, "gapless and ascending per account"),
    _required("type", Text, "SCHEDULED"),
    _required("status", Text, "FINALIZED (immutable) or VOID; drafts are obligations"),
    _required("customer_id", _ID, "who pays"),
    _required("contract_id", _ID, "under which contract"),
    _required("unit_id", _ID, "of every amount on it"),
    _optional("commit_id", _ID, "the commit it bills"),
    _required("total", Numeric, "sum of the lines"),
    _required("issued_at", _TIME, "invoice date: the scheduled timestamp"),
    _required("finalized_at", _TIME, "the account's clock"),
    _required("booked_at", _TIME, "real time", server_default=_NOW),
    _optional("voided_at", _TIME, "the account's clock"),
    _optional("regenerated_from_id", _ID, "the void invoice that this one replaces"),
    PrimaryKeyConstraint("account_id", "id"),
    UniqueConstraint("account_id", "number"),
    Index(None, "account_id", "commit_id"),
    Index(None, "account_id", "customer_id", "issued_at"),
    _one_of("type", "SCHEDULED", "USAGE"),
    _one_of("status", "FINALIZED", "VOID"),
    _finite("total"),
    comment="Finalized invoices.",
)

invoice_line = Table(
    "invoice_line",
    metadata,
    _account(),
    _required("invoice_id", _ID, "whose line"),
    _required("position", SmallInteger, "from 0"),
    _required("name", Text, "the commit's name, else the product's"),
    _required("product_id", _ID, "what is charged"),
    _required("quantity", Numeric, "times unit price is amount"),
    _required("unit_price", Numeric, "per unit"),
    _required("amount", Numeric, "in the invoice's unit"),
    _optional("commit_id", _ID, "the commit it belongs to"),
    _optional("arithmetic", JSONB, "of a true-up: committed, drawn, adjustments, due, as decimal text"),
    PrimaryKeyConstraint("account_id", "invoice_id", "position"),
    _finite("quantity"),
    _finite("unit_price"),
    _finite("amount"),
    comment="Invoice lines.",
)

outcome = Table(
    "outcome",
    metadata,
    _account(),
    _required("request_id", _ID, "whose outcome"),
    _required(
        "outcome", Text, "created only for a replayed idempotency key: otherwise the commit itself is that outcome"
    ),
    _required("errors", JSONB, "problems, as in the error body", server_default=text("'[]'")),
    _required("more", Integer, "how many problems there are beyond those listed", server_default=text("0")),
    _optional("existing", JSONB, "the commit that is there already: id, type, same_content"),
    _optional("reason", Text, "why it is parked"),
    _optional("batch_id", _ID, "the batch it came with"),
    _required("attempt", SmallInteger, "the delivery that decided it, from 1", server_default=text("1")),
    _required("decided_at", _TIME, "real time", server_default=_NOW),
    PrimaryKeyConstraint("account_id", "request_id"),
    Index(None, "account_id", "batch_id", postgresql_where=text("batch_id IS NOT NULL")),
    _one_of("outcome", "created", "duplicate", "invalid", "not_found", "parked"),
    comment="What became of each request that made no commit of its own. Judged anew when the same id comes again.",
)

idempotency = Table(
    "idempotency",
    metadata,
    _account(),
    _required("key", Text, "the caller's"),
    _required("request_id", _ID, "the request that used it first"),
    _required("fingerprint", LargeBinary, "of that request"),
    _required("fingerprint_version", SmallInteger, "of the normal form"),
    _required("created_at", _TIME, "real time; kept for seven days", server_default=_NOW),
    PrimaryKeyConstraint("account_id", "key"),
    Index(None, "created_at"),
    comment="Idempotency keys of requests that were created or duplicates.",
)

batch = Table(
    "batch",
    metadata,
    _account(),
    _required("id", _ID, "from account and content, or from its name, or new"),
    _optional("name", Text, "given by --batch-id"),
    _required("source", Text, "file name"),
    _required("content_sha256", LargeBinary, "of the uncompressed file"),
    _required("kind", Text, "what a bare body in it means: commit or credit"),
    _required("rows", BigInteger, "received: every one of them gets an outcome"),
    _required("created_at", _TIME, "real time", server_default=_NOW),
    PrimaryKeyConstraint("account_id", "id"),
    _of_account(),
    comment="Files that were ingested.",
)

intake = Table(
    "intake",
    metadata,
    _account(),
    _required("digest", LargeBinary, "SHA-256 of meta and requests: one row per envelope"),
    _required("meta", LargeBinary, "first argument, as accepted"),
    _required("requests", LargeBinary, "second argument, as accepted"),
    _required("queue", Text, "where it is published"),
    _required("size", SmallInteger, "received: every one of its requests gets an outcome"),
    _required("lease_s", Integer, "seconds until it is published again; doubles each time"),
    _required("due_at", _TIME, "when it is published (again), unless it has its outcomes by then"),
    _required("accepted_at", _TIME, "real time", server_default=_NOW),
    PrimaryKeyConstraint("account_id", "digest"),
    Index(None, "digest"),
    Index(None, "due_at"),
    comment="Accepted means kept: an envelope stays here until the transaction that stores its outcomes removes it.",
)

delivery = Table(
    "delivery",
    metadata,
    _account(),
    _required("digest", LargeBinary, "SHA-256 of meta and requests"),
    _required("count", SmallInteger, "deliveries, each counted before the work"),
    _required("last_at", _TIME, "real time", server_default=_NOW),
    PrimaryKeyConstraint("account_id", "digest"),
    Index(None, "last_at"),
    comment="Envelopes that workers took and did not finish (yet): from the third delivery on they are halved.",
)

parked = Table(
    "parked",
    metadata,
    _optional("account_id", Integer, "null: nobody could be asked"),
    _required("id", _ID, "of this parking", primary_key=True, server_default=text("gen_random_uuid()")),
    _required("reason", Text, "what kept it from being decided (spec 2.5)"),
    _required("detail", Text, "what was wrong, for people", server_default=text("''")),
    _optional("request_id", _ID, "null: the whole envelope"),
    _optional("batch_id", _ID, "the batch it came with"),
    _required("task", Text, "name of the Celery task"),
    _required("meta", LargeBinary, "first argument, as received"),
    _required("requests", LargeBinary, "second argument, as received; for one request of it, cut down to that"),
    _optional("signature", Text, "header, as received"),
    _required("digest", LargeBinary, "SHA-256 of account, reason, task, meta, requests: a redelivery parks once"),
    _required("attempts", SmallInteger, "deliveries so far", server_default=text("1")),
    _required("state", Text, "parked, replayed or discarded", server_default=text("'parked'")),
    _optional("note", Text, "an operator's words"),
    _required("parked_at", _TIME, "real time", server_default=_NOW),
    _optional("resolved_at", _TIME, "real time"),
    UniqueConstraint("digest"),
    Index(None, "account_id", "reason"),
    Index("parked_request_idx", "account_id", "request_id", postgresql_where=text("request_id IS NOT NULL")),
    _one_of("state", "parked", "replayed", "discarded"),
    comment="What could not be decided, with its bytes and the reason.",
)

outbox = Table(
    "outbox",
    metadata,
    _account(),
    _required("seq", BigInteger, "order of writing", server_default=Identity(always=True)),
    _required("event", Text, "commit.created, invoice.finalized, …"),
    _required("subject_ids", ARRAY(_ID), "what it happened to: one event each, in this order"),
    _required("detail", JSONB, "the same for all of them", server_default=text("'{}'")),
    _required("created_at", _TIME, "real time", server_default=_NOW),
    PrimaryKeyConstraint("account_id", "seq"),
    comment="Events, written in the transaction that made them happen; one row per transaction and kind.",
)

audit = Table(
    "audit",
    metadata,
    _account(),
    _required("seq", BigInteger, "order of writing", server_default=Identity(always=True)),
    _required("at", _TIME, "real time", server_default=_NOW),
    _required("actor", Text, "key id of the token"),
    _required("action", Text, "verb and noun, for example adjust_commit"),
    _optional("subject", Text, "what it was done to"),
    _optional("before", JSONB, "as it was"),
    _optional("after", JSONB, "as it became"),
    PrimaryKeyConstraint("account_id", "seq"),
    comment="What operators did.",
)
