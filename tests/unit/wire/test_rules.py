"""The rules across fields."""

from typing import Any, get_args

import pytest

from tests.bodies import (
    AMOUNT,
    CONTRACT,
    EUR,
    PRODUCT,
    START,
    Table,
    access_item,
    changed,
    credit,
    invoiced,
    postpaid,
    prepaid,
    recurring,
    recurringly,
    text,
    told,
)
from tests.unit.wire import test_fields, test_text, test_usage
from trueup.wire.message.envelope import FormCode
from trueup.wire.problems import CODES, NOT_FOUND_CODES

ITEM = "/invoice_schedule/schedule_items/0"
RECURRING = "/invoice_schedule/recurring_schedule"


def item(**charge: Any) -> dict[str, Any]:
    """An invoice item with this charge."""
    return {"timestamp": "2025-01-01T00:00:00Z"} | charge


TABLE: Table = {
    # Schedules.
    "window of no length": (
        changed(prepaid(), START, "2025-02-01T01:00:00+01:00"),
        ["window_inverted /access_schedule/schedule_items/0/ending_before"],
    ),
    "window beside another error": (
        prepaid(access_schedule={"schedule_items": [access_item(amount=0, starting_at="2026-01-01T00:00:00Z")]}),
        [
            "amount_not_positive /access_schedule/schedule_items/0/amount",
            "window_inverted /access_schedule/schedule_items/0/ending_before",
        ],
    ),
    "both forms": (
        changed(invoiced(), ("invoice_schedule", "recurring_schedule"), recurring()),
        ["one_schedule_form /invoice_schedule"],
    ),
    "null forms": (
        invoiced(invoice_schedule={"schedule_items": None, "recurring_schedule": None}),
        ["one_schedule_form /invoice_schedule"],
    ),
    "an empty list is a form": (
        invoiced(invoice_schedule={"schedule_items": []}),
        ["empty_schedule /invoice_schedule/schedule_items"],
    ),
    "an empty list for a POSTPAID": (
        postpaid(invoice_schedule={"schedule_items": []}),
        ["empty_schedule /invoice_schedule/schedule_items"],
    ),
    "no charge": (invoiced(item()), [f"amount_or_unit_price_and_quantity {ITEM}"]),
    "a mix": (invoiced(item(amount=1, quantity=1)), [f"amount_or_unit_price_and_quantity {ITEM}"]),
    "all three": (invoiced(item(amount=1, quantity=1, unit_price=1)), [f"amount_or_unit_price_and_quantity {ITEM}"]),
    "a mix with an error": (invoiced(item(amount=0, quantity=1)), [f"amount_not_positive {ITEM}/amount"]),
    "product with 24 decimals": (invoiced(item(unit_price=1e-12, quantity=1e-12)), [f"amount_precision {ITEM}"]),
    "product with 36 digits": (invoiced(item(unit_price=10**17, quantity=10**17)), [f"amount_precision {ITEM}"]),
    "recurring backwards": (
        recurringly(ending_before="2025-01-31T00:00:00Z"),
        [f"window_inverted {RECURRING}/ending_before"],
    ),
    "recurring without a charge": (recurringly(amount=None), [f"amount_or_unit_price_and_quantity {RECURRING}"]),
    "1,201 occurrences": (recurringly(ending_before="2125-02-01T00:00:00Z"), [f"too_many_items {RECURRING}"]),
    "a hundred thousand occurrences": (
        recurringly(starting_at="1970-01-01T00:00:00Z", ending_before="9998-01-01T00:00:00Z"),
        [f"too_many_items {RECURRING}"],
    ),
    "share of 0": (recurringly(amount=1e-12), [f"amount_not_positive {RECURRING}"]),
    "rounded share of 0": (
        recurringly(amount=11.5, amount_distribution="divided_rounded"),
        [f"amount_not_positive {RECURRING}"],
    ),
    "recurring product": (
        recurringly(amount=None, unit_price=1e-7, quantity=1e-7, amount_distribution="EACH"),
        [f"amount_precision {RECURRING}"],
    ),
    "recurring with an unknown frequency": (
        recurringly(frequency="WEEKLY", ending_before="2020-01-01T00:00:00Z"),
        [f"not_an_enum_value {RECURRING}/frequency", f"window_inverted {RECURRING}/ending_before"],
    ),
    # Specifiers.
    "empty specifier": (prepaid(specifiers=[{}]), ["empty_specifier /specifiers/0"]),
    "specifier of empty parts": (
        prepaid(specifiers=[{"product_id": None, "product_tags": [], "pricing_group_values": {}, "exclude": []}]),
        ["empty_specifier /specifiers/0"],
    ),
    "empty exclude entry": (
        prepaid(specifiers=[{"exclude": [{"product_tags": []}]}]),
        ["empty_specifier /specifiers/0/exclude/0"],
    ),
    "specifier with an unknown field only": (
        prepaid(specifiers=[{"x": 1}]),
        ["unknown_field /specifiers/0/x", "empty_specifier /specifiers/0"],
    ),
    "specifier with an invalid part only": (
        prepaid(specifiers=[{"product_id": 1}]),
        ["wrong_type /specifiers/0/product_id"],
    ),
    "specifiers and tags": (
        prepaid(specifiers=[{"product_tags": ["a"]}], applicable_product_tags=["b"]),
        ["specifiers_exclusive /specifiers"],
    ),
    # Rules of POSTPAID.
    "POSTPAID without schedule or contract": (
        prepaid(type="POSTPAID"),
        ["invoice_contract_required /invoice_contract_id", "postpaid_needs_invoice_schedule /invoice_schedule"],
    ),
    "POSTPAID with an invalid schedule": (
        prepaid(type="POSTPAID", invoice_schedule=1),
        ["wrong_type /invoice_schedule"],
    ),
    "POSTPAID with two of each": (
        postpaid(
            access_schedule={"schedule_items": [access_item()] * 2, "credit_type_id": EUR},
            invoice_schedule={"schedule_items": [item(amount=1)] * 2},
        ),
        [
            "postpaid_single_invoice_item /invoice_schedule/schedule_items",
            "postpaid_single_access_item /access_schedule/schedule_items",
        ],
    ),
    "POSTPAID, recurring, of two units": (
        recurringly()
        | {"type": "POSTPAID", "access_schedule": {"schedule_items": [access_item()] * 2, "access_type": "QUANTITY"}},
        [
            f"postpaid_recurring_not_allowed {RECURRING}",
            "postpaid_single_access_item /access_schedule/schedule_items",
            "postpaid_quantity_not_allowed /access_schedule/access_type",
        ],
    ),
    "POSTPAID of two units": (
        changed(postpaid(), ("access_schedule", "credit_type_id"), EUR),
        ["postpaid_units_differ /invoice_schedule/credit_type_id"],
    ),
    "POSTPAID that differs in the 12th decimal": (
        text(postpaid()).replace('"amount": 1000,', '"amount": 1000.000000000001,'),
        [f"postpaid_totals_differ {ITEM}"],
    ),
    "POSTPAID with an invalid amount": (
        changed(postpaid(), AMOUNT, 0),
        ["amount_not_positive /access_schedule/schedule_items/0/amount"],
    ),
    "POSTPAID with errors elsewhere": (
        postpaid(priority="x", access_schedule={"schedule_items": [access_item(amount=1, starting_at=0)]}),
        [
            "not_a_number /priority",
            "not_a_timestamp /access_schedule/schedule_items/0/starting_at",
            f"postpaid_totals_differ {ITEM}",
        ],
    ),
    "contract of the wrong type": (invoiced(invoice_contract_id=1), ["wrong_type /invoice_contract_id"]),
    "contract null": (invoiced(invoice_contract_id=None), ["invoice_contract_required /invoice_contract_id"]),
}

CREDITS: Table = {
    "the smallest": (credit(), []),
    "with all that commits alone have": (
        credit(type=None, invoice_schedule={}, invoice_contract_id=CONTRACT),
        [f"unknown_field /{name}" for name in ("type", "invoice_schedule", "invoice_contract_id")],
    ),
    "with rules broken": (
        credit(specifiers=[{}], applicable_product_ids=[PRODUCT]),
        ["specifiers_exclusive /specifiers", "empty_specifier /specifiers/0"],
    ),
}


@pytest.mark.parametrize(("body", "expected"), TABLE.values(), ids=TABLE)
def test_commits(body: Any, expected: list[str]) -> None:
    """A commit request gets exactly these problems, all in one pass."""
    assert told(body) == expected


@pytest.mark.parametrize(("body", "expected"), CREDITS.values(), ids=CREDITS)
def test_credits(body: Any, expected: list[str]) -> None:
    """A credit request keeps the same rules, without the fields of a commit."""
    assert told(body, "credit") == expected


def test_every_code_has_a_case() -> None:
    """Every stable code is produced by a body of these tables, but for those that need a catalog or what is stored."""
    tables = (test_text.TABLE, test_fields.TABLE, TABLE, test_usage.TABLE)
    produced = {problem.split(" ")[0] for table in tables for _, expected in table.values() for problem in expected}
    beyond_the_body = {
        "product_not_fixed",
        "product_is_fixed",
        "outside_contract",
        "transaction_id_reused",
        "change_refused",
        "batch_undone",
        "file_unreadable",  # of a whole file
        *get_args(FormCode),  # of a row that is no body: see test_csv_form
    }
    assert produced == CODES.keys() - NOT_FOUND_CODES - beyond_the_body
