"""References: what a request names, and whether the catalog has it."""

from typing import Any

import pytest

from tests.bodies import CONTRACT, CUSTOMER, EUR, PRODUCT, USD, changed, full, invoiced, prepaid, text
from trueup.wire.problems import NOT_FOUND_CODES
from trueup.wire.request.normal import normalise
from trueup.wire.request.read import read_body
from trueup.wire.request.references import (
    Known,
    References,
    all_known,
    judge_references,
    references_of,
    references_of_all,
)

USAGE_PRODUCT = "8f1c2b7e-52c9-4f0e-a7bb-0d1f6f0a0001"
STRANGERS_CONTRACT = "3d5b0d2e-7e55-4f3a-9a63-000000000009"
STRANGER = "5c0d2f0e-9a3b-4c43-8d0a-2b6a3f6f1c02"
NOBODY = "00000000-0000-4000-8000-000000000000"

KNOWN = Known(
    customers={CUSTOMER, STRANGER},
    products={PRODUCT: "FIXED", USAGE_PRODUCT: "USAGE"},
    contracts={CONTRACT: CUSTOMER, STRANGERS_CONTRACT: STRANGER},
    units={USD},
)

TABLE: dict[str, tuple[Any, list[str]]] = {
    "all there": (full(), []),
    "letter case of ids": (prepaid(customer_id=CUSTOMER.upper(), product_id=PRODUCT.upper()), []),
    "unknown customer": (prepaid(customer_id=NOBODY), ["customer_not_found /customer_id"]),
    "unknown customer's contracts are not judged": (
        invoiced(customer_id=NOBODY, invoice_contract_id=NOBODY, applicable_contract_ids=[NOBODY]),
        ["customer_not_found /customer_id"],
    ),
    "unknown product": (prepaid(product_id=NOBODY), ["product_not_found /product_id"]),
    "product of another type": (prepaid(product_id=USAGE_PRODUCT), ["product_not_fixed /product_id"]),
    "unknown contract": (invoiced(invoice_contract_id=NOBODY), ["contract_not_found /invoice_contract_id"]),
    "another customer's contract": (
        prepaid(applicable_contract_ids=[CONTRACT, STRANGERS_CONTRACT]),
        ["contract_not_found /applicable_contract_ids/1"],
    ),
    "another customer's contract to be invoiced on": (
        invoiced(invoice_contract_id=STRANGERS_CONTRACT),
        ["contract_not_found /invoice_contract_id"],
    ),
    "unit of the access schedule": (
        changed(prepaid(), ("access_schedule", "credit_type_id"), EUR),
        ["unit_not_found /access_schedule/credit_type_id"],
    ),
    "unit of the invoice schedule": (
        changed(invoiced(), ("invoice_schedule", "credit_type_id"), EUR),
        ["unit_not_found /invoice_schedule/credit_type_id"],
    ),
    "applicable products": (
        prepaid(applicable_product_ids=[USAGE_PRODUCT, NOBODY]),
        ["product_not_found /applicable_product_ids/1"],
    ),
    "product of a specifier": (
        prepaid(specifiers=[{"product_tags": ["a"]}, {"product_id": NOBODY}]),
        ["product_not_found /specifiers/1/product_id"],
    ),
    "unknown units": (
        changed(
            changed(invoiced(), ("access_schedule", "credit_type_id"), EUR), ("invoice_schedule", "credit_type_id"), EUR
        ),
        ["unit_not_found /access_schedule/credit_type_id", "unit_not_found /invoice_schedule/credit_type_id"],
    ),
    "all at once": (
        prepaid(customer_id=NOBODY, product_id=USAGE_PRODUCT, applicable_product_ids=[NOBODY]),
        [
            "customer_not_found /customer_id",
            "product_not_fixed /product_id",
            "product_not_found /applicable_product_ids/0",
        ],
    ),
}


def normal(body: Any) -> dict[str, Any]:
    """The normal form of a valid commit request."""
    read = read_body(text(body), "commit")
    assert not isinstance(read, list), read
    return normalise(read, "commit")


@pytest.mark.parametrize(("body", "expected"), TABLE.values(), ids=TABLE)
def test_problems(body: Any, expected: list[str]) -> None:
    """Each reference that the catalog lacks is a problem at its field."""
    problems = judge_references(normal(body), KNOWN)
    assert [f"{problem.code} {problem.path}" for problem in problems] == expected


@pytest.mark.parametrize(("body", "expected"), TABLE.values(), ids=TABLE)
def test_the_usual_case_is_told_at_once(body: Any, expected: list[str]) -> None:
    """Requests without a problem are known together, and one with a problem among them is never overlooked."""
    usual = [normal(prepaid()), normal(invoiced())]
    assert all_known(usual, KNOWN)
    for place in range(3):
        among_them = [*usual[:place], normal(body), *usual[place:]]
        assert all_known(among_them, KNOWN) == (expected == [] and "specifiers" not in body)


def test_every_code_has_a_case() -> None:
    """The table produces every code that needs a catalog."""
    produced = {problem.split(" ")[0] for _, expected in TABLE.values() for problem in expected}
    assert produced == NOT_FOUND_CODES - {"lookup_not_found"} | {"product_not_fixed"}


def test_all_ids_are_named() -> None:
    """What a request names includes its unit by default, and every id that its problems could be about."""
    assert references_of(normal(full() | {"customer_id": NOBODY})) == References(
        customers={NOBODY}, products={PRODUCT}, contracts={CONTRACT}, units={USD}
    )


def test_references_of_several_requests() -> None:
    """The references of an envelope are those of its requests, each id once."""
    assert references_of_all([normal(prepaid()), normal(prepaid(product_id=USAGE_PRODUCT))]) == References(
        customers={CUSTOMER}, products={PRODUCT, USAGE_PRODUCT}, contracts=set(), units={USD}
    )
