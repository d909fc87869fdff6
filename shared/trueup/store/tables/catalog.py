"""Catalog: the records that requests are checked against."""

from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
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
    once_in_account,
    one_of,
    optional,
    references_account,
    required,
)


def kept_column() -> Column[Any]:
    """Column for a field of the SDK's objects that is kept and given back, and not used."""
    comment = "what else was said at its creation: returned, and used for nothing"
    return required("kept", JSONB, comment, server_default=text("'{}'"))


customer = Table(
    "customer",
    metadata,
    account_column(),
    required("id", ID, "the producer's id"),
    required("name", Text, "shown on invoices", server_default=text("''")),
    required("custom_fields", JSONB, "string to string", server_default=text("'{}'")),
    required("created_at", TIME, "booking time", server_default=NOW),
    optional(
        "usage_closed_before",
        TIME,
        "usage before this instant, the start of a month, is final; null: no month is closed yet. Intake locks the row "
        "FOR SHARE, whoever closes FOR NO KEY UPDATE: a line counts in its month, or is late",
    ),
    PrimaryKeyConstraint("account_id", "id"),
    Index(None, "account_id", "name"),
    references_account(),
    comment="Catalog: who promises to spend.",
)

ingest_alias = Table(
    "ingest_alias",
    metadata,
    account_column(),
    required("alias", Text, "unique in the account"),
    required("customer_id", ID, "who is meant"),
    required("position", SmallInteger, "place among the customer's, from 0"),
    PrimaryKeyConstraint("account_id", "alias"),
    Index(None, "account_id", "customer_id"),
    ForeignKeyConstraint(["account_id", "customer_id"], ["customer.account_id", "customer.id"]),
    comment="Catalog: what producers of usage call a customer. Kept and returned.",
)

product = Table(
    "product",
    metadata,
    account_column(),
    required("id", ID, "the producer's id"),
    required("name", Text, "shown on invoices", server_default=text("''")),
    required("type", Text, "never changes"),
    required("tags", ARRAY(Text), "what applicability filters match", server_default=text("'{}'")),
    required("created_at", TIME, "booking time", server_default=NOW),
    kept_column(),
    PrimaryKeyConstraint("account_id", "id"),
    Index(None, "account_id", "name"),
    references_account(),
    one_of("type", "FIXED", "USAGE", "SUBSCRIPTION", "COMPOSITE"),
    comment="Catalog: what is charged for. FIXED products carry the invoices of commits.",
)

contract = Table(
    "contract",
    metadata,
    account_column(),
    required("id", ID, "the producer's id"),
    required("customer_id", ID, "never changes"),
    required("starting_at", TIME, "inclusive"),
    optional("ending_before", TIME, "exclusive; null: open"),
    required("usage_invoicing", Text, "whether usage periods make invoices", server_default=text("'MONTHLY'")),
    optional("net_payment_terms_days", Integer, "days from invoice date to due date"),
    required("created_at", TIME, "booking time", server_default=NOW),
    kept_column(),
    optional("uniqueness_key", Text, "used once per account, for ever"),
    PrimaryKeyConstraint("account_id", "id"),
    once_in_account("contract", "uniqueness_key"),
    Index("contract_name_idx", "account_id", text("(kept ->> 'name')")),
    ForeignKeyConstraint(["account_id", "customer_id"], ["customer.account_id", "customer.id"]),
    one_of("usage_invoicing", "MONTHLY", "NONE"),
    comment="Catalog: under which agreement a customer is invoiced.",
)

unit = Table(
    "unit",
    metadata,
    account_column(),
    required("id", ID, "credit type id"),
    required("name", Text, "for example 'USD (cents)'", server_default=text("''")),
    required("created_at", TIME, "booking time", server_default=NOW),
    optional("currency", Text, "ISO 4217; null: it is no money, nor has it what follows"),
    optional("exponent", SmallInteger, "decimals of the currency's minor unit"),
    optional("amounts_in", Text, "what an amount of 1 is: minor (a cent) or major (a dollar)"),
    PrimaryKeyConstraint("account_id", "id"),
    references_account(),
    CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
    CheckConstraint("exponent BETWEEN 0 AND 4", name="exponent"),
    one_of("amounts_in", "minor", "major"),
    CheckConstraint("num_nulls(currency, exponent, amounts_in) IN (0, 3)", name="money"),
    comment="Catalog: what amounts are counted in. USD in cents is there from the start.",
)
