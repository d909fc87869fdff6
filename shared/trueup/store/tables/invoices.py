"""Invoices that are finalized, and their lines."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from trueup.store.tables.columns import ID, NOW, TIME, account_column, finite, metadata, one_of, optional, required

invoice = Table(
    "invoice",
    metadata,
    account_column(),
    required("id", ID, "the obligation's, or the usage period's"),
    required("number", BigInteger, "gapless and ascending per account"),
    required("type", Text, "SCHEDULED (of a commit) or USAGE (of a month)"),
    required("status", Text, "FINALIZED (immutable) or VOID; drafts are obligations"),
    required("customer_id", ID, "who pays"),
    required("contract_id", ID, "under which contract"),
    required("unit_id", ID, "of every amount on it"),
    optional("commit_id", ID, "the commit it bills"),
    required("total", Numeric, "sum of the lines"),
    optional(
        "instalments_before",
        Numeric,
        "what the instalments before it come to, of a schedule that was expanded; null: of no other",
    ),
    required("issued_at", TIME, "invoice date: the scheduled timestamp, or the end of the month"),
    required("finalized_at", TIME, "the account's clock"),
    required("booked_at", TIME, "real time", server_default=NOW),
    optional("voided_at", TIME, "the account's clock"),
    optional("regenerated_from_id", ID, "the void invoice that this one replaces"),
    optional("paid_at", TIME, "real time; somebody said that it is paid: it is not voided until that is taken back"),
    optional("exported_at", TIME, "real time; somebody said that it is in other books: as for paid_at"),
    PrimaryKeyConstraint("account_id", "id"),
    UniqueConstraint("account_id", "number"),
    Index(None, "account_id", "commit_id"),
    Index(None, "account_id", "customer_id", "issued_at"),
    one_of("type", "SCHEDULED", "USAGE"),
    one_of("status", "FINALIZED", "VOID"),
    finite("total"),
    comment="Finalized invoices.",
)

invoice_line = Table(
    "invoice_line",
    metadata,
    account_column(),
    required("invoice_id", ID, "whose line; a usage period that makes no invoice has lines all the same"),
    required("position", Integer, "from 0"),
    required(
        "kind",
        Text,
        "charge (what a commit bills), usage (what was used, and who pays for it) or applied (what a balance paid)",
        server_default=text("'charge'"),
    ),
    required(
        "is_billed",
        Boolean,
        "whether the total holds it; what a postpaid commit covers is shown only",
        server_default=text("true"),
    ),
    required("name", Text, "the commit's name, else the product's"),
    required("product_id", ID, "what is charged"),
    required("quantity", Numeric, "times unit price is amount"),
    required(
        "is_rounded", Boolean, "whether the quantity was rounded to twelve decimals", server_default=text("false")
    ),
    required("unit_price", Numeric, "per unit"),
    required("amount", Numeric, "in the invoice's unit"),
    optional("commit_id", ID, "the commit it belongs to; of a usage line, the one that pays; null: overage"),
    optional("segment_id", ID, "of that commit, where it draws on one"),
    optional("criterion", SmallInteger, "which rule of the order of balances (1 to 11) put it first; null: no rival"),
    optional("pricing_group_values", JSONB, "of a usage line"),
    optional("presentation_group_values", JSONB, "of a usage line"),
    optional("starting_at", TIME, "of a usage line: its first hour"),
    optional("ending_before", TIME, "of a usage line: the end of its last hour"),
    optional("hours", ARRAY(SmallInteger), "of a usage line: the hours of the month, from 0, of which it holds usage"),
    optional("arithmetic", JSONB, "of a true-up: committed, drawn, adjustments, due, as decimal text"),
    PrimaryKeyConstraint("account_id", "invoice_id", "position"),
    one_of("kind", "charge", "usage", "applied"),
    finite("quantity"),
    finite("unit_price"),
    finite("amount"),
    comment="Invoice lines.",
)

excepted_line = Table(
    "excepted_line",
    metadata,
    account_column(),
    required("commit_id", ID, "the POSTPAID commit that is trued up beside it"),
    required("invoice_id", ID, "of the invoice or usage period whose line it is"),
    required("position", Integer, "of the line"),
    required("booked_at", TIME, "real time", server_default=NOW),
    PrimaryKeyConstraint("account_id", "commit_id", "invoice_id", "position"),
    comment="Usage that a commit could have covered, and an operator let its true-up ask for all the same.",
)
