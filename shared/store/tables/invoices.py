"""Finalized invoices (spec 3.6)."""

from sqlalchemy import (
    BigInteger,
    Index,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.store.tables.columns import ID, NOW, TIME, account_column, finite, metadata, one_of, optional, required

invoice = Table(
    "invoice",
    metadata,
    account_column(),
    required("id", ID, "the obligation's id"),
    required("number", BigInteger, "gapless and ascending per account"),
    required("type", Text, "SCHEDULED"),
    required("status", Text, "FINALIZED (immutable) or VOID; drafts are obligations"),
    required("customer_id", ID, "who pays"),
    required("contract_id", ID, "under which contract"),
    required("unit_id", ID, "of every amount on it"),
    optional("commit_id", ID, "the commit it bills"),
    required("total", Numeric, "sum of the lines"),
    required("issued_at", TIME, "invoice date: the scheduled timestamp"),
    required("finalized_at", TIME, "the account's clock"),
    required("booked_at", TIME, "real time", server_default=NOW),
    optional("voided_at", TIME, "the account's clock"),
    optional("regenerated_from_id", ID, "the void invoice that this one replaces"),
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
    required("invoice_id", ID, "whose line"),
    required("position", SmallInteger, "from 0"),
    required("name", Text, "the commit's name, else the product's"),
    required("product_id", ID, "what is charged"),
    required("quantity", Numeric, "times unit price is amount"),
    required("unit_price", Numeric, "per unit"),
    required("amount", Numeric, "in the invoice's unit"),
    optional("commit_id", ID, "the commit it belongs to"),
    optional("arithmetic", JSONB, "of a true-up: committed, drawn, adjustments, due, as decimal text"),
    PrimaryKeyConstraint("account_id", "invoice_id", "position"),
    finite("quantity"),
    finite("unit_price"),
    finite("amount"),
    comment="Invoice lines.",
)
