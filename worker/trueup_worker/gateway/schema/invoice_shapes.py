"""Invoices as Metronome's SDK knows them. What is not there is left out."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from trueup.store.invoices.by_customer import Details, Place
from trueup.store.invoices.invoice import Invoice, InvoiceLine
from trueup_worker.gateway.http.refusals import invalid_field
from trueup_worker.gateway.schema.bodies import NO_CURSOR
from trueup_worker.gateway.schema.shapes import present

Json = dict[str, Any]

_LINE_TYPES = {"charge": "commit_purchase", "usage": "usage", "applied": "applied_commit_or_credit"}
_COMMIT_TYPES = {"PREPAID": "PrepaidCommit", "CREDIT": "PrepaidCommit", "POSTPAID": "PostpaidCommit"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = re.compile(r"([0-9]{1,18})\.([0-9a-f]{32})", re.ASCII)


def invoice_object(invoice: Invoice, details: Details, *, skip_zero_quantity: bool = False) -> Json:
    """An invoice or a draft, with its lines.

    Args:
        invoice: as the use cases tell it.
        details: what it refers to.
        skip_zero_quantity: leaves out lines of quantity 0.
    """
    contract = details.contracts.get(invoice.contract_id) if invoice.contract_id else None
    customer = details.customers.get(invoice.customer_id)
    commit = details.commits.get(invoice.commit_id) if invoice.commit_id else None
    unit = {"id": invoice.unit_id, "name": invoice.unit or ""}
    lines = [line for line in invoice.lines if line.quantity or not skip_zero_quantity]
    return present(
        {
            "id": invoice.id,
            "type": invoice.type,
            "status": invoice.status,
            "customer_id": invoice.customer_id,
            "customer_name": invoice.customer,
            "customer_custom_fields": customer and customer.custom_fields,
            "credit_type": unit,
            "line_items": [_line(line, unit, details) for line in lines],
            "subtotal": invoice.total or 0,
            "total": invoice.total or 0,
            "rounding": invoice.rounding,
            "amount_due": invoice.amount_due or 0,
            "issued_at": invoice.issued_at,
            "number": invoice.number,
            "contract_id": invoice.contract_id,
            "net_payment_terms_days": contract and contract.net_payment_terms_days,
            "start_timestamp": invoice.starting_at,
            "end_timestamp": invoice.ending_before,
            "finalized_at": invoice.finalized_at,
            "voided_at": invoice.voided_at,
            "regenerated_from_invoice_id": invoice.regenerated_from_id,
            "held_reason": invoice.reason if invoice.is_held else None,
            "paid_at": invoice.paid_at,
            "exported_at": invoice.exported_at,
            "netsuite_sales_order_id": commit and commit.netsuite_sales_order_id,
            "salesforce_opportunity_id": commit and commit.salesforce_opportunity_id,
        }
    )


def _line(line: InvoiceLine, unit: Json, details: Details) -> Json:
    product = details.products.get(line.product_id) if line.product_id else None
    told = {
        "type": _LINE_TYPES[line.kind],
        "name": line.name or "",
        "total": line.amount or 0,
        "credit_type": unit,
        "quantity": line.quantity,
        "quantity_is_rounded": line.is_rounded or None,
        "unit_price": line.unit_price,
        "product_id": line.product_id,
        "product_type": product and f"{product.type.capitalize()}ProductListItem",
        "product_tags": product and product.tags,
        "commit_id": line.commit_id,
        "commit_segment_id": line.segment_id,
        "pricing_group_values": line.pricing_group_values,
        "presentation_group_values": line.presentation_group_values,
        "starting_at": line.starting_at,
        "ending_before": line.ending_before,
        **_of_commit(line, details),
    }
    return present(told)


def _of_commit(line: InvoiceLine, details: Details) -> Json:
    """What is known of the commit or credit that is paid for, or that pays."""
    commit = details.commits.get(line.commit_id) if line.commit_id else None
    if commit is None:
        return {}
    told: Json = {
        "commit_type": _COMMIT_TYPES[commit.type],
        "commit_custom_fields": commit.custom_fields,
        "commit_netsuite_sales_order_id": commit.netsuite_sales_order_id,
    }
    if line.kind != "charge":
        told["applied_commit_or_credit"] = {"id": commit.id, "type": commit.type, "access_type": commit.access_type}
    elif line.arithmetic:
        told["postpaid_commit"] = {"id": commit.id}
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
