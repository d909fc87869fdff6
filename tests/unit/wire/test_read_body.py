"""Reading a body: one table of bodies and everything that is wrong with each."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.bodies import (
    CONTRACT,
    CUSTOMER,
    PRODUCT,
    access_item,
    changed,
    credit,
    full,
    invoiced,
    postpaid,
    prepaid,
    recurring,
    recurringly,
    text,
    without,
)

from shared.wire.problems import CODES, Problem
from shared.wire.read import read_body

AMOUNT = ("access_schedule", "schedule_items", 0, "amount")
START = ("access_schedule", "schedule_items", 0, "starting_at")
EUR = "6b1f7c52-0f0e-4b5c-9a41-0000000000e0"
USD = "2714e483-4ff1-48e4-9e25-ac732e8f24f2"

Expected = list[tuple[str, str]]


def told(body: Any, kind: Any = "commit") -> Expected:
    """What is wrong, as pairs of code and path; `body` is the text itself or a value to be written as JSON."""
    read = read_body(body if isinstance(body, (bytes, str)) else text(body), kind)
    return [(problem.code, problem.path) for problem in read] if isinstance(read, list) else []


def number(literal: str, place: tuple[str | int, ...] = AMOUNT) -> str:
    """A prepaid body whose number at the place is spelled like this."""
    return text(changed(prepaid(), place, "@")).replace('"@"', literal)


def item(**charge: Any) -> dict[str, Any]:
    """An invoice item with this charge."""
    return {"timestamp": "2025-01-01T00:00:00Z"} | charge


ITEM = "/invoice_schedule/schedule_items/0"
RECURRING = "/invoice_schedule/recurring_schedule"
ACCESS_AMOUNT = "/access_schedule/schedule_items/0/amount"

TABLE: dict[str, tuple[Any, Expected]] = {
    # The text as a whole.
    "256 KiB and a byte": (b" " * (256 * 1024 + 1), [("body_too_large", "")]),
    "too large counts bytes, not characters": ("\u00e9" * (128 * 1024 + 1), [("body_too_large", "")]),
    "nothing": ("", [("json_invalid", "")]),
    "no UTF-8": (b'{"name": "\xff"}', [("json_invalid", "")]),
    "surrogate in bytes": (b'{"name": "\xed\xa0\x80"}', [("json_invalid", "")]),
    "escaped lone surrogate": (r'{"name": "\ud800"}', [("json_invalid", "")]),
    "lone surrogate in a text": ('{"name": "\ud800"}', [("json_invalid", "")]),
    "byte order mark": (b"\xef\xbb\xbf{}", [("json_invalid", "")]),
    "control character": (b'{"name": "\x01"}', [("json_invalid", "")]),
    "two values": ("{} {}", [("json_invalid", "")]),
    "trailing comma": ('{"a": 1,}', [("json_invalid", "")]),
    "leading zero": (number("01"), [("json_invalid", "")]),
    "no digits after the point": (number("9" * 5000 + "."), [("json_invalid", "")]),
    "no digits in the exponent": (number("9" * 5000 + "e"), [("json_invalid", "")]),
    "leading zeros, 5,000 of them": (number("0" * 5000), [("json_invalid", "")]),
    "underscore in a number": (number("1_000"), [("json_invalid", "")]),
    "Infinity": (number("Infinity"), [("json_invalid", "")]),
    "-Infinity": (number("-Infinity"), [("json_invalid", "")]),
    "an open text of quotes": ('"' + '\\"' * 100_000, [("json_invalid", "")]),
    "300 lists": ("[" * 300 + "]" * 300, [("too_deep", "")]),
    "100,000 lists": ("[" * 100_000 + "]" * 100_000, [("too_deep", "")]),
    "100,000 objects, open": ('{"a":' * 40_000, [("too_deep", "")]),
    "eight levels in an unknown field": (prepaid(x=[[[[[[[]]]]]]]), [("too_deep", "")]),
    "eight levels in a known field": (prepaid(name=[[[[[[[]]]]]]]), [("too_deep", "")]),
    "100 lists": ("[" * 100 + "]" * 100, [("too_deep", "")]),
    "a list": ("[]", [("not_an_object", "")]),
    "null": ("null", [("not_an_object", "")]),
    "a text": ('"{}"', [("not_an_object", "")]),
    "a number too long to hold": ("9" * 5000, [("not_an_object", "")]),
    # Fields.
    "nothing given": (
        {},
        [("missing", f"/{name}") for name in ("customer_id", "priority", "product_id", "access_schedule", "type")],
    ),
    "null for a required field": (prepaid(priority=None, access_schedule=None, type=None, customer_id=None), [
        ("missing", "/customer_id"), ("missing", "/priority"), ("missing", "/access_schedule"), ("missing", "/type")]),
    "null for a required time": (changed(prepaid(), START, None), [("missing", "/access_schedule/schedule_items/0/starting_at")]),
    "null in a list": (prepaid(applicable_product_ids=[None]), [("wrong_type", "/applicable_product_ids/0")]),
    "null item": (changed(prepaid(), ("access_schedule", "schedule_items", 0), None), [("wrong_type", "/access_schedule/schedule_items/0")]),
    "null in a map": (prepaid(custom_fields={"a": None}), [("wrong_type", "/custom_fields/a")]),
    "unknown field, null": (prepaid(uniquenes_key=None), [("unknown_field", "/uniquenes_key")]),
    "unknown field, deep": (prepaid(specifiers=[{"product_tags": ["a"], "exclude": [{"product_tags": ["a"], "x": 1}]}]), [
        ("unknown_field", "/specifiers/0/exclude/0/x")]),
    "unknown field to be escaped": (prepaid(**{"a/b~c": 1}), [("unknown_field", "/a~1b~0c")]),
    "unknown field with NUL": (prepaid(**{"a\0": 1}), [("unknown_field", "/a\N{REPLACEMENT CHARACTER}")]),
    "text for an object": (prepaid(access_schedule="x"), [("wrong_type", "/access_schedule")]),
    "object for a list": (prepaid(specifiers={}), [("wrong_type", "/specifiers")]),
    "list for a map": (prepaid(custom_fields=[]), [("wrong_type", "/custom_fields")]),
    "number for a text": (prepaid(name=1), [("wrong_type", "/name")]),
    "number for a boolean": (changed(invoiced(), ("invoice_schedule", "do_not_invoice"), 1), [("wrong_type", "/invoice_schedule/do_not_invoice")]),
    "list for an innermost text": (prepaid(specifiers=[{"exclude": [{"product_tags": [[]]}]}]), [
        ("wrong_type", "/specifiers/0/exclude/0/product_tags/0")]),
    "number for a UUID": (prepaid(customer_id=1), [("wrong_type", "/customer_id")]),
    "UUID without hyphens": (prepaid(customer_id=CUSTOMER.replace("-", "")), [("not_a_uuid", "/customer_id")]),
    "UUID in braces": (prepaid(customer_id="{" + CUSTOMER + "}"), [("not_a_uuid", "/customer_id")]),
    "UUID as urn": (prepaid(customer_id="urn:uuid:" + CUSTOMER), [("not_a_uuid", "/customer_id")]),
    "UUID with a line feed": (prepaid(customer_id=CUSTOMER + "\n"), [("not_a_uuid", "/customer_id")]),
    "UUID in other digits": (prepaid(customer_id=CUSTOMER.replace("1", "\u0661")), [("not_a_uuid", "/customer_id")]),
    "true for an enum": (prepaid(type=True), [("not_an_enum_value", "/type")]),
    "list for an enum": (prepaid(rate_type=["LIST_RATE"]), [("not_an_enum_value", "/rate_type")]),
    "lower-case access type": (changed(prepaid(), ("access_schedule", "access_type"), "spend"), [
        ("not_an_enum_value", "/access_schedule/access_type")]),
    "true for a number": (prepaid(priority=True), [("not_a_number", "/priority")]),
    "text for a number": (changed(prepaid(), AMOUNT, "NaN"), [("not_a_number", ACCESS_AMOUNT)]),
    "object for a number": (prepaid(priority={}), [("not_a_number", "/priority")]),
    "number for a time": (changed(prepaid(), START, 1735689600), [("not_a_timestamp", "/access_schedule/schedule_items/0/starting_at")]),
    "minus zero": (number("-0.0"), [("amount_not_positive", ACCESS_AMOUNT)]),
    "zero with a huge exponent": (number("0e999999999999999999999"), [("amount_not_positive", ACCESS_AMOUNT)]),
    "less than zero": (number("-1e-12"), [("amount_not_positive", ACCESS_AMOUNT)]),
    "19 digits": (number("1" + "0" * 18), [("amount_precision", ACCESS_AMOUNT)]),
    "5,000 digits": (number("9" * 5000), [("amount_precision", ACCESS_AMOUNT)]),
    "200,000 digits": (number("-" + "9" * 200_000), [("amount_precision", ACCESS_AMOUNT)]),
    "200,000 decimals": (number("0." + "9" * 200_000), [("amount_precision", ACCESS_AMOUNT)]),
    "1e1000000": (number("1e1000000"), [("amount_precision", ACCESS_AMOUNT)]),
    "1e-1000000": (number("1e-1000000"), [("amount_precision", ACCESS_AMOUNT)]),
    "an exponent of 21 digits": (number("1e999999999999999999999"), [("amount_precision", ACCESS_AMOUNT)]),
    "an exponent of -21 digits": (number("1E-999999999999999999999", ("priority",)), [("amount_precision", "/priority")]),
    "long number beside a problem": (number("9" * 5000).replace('"PREPAID"', '"prePAID"'), [
        ("amount_precision", ACCESS_AMOUNT), ("not_an_enum_value", "/type")]),
    "long number in a text": (prepaid(description='\\"' + "9" * 5000 + "e99999999999999", name=""), [("too_short", "/name")]),
    "half an hour away": (changed(prepaid(), START, "2025-01-01T00:00:00+05:30"), [("not_hour_aligned", "/access_schedule/schedule_items/0/starting_at")]),
    "a nanosecond past": (changed(prepaid(), START, "2025-01-01T00:00:00.000000001Z"), [("not_hour_aligned", "/access_schedule/schedule_items/0/starting_at")]),
    "a second past": (changed(prepaid(), START, "2025-01-01T00:00:01Z"), [("not_hour_aligned", "/access_schedule/schedule_items/0/starting_at")]),
    "NUL in a tag": (prepaid(applicable_product_tags=["a\0"]), [("text_not_storable", "/applicable_product_tags/0")]),
    "NUL in a key": (prepaid(custom_fields={"a\0b": "x"}), [("text_not_storable", "/custom_fields/a\N{REPLACEMENT CHARACTER}b")]),
    "long key": (prepaid(custom_fields={"k" * 1001: "x"}), [("too_long", "/custom_fields/" + "k" * 1001)]),
    "a key that looks like a mark": (prepaid(custom_fields={"[key]": 1}), [("wrong_type", "/custom_fields/[key]")]),
    "long texts": (
        prepaid(name="n" * 1001, description="d" * 10_001, netsuite_sales_order_id="s" * 256, applicable_product_tags=["t" * 1001]),
        [("too_long", path) for path in ("/name", "/description", "/applicable_product_tags/0", "/netsuite_sales_order_id")],
    ),
    "501 tags": (prepaid(applicable_product_tags=["t"] * 501), [("too_many_items", "/applicable_product_tags")]),
    "501 custom fields": (prepaid(custom_fields={str(n): "" for n in range(501)}), [("too_many_items", "/custom_fields")]),
    "1,201 access items": (prepaid(access_schedule={"schedule_items": [access_item()] * 1201}), [("too_many_items", "/access_schedule/schedule_items")]),
    # Schedules.
    "window of no length": (changed(prepaid(), START, "2025-02-01T01:00:00+01:00"), [("window_inverted", "/access_schedule/schedule_items/0/ending_before")]),
    "window beside another error": (prepaid(access_schedule={"schedule_items": [access_item(amount=0, starting_at="2026-01-01T00:00:00Z")]}), [
        ("amount_not_positive", ACCESS_AMOUNT), ("window_inverted", "/access_schedule/schedule_items/0/ending_before")]),
    "both forms": (changed(invoiced(), ("invoice_schedule", "recurring_schedule"), recurring()), [("one_schedule_form", "/invoice_schedule")]),
    "null forms": (invoiced(invoice_schedule={"schedule_items": None, "recurring_schedule": None}), [("one_schedule_form", "/invoice_schedule")]),
    "an empty list is a form": (invoiced(invoice_schedule={"schedule_items": []}), [("empty_schedule", "/invoice_schedule/schedule_items")]),
    "an empty list for a POSTPAID": (postpaid(invoice_schedule={"schedule_items": []}), [("empty_schedule", "/invoice_schedule/schedule_items")]),
    "no charge": (invoiced(item()), [("amount_or_unit_price_and_quantity", ITEM)]),
    "a mix": (invoiced(item(amount=1, quantity=1)), [("amount_or_unit_price_and_quantity", ITEM)]),
    "all three": (invoiced(item(amount=1, quantity=1, unit_price=1)), [("amount_or_unit_price_and_quantity", ITEM)]),
    "a mix with an error": (invoiced(item(amount=0, quantity=1)), [("amount_not_positive", f"{ITEM}/amount")]),
    "product with 24 decimals": (invoiced(item(unit_price=1e-12, quantity=1e-12)), [("amount_precision", ITEM)]),
    "product with 36 digits": (invoiced(item(unit_price=10**17, quantity=10**17)), [("amount_precision", ITEM)]),
    "recurring backwards": (recurringly(ending_before="2025-01-31T00:00:00Z"), [("window_inverted", f"{RECURRING}/ending_before")]),
    "recurring without a charge": (recurringly(amount=None), [("amount_or_unit_price_and_quantity", RECURRING)]),
    "1,201 occurrences": (recurringly(ending_before="2125-02-01T00:00:00Z"), [("too_many_items", RECURRING)]),
    "a hundred thousand occurrences": (recurringly(starting_at="1970-01-01T00:00:00Z", ending_before="9998-01-01T00:00:00Z"), [("too_many_items", RECURRING)]),
    "share of 0": (recurringly(amount=1e-12), [("amount_not_positive", RECURRING)]),
    "rounded share of 0": (recurringly(amount=11.5, amount_distribution="divided_rounded"), [("amount_not_positive", RECURRING)]),
    "recurring product": (recurringly(amount=None, unit_price=1e-7, quantity=1e-7, amount_distribution="EACH"), [("amount_precision", RECURRING)]),
    "recurring with an unknown frequency": (recurringly(frequency="WEEKLY", ending_before="2020-01-01T00:00:00Z"), [
        ("not_an_enum_value", f"{RECURRING}/frequency"), ("window_inverted", f"{RECURRING}/ending_before")]),
    # Specifiers.
    "empty specifier": (prepaid(specifiers=[{}]), [("empty_specifier", "/specifiers/0")]),
    "specifier of empty parts": (
        prepaid(specifiers=[{"product_id": None, "product_tags": [], "pricing_group_values": {}, "exclude": []}]),
        [("empty_specifier", "/specifiers/0")],
    ),
    "empty exclude entry": (prepaid(specifiers=[{"exclude": [{"product_tags": []}]}]), [("empty_specifier", "/specifiers/0/exclude/0")]),
    "specifier with an unknown field only": (prepaid(specifiers=[{"x": 1}]), [("unknown_field", "/specifiers/0/x"), ("empty_specifier", "/specifiers/0")]),
    "specifier with an invalid part only": (prepaid(specifiers=[{"product_id": 1}]), [("wrong_type", "/specifiers/0/product_id")]),
    "specifiers and tags": (prepaid(specifiers=[{"product_tags": ["a"]}], applicable_product_tags=["b"]), [("specifiers_exclusive", "/specifiers")]),
    # Rules of POSTPAID.
    "POSTPAID without schedule or contract": (prepaid(type="POSTPAID"), [
        ("invoice_contract_required", "/invoice_contract_id"), ("postpaid_needs_invoice_schedule", "/invoice_schedule")]),
    "POSTPAID with an invalid schedule": (prepaid(type="POSTPAID", invoice_schedule=1), [("wrong_type", "/invoice_schedule")]),
    "POSTPAID with two of each": (
        postpaid(
            access_schedule={"schedule_items": [access_item()] * 2, "credit_type_id": EUR},
            invoice_schedule={"schedule_items": [item(amount=1)] * 2},
        ),
        [
            ("postpaid_single_invoice_item", "/invoice_schedule/schedule_items"),
            ("postpaid_single_access_item", "/access_schedule/schedule_items"),
        ],
    ),
    "POSTPAID, recurring, of two units": (
        recurringly() | {"type": "POSTPAID", "access_schedule": {"schedule_items": [access_item()] * 2, "access_type": "QUANTITY"}},
        [
            ("postpaid_recurring_not_allowed", RECURRING),
            ("postpaid_single_access_item", "/access_schedule/schedule_items"),
            ("postpaid_quantity_not_allowed", "/access_schedule/access_type"),
        ],
    ),
    "POSTPAID of two units": (changed(postpaid(), ("access_schedule", "credit_type_id"), EUR), [("postpaid_units_differ", "/invoice_schedule/credit_type_id")]),
    "POSTPAID that differs in the 12th decimal": (
        text(postpaid()).replace('"amount": 1000,', '"amount": 1000.000000000001,'),
        [("postpaid_totals_differ", ITEM)],
    ),
    "POSTPAID with an invalid amount": (changed(postpaid(), AMOUNT, 0), [("amount_not_positive", ACCESS_AMOUNT)]),
    "POSTPAID with errors elsewhere": (
        postpaid(priority="x", access_schedule={"schedule_items": [access_item(amount=1, starting_at=0)]}),
        [
            ("not_a_number", "/priority"),
            ("not_a_timestamp", "/access_schedule/schedule_items/0/starting_at"),
            ("postpaid_totals_differ", ITEM),
        ],
    ),
    "contract of the wrong type": (invoiced(invoice_contract_id=1), [("wrong_type", "/invoice_contract_id")]),
    "contract null": (invoiced(invoice_contract_id=None), [("invoice_contract_required", "/invoice_contract_id")]),
}  # fmt: skip

CREDITS: dict[str, tuple[Any, Expected]] = {
    "the smallest": (credit(), []),
    "with all that commits alone have": (
        credit(type=None, invoice_schedule={}, invoice_contract_id=CONTRACT),
        [("unknown_field", f"/{name}") for name in ("type", "invoice_schedule", "invoice_contract_id")],
    ),
    "with rules broken": (
        credit(specifiers=[{}], applicable_product_ids=[PRODUCT]),
        [("specifiers_exclusive", "/specifiers"), ("empty_specifier", "/specifiers/0")],
    ),
}

VALID: dict[str, Any] = {
    "256 KiB": text(prepaid()).ljust(256 * 1024),
    "everything": full(),
    "null for everything optional": prepaid(name=None, specifiers=None, custom_fields=None, invoice_schedule=None),
    "empty lists and maps": prepaid(specifiers=[], applicable_product_ids=[PRODUCT], custom_fields={}),
    "UUID in capitals": prepaid(customer_id=CUSTOMER.upper()),
    "15 decimals that are zeros": number("0.100000000000000"),
    "a number in many digits": number("1" + "0" * 5000 + ".0e-0000000005000"),
    "5,000 zeros after the point": number("1." + "0" * 5000),
    "a negative priority": number("-1.5", ("priority",)),
    "18 digits and 12 decimals": number("9" * 18 + "." + "9" * 12),
    "500 tags": prepaid(applicable_product_tags=["t"] * 500),
    "1,200 occurrences": recurringly(ending_before="2125-01-31T00:00:00Z"),
    "1,200 access items": prepaid(access_schedule={"schedule_items": [access_item()] * 1200}),
    "bounds count characters": prepaid(name="\U0001f600" * 1000),
    "empty description": prepaid(description=""),
    "POSTPAID in the same unit, named once": changed(postpaid(), ("access_schedule", "credit_type_id"), USD.upper()),
    "POSTPAID, nothing invoiced": without(changed(postpaid(), ("invoice_schedule", "do_not_invoice"), True), ("invoice_contract_id",)),
    "a field twice": text(prepaid()).replace('"priority"', '"priority": "x", "priority"'),
}  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), TABLE.values(), ids=TABLE)
def test_commit_problems(body: Any, expected: Expected) -> None:
    """A commit request gets exactly these problems, all in one pass."""
    assert told(body) == expected


@pytest.mark.parametrize(("body", "expected"), CREDITS.values(), ids=CREDITS)
def test_credit_problems(body: Any, expected: Expected) -> None:
    """A credit request keeps the same rules, without the fields of a commit."""
    assert told(body, "credit") == expected


@pytest.mark.parametrize("body", VALID.values(), ids=VALID)
def test_valid(body: Any) -> None:
    """What keeps every rule has no problems."""
    assert told(body) == []


def test_every_code_has_a_case() -> None:
    """Every stable code, but for those of the references, is produced by a body in the table or in the shared cases."""
    produced = {code for _, expected in TABLE.values() for code, _ in expected}
    references = {code for code in CODES if code.endswith("_not_found")} | {"product_not_fixed"}
    assert produced | references == set(CODES)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2025-01-01T00:00:00Z", datetime(2025, 1, 1, tzinfo=UTC)),
        ("2025-01-01t00:00:00z", datetime(2025, 1, 1, tzinfo=UTC)),
        ("2025-01-01T00:00:00-00:00", datetime(2025, 1, 1, tzinfo=UTC)),
        ("2025-01-01T05:45:00.1+05:45", datetime(2025, 1, 1, microsecond=100_000, tzinfo=UTC)),
        ("2025-01-01T00:00:00.123456789Z", datetime(2025, 1, 1, microsecond=123_456, tzinfo=UTC)),
        ("2024-02-29T23:59:59Z", datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)),
        ("1969-12-31T23:00:00-01:00", datetime(1970, 1, 1, tzinfo=UTC)),
        ("9999-01-01T00:00:00+00:01", datetime(9998, 12, 31, 23, 59, tzinfo=UTC)),
    ],
)
def test_timestamps(written: str, meant: datetime) -> None:
    """A timestamp is read as an instant in UTC, cut to microseconds."""
    body: Any = read_body(text(invoiced({"timestamp": written, "amount": 1})), "commit")
    (read,) = body["invoice_schedule"]["schedule_items"]
    assert (read["timestamp"], read["timestamp"].tzinfo) == (meant, UTC)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "2025-01-01",
        "2025-01-01T00:00:00",
        "2025-01-01 00:00:00Z",
        "2025-01-01T00:00Z",
        "2025-01-01T00:00:00.Z",
        "2025-01-01T00:00:00.1234567890Z",
        "2025-01-01T00:00:00,5Z",
        "2025-01-01T00:00:00+0000",
        "2025-01-01T00:00:00+00",
        "2025-01-01T00:00:00+24:00",
        "2025-01-01T00:00:00+00:60",
        "2025-01-01T00:00:00+00:00:30",
        "2025-01-01T00:00:00 Z",
        "2025-01-01T00:00:00Z\n",
        " 2025-01-01T00:00:00Z",
        "2025-01-01T24:00:00Z",
        "2016-12-31T23:59:60Z",
        "2025-02-29T00:00:00Z",
        "2025-13-01T00:00:00Z",
        "2025-00-01T00:00:00Z",
        "2025-W01-1T00:00:00Z",
        "20250101T000000Z",
        "12025-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "9999-01-01T00:00:00Z",
        "9999-12-31T23:59:59-23:59",
        "\u0662025-01-01T00:00:00Z",
        "1735689600",
    ],
)
def test_no_timestamps(written: str) -> None:
    """Anything but the one form, a real date and an instant from 1970 to 9998 is refused."""
    body = invoiced({"timestamp": written, "amount": 1})
    assert told(body) == [("not_a_timestamp", f"{ITEM}/timestamp")]


def test_values_are_canonical() -> None:
    """The body holds exact decimals, UUIDs in lower case and enums in upper case."""
    body: Any = read_body(text(full() | {"customer_id": CUSTOMER.upper()}), "commit")
    (charge,) = body["invoice_schedule"]["schedule_items"]
    assert (body["customer_id"], body["rate_type"], body["priority"]) == (CUSTOMER, "COMMIT_RATE", Decimal(100))
    assert (charge["unit_price"], charge["quantity"]) == (Decimal("0.1"), Decimal(3))


def test_bytes_and_text_are_the_same() -> None:
    """A body is read from text as from its UTF-8."""
    written = text(full())
    assert read_body(written, "commit") == read_body(written.encode(), "commit")


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
