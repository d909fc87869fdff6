"""Lines of rated usage: fields, references, normal form."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.bodies import CONTRACT, CUSTOMER, EUR, PRODUCT, USD, Body, told, without
from trueup.wire.message.envelope import QueuedRequest, read_requests
from trueup.wire.message.packing import content_of, pack
from trueup.wire.request.normal import fingerprint, normalise
from trueup.wire.request.read import read_body
from trueup.wire.request.usage_references import KnownToUsage, Term, judge_line_references

GPU = "8f1c2b7e-52c9-4f0e-a7bb-0d1f6f0a0001"
STRANGERS_CONTRACT = "3d5b0d2e-7e55-4f3a-9a63-000000000009"
STRANGER = "5c0d2f0e-9a3b-4c43-8d0a-2b6a3f6f1c02"
NOBODY = "00000000-0000-4000-8000-000000000000"


def line(**changes: Any) -> Body:
    """The smallest line."""
    return {
        "transaction_id": "t-1",
        "customer_id": CUSTOMER,
        "contract_id": CONTRACT,
        "product_id": GPU,
        "timestamp": "2025-01-15T12:34:56.789Z",
        "quantity": 2,
        "list_price": 150,
    } | changes


def spelled(name: str, literal: str) -> str:
    """A line, as text, whose number is spelled like this."""
    return str(line(**{name: "@"})).replace("'@'", literal).replace("'", '"')


def full() -> Body:
    """A line with every field."""
    return line(
        commit_price=100.5,
        credit_type_id=EUR,
        pricing_group_values={"region": "eu"},
        presentation_group_values={"team": "a", "": ""},
    )


TABLE: dict[str, tuple[Any, list[str]]] = {
    "nothing": (
        {},
        [
            f"missing /{name}"
            for name in (
                "transaction_id",
                "customer_id",
                "contract_id",
                "product_id",
                "timestamp",
                "quantity",
                "list_price",
            )
        ],
    ),
    "null where required": (line(quantity=None), ["missing /quantity"]),
    "unknown field": (line(commit_rate=1), ["unknown_field /commit_rate"]),
    "a commit's field": (line(uniqueness_key="k"), ["unknown_field /uniqueness_key"]),
    "no transaction id": (line(transaction_id=""), ["too_short /transaction_id"]),
    "long transaction id": (line(transaction_id="t" * 129), ["too_long /transaction_id"]),
    "NUL in the transaction id": (line(transaction_id="a\0"), ["text_not_storable /transaction_id"]),
    "number for the transaction id": (line(transaction_id=7), ["wrong_type /transaction_id"]),
    "no UUID": (line(contract_id="c1"), ["not_a_uuid /contract_id"]),
    "no timestamp": (line(timestamp="2025-01-15"), ["not_a_timestamp /timestamp"]),
    "year 9999": (line(timestamp="9999-01-01T00:00:00Z"), ["not_a_timestamp /timestamp"]),
    "negative numbers": (
        line(quantity=-1, list_price=-0.01, commit_price=-1e-12),
        ["negative /quantity", "negative /list_price", "negative /commit_price"],
    ),
    "text for a number": (line(quantity="2"), ["not_a_number /quantity"]),
    "true for a number": (line(commit_price=True), ["not_a_number /commit_price"]),
    "NaN": (spelled("quantity", "NaN"), ["json_invalid"]),
    "Infinity": (spelled("list_price", "-Infinity"), ["json_invalid"]),
    "13 decimals": (spelled("quantity", "0.0000000000001"), ["amount_precision /quantity"]),
    "huge": (spelled("list_price", "1e1000000"), ["amount_precision /list_price"]),
    "a product that does not fit": (
        line(quantity=10**10, list_price=10**9, commit_price=1),
        ["amount_precision /list_price"],
    ),
    "a product of too many decimals": (
        line(quantity=0.0000001, list_price=1, commit_price=0.000001),
        ["amount_precision /commit_price"],
    ),
    "number for a group value": (
        line(pricing_group_values={"a": 1}, presentation_group_values={"b": None}),
        ["wrong_type /pricing_group_values/a", "wrong_type /presentation_group_values/b"],
    ),
    "501 group values": (
        line(pricing_group_values={str(n): "" for n in range(501)}),
        ["too_many_items /pricing_group_values"],
    ),
    "long group value": (
        line(presentation_group_values={"a": "v" * 1001}),
        ["too_long /presentation_group_values/a"],
    ),
    "all at once": (
        line(transaction_id="", quantity=10**10, list_price=10**9, more=1),
        ["too_short /transaction_id", "unknown_field /more", "amount_precision /list_price"],
    ),
    "a list": ([], ["not_an_object"]),
    "deep": (line(pricing_group_values={"a": [[[[[[[]]]]]]]}), ["too_deep"]),
}

VALID: dict[str, Any] = {
    "the smallest": line(),
    "everything": full(),
    "nulls": line(commit_price=None, credit_type_id=None, pricing_group_values=None, presentation_group_values={}),
    "zero": line(quantity=0, list_price=0, commit_price=0),
    "minus zero": spelled("quantity", "-0.0"),
    "any instant": line(timestamp="2025-01-15t12:34:56.123456789+05:30"),
    "128 characters": line(transaction_id="\U0001f600" * 128),
    "a transaction id with spaces": line(transaction_id=" a b "),
    "the widest product": line(quantity=999_999_999, list_price=999_999_999),
}


@pytest.mark.parametrize(("body", "expected"), TABLE.values(), ids=TABLE)
def test_problems(body: Any, expected: list[str]) -> None:
    """A line gets exactly these problems, all in one pass."""
    assert told(body, "usage") == expected


@pytest.mark.parametrize("body", VALID.values(), ids=VALID)
def test_valid(body: Any) -> None:
    """What keeps every rule has no problems."""
    assert told(body, "usage") == []


def normal_of(body: Body) -> dict[str, Any]:
    """The normal form of a valid line."""
    read = read_body(content_of(str(body).replace("'", '"').replace("None", "null"))[0], "usage")
    assert not isinstance(read, list), read
    return normalise(read, "usage")


def test_normal_form() -> None:
    """Defaults are filled in: the unit is USD in cents, the commit price the list price."""
    assert normal_of(line(customer_id=CUSTOMER.upper(), presentation_group_values={})) == {
        "transaction_id": "t-1",
        "customer_id": CUSTOMER,
        "contract_id": CONTRACT,
        "product_id": GPU,
        "timestamp": "2025-01-15T12:34:56.789000Z",
        "quantity": "2",
        "list_price": "150",
        "commit_price": "150",
        "credit_type_id": USD,
    }


@pytest.mark.parametrize(
    "other",
    [
        line(timestamp="2025-01-15T13:34:56.789+01:00"),
        line(commit_price=150.0, credit_type_id=USD),
        line(pricing_group_values=None, quantity=2.000),
    ],
)
def test_the_same_content(other: Body) -> None:
    """Lines that mean the same have one fingerprint."""
    assert fingerprint(normal_of(other)) == fingerprint(normal_of(line()))


@pytest.mark.parametrize("name", full())
def test_other_content(name: str) -> None:
    """Each field counts."""
    changed = {
        **dict.fromkeys(("customer_id", "contract_id", "product_id", "credit_type_id"), NOBODY),
        **dict.fromkeys(("quantity", "list_price", "commit_price"), 7),
        **{each: {"a": "b"} for each in ("pricing_group_values", "presentation_group_values")},
        "transaction_id": "t-2",
        "timestamp": "2025-01-15T12:34:56.790Z",
    }
    assert fingerprint(normal_of(full() | {name: changed[name]})) != fingerprint(normal_of(full()))


KNOWN = KnownToUsage(
    customers={CUSTOMER, STRANGER},
    products={PRODUCT: "FIXED", GPU: "USAGE"},
    contracts={
        CONTRACT: Term(CUSTOMER, datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
        STRANGERS_CONTRACT: Term(STRANGER, datetime(2025, 1, 1, tzinfo=UTC), None),
    },
    units={USD},
)

REFERENCES: dict[str, tuple[Body, list[str]]] = {
    "all there": (line(), []),
    "unknown customer, whose contract is not judged": (
        line(customer_id=NOBODY, contract_id=NOBODY, timestamp="1999-01-01T00:00:00Z"),
        ["customer_not_found /customer_id"],
    ),
    "unknown contract": (line(contract_id=NOBODY), ["contract_not_found /contract_id"]),
    "another customer's contract": (line(contract_id=STRANGERS_CONTRACT), ["contract_not_found /contract_id"]),
    "the first instant": (line(timestamp="2025-01-01T00:00:00Z"), []),
    "before the contract": (line(timestamp="2024-12-31T23:59:59.999999Z"), ["outside_contract /timestamp"]),
    "the last instant": (line(timestamp="2025-12-31T23:59:59.999999Z"), []),
    "the contract's end": (line(timestamp="2026-01-01T00:00:00Z"), ["outside_contract /timestamp"]),
    "years away": (line(timestamp="9998-12-31T23:59:59Z"), ["outside_contract /timestamp"]),
    "a contract without an end": (
        line(customer_id=STRANGER, contract_id=STRANGERS_CONTRACT, timestamp="9998-12-31T23:59:59Z"),
        [],
    ),
    "unknown product": (line(product_id=NOBODY), ["product_not_found /product_id"]),
    "a FIXED product": (line(product_id=PRODUCT), ["product_is_fixed /product_id"]),
    "unknown unit": (line(credit_type_id=EUR), ["unit_not_found /credit_type_id"]),
    "all at once": (
        line(contract_id=NOBODY, product_id=PRODUCT, credit_type_id=EUR),
        ["contract_not_found /contract_id", "product_is_fixed /product_id", "unit_not_found /credit_type_id"],
    ),
}


@pytest.mark.parametrize(("body", "expected"), REFERENCES.values(), ids=REFERENCES)
def test_references(body: Body, expected: list[str]) -> None:
    """A line gets all problems of what it refers to."""
    problems = judge_line_references(normal_of(body), KNOWN)
    assert [f"{problem.code} {problem.path}" for problem in problems] == expected


def test_an_entry_has_no_kind() -> None:
    """What is packed says no kind, and whatever an entry says, a line is a line."""
    (packed,) = pack([QueuedRequest(NOBODY, "usage", None, "{}")])
    assert packed.text == f'[{{"id":"{NOBODY}","body":{{}}}}]'
    (read,) = read_requests(f'[{{"id":"{NOBODY}","kind":"credit","body":{{}}}}]', kind="usage")
    assert read.kind == "usage"


def test_a_required_field_left_out() -> None:
    """Every required field is asked for by its own name."""
    for name in line():
        assert told(without(line(), (name,)), "usage") == [f"missing /{name}"]
