"""Mistakes of real life: each function makes a request with one of them (or two)."""
# ruff: noqa: INP001, D103 - their names say it

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from make_sample import Maker

Body = dict[str, Any]


def _renamed(body: Body, old: str, new: str) -> Body:
    return {new if name == old else name: value for name, value in body.items()}


def _with_access(body: Body, **changes: Any) -> Body:
    body["access_schedule"]["schedule_items"][0].update(changes)
    return body


def _with_charge(body: Body, **changes: Any) -> Body:
    body["invoice_schedule"]["schedule_items"][0].update(changes)
    return body


def mistyped_key(maker: Maker) -> Body:
    return _renamed(maker.upfront(), "uniqueness_key", "uniqeness_key")


def mistyped_nested_field(maker: Maker) -> Body:
    return _with_charge(maker.upfront(), date="2026-10-01")


def day_before_month(maker: Maker) -> Body:
    return _with_access(maker.upfront(), starting_at="31/12/2026")


def bare_date(maker: Maker) -> Body:
    return _with_access(maker.complimentary(), starting_at="2026-07-01", ending_before="2027-07-01")


def local_time(maker: Maker) -> Body:
    return _with_charge(maker.upfront(), timestamp="2026-10-01T00:00:00")


def thirtieth_of_february(maker: Maker) -> Body:
    return _with_access(maker.upfront(), ending_before="2029-02-30T00:00:00Z")


def half_hour_offset(maker: Maker) -> Body:
    return _with_access(maker.complimentary(), starting_at="2022-07-01T00:00:00+05:30")


def amount_as_text(maker: Maker) -> Body:
    return _with_charge(maker.upfront(), amount="12,500.00")


def thirteen_decimals(maker: Maker) -> Body:
    return _with_access(maker.complimentary(), amount="=1000.0000000000001")


def negative_amount(maker: Maker) -> Body:
    return _with_charge(maker.upfront(), amount=-50_000)


def window_inverted(maker: Maker) -> Body:
    return _with_access(maker.complimentary(), starting_at="2027-01-01T00:00:00Z", ending_before="2026-01-01T00:00:00Z")


def unknown_customer(maker: Maker) -> Body:
    return maker.complimentary() | {"customer_id": maker.uuid()}


def crm_id_as_customer(maker: Maker) -> Body:
    return maker.complimentary() | {"customer_id": "0015g00000XyZabAAF"}


def unknown_product_and_unit(maker: Maker) -> Body:
    body = maker.complimentary() | {"product_id": maker.uuid()}
    body["access_schedule"]["credit_type_id"] = maker.uuid()
    return body


def usage_product(maker: Maker) -> Body:
    return maker.complimentary() | {"product_id": maker.metered[0]}


def contract_of_another(maker: Maker) -> Body:
    body = maker.upfront()
    others = [contract["id"] for contract in maker.contracts if contract["customer_id"] != body["customer_id"]]
    return body | {"invoice_contract_id": others[0]}


def contract_forgotten(maker: Maker) -> Body:
    body = maker.upfront()
    del body["invoice_contract_id"]
    return body


def postpaid_without_schedule(maker: Maker) -> Body:
    body = maker.postpaid()
    del body["invoice_schedule"]
    return body


def postpaid_totals_differ(maker: Maker) -> Body:
    return _with_charge(maker.postpaid(), amount=99_999)


def postpaid_in_instalments(maker: Maker) -> Body:
    return maker.instalments() | {"type": "POSTPAID"}


def postpaid_recurring(maker: Maker) -> Body:
    return maker.recurring() | {"type": "POSTPAID"}


def type_in_mixed_case(maker: Maker) -> Body:
    return maker.upfront() | {"type": "Prepaid"}


def priority_in_words(maker: Maker) -> Body:
    return maker.upfront() | {"priority": "high"}


def priority_forgotten(maker: Maker) -> Body:
    body = maker.upfront()
    del body["priority"]
    return body


def both_filters(maker: Maker) -> Body:
    return maker.specified() | {"applicable_product_tags": ["gpu"]}


def amount_and_unit_price(maker: Maker) -> Body:
    return _with_charge(maker.upfront(), unit_price=100, quantity=10)


def no_access(maker: Maker) -> Body:
    return maker.complimentary() | {"access_schedule": {"schedule_items": []}}


def number_as_custom_field(maker: Maker) -> Body:
    return maker.complimentary() | {"custom_fields": {"headcount": 250}}


def credit_with_invoice(maker: Maker) -> Body:
    body = maker.upfront()
    del body["type"]
    return {"kind": "credit", "body": body}


MISTAKES: tuple[Callable[[Maker], Body], ...] = (
    mistyped_key,
    mistyped_nested_field,
    day_before_month,
    bare_date,
    local_time,
    thirtieth_of_february,
    half_hour_offset,
    amount_as_text,
    thirteen_decimals,
    negative_amount,
    window_inverted,
    unknown_customer,
    crm_id_as_customer,
    unknown_product_and_unit,
    usage_product,
    contract_of_another,
    contract_forgotten,
    postpaid_without_schedule,
    postpaid_totals_differ,
    postpaid_in_instalments,
    postpaid_recurring,
    type_in_mixed_case,
    priority_in_words,
    priority_forgotten,
    both_filters,
    amount_and_unit_price,
    no_access,
    number_as_custom_field,
    credit_with_invoice,
)

BROKEN_LINES = (
    '{"customer_id": "5c0d2f0e-9a3b-4c43-8d0a-2b6a3f6f1c02", "type": "PREPAID", "priority": 100, "access_sch',
    "{'customer_id': '5c0d2f0e-9a3b-4c43-8d0a-2b6a3f6f1c02', 'type': 'PREPAID', 'name': None}",
    '{"customer_id": "5c0d2f0e-9a3b-4c43-8d0a-2b6a3f6f1c02", "type": "PREPAID", "priority": NaN}',
    "<html><head><title>502 Bad Gateway</title></head></html>",
)
