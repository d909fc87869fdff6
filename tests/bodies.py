"""Valid bodies to start from, and small ways to change them."""

import json
from copy import deepcopy
from typing import Any

from trueup.wire.message.envelope import Kind
from trueup.wire.request.read import read_body

CUSTOMER = "13117714-3f05-48e5-a6e9-a66093f13b4d"
PRODUCT = "f14d6729-6a44-4b13-9908-9387f1918790"
CONTRACT = "3d5b0d2e-7e55-4f3a-9a63-000000000001"

EUR = "6b1f7c52-0f0e-4b5c-9a41-0000000000e0"
USD = "2714e483-4ff1-48e4-9e25-ac732e8f24f2"

Body = dict[str, Any]
Place = tuple[str | int, ...]
Table = dict[str, tuple[Any, list[str]]]
"""Bodies, as values or as text, with what is wrong with each: `code path`."""

AMOUNT: Place = ("access_schedule", "schedule_items", 0, "amount")
START: Place = ("access_schedule", "schedule_items", 0, "starting_at")


def access_item(**changes: Any) -> Body:
    """A month of access to 1000."""
    return {
        "amount": 1000,
        "starting_at": "2025-01-01T00:00:00Z",
        "ending_before": "2025-02-01T00:00:00Z",
    } | changes


def recurring(**changes: Any) -> Body:
    """Twelve months of a divided 1200."""
    return {
        "starting_at": "2025-01-31T00:00:00Z",
        "ending_before": "2026-01-31T00:00:00Z",
        "frequency": "MONTHLY",
        "amount_distribution": "DIVIDED",
        "amount": 1200,
    } | changes


def prepaid(**changes: Any) -> Body:
    """The smallest PREPAID commit: complimentary."""
    return {
        "customer_id": CUSTOMER,
        "type": "PREPAID",
        "priority": 100,
        "product_id": PRODUCT,
        "access_schedule": {"schedule_items": [access_item()]},
    } | changes


def invoiced(*items: Body, **changes: Any) -> Body:
    """A PREPAID commit with invoice items; without arguments one of 1000."""
    chosen = list(items) or [{"timestamp": "2025-01-01T00:00:00Z", "amount": 1000}]
    return prepaid(invoice_contract_id=CONTRACT, invoice_schedule={"schedule_items": chosen}) | changes


def postpaid(**changes: Any) -> Body:
    """The smallest POSTPAID commit."""
    return invoiced(type="POSTPAID") | changes


def recurringly(**changes: Any) -> Body:
    """A PREPAID commit with a recurring invoice schedule."""
    return prepaid(invoice_contract_id=CONTRACT, invoice_schedule={"recurring_schedule": recurring(**changes)})


def credit(**changes: Any) -> Body:
    """The smallest credit."""
    return {name: value for name, value in prepaid().items() if name != "type"} | changes


def full() -> Body:
    """A PREPAID commit with every field that can stand beside the others."""
    return invoiced(
        {"timestamp": "2025-01-01T00:00:00.5+01:00", "unit_price": 0.1, "quantity": 3},
        name="Annual commitment",
        description="as agreed",
        rate_type="commit_rate",
        applicable_contract_ids=[CONTRACT],
        specifiers=[
            {
                "product_id": PRODUCT,
                "product_tags": ["gpu"],
                "pricing_group_values": {"region": "eu"},
                "presentation_group_values": {"team": "a"},
                "exclude": [{"product_tags": ["spot"]}],
            }
        ],
        custom_fields={"sales_rep": "alice"},
        uniqueness_key="order-1",
        netsuite_sales_order_id="SO-1",
        salesforce_opportunity_id="0061",
    )


def changed(body: Body, place: Place, value: Any) -> Body:
    """A copy of the body with another value at the place."""
    copy = deepcopy(body)
    target: Any = copy
    for part in place[:-1]:
        target = target[part]
    target[place[-1]] = value
    return copy


def without(body: Body, place: Place) -> Body:
    """A copy of the body without what stands at the place."""
    copy = deepcopy(body)
    target: Any = copy
    for part in place[:-1]:
        target = target[part]
    del target[place[-1]]
    return copy


def text(body: Any) -> str:
    """The body as JSON text."""
    return json.dumps(body)


def priced(literal: str, place: Place = AMOUNT) -> str:
    """A prepaid body, as text, whose number at the place is spelled like this."""
    return text(changed(prepaid(), place, "@")).replace('"@"', literal)


def told(body: Any, kind: Kind = "commit") -> list[str]:
    """What is wrong with a body, each as `code path`; the body is the text itself, or a value to be written as JSON."""
    read = read_body(body if isinstance(body, (bytes, str)) else text(body), kind)
    return [f"{problem.code} {problem.path}".rstrip() for problem in read] if isinstance(read, list) else []
