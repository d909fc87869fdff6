"""Promises to spend: access, what falls due, and the ledger."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Identity,
    Index,
    LargeBinary,
    Numeric,
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
    finite,
    metadata,
    not_negative,
    once_in_account,
    one_of,
    optional,
    positive,
    required,
)

BY_CODE_POINT = Text(collation="C")  # what begins alike stands side by side, whatever the database's own collation is


def _found_by_beginning(column: str) -> Index:
    """The index of commits by a text that they may have, and of those with the same one by their ids."""
    return Index(None, "account_id", column, "id", postgresql_where=text(f"{column} IS NOT NULL"))


commit = Table(
    "commit",
    metadata,
    account_column(),
    required("id", ID, "the id of the request that made it"),
    required("type", Text, "PREPAID, POSTPAID, or CREDIT (the same balance, given for free)"),
    required("customer_id", ID, "who promised"),
    required("product_id", ID, "the FIXED product it is invoiced under"),
    optional("name", BY_CODE_POINT, "shown on invoices"),
    optional("description", Text, "internal: never on an invoice"),
    required("priority", Numeric, "lower is drawn first"),
    required("rate_type", Text, "LIST_RATE or COMMIT_RATE"),
    required("access_type", Text, "SPEND (draws money) or QUANTITY (draws units)"),
    required("access_unit_id", ID, "unit of the segments"),
    optional("invoice_unit_id", ID, "unit of the invoice schedule; null: complimentary"),
    optional("invoice_contract_id", ID, "where its invoices go"),
    required("do_not_invoice", Boolean, "the schedule is recorded and never invoiced", server_default=text("false")),
    optional("recurring_schedule", JSONB, "the schedule as asked for, when it was a recurring one"),
    optional("applicable_product_ids", ARRAY(ID), "usage of any of these draws it down"),
    optional("applicable_product_tags", ARRAY(Text), "and of products with any of these tags"),
    optional("applicable_contract_ids", ARRAY(ID), "usage on these contracts only; null: all of the customer's"),
    optional("specifiers", JSONB, "usage that meets at least one of these draws it down"),
    optional("custom_fields", JSONB, "string to string"),
    optional("netsuite_sales_order_id", BY_CODE_POINT, "kept and returned"),
    optional("salesforce_opportunity_id", BY_CODE_POINT, "kept and returned"),
    optional("uniqueness_key", BY_CODE_POINT, "used once per account, for ever"),
    required("fingerprint", LargeBinary, "SHA-256 of the normalised request"),
    required("fingerprint_version", SmallInteger, "of the normal form"),
    optional("batch_id", ID, "the batch it came with"),
    required("attempt", SmallInteger, "the delivery that made it, from 1", server_default=text("1")),
    required("created_at", TIME, "the account's clock"),
    required("booked_at", TIME, "real time, once its customer was locked where it is POSTPAID", server_default=NOW),
    optional("widened_at", TIME, "read no more"),
    optional("archived_at", TIME, "the account's clock; its uniqueness key stays used"),
    PrimaryKeyConstraint("account_id", "id"),
    Index("commit_account_id_uniqueness_key_key", "account_id", "uniqueness_key", unique=True),
    Index(None, "account_id", "batch_id", postgresql_where=text("batch_id IS NOT NULL")),
    Index(None, "account_id", "customer_id", "id"),
    _found_by_beginning("netsuite_sales_order_id"),
    _found_by_beginning("salesforce_opportunity_id"),
    _found_by_beginning("name"),
    one_of("type", "PREPAID", "POSTPAID", "CREDIT"),
    one_of("rate_type", "LIST_RATE", "COMMIT_RATE"),
    one_of("access_type", "SPEND", "QUANTITY"),
    finite("priority"),
    comment="Commits and credits. A row is its request's outcome 'created'.",
)

# What is left of a segment expires a grace time after this: after the month of its last hour, in which usage may draw
# on it, or after it came to be, where that is later: usage of the past may still be on its way.
LAPSES_AFTER = (
    "greatest(granted_at, (date_trunc('month', ending_before AT TIME ZONE 'UTC' - interval '1 hour') "
    "+ interval '1 month') AT TIME ZONE 'UTC')"
)

segment = Table(
    "segment",
    metadata,
    account_column(),
    required("commit_id", ID, "whose access this is"),
    required("position", SmallInteger, "place in the request, from 0"),
    required("id", ID, "of its own", server_default=text("gen_random_uuid()")),
    required("amount", Numeric, "money or units granted; 0: an edit took the item away"),
    required("starting_at", TIME, "inclusive, on a whole hour"),
    required(
        "ending_before", TIME, "exclusive, on a whole hour; not after the start: access was ended before it began"
    ),
    required(
        "expires",
        Boolean,
        "what is left of it is still to expire; a postpaid commit's is trued up instead",
        server_default=text("false"),
    ),
    required("granted_at", TIME, "when it came to be, the account's clock", server_default=NOW),
    PrimaryKeyConstraint("account_id", "commit_id", "position"),
    Index("segment_expiring_idx", "account_id", text(LAPSES_AFTER), postgresql_where=text("expires")),
    # What began or ended before it came to be is told by nothing but its creation.
    Index("segment_starting_idx", "account_id", "starting_at", postgresql_where=text("starting_at > granted_at")),
    Index("segment_ending_idx", "account_id", "ending_before", postgresql_where=text("ending_before > granted_at")),
    not_negative("amount"),
    comment="Access schedule items: when how much may be drawn.",
)

obligation = Table(
    "obligation",
    metadata,
    account_column(),
    required("id", ID, "stays the invoice's id; time-ordered, so that index pages fill in order"),
    required("commit_id", ID, "what falls due"),
    required("position", SmallInteger, "occurrence in the invoice schedule, from 0"),
    required("kind", Text, "SCHEDULED (a PREPAID item) or TRUE_UP (what a POSTPAID commit still lacks)"),
    required("scheduled_at", TIME, "the item's timestamp: the date on the invoice"),
    required("due_at", TIME, "when to look at it; for a true-up not before the month in which access ends is closed"),
    required("unit_price", Numeric, "of the item"),
    required("quantity", Numeric, "of the item"),
    required("amount", Numeric, "of the item; a true-up bills what the ledger says instead"),
    required("state", Text, "pending, then settled once", server_default=text("'pending'")),
    optional(
        "suppressed_by",
        Text,
        "why it settles without an invoice: do_not_invoice, true_up_disabled, archived, invoices_ended (by an end "
        "date), removed (by an edit)",
    ),
    optional("reason", Text, "why it is held, parked or suppressed"),
    required("attempts", SmallInteger, "failed tries", server_default=text("0")),
    optional("settled_at", TIME, "real time"),
    optional("regenerated_from_id", ID, "the void invoice that this one replaces"),
    optional("released_at", TIME, "read no more"),
    optional(
        "instalments_before",
        Numeric,
        "what the items before it came to when an edit made a list of an expanded schedule; null: there was none",
    ),
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
    Index(
        "obligation_one_successor_key",
        "account_id",
        "regenerated_from_id",
        unique=True,
        postgresql_where=text("regenerated_from_id IS NOT NULL"),
    ),
    Index("obligation_held_idx", "account_id", postgresql_where=text("state = 'held'")),
    Index("obligation_void_idx", "account_id", "commit_id", postgresql_where=text("state = 'voided'")),
    Index(
        "obligation_waiting_idx",
        "account_id",
        "due_at",
        "commit_id",
        "position",
        postgresql_where=text("state IN ('held', 'parked')"),
    ),
    one_of("kind", "SCHEDULED", "TRUE_UP"),
    one_of("state", "pending", "issued", "nothing_due", "suppressed", "held", "parked", "voided"),
    positive("unit_price"),
    positive("quantity"),
    positive("amount"),
    comment="What will be invoiced, and when: the draft of exactly one invoice.",
)

ledger_entry = Table(
    "ledger_entry",
    metadata,
    account_column(),
    required("commit_id", ID, "whose balance"),
    required("seq", BigInteger, "total order of booking", server_default=Identity(always=True)),
    required("id", ID, "of its own", server_default=text("gen_random_uuid()")),
    optional("segment_id", ID, "the segment it belongs to"),
    required("type", Text, "what was booked: a grant, a draw, an expiry, a true-up, or an entry by hand"),
    required("amount", Numeric, "signed"),
    required("effective_at", TIME, "when it counts, the account's clock"),
    required("booked_at", TIME, "real time", server_default=NOW),
    optional("invoice_id", ID, "the invoice it was booked with"),
    optional("period_id", ID, "the closed usage period it was booked with; null: none"),
    optional("reason", Text, "an operator's words"),
    optional("uniqueness_key", Text, "of an entry booked by hand: used once, for ever"),
    PrimaryKeyConstraint("account_id", "commit_id", "seq"),
    once_in_account("ledger_entry", "uniqueness_key"),
    finite("amount"),
    one_of(
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
