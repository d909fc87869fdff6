"""Accounts, and the tokens by which callers act for them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from trueup.store.tables.columns import NOW, TIME, account_column, metadata, optional, references_account, required

account = Table(
    "account",
    metadata,
    required(
        "id", Integer, "short key used by every other table", primary_key=True, server_default=Identity(always=True)
    ),
    required("name", Text, "what people and messages call it", unique=True),
    required("sandbox", Boolean, "chosen at creation, for good: time moves only by hand", server_default=text("false")),
    optional("clock_at", TIME, "the sandbox clock; null for accounts that live in real time"),
    required("created_at", TIME, "real time", server_default=NOW),
    required("next_invoice_number", BigInteger, "gapless counter, locked last", server_default=text("1")),
    required(
        "locale", Text, "how numbers and dates are written for people, as en or de-CH", server_default=text("'en'")
    ),
    CheckConstraint("sandbox = (clock_at IS NOT NULL)", name="sandbox_has_clock"),
    comment="A tenant. An account never sees, guesses or counts another's rows.",
)

token = Table(
    "token",
    metadata,
    account_column(),
    required("key_id", Text, "the public half of tu_<key id>_<secret>", primary_key=True),
    required("secret_sha256", LargeBinary, "verifies a bearer token"),
    required("signing_key", LargeBinary, "HMAC-SHA-256(secret, 'trueup-queue-v1'), encrypted under TRUEUP_SECRET_KEY"),
    required("scopes", ARRAY(Text), "commits:write, usage:write, read, operate, admin, installation"),
    optional("name", Text, "what the operator calls it"),
    required("created_at", TIME, "real time", server_default=NOW),
    optional("expires_at", TIME, "refused from then on"),
    optional("last_used_at", TIME, "to the minute"),
    optional("revoked_at", TIME, "refused from then on"),
    references_account(),
    Index(None, "account_id"),
    comment="API tokens. Neither the verifier nor the signing key can be had from the other.",
)

installation = Table(
    "installation",
    metadata,
    required("is_one", Boolean, "true: there is one row", primary_key=True, server_default=text("true")),
    required(
        "secret_key_check",
        LargeBinary,
        "HMAC-SHA-256(TRUEUP_SECRET_KEY, 'trueup-key-check-v1'): tells another key, and no key can be had from it",
    ),
    required("noted_at", TIME, "real time", server_default=NOW),
    CheckConstraint("is_one", name="one_row"),
    comment="What all accounts share.",
)
