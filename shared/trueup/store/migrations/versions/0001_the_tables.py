"""the tables"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

APPEND_ONLY = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: book an opposite entry instead', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
"""

# A finalized invoice changes in one way: it is voided, once.
INVOICE_IMMUTABLE = """
CREATE FUNCTION refuse_invoice_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status = 'FINALIZED' AND NEW.status = 'VOID'
       AND to_jsonb(OLD) - 'status' - 'voided_at' = to_jsonb(NEW) - 'status' - 'voided_at' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'invoice % is final: void it and make another', OLD.number USING ERRCODE = 'restrict_violation';
END $$
"""

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "account",
        sa.Column(
            "id", sa.Integer(), sa.Identity(always=True), nullable=False, comment="short key used by every other table"
        ),
        sa.Column("name", sa.Text(), nullable=False, comment="what people and messages call it"),
        sa.Column(
            "sandbox",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="chosen at creation, for good: time moves only by hand",
        ),
        sa.Column(
            "clock_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="the sandbox clock; null for accounts that live in real time",
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="real time",
        ),
        sa.Column(
            "next_invoice_number",
            sa.BigInteger(),
            server_default=sa.text("1"),
            nullable=False,
            comment="gapless counter, locked last",
        ),
        sa.CheckConstraint("sandbox = (clock_at IS NOT NULL)", name=op.f("account_sandbox_has_clock_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("account_pkey")),
        sa.UniqueConstraint("name", name=op.f("account_name_key")),
        comment="A tenant. An account never sees, guesses or counts another's rows.",
    )
    op.create_table(
        "audit",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="order of writing"),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False, comment="real time"
        ),
        sa.Column("actor", sa.Text(), nullable=False, comment="key id of the token"),
        sa.Column("action", sa.Text(), nullable=False, comment="verb and noun, for example adjust_commit"),
        sa.Column("subject", sa.Text(), nullable=True, comment="what it was done to"),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment="as it was"),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment="as it became"),
        sa.PrimaryKeyConstraint("account_id", "seq", name=op.f("audit_pkey")),
        comment="What operators did.",
    )
    op.create_table(
        "commit",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column("id", sa.UUID(), nullable=False, comment="the id of the request that made it"),
        sa.Column(
            "type", sa.Text(), nullable=False, comment="PREPAID, POSTPAID, or CREDIT (the same balance, given for free)"
        ),
        sa.Column("customer_id", sa.UUID(), nullable=False, comment="who promised"),
        sa.Column("product_id", sa.UUID(), nullable=False, comment="the FIXED product it is invoiced under"),
        sa.Column("name", sa.Text(), nullable=True, comment="shown on invoices"),
        sa.Column("description", sa.Text(), nullable=True, comment="internal: never on an invoice"),
        sa.Column("priority", sa.Numeric(), nullable=False, comment="lower is drawn first"),
        sa.Column("rate_type", sa.Text(), nullable=False, comment="LIST_RATE or COMMIT_RATE"),
        sa.Column("access_type", sa.Text(), nullable=False, comment="SPEND (draws money) or QUANTITY (draws units)"),
        sa.Column("access_unit_id", sa.UUID(), nullable=False, comment="unit of the segments"),
        sa.Column(
            "invoice_unit_id", sa.UUID(), nullable=True, comment="unit of the invoice schedule; null: complimentary"
        ),
        sa.Column("invoice_contract_id", sa.UUID(), nullable=True, comment="where its invoices go"),
        sa.Column(
            "do_not_invoice",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="the schedule is recorded and never invoiced",
        ),
        sa.Column(
            "recurring_schedule",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="the schedule as asked for, when it was a recurring one",
        ),
        sa.Column(
            "applicable_product_ids",
            postgresql.ARRAY(sa.UUID()),
            nullable=True,
            comment="usage of any of these draws it down",
        ),
        sa.Column(
            "applicable_product_tags",
            postgresql.ARRAY(sa.Text()),
            nullable=True,
            comment="and of products with any of these tags",
        ),
        sa.Column(
            "applicable_contract_ids",
            postgresql.ARRAY(sa.UUID()),
            nullable=True,
            comment="usage on these contracts only; null: all of the customer's",
        ),
        sa.Column(
            "specifiers",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="usage that meets at least one of these draws it down",
        ),
        sa.Column("custom_fields", postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment="string to string"),
        sa.Column("netsuite_sales_order_id", sa.Text(), nullable=True, comment="kept and returned"),
        sa.Column("salesforce_opportunity_id", sa.Text(), nullable=True, comment="kept and returned"),
        sa.Column("uniqueness_key", sa.Text(), nullable=True, comment="used once per account, for ever"),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False, comment="SHA-256 of the normalised request"),
        sa.Column("fingerprint_version", sa.SmallInteger(), nullable=False, comment="of the normal form"),
        sa.Column("batch_id", sa.UUID(), nullable=True, comment="the batch it came with"),
        sa.Column(
            "attempt",
            sa.SmallInteger(),
            server_default=sa.text("1"),
            nullable=False,
            comment="the delivery that made it, from 1",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, comment="the account's clock"),
        sa.Column(
            "booked_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="real time",
        ),
        sa.Column(
            "archived_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="the account's clock; its uniqueness key stays used",
        ),
        sa.CheckConstraint("access_type IN ('SPEND', 'QUANTITY')", name=op.f("commit_access_type_check")),
        sa.CheckConstraint("rate_type IN ('LIST_RATE', 'COMMIT_RATE')", name=op.f("commit_rate_type_check")),
        sa.CheckConstraint("type IN ('PREPAID', 'POSTPAID', 'CREDIT')", name=op.f("commit_type_check")),
        sa.CheckConstraint("priority > -1e30 AND priority < 1e30", name=op.f("commit_priority_finite_check")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("commit_pkey")),
        comment="Commits and credits. A row is its request's outcome 'created'.",
    )
    op.create_index(
        op.f("commit_account_id_batch_id_idx"),
        "commit",
        ["account_id", "batch_id"],
        unique=False,
        postgresql_where=sa.text("batch_id IS NOT NULL"),
    )
    op.create_index(op.f("commit_account_id_customer_id_idx"), "commit", ["account_id", "customer_id"], unique=False)
    op.create_index("commit_account_id_uniqueness_key_key", "commit", ["account_id", "uniqueness_key"], unique=True)
    op.create_table(
        "delivery",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of meta and requests"),
        sa.Column("count", sa.SmallInteger(), nullable=False, comment="deliveries, each counted before the work"),
        sa.Column(
            "last_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False, comment="real time"
        ),
        sa.PrimaryKeyConstraint("account_id", "digest", name=op.f("delivery_pkey")),
        comment="Envelopes that workers took and did not finish (yet): from the third delivery on they are halved.",
    )
    op.create_index(op.f("delivery_last_at_idx"), "delivery", ["last_at"], unique=False)
    op.create_table(
        "idempotency",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column("key", sa.Text(), nullable=False, comment="the caller's"),
        sa.Column("request_id", sa.UUID(), nullable=False, comment="the request that used it first"),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False, comment="of that request"),
        sa.Column("fingerprint_version", sa.SmallInteger(), nullable=False, comment="of the normal form"),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="real time; kept for seven days",
        ),
        sa.PrimaryKeyConstraint("account_id", "key", name=op.f("idempotency_pkey")),
        comment="Idempotency keys of requests that were created or duplicates.",
    )
    op.create_index(op.f("idempotency_created_at_idx"), "idempotency", ["created_at"], unique=False)
    op.create_table(
        "intake",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column(
            "digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of meta and requests: one row per envelope"
        ),
        sa.Column("meta", sa.LargeBinary(), nullable=False, comment="first argument, as accepted"),
        sa.Column("requests", sa.LargeBinary(), nullable=False, comment="second argument, as accepted"),
        sa.Column("queue", sa.Text(), nullable=False, comment="where it is published"),
        sa.Column(
            "size", sa.SmallInteger(), nullable=False, comment="received: every one of its requests gets an outcome"
        ),
        sa.Column(
            "lease_s", sa.Integer(), nullable=False, comment="seconds until it is published again; doubles each time"
        ),
        sa.Column(
            "due_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="when it is published (again), unless it has its outcomes by then",
        ),
        sa.Column(
            "accepted_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="real time",
        ),
        sa.PrimaryKeyConstraint("account_id", "digest", name=op.f("intake_pkey")),
        comment="Accepted means kept: an envelope stays here until the transaction that stores its outcomes removes it.",
    )
    op.create_index(op.f("intake_digest_idx"), "intake", ["digest"], unique=False)
    op.create_index(op.f("intake_due_at_idx"), "intake", ["due_at"], unique=False)
    op.create_table(
        "invoice",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column("id", sa.UUID(), nullable=False, comment="the obligation's id"),
        sa.Column("number", sa.BigInteger(), nullable=False, comment="gapless and ascending per account"),
        sa.Column("type", sa.Text(), nullable=False, comment="SCHEDULED"),
        sa.Column("status", sa.Text(), nullable=False, comment="FINALIZED (immutable) or VOID; drafts are obligations"),
        sa.Column("customer_id", sa.UUID(), nullable=False, comment="who pays"),
        sa.Column("contract_id", sa.UUID(), nullable=False, comment="under which contract"),
        sa.Column("unit_id", sa.UUID(), nullable=False, comment="of every amount on it"),
        sa.Column("commit_id", sa.UUID(), nullable=True, comment="the commit it bills"),
        sa.Column("total", sa.Numeric(), nullable=False, comment="sum of the lines"),
        sa.Column(
            "issued_at", sa.DateTime(timezone=True), nullable=False, comment="invoice date: the scheduled timestamp"
        ),
        sa.Column("finalized_at", sa.DateTime(timezone=True), nullable=False, comment="the account's clock"),
        sa.Column(
            "booked_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="real time",
        ),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True, comment="the account's clock"),
        sa.Column("regenerated_from_id", sa.UUID(), nullable=True, comment="the void invoice that this one replaces"),
        sa.CheckConstraint("status IN ('FINALIZED', 'VOID')", name=op.f("invoice_status_check")),
        sa.CheckConstraint("type IN ('SCHEDULED', 'USAGE')", name=op.f("invoice_type_check")),
        sa.CheckConstraint("total > -1e30 AND total < 1e30", name=op.f("invoice_total_finite_check")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("invoice_pkey")),
        sa.UniqueConstraint("account_id", "number", name=op.f("invoice_account_id_number_key")),
        comment="Finalized invoices.",
    )
    op.create_index(op.f("invoice_account_id_commit_id_idx"), "invoice", ["account_id", "commit_id"], unique=False)
    op.create_index(
        op.f("invoice_account_id_customer_id_issued_at_idx"),
        "invoice",
        ["account_id", "customer_id", "issued_at"],
        unique=False,
    )
    op.create_table(
        "invoice_line",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column("invoice_id", sa.UUID(), nullable=False, comment="whose line"),
        sa.Column("position", sa.SmallInteger(), nullable=False, comment="from 0"),
        sa.Column("name", sa.Text(), nullable=False, comment="the commit's name, else the product's"),
        sa.Column("product_id", sa.UUID(), nullable=False, comment="what is charged"),
        sa.Column("quantity", sa.Numeric(), nullable=False, comment="times unit price is amount"),
        sa.Column("unit_price", sa.Numeric(), nullable=False, comment="per unit"),
        sa.Column("amount", sa.Numeric(), nullable=False, comment="in the invoice's unit"),
        sa.Column("commit_id", sa.UUID(), nullable=True, comment="the commit it belongs to"),
        sa.Column(
            "arithmetic",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="of a true-up: committed, drawn, adjustments, due, as decimal text",
        ),
        sa.CheckConstraint("amount > -1e30 AND amount < 1e30", name=op.f("invoice_line_amount_finite_check")),
        sa.CheckConstraint("quantity > -1e30 AND quantity < 1e30", name=op.f("invoice_line_quantity_finite_check")),
        sa.CheckConstraint(
            "unit_price > -1e30 AND unit_price < 1e30", name=op.f("invoice_line_unit_price_finite_check")
        ),
        sa.PrimaryKeyConstraint("account_id", "invoice_id", "position", name=op.f("invoice_line_pkey")),
        comment="Invoice lines.",
    )
    op.create_table(
        "ledger_entry",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column("commit_id", sa.UUID(), nullable=False, comment="whose balance"),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="total order of booking"),
        sa.Column("id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="of its own"),
        sa.Column("segment_id", sa.UUID(), nullable=True, comment="the segment it belongs to"),
        sa.Column("type", sa.Text(), nullable=False, comment="spec 3.2"),
        sa.Column("amount", sa.Numeric(), nullable=False, comment="signed"),
        sa.Column(
            "effective_at", sa.DateTime(timezone=True), nullable=False, comment="when it counts, the account's clock"
        ),
        sa.Column(
            "booked_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="real time",
        ),
        sa.Column("invoice_id", sa.UUID(), nullable=True, comment="the invoice it was booked with"),
        sa.Column("reason", sa.Text(), nullable=True, comment="an operator's words"),
        sa.CheckConstraint(
            "type IN ('PREPAID_COMMIT_SEGMENT_START', 'CREDIT_SEGMENT_START', 'POSTPAID_COMMIT_INITIAL_BALANCE', 'PREPAID_COMMIT_AUTOMATED_INVOICE_DEDUCTION', 'CREDIT_AUTOMATED_INVOICE_DEDUCTION', 'POSTPAID_COMMIT_AUTOMATED_INVOICE_DEDUCTION', 'PREPAID_COMMIT_EXPIRATION', 'CREDIT_EXPIRATION', 'POSTPAID_COMMIT_EXPIRATION', 'POSTPAID_COMMIT_TRUEUP', 'PREPAID_COMMIT_MANUAL', 'CREDIT_MANUAL', 'POSTPAID_COMMIT_MANUAL')",
            name=op.f("ledger_entry_type_check"),
        ),
        sa.CheckConstraint("amount > -1e30 AND amount < 1e30", name=op.f("ledger_entry_amount_finite_check")),
        sa.PrimaryKeyConstraint("account_id", "commit_id", "seq", name=op.f("ledger_entry_pkey")),
        comment="Append-only. A balance is the sum of its entries; nothing stores it a second time.",
    )
    op.create_table(
        "obligation",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column(
            "id",
            sa.UUID(),
            nullable=False,
            comment="stays the invoice's id; time-ordered, so that index pages fill in order",
        ),
        sa.Column("commit_id", sa.UUID(), nullable=False, comment="what falls due"),
        sa.Column("position", sa.SmallInteger(), nullable=False, comment="occurrence in the invoice schedule, from 0"),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment="SCHEDULED (a PREPAID item) or TRUE_UP (what a POSTPAID commit still lacks)",
        ),
        sa.Column(
            "scheduled_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="the item's timestamp: the date on the invoice",
        ),
        sa.Column(
            "due_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="when to look at it; for a true-up not before access has ended",
        ),
        sa.Column("unit_price", sa.Numeric(), nullable=False, comment="of the item"),
        sa.Column("quantity", sa.Numeric(), nullable=False, comment="of the item"),
        sa.Column(
            "amount", sa.Numeric(), nullable=False, comment="of the item; a true-up bills what the ledger says instead"
        ),
        sa.Column(
            "state",
            sa.Text(),
            server_default=sa.text("'pending'"),
            nullable=False,
            comment="pending, then settled once",
        ),
        sa.Column(
            "suppressed_by",
            sa.Text(),
            nullable=True,
            comment="why it will settle without an invoice: do_not_invoice, true_up_disabled, archived",
        ),
        sa.Column("reason", sa.Text(), nullable=True, comment="why it is held, parked or suppressed"),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False, comment="failed tries"),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True, comment="real time"),
        sa.Column("regenerated_from_id", sa.UUID(), nullable=True, comment="the void invoice that this one replaces"),
        sa.CheckConstraint("kind IN ('SCHEDULED', 'TRUE_UP')", name=op.f("obligation_kind_check")),
        sa.CheckConstraint(
            "state IN ('pending', 'issued', 'nothing_due', 'suppressed', 'held', 'parked', 'voided')",
            name=op.f("obligation_state_check"),
        ),
        sa.CheckConstraint("amount > 0 AND amount < 1e18", name=op.f("obligation_amount_positive_check")),
        sa.CheckConstraint("quantity > 0 AND quantity < 1e18", name=op.f("obligation_quantity_positive_check")),
        sa.CheckConstraint("unit_price > 0 AND unit_price < 1e18", name=op.f("obligation_unit_price_positive_check")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("obligation_pkey")),
        comment="What will be invoiced, and when: the draft of exactly one invoice.",
    )
    op.create_index(
        "obligation_due_idx",
        "obligation",
        ["account_id", "due_at", "commit_id", "position"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "obligation_one_per_item_key",
        "obligation",
        ["account_id", "commit_id", "position"],
        unique=True,
        postgresql_where=sa.text("state <> 'voided'"),
    )
    op.create_table(
        "outbox",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="order of writing"),
        sa.Column("event", sa.Text(), nullable=False, comment="commit.created, invoice.finalized, …"),
        sa.Column(
            "subject_ids",
            postgresql.ARRAY(sa.UUID()),
            nullable=False,
            comment="what it happened to: one event each, in this order",
        ),
        sa.Column(
            "detail",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="the same for all of them",
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="real time",
        ),
        sa.PrimaryKeyConstraint("account_id", "seq", name=op.f("outbox_pkey")),
        comment="Events, written in the transaction that made them happen; one row per transaction and kind.",
    )
    op.create_table(
        "outcome",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column("request_id", sa.UUID(), nullable=False, comment="whose outcome"),
        sa.Column(
            "outcome",
            sa.Text(),
            nullable=False,
            comment="created only for a replayed idempotency key: otherwise the commit itself is that outcome",
        ),
        sa.Column(
            "errors",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
            comment="problems, as in the error body",
        ),
        sa.Column(
            "more",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="how many problems there are beyond those listed",
        ),
        sa.Column(
            "existing",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="the commit that is there already: id, type, same_content",
        ),
        sa.Column("reason", sa.Text(), nullable=True, comment="why it is parked"),
        sa.Column("batch_id", sa.UUID(), nullable=True, comment="the batch it came with"),
        sa.Column(
            "attempt",
            sa.SmallInteger(),
            server_default=sa.text("1"),
            nullable=False,
            comment="the delivery that decided it, from 1",
        ),
        sa.Column(
            "decided_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="real time",
        ),
        sa.CheckConstraint(
            "outcome IN ('created', 'duplicate', 'invalid', 'not_found', 'parked')", name=op.f("outcome_outcome_check")
        ),
        sa.PrimaryKeyConstraint("account_id", "request_id", name=op.f("outcome_pkey")),
        comment="What became of each request that made no commit of its own. Judged anew when the same id comes again.",
    )
    op.create_index(
        op.f("outcome_account_id_batch_id_idx"),
        "outcome",
        ["account_id", "batch_id"],
        unique=False,
        postgresql_where=sa.text("batch_id IS NOT NULL"),
    )
    op.create_table(
        "parked",
        sa.Column("account_id", sa.Integer(), nullable=True, comment="null: nobody could be asked"),
        sa.Column(
            "id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="of this parking"
        ),
        sa.Column("reason", sa.Text(), nullable=False, comment="what kept it from being decided (spec 2.5)"),
        sa.Column(
            "detail", sa.Text(), server_default=sa.text("''"), nullable=False, comment="what was wrong, for people"
        ),
        sa.Column("request_id", sa.UUID(), nullable=True, comment="null: the whole envelope"),
        sa.Column("batch_id", sa.UUID(), nullable=True, comment="the batch it came with"),
        sa.Column("task", sa.Text(), nullable=False, comment="name of the Celery task"),
        sa.Column("meta", sa.LargeBinary(), nullable=False, comment="first argument, as received"),
        sa.Column(
            "requests",
            sa.LargeBinary(),
            nullable=False,
            comment="second argument, as received; for one request of it, cut down to that",
        ),
        sa.Column("signature", sa.Text(), nullable=True, comment="header, as received"),
        sa.Column(
            "digest",
            sa.LargeBinary(),
            nullable=False,
            comment="SHA-256 of account, reason, task, meta, requests: a redelivery parks once",
        ),
        sa.Column(
            "attempts", sa.SmallInteger(), server_default=sa.text("1"), nullable=False, comment="deliveries so far"
        ),
        sa.Column(
            "state",
            sa.Text(),
            server_default=sa.text("'parked'"),
            nullable=False,
            comment="parked, replayed or discarded",
        ),
        sa.Column("note", sa.Text(), nullable=True, comment="an operator's words"),
        sa.Column(
            "parked_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="real time",
        ),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True, comment="real time"),
        sa.CheckConstraint("state IN ('parked', 'replayed', 'discarded')", name=op.f("parked_state_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("parked_pkey")),
        sa.UniqueConstraint("digest", name=op.f("parked_digest_key")),
        comment="What could not be decided, with its bytes and the reason.",
    )
    op.create_index(op.f("parked_account_id_reason_idx"), "parked", ["account_id", "reason"], unique=False)
    op.create_index(
        "parked_request_idx",
        "parked",
        ["account_id", "request_id"],
        unique=False,
        postgresql_where=sa.text("request_id IS NOT NULL"),
    )
    op.create_table(
        "segment",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column("commit_id", sa.UUID(), nullable=False, comment="whose access this is"),
        sa.Column("position", sa.SmallInteger(), nullable=False, comment="place in the request, from 0"),
        sa.Column("id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="of its own"),
        sa.Column("amount", sa.Numeric(), nullable=False, comment="money or units granted"),
        sa.Column("starting_at", sa.DateTime(timezone=True), nullable=False, comment="inclusive, on a whole hour"),
        sa.Column("ending_before", sa.DateTime(timezone=True), nullable=False, comment="exclusive, on a whole hour"),
        sa.CheckConstraint("amount > 0 AND amount < 1e18", name=op.f("segment_amount_positive_check")),
        sa.CheckConstraint("starting_at < ending_before", name=op.f("segment_window_check")),
        sa.PrimaryKeyConstraint("account_id", "commit_id", "position", name=op.f("segment_pkey")),
        comment="Access schedule items: when how much may be drawn.",
    )
    op.create_table(
        "batch",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column("id", sa.UUID(), nullable=False, comment="from account and content, or from its name, or new"),
        sa.Column("name", sa.Text(), nullable=True, comment="given by --batch-id"),
        sa.Column("source", sa.Text(), nullable=False, comment="file name"),
        sa.Column("content_sha256", sa.LargeBinary(), nullable=False, comment="of the uncompressed file"),
        sa.Column("kind", sa.Text(), nullable=False, comment="what a bare body in it means: commit or credit"),
        sa.Column("rows", sa.BigInteger(), nullable=False, comment="received: every one of them gets an outcome"),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="real time",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("batch_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("batch_pkey")),
        comment="Files that were ingested.",
    )
    op.create_table(
        "customer",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column("id", sa.UUID(), nullable=False, comment="the producer's id"),
        sa.Column("name", sa.Text(), server_default=sa.text("''"), nullable=False, comment="shown on invoices"),
        sa.Column(
            "custom_fields",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="string to string",
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="booking time",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("customer_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("customer_pkey")),
        comment="Catalog: who promises to spend.",
    )
    op.create_table(
        "product",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column("id", sa.UUID(), nullable=False, comment="the producer's id"),
        sa.Column("name", sa.Text(), server_default=sa.text("''"), nullable=False, comment="shown on invoices"),
        sa.Column("type", sa.Text(), nullable=False, comment="never changes"),
        sa.Column(
            "tags",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="what applicability filters match",
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="booking time",
        ),
        sa.CheckConstraint("type IN ('FIXED', 'USAGE', 'SUBSCRIPTION', 'COMPOSITE')", name=op.f("product_type_check")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("product_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("product_pkey")),
        comment="Catalog: what is charged for. FIXED products carry the invoices of commits.",
    )
    op.create_table(
        "token",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column("key_id", sa.Text(), nullable=False, comment="the public half of tu_<key id>_<secret>"),
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=False, comment="verifies a bearer token"),
        sa.Column(
            "signing_key",
            sa.LargeBinary(),
            nullable=False,
            comment="HMAC-SHA-256(secret, 'trueup-queue-v1'), encrypted under TRUEUP_SECRET_KEY",
        ),
        sa.Column(
            "scopes",
            postgresql.ARRAY(sa.Text()),
            nullable=False,
            comment="commits:write, usage:write, read, operate, admin",
        ),
        sa.Column("name", sa.Text(), nullable=True, comment="what the operator calls it"),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="real time",
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True, comment="refused from then on"),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True, comment="to the minute"),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True, comment="refused from then on"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("token_account_id_fkey")),
        sa.PrimaryKeyConstraint("key_id", name=op.f("token_pkey")),
        comment="API tokens. Neither the verifier nor the signing key can be had from the other.",
    )
    op.create_index(op.f("token_account_id_idx"), "token", ["account_id"], unique=False)
    op.create_table(
        "unit",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column("id", sa.UUID(), nullable=False, comment="credit type id"),
        sa.Column("name", sa.Text(), server_default=sa.text("''"), nullable=False, comment="for example 'USD (cents)'"),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="booking time",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("unit_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("unit_pkey")),
        comment="Catalog: what amounts are counted in. USD in cents is there from the start.",
    )
    op.create_table(
        "contract",
        sa.Column("account_id", sa.Integer(), nullable=False, comment="whose row this is"),
        sa.Column("id", sa.UUID(), nullable=False, comment="the producer's id"),
        sa.Column("customer_id", sa.UUID(), nullable=False, comment="never changes"),
        sa.Column("starting_at", sa.DateTime(timezone=True), nullable=False, comment="inclusive"),
        sa.Column("ending_before", sa.DateTime(timezone=True), nullable=True, comment="exclusive; null: open"),
        sa.Column(
            "usage_invoicing",
            sa.Text(),
            server_default=sa.text("'MONTHLY'"),
            nullable=False,
            comment="whether usage periods make invoices",
        ),
        sa.Column("net_payment_terms_days", sa.Integer(), nullable=True, comment="days from invoice date to due date"),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="booking time",
        ),
        sa.CheckConstraint("usage_invoicing IN ('MONTHLY', 'NONE')", name=op.f("contract_usage_invoicing_check")),
        sa.ForeignKeyConstraint(
            ["account_id", "customer_id"],
            ["customer.account_id", "customer.id"],
            name=op.f("contract_account_id_customer_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("contract_pkey")),
        comment="Catalog: under which agreement a customer is invoiced.",
    )
    op.execute(APPEND_ONLY)
    for table in ("ledger_entry", "audit"):
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute("CREATE SEQUENCE parked_overflow")
    op.execute(INVOICE_IMMUTABLE)
    op.execute(
        "CREATE TRIGGER invoice_immutable BEFORE UPDATE ON invoice "
        "FOR EACH ROW EXECUTE FUNCTION refuse_invoice_change()"
    )
    op.execute(
        "CREATE TRIGGER invoice_line_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON invoice_line "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER invoice_kept BEFORE DELETE OR TRUNCATE ON invoice "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("contract")
    op.drop_table("unit")
    op.drop_index(op.f("token_account_id_idx"), table_name="token")
    op.drop_table("token")
    op.drop_table("product")
    op.drop_table("customer")
    op.drop_table("batch")
    op.drop_table("segment")
    op.drop_index("parked_request_idx", table_name="parked", postgresql_where=sa.text("request_id IS NOT NULL"))
    op.drop_index(op.f("parked_account_id_reason_idx"), table_name="parked")
    op.drop_table("parked")
    op.drop_index(
        op.f("outcome_account_id_batch_id_idx"), table_name="outcome", postgresql_where=sa.text("batch_id IS NOT NULL")
    )
    op.drop_table("outcome")
    op.drop_table("outbox")
    op.drop_index("obligation_one_per_item_key", table_name="obligation", postgresql_where=sa.text("state <> 'voided'"))
    op.drop_index("obligation_due_idx", table_name="obligation", postgresql_where=sa.text("state = 'pending'"))
    op.drop_table("obligation")
    op.drop_table("ledger_entry")
    op.drop_table("invoice_line")
    op.drop_index(op.f("invoice_account_id_customer_id_issued_at_idx"), table_name="invoice")
    op.drop_index(op.f("invoice_account_id_commit_id_idx"), table_name="invoice")
    op.drop_table("invoice")
    op.drop_index(op.f("intake_due_at_idx"), table_name="intake")
    op.drop_index(op.f("intake_digest_idx"), table_name="intake")
    op.drop_table("intake")
    op.drop_index(op.f("idempotency_created_at_idx"), table_name="idempotency")
    op.drop_table("idempotency")
    op.drop_index(op.f("delivery_last_at_idx"), table_name="delivery")
    op.drop_table("delivery")
    op.drop_index("commit_account_id_uniqueness_key_key", table_name="commit")
    op.drop_index(op.f("commit_account_id_customer_id_idx"), table_name="commit")
    op.drop_index(
        op.f("commit_account_id_batch_id_idx"), table_name="commit", postgresql_where=sa.text("batch_id IS NOT NULL")
    )
    op.drop_table("commit")
    op.drop_table("audit")
    op.drop_table("account")
    op.execute("DROP FUNCTION refuse_change()")
    op.execute("DROP FUNCTION refuse_invoice_change()")
    op.execute("DROP SEQUENCE parked_overflow")
