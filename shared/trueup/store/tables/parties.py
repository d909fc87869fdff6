"""Parties of invoices: sellers, and those who pay."""

from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from trueup.limits import LOGO_BYTES_MAX
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

_VERSION = "from 1; the last one counts from its commit on"


def _text(name: str, comment: str) -> Column[Any]:
    return required(name, Text, comment, server_default=text("''"))


def _party(named: str) -> tuple[Column[Any], ...]:
    return (
        _text("name", named),
        _text("address", "its lines"),
        _text("tax_id", "as people write it"),
        _text("email", "where invoices go"),
    )


seller_profile = Table(
    "seller_profile",
    metadata,
    account_column(),
    required("version", Integer, _VERSION),
    *_party("as the sender of invoices"),
    _text("payment_terms", "what invoices say of them"),
    optional("payment_terms_days", Integer, "null: an invoice says no due date"),
    _text("footer", "the last lines of an invoice"),
    required("custom_fields", ARRAY(Text), "names of those that invoices show", server_default=text("'{}'")),
    optional("logo", LargeBinary, "a PNG of our own making; null: none"),
    required("created_at", TIME, "real time", server_default=NOW),
    PrimaryKeyConstraint("account_id", "version"),
    references_account(),
    CheckConstraint(f"octet_length(logo) <= {LOGO_BYTES_MAX}", name="logo"),
    comment="Who an account's invoices are from, in versions that never change.",
)

billing_details = Table(
    "billing_details",
    metadata,
    account_column(),
    required("customer_id", ID, "who pays"),
    required("version", Integer, _VERSION),
    *_party("on invoices; '': the customer's name in the catalog"),
    required("created_at", TIME, "real time", server_default=NOW),
    PrimaryKeyConstraint("account_id", "customer_id", "version"),
    ForeignKeyConstraint(["account_id", "customer_id"], ["customer.account_id", "customer.id"]),
    comment="Whom a customer's invoices go to, in versions that never change.",
)
