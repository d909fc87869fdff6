"""The normal form, its fingerprint, and the charges that follow from it."""

from typing import Any

import pytest

from tests.bodies import (
    AMOUNT,
    CONTRACT,
    CUSTOMER,
    PRODUCT,
    START,
    USD,
    changed,
    credit,
    full,
    invoiced,
    prepaid,
    priced,
    recurring,
    recurringly,
    text,
)
from trueup.wire.message.envelope import Kind
from trueup.wire.request.normal import FINGERPRINT_VERSION, Normal, charges, fingerprint, normalise
from trueup.wire.request.read import read_body

UNIT = ("access_schedule", "credit_type_id")


def normal(body: Any, kind: Kind = "commit") -> Normal:
    """The normal form of a valid body, which is a value or the text itself."""
    read = read_body(body if isinstance(body, str) else text(body), kind)
    assert not isinstance(read, list), read
    return normalise(read, kind)


def test_defaults_are_filled_in() -> None:
    """The smallest body is stored with all its defaults."""
    assert normal(prepaid()) == {
        "customer_id": CUSTOMER,
        "type": "PREPAID",
        "priority": "100",
        "product_id": PRODUCT,
        "rate_type": "LIST_RATE",
        "access_schedule": {
            "credit_type_id": USD,
            "access_type": "SPEND",
            "schedule_items": [
                {"amount": "1000", "starting_at": "2025-01-01T00:00:00Z", "ending_before": "2025-02-01T00:00:00Z"}
            ],
        },
    }


def test_everything_is_kept() -> None:
    """A full body is stored with all that it says, each value in its canonical form."""
    stored = normal(full())
    assert stored["invoice_schedule"] == {
        "credit_type_id": USD,
        "do_not_invoice": False,
        "schedule_items": [{"timestamp": "2024-12-31T23:00:00.500000Z", "unit_price": "0.1", "quantity": "3"}],
    }
    kept = ("name", "description", "specifiers", "custom_fields", "uniqueness_key", "applicable_contract_ids")
    assert {name: stored[name] for name in kept} == {name: full()[name] for name in kept}
    assert stored["rate_type"] == "COMMIT_RATE"
    assert stored.keys() == full().keys()


def test_a_recurring_schedule_stays_one() -> None:
    """A recurring schedule is stored as asked for, its amount as a unit price with quantity 1."""
    asked = recurring(frequency="semi_annual", amount_distribution="each", starting_at="2025-01-31T01:00:00+01:00")
    assert normal(recurringly(**asked))["invoice_schedule"]["recurring_schedule"] == {
        "starting_at": "2025-01-31T00:00:00Z",
        "ending_before": "2026-01-31T00:00:00Z",
        "frequency": "SEMI_ANNUAL",
        "amount_distribution": "EACH",
        "unit_price": "1200",
        "quantity": "1",
    }


def test_a_credit_is_of_type_credit() -> None:
    """A credit is stored like a commit, with type CREDIT."""
    assert normal(credit(), "credit") == normal(prepaid()) | {"type": "CREDIT"}


@pytest.mark.parametrize(
    ("literal", "stored"),
    [
        ("-0.0", "0"),
        ("0e999999", "0"),
        ("1e5", "100000"),
        ("1.50", "1.5"),
        ("100", "100"),
        ("1E-12", "0.000000000001"),
        ("-12345678901234567.89", "-12345678901234567.89"),
        ("0.1000000000000000000000", "0.1"),
    ],
)
def test_numbers_are_plain(literal: str, stored: str) -> None:
    """A number is stored as plain decimal text, exactly."""
    assert normal(priced(literal, ("priority",)))["priority"] == stored


SAME: dict[str, tuple[Any, Any]] = {
    "null and absent": (prepaid(name=None, specifiers=None), prepaid()),
    "empty and absent": (prepaid(specifiers=[], custom_fields={}, applicable_product_tags=[]), prepaid()),
    "empty parts of a specifier": (
        prepaid(specifiers=[{"product_tags": ["a"], "exclude": [], "pricing_group_values": {}, "product_id": None}]),
        prepaid(specifiers=[{"product_tags": ["a"]}]),
    ),
    "order of keys": (dict(reversed(full().items())), full()),
    "1.0 and 1": (priced("1.0"), priced("1")),
    "1e3 and 1000": (priced("1e3"), priced("1000")),
    "Z and +00:00": (changed(prepaid(), START, "2025-01-01T00:00:00+00:00"), prepaid()),
    "another offset": (changed(prepaid(), START, "2025-01-01T05:30:00.000+05:30"), prepaid()),
    "amount and unit price": (
        invoiced({"timestamp": "2025-01-01T00:00:00Z", "amount": 7}),
        invoiced({"timestamp": "2025-01-01T00:00:00Z", "unit_price": 7, "quantity": 1.0}),
    ),
    "letter case of enums and UUIDs": (prepaid(type="prepaid", product_id=PRODUCT.upper()), prepaid()),
    "defaults": (changed(prepaid(rate_type="list_rate"), UNIT, USD), prepaid()),
    "do_not_invoice": (
        invoiced(invoice_schedule=invoiced()["invoice_schedule"] | {"do_not_invoice": False}),
        invoiced(),
    ),
}
DIFFERENT: dict[str, tuple[Any, Any]] = {
    "order of a list": (prepaid(applicable_product_tags=["a", "b"]), prepaid(applicable_product_tags=["b", "a"])),
    "an amount": (priced("1"), priced("1.000000000001")),
    "large amounts": (priced("12345678901234567.89"), priced("12345678901234567.88")),
    "an instant": (changed(prepaid(), START, "2025-01-01T01:00:00Z"), prepaid()),
    "unit price and quantity swapped": (
        invoiced({"timestamp": "2025-01-01T00:00:00Z", "unit_price": 2, "quantity": 3}),
        invoiced({"timestamp": "2025-01-01T00:00:00Z", "unit_price": 3, "quantity": 2}),
    ),
    "spaces in a key": (prepaid(uniqueness_key="a"), prepaid(uniqueness_key="a ")),
    "letter case of a key": (prepaid(uniqueness_key="a"), prepaid(uniqueness_key="A")),
    "Unicode form of a name": (prepaid(name="\u00e9"), prepaid(name="e\u0301")),
    "an empty text": (prepaid(description=""), prepaid()),
    "where a value stands": (prepaid(netsuite_sales_order_id="1"), prepaid(salesforce_opportunity_id="1")),
    "invoiced or not": (invoiced(), prepaid(invoice_contract_id=CONTRACT)),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_same_fingerprint(one: Any, other: Any) -> None:
    """What makes no difference does not change the fingerprint."""
    assert fingerprint(normal(one)) == fingerprint(normal(other))


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_other_fingerprint(one: Any, other: Any) -> None:
    """What makes a difference changes the fingerprint."""
    assert fingerprint(normal(one)) != fingerprint(normal(other))


def test_the_fingerprint_stays() -> None:
    """The fingerprint of a request never changes within a version: stored commits are compared with it."""
    assert FINGERPRINT_VERSION == 1
    assert fingerprint(normal(full())).hex() == "79a1d9a0faefdbe2a63513a4cde7970d53def85cc176d54f3d42af4dd3f9d193"


def test_without_an_invoice_schedule_nothing_is_charged() -> None:
    """A complimentary commit has no charges."""
    assert charges(normal(prepaid())) == []


def test_plain_charges() -> None:
    """Each item is charged at its time, in order, with the exact product."""
    items = [
        {"timestamp": "2025-03-01T00:00:00Z", "amount": 10.5},
        {"timestamp": "2025-02-01T00:00:00.25Z", "unit_price": 0.1, "quantity": 3},
    ]
    assert charges(normal(invoiced(*items))) == [
        {"timestamp": "2025-03-01T00:00:00Z", "unit_price": "10.5", "quantity": "1", "amount": "10.5"},
        {"timestamp": "2025-02-01T00:00:00.250000Z", "unit_price": "0.1", "quantity": "3", "amount": "0.3"},
    ]


def test_divided_charges() -> None:
    """A divided charge is shared out over the occurrences, the last takes the rest."""
    schedule = recurring(frequency="quarterly", amount=100.01, amount_distribution="DIVIDED_ROUNDED")
    divided = charges(normal(recurringly(**schedule)))
    assert [(charge["timestamp"], charge["amount"]) for charge in divided] == [
        ("2025-01-31T00:00:00Z", "25"),
        ("2025-04-30T00:00:00Z", "25"),
        ("2025-07-31T00:00:00Z", "25"),
        ("2025-10-31T00:00:00Z", "25.01"),
    ]
    assert {charge["quantity"] for charge in divided} == {"1"}


def test_repeated_charges() -> None:
    """EACH charges the same every time."""
    schedule = recurring(frequency="ANNUAL", amount=None, unit_price=0.5, quantity=3, amount_distribution="EACH")
    assert charges(normal(recurringly(**schedule))) == [
        {"timestamp": "2025-01-31T00:00:00Z", "unit_price": "0.5", "quantity": "3", "amount": "1.5"}
    ]


def test_access_amounts_stay_amounts() -> None:
    """An access item keeps its amount."""
    assert normal(priced("0.10", AMOUNT))["access_schedule"]["schedule_items"][0]["amount"] == "0.1"
