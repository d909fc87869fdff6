"""The tables. Comments are part of the schema, so that a database client explains the system."""

from trueup.store.tables.accounts import account, installation, token
from trueup.store.tables.alerts import (
    alert_clock,
    alert_setting,
    alert_told,
    balance_told,
    balance_watch,
    usage_arrival,
)
from trueup.store.tables.books import account_codes, closed_month, journal_line, revaluation
from trueup.store.tables.catalog import contract, customer, ingest_alias, product, unit
from trueup.store.tables.columns import metadata
from trueup.store.tables.commits import commit, ledger_entry, obligation, segment
from trueup.store.tables.history import audit, feed, outbox
from trueup.store.tables.invoices import excepted_line, invoice, invoice_line
from trueup.store.tables.looks import changed_account, next_look
from trueup.store.tables.parties import billing_details, seller_profile
from trueup.store.tables.requests import (
    answered_call,
    batch,
    batch_lookup,
    create_try,
    delivery,
    idempotency,
    intake,
    outcome,
    parked,
    parked_total,
    refused_body,
)
from trueup.store.tables.usage import usage_line, usage_month, usage_period
from trueup.store.tables.webhooks import webhook_attempt, webhook_delivery, webhook_endpoint

__all__ = [
    "account",
    "account_codes",
    "alert_clock",
    "alert_setting",
    "alert_told",
    "answered_call",
    "audit",
    "balance_told",
    "balance_watch",
    "batch",
    "batch_lookup",
    "billing_details",
    "changed_account",
    "closed_month",
    "commit",
    "contract",
    "create_try",
    "customer",
    "delivery",
    "excepted_line",
    "feed",
    "idempotency",
    "ingest_alias",
    "installation",
    "intake",
    "invoice",
    "invoice_line",
    "journal_line",
    "ledger_entry",
    "metadata",
    "next_look",
    "obligation",
    "outbox",
    "outcome",
    "parked",
    "parked_total",
    "product",
    "refused_body",
    "revaluation",
    "segment",
    "seller_profile",
    "token",
    "unit",
    "usage_arrival",
    "usage_line",
    "usage_month",
    "usage_period",
    "webhook_attempt",
    "webhook_delivery",
    "webhook_endpoint",
]
