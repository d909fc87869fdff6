"""The fields of a body, each judged by itself."""

from decimal import Decimal
from typing import Any

import pytest

from tests.bodies import (
    AMOUNT,
    CUSTOMER,
    PRODUCT,
    START,
    USD,
    Table,
    access_item,
    changed,
    full,
    invoiced,
    postpaid,
    prepaid,
    priced,
    recurringly,
    text,
    told,
    without,
)
from trueup.wire.problems import Problem
from trueup.wire.request.read import read_body

ITEM = ("access_schedule", "schedule_items", 0)
AMOUNT_PATH = "/access_schedule/schedule_items/0/amount"
START_PATH = "/access_schedule/schedule_items/0/starting_at"
precision = f"amount_precision {AMOUNT_PATH}"

TABLE: Table = {
    "nothing given": (
        {},
        [f"missing /{name}" for name in ("customer_id", "priority", "product_id", "access_schedule", "type")],
    ),
    "null for a required field": (
        prepaid(priority=None, access_schedule=None, type=None, customer_id=None),
        ["missing /customer_id", "missing /priority", "missing /access_schedule", "missing /type"],
    ),
    "null for a required time": (changed(prepaid(), START, None), [f"missing {START_PATH}"]),
    "null in a list": (prepaid(applicable_product_ids=[None]), ["wrong_type /applicable_product_ids/0"]),
    "null item": (changed(prepaid(), ITEM, None), ["wrong_type /access_schedule/schedule_items/0"]),
    "null in a map": (prepaid(custom_fields={"a": None}), ["wrong_type /custom_fields/a"]),
    "unknown field, null": (prepaid(uniquenes_key=None), ["unknown_field /uniquenes_key"]),
    "unknown field, deep": (
        prepaid(specifiers=[{"product_tags": ["a"], "exclude": [{"product_tags": ["a"], "x": 1}]}]),
        ["unknown_field /specifiers/0/exclude/0/x"],
    ),
    "unknown field to be escaped": (prepaid(**{"a/b~c": 1}), ["unknown_field /a~1b~0c"]),
    "unknown field with NUL": (prepaid(**{"a\0": 1}), ["unknown_field /a\N{REPLACEMENT CHARACTER}"]),
    "text for an object": (prepaid(access_schedule="x"), ["wrong_type /access_schedule"]),
    "object for a list": (prepaid(specifiers={}), ["wrong_type /specifiers"]),
    "list for a map": (prepaid(custom_fields=[]), ["wrong_type /custom_fields"]),
    "number for a text": (prepaid(name=1), ["wrong_type /name"]),
    "number for a boolean": (
        changed(invoiced(), ("invoice_schedule", "do_not_invoice"), 1),
        ["wrong_type /invoice_schedule/do_not_invoice"],
    ),
    "list for an innermost text": (
        prepaid(specifiers=[{"exclude": [{"product_tags": [[]]}]}]),
        ["wrong_type /specifiers/0/exclude/0/product_tags/0"],
    ),
    "number for a UUID": (prepaid(customer_id=1), ["wrong_type /customer_id"]),
    "UUID without hyphens": (prepaid(customer_id=CUSTOMER.replace("-", "")), ["not_a_uuid /customer_id"]),
    "UUID in braces": (prepaid(customer_id="{" + CUSTOMER + "}"), ["not_a_uuid /customer_id"]),
    "UUID as urn": (prepaid(customer_id="urn:uuid:" + CUSTOMER), ["not_a_uuid /customer_id"]),
    "UUID with a line feed": (prepaid(customer_id=CUSTOMER + "\n"), ["not_a_uuid /customer_id"]),
    "UUID in other digits": (prepaid(customer_id=CUSTOMER.replace("1", "\u0661")), ["not_a_uuid /customer_id"]),
    "true for an enum": (prepaid(type=True), ["not_an_enum_value /type"]),
    "list for an enum": (prepaid(rate_type=["LIST_RATE"]), ["not_an_enum_value /rate_type"]),
    "lower-case access type": (
        changed(prepaid(), ("access_schedule", "access_type"), "spend"),
        ["not_an_enum_value /access_schedule/access_type"],
    ),
    "true for a number": (prepaid(priority=True), ["not_a_number /priority"]),
    "text for a number": (changed(prepaid(), AMOUNT, "NaN"), [f"not_a_number {AMOUNT_PATH}"]),
    "object for a number": (prepaid(priority={}), ["not_a_number /priority"]),
    "number for a time": (changed(prepaid(), START, 1735689600), [f"not_a_timestamp {START_PATH}"]),
    "minus zero": (priced("-0.0"), [f"amount_not_positive {AMOUNT_PATH}"]),
    "zero with a huge exponent": (priced("0e999999999999999999999"), [f"amount_not_positive {AMOUNT_PATH}"]),
    "less than zero": (priced("-1e-12"), [f"amount_not_positive {AMOUNT_PATH}"]),
    "19 digits": (priced("1" + "0" * 18), [precision]),
    "5,000 digits": (priced("9" * 5000), [precision]),
    "200,000 digits": (priced("-" + "9" * 200_000), [precision]),
    "200,000 decimals": (priced("0." + "9" * 200_000), [precision]),
    "1e1000000": (priced("1e1000000"), [precision]),
    "1e-1000000": (priced("1e-1000000"), [precision]),
    "an exponent of 21 digits": (priced("1e999999999999999999999"), [precision]),
    "an exponent of -21 digits": (priced("1E-999999999999999999999", ("priority",)), ["amount_precision /priority"]),
    "long number beside a problem": (
        priced("9" * 5000).replace('"PREPAID"', '"prePAID"'),
        [precision, "not_an_enum_value /type"],
    ),
    "long number in a text": (
        prepaid(description='\\"' + "9" * 5000 + "e99999999999999", name=""),
        ["too_short /name"],
    ),
    "half an hour away": (changed(prepaid(), START, "2025-01-01T00:00:00+05:30"), [f"not_hour_aligned {START_PATH}"]),
    "a nanosecond past": (
        changed(prepaid(), START, "2025-01-01T00:00:00.000000001Z"),
        [f"not_hour_aligned {START_PATH}"],
    ),
    "a second past": (changed(prepaid(), START, "2025-01-01T00:00:01Z"), [f"not_hour_aligned {START_PATH}"]),
    "NUL in a tag": (prepaid(applicable_product_tags=["a\0"]), ["text_not_storable /applicable_product_tags/0"]),
    "NUL in a key": (
        prepaid(custom_fields={"a\0b": "x"}),
        ["text_not_storable /custom_fields/a\N{REPLACEMENT CHARACTER}b"],
    ),
    "long key": (prepaid(custom_fields={"k" * 1001: "x"}), [("too_long /custom_fields/" + "k" * 1001)]),
    "a key that looks like a mark": (prepaid(custom_fields={"[key]": 1}), ["wrong_type /custom_fields/[key]"]),
    "long texts": (
        prepaid(
            name="n" * 1001,
            description="d" * 10_001,
            netsuite_sales_order_id="s" * 256,
            applicable_product_tags=["t" * 1001],
        ),
        [
            f"too_long {path}"
            for path in ("/name", "/description", "/applicable_product_tags/0", "/netsuite_sales_order_id")
        ],
    ),
    "501 tags": (prepaid(applicable_product_tags=["t"] * 501), ["too_many_items /applicable_product_tags"]),
    "501 custom fields": (prepaid(custom_fields={str(n): "" for n in range(501)}), ["too_many_items /custom_fields"]),
    "1,201 access items": (
        prepaid(access_schedule={"schedule_items": [access_item()] * 1201}),
        ["too_many_items /access_schedule/schedule_items"],
    ),
}

VALID: dict[str, Any] = {
    "256 KiB": text(prepaid()).ljust(256 * 1024),
    "everything": full(),
    "null for everything optional": prepaid(name=None, specifiers=None, custom_fields=None, invoice_schedule=None),
    "empty lists and maps": prepaid(specifiers=[], applicable_product_ids=[PRODUCT], custom_fields={}),
    "UUID in capitals": prepaid(customer_id=CUSTOMER.upper()),
    "15 decimals that are zeros": priced("0.100000000000000"),
    "a number in many digits": priced("1" + "0" * 5000 + ".0e-0000000005000"),
    "5,000 zeros after the point": priced("1." + "0" * 5000),
    "a negative priority": priced("-1.5", ("priority",)),
    "18 digits and 12 decimals": priced("9" * 18 + "." + "9" * 12),
    "500 tags": prepaid(applicable_product_tags=["t"] * 500),
    "1,200 occurrences": recurringly(ending_before="2125-01-31T00:00:00Z"),
    "1,200 access items": prepaid(access_schedule={"schedule_items": [access_item()] * 1200}),
    "bounds count characters": prepaid(name="\U0001f600" * 1000),
    "empty description": prepaid(description=""),
    "POSTPAID in the same unit, named once": changed(postpaid(), ("access_schedule", "credit_type_id"), USD.upper()),
    "POSTPAID, nothing invoiced": without(
        postpaid(
            invoice_schedule={
                "schedule_items": [{"timestamp": "2025-01-01T00:00:00Z", "amount": 1000}],
                "do_not_invoice": True,
            }
        ),
        ("invoice_contract_id",),
    ),
    "a field twice": text(prepaid()).replace('"priority"', '"priority": "x", "priority"'),
}


@pytest.mark.parametrize(("body", "expected"), TABLE.values(), ids=TABLE)
def test_problems(body: Any, expected: list[str]) -> None:
    """A commit request gets exactly these problems, all in one pass."""
    assert told(body) == expected


@pytest.mark.parametrize("body", VALID.values(), ids=VALID)
def test_valid(body: Any) -> None:
    """What keeps every rule has no problems."""
    assert told(body) == []


def test_values_are_canonical() -> None:
    """The body holds exact decimals, UUIDs in lower case and enums in upper case."""
    body: Any = read_body(text(full() | {"customer_id": CUSTOMER.upper()}), "commit")
    (charge,) = body["invoice_schedule"]["schedule_items"]
    assert (body["customer_id"], body["rate_type"], body["priority"]) == (CUSTOMER, "COMMIT_RATE", Decimal(100))
    assert (charge["unit_price"], charge["quantity"]) == (Decimal("0.1"), Decimal(3))


def test_all_problems_are_reported() -> None:
    """However many there are, each unknown field is a problem of its own."""
    read = read_body(text(prepaid(**{f"x{n}": n for n in range(5000)})), "commit")
    assert isinstance(read, list)
    assert {problem.code for problem in read} == {"unknown_field"}
    assert len(read) == 5000


def test_messages_are_specific() -> None:
    """A message names what would be right."""
    read = read_body(text(prepaid(type="Prepaid", name="n" * 1001, custom_fields=1)), "commit")
    assert read == [
        Problem("/name", "too_long", "must have at most 1000 characters"),
        Problem("/custom_fields", "wrong_type", "must be an object"),
        Problem("/type", "not_an_enum_value", "must be one of PREPAID, POSTPAID, prepaid, postpaid"),
    ]
