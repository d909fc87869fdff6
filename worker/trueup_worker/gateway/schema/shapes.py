"""Objects as Metronome's SDK knows them. What is not there is left out."""

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from trueup.limits import DECIMALS_MAX
from trueup.store.commits.pages import CommitRecord

Json = dict[str, Any]

_KEPT = (
    "name",
    "description",
    "applicable_product_ids",
    "applicable_product_tags",
    "applicable_contract_ids",
    "specifiers",
    "custom_fields",
    "netsuite_sales_order_id",
    "salesforce_opportunity_id",
    "uniqueness_key",
    "archived_at",
)
_NOBODY = "trueup"  # who made it is not kept
_OF_A_SEGMENT = frozenset({"START", "DEDUCTION", "EXPIRATION"})


def commit_object(commit: CommitRecord) -> Json:
    """A commit or a credit."""
    row = commit.columns
    told: Json = {
        "id": row["id"],
        "type": row["type"],
        "product": {"id": row["product_id"], "name": row["product"] or ""},
        "priority": row["priority"],
        "rate_type": row["rate_type"],
        "created_at": row["created_at"],
        "customer": {"id": row["customer_id"]},
        "cost_basis": _cost_basis(commit),
        "access_schedule": {
            "access_type": row["access_type"],
            "credit_type": {"id": row["access_unit_id"], "name": row["access_unit"] or ""},
            "schedule_items": commit.segments,
        },
    }
    told |= {name: row[name] for name in _KEPT if row[name] is not None}
    if row["invoice_unit_id"] is not None:
        told["invoice_schedule"] = {
            "credit_type": {"id": row["invoice_unit_id"], "name": row["invoice_unit"] or ""},
            "do_not_invoice": row["do_not_invoice"],
            "schedule_items": [present(item) for item in commit.items],
        }
    if row["invoice_contract_id"] is not None:
        told["invoice_contract"] = {"id": row["invoice_contract_id"]}
    if commit.unpaid is not None:
        told["unpaid"] = commit.unpaid
    if commit.balance is not None:
        told["balance"] = commit.balance
    if commit.ledger is not None:
        told["ledger"] = [_entry(entry) for entry in commit.ledger]
    return told


def page(objects: Iterable[Json], *, limit: int) -> Json:
    """A page of at most `limit` objects, and where the next one begins, if more than that are given."""
    listed = list(objects)
    more = len(listed) > limit
    return {"data": listed[:limit], "next_page": str(listed[limit - 1]["id"]) if more else None}


def present(record: Json) -> Json:
    """A record without what is not there."""
    return {name: value for name, value in record.items() if value is not None}


def _cost_basis(commit: CommitRecord) -> Decimal:
    """What is paid for a unit of access: 0 for credits and complimentary commits."""
    granted = sum((segment["amount"] for segment in commit.segments), Decimal())
    paid = sum((item["amount"] for item in commit.items), Decimal())
    if not granted:
        return Decimal()
    basis = (paid / granted).quantize(Decimal(10) ** -DECIMALS_MAX, rounding=ROUND_HALF_EVEN)
    return basis.normalize() if basis else Decimal()


def _entry(entry: Json) -> Json:
    """A ledger entry, with the members of its type."""
    kind = entry["type"]
    told = {"type": kind, "amount": entry["amount"], "timestamp": entry["effective_at"]}
    if kind.endswith("_MANUAL"):
        return told | {"reason": entry["reason"] or ""}
    if entry["invoice_id"] is not None:
        told["invoice_id"] = entry["invoice_id"]
    if entry["segment_id"] is not None and kind.rsplit("_", 1)[1] in _OF_A_SEGMENT:
        told["segment_id"] = entry["segment_id"]
    return told


def customer_object(row: Json) -> Json:
    """A customer, as the call that adds one tells it."""
    return {
        "id": row["id"],
        "external_id": next(iter(row["ingest_aliases"]), str(row["id"])),
        "ingest_aliases": row["ingest_aliases"],
        "name": row["name"],
        "custom_fields": row["custom_fields"],
    }


def customer_detail(row: Json) -> Json:
    """A customer, as it is read."""
    times = {"created_at": row["created_at"], "updated_at": row["created_at"]}
    return customer_object(row) | times | {"customer_config": {}}


def product_object(row: Json) -> Json:
    """A product: nothing of it ever changes here, so that what it was at first is what it is."""
    kept = dict(row["kept"])
    fields = {"custom_fields": kept.pop("custom_fields", {})}
    state = {"created_at": row["created_at"], "created_by": _NOBODY, "name": row["name"], "tags": row["tags"]} | kept
    return {"id": row["id"], "type": row["type"], "initial": state, "current": state, "updates": []} | fields


def contract_object(row: Json) -> Json:
    """A contract: it is never amended here, and commits are the customer's."""
    kept = dict(row["kept"])
    fields = {"custom_fields": kept.pop("custom_fields", {}), "usage_invoicing": row["usage_invoicing"]}
    state = kept | present(
        {
            "created_at": row["created_at"],
            "created_by": _NOBODY,
            "starting_at": row["starting_at"],
            "ending_before": row["ending_before"],
            "net_payment_terms_days": row["net_payment_terms_days"],
            "commits": [],
            "credits": [],
            "overrides": [],
            "scheduled_charges": [],
            "transitions": [],
            "usage_statement_schedule": {"frequency": "MONTHLY", "billing_anchor_date": row["starting_at"]},
        }
    )
    told = {"id": row["id"], "customer_id": row["customer_id"], "amendments": [], "initial": state, "current": state}
    return told | fields | present({"uniqueness_key": row["uniqueness_key"]})
