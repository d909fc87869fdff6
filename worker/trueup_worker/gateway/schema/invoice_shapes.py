"""Invoices as Metronome's SDK knows them. What is not there is left out."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from trueup.store.invoices.by_customer import Details, Place
from trueup_worker.gateway.http.refusals import invalid_field
from trueup_worker.gateway.schema.bodies import NO_CURSOR
from trueup_worker.gateway.schema.shapes import present

Json = dict[str, Any]

_LINE_TYPES = {"charge": "commit_purchase", "usage": "usage", "applied": "applied_commit_or_credit"}
_COMMIT_TYPES = {"PREPAID": "PrepaidCommit", "CREDIT": "PrepaidCommit", "POSTPAID": "PostpaidCommit"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = re.compile(r"([0-9]{1,18})\.([0-9a-f]{32})", re.ASCII)
_NOTHING: Mapping[str, Any] = {}


def invoice_object(invoice: Json, details: Details, *, skip_zero_quantity: bool = False) -> Json:
    """An invoice or a draft, with its lines.

    Args:
        invoice: as the use cases tell it.
        details: what it refers to.
        skip_zero_quantity: leaves out lines of quantity 0.
    """
    contract = details.contracts.get(invoice["contract_id"], _NOTHING)
    customer = details.customers.get(invoice["customer_id"], _NOTHING)
    commit = details.commits.get(invoice["commit_id"], _NOTHING)
    unit = {"id": invoice["unit_id"], "name": details.units.get(invoice["unit_id"], _NOTHING).get("name") or ""}
    lines = [line for line in invoice["lines"] if line["quantity"] or not skip_zero_quantity]
    return present(
        {
            "id": invoice["id"],
            "type": invoice["type"],
            "status": invoice["status"],
            "customer_id": invoice["customer_id"],
            "customer_name": customer.get("name"),
            "customer_custom_fields": customer.get("custom_fields"),
            "credit_type": unit,
            "line_items": [_line(line, unit, details) for line in lines],
            "subtotal": invoice["total"],
            "total": invoice["total"],
            "rounding": invoice["rounding"],
            "amount_due": invoice["amount_due"],
            "issued_at": invoice["issued_at"],
            "number": invoice.get("number"),
            "contract_id": invoice["contract_id"],
            "net_payment_terms_days": contract.get("net_payment_terms_days"),
            "start_timestamp": invoice.get("starting_at"),
            "end_timestamp": invoice.get("ending_before"),
            "finalized_at": invoice.get("finalized_at"),
            "voided_at": invoice.get("voided_at"),
            "regenerated_from_invoice_id": invoice["regenerated_from_id"],
            "held_reason": invoice.get("reason") if invoice.get("state") in ("held", "parked") else None,
            "paid_at": invoice.get("paid_at"),
            "exported_at": invoice.get("exported_at"),
            "netsuite_sales_order_id": commit.get("netsuite_sales_order_id"),
            "salesforce_opportunity_id": commit.get("salesforce_opportunity_id"),
        }
    )


def _line(line: Json, unit: Json, details: Details) -> Json:
    product = details.products.get(line["product_id"], _NOTHING)
    told = {
        "type": _LINE_TYPES[line["kind"]],
        "name": line["name"],
        "total": line["amount"] or 0,
        "credit_type": unit,
        "quantity": line["quantity"],
        "quantity_is_rounded": line.get("is_rounded") or None,
        "unit_price": line["unit_price"],
        "product_id": line["product_id"],
        "product_type": f"{product['type'].capitalize()}ProductListItem" if product else None,
        "product_tags": product.get("tags"),
        "commit_id": line["commit_id"],
        "commit_segment_id": line.get("segment_id"),
        "pricing_group_values": line.get("pricing_group_values"),
        "presentation_group_values": line.get("presentation_group_values"),
        "starting_at": line.get("starting_at"),
        "ending_before": line.get("ending_before"),
        **_of_commit(line, details),
    }
    return present(told)


def _of_commit(line: Json, details: Details) -> Json:
    """What is known of the commit or credit that is paid for, or that pays."""
    commit = details.commits.get(line["commit_id"])
    if commit is None:
        return {}
    told = {
        "commit_type": _COMMIT_TYPES[commit["type"]],
        "commit_custom_fields": commit["custom_fields"],
        "commit_netsuite_sales_order_id": commit["netsuite_sales_order_id"],
    }
    if line["kind"] != "charge":
        told["applied_commit_or_credit"] = {name: commit[name] for name in ("id", "type", "access_type")}
    elif line["is_true_up"]:
        told["postpaid_commit"] = {"id": commit["id"]}
    return told


def cursor_of(place: Place) -> str:
    """Where the next page begins, as text."""
    return f"{(place.issued_at - _EPOCH) // timedelta(microseconds=1)}.{place.id.hex}"


def place_at(cursor: str | None) -> Place | None:
    """What a cursor stands for.

    Raises:
        Refusal: 400: it is none of ours.
    """
    if cursor is None:
        return None
    match = _CURSOR.fullmatch(cursor)
    try:
        if match is not None:
            return Place(_EPOCH + timedelta(microseconds=int(match[1])), UUID(match[2]))
    except OverflowError:
        pass
    raise invalid_field("/next_page", NO_CURSOR)
