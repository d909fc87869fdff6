"""From a program's values to a request that can travel."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from trueup.producer.bodies import InvalidRequest, body_json, request_of

ID = UUID("3d5b0d2e-7e55-4f3a-9a63-0000000000ab")
VALID = {
    "customer_id": UUID("13117714-3f05-48e5-a6e9-a66093f13b4d"),
    "type": "PREPAID",
    "priority": 12.5,
    "product_id": "f14d6729-6a44-4b13-9908-9387f1918790",
    "access_schedule": {
        "schedule_items": [
            {
                "amount": Decimal("12345678901234567.89"),
                "starting_at": datetime(2026, 1, 1, tzinfo=UTC),
                "ending_before": "2027-01-01T00:00:00Z",
            }
        ]
    },
}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("12345678901234567.89"), "12345678901234567.89"),
        (Decimal("1.10"), "1.10"),
        (10**30, "1000000000000000000000000000000"),
        (0.1, "0.1"),
        (0.1 + 0.2, "0.30000000000000004"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (datetime(2026, 1, 1, tzinfo=UTC), '"2026-01-01T00:00:00Z"'),
        (ID, f'"{ID}"'),
        (({"a": 1.5}, None), '[{"a":1.5},null]'),
    ],
)
def test_values_become_json(value: object, text: str) -> None:
    """Numbers keep every digit, and nothing becomes null by accident."""
    assert body_json({"value": value}) == f'{{"value":{text}}}'.encode()


def test_what_json_does_not_know_is_refused() -> None:
    """By Python's own error."""
    with pytest.raises(TypeError):
        body_json({"value": object()})


@pytest.mark.parametrize("body", [VALID, body_json(VALID), body_json(VALID).decode()])
def test_a_body_travels_as_its_own_text(body: Mapping[str, Any] | str | bytes) -> None:
    """Whatever form it comes in."""
    request = request_of(body, request_id=ID, idempotency_key="k")
    assert (request.id, request.kind, request.idempotency_key) == (str(ID), "commit", "k")
    assert request.text == body_json(VALID).decode()


def test_an_invalid_request_tells_everything() -> None:
    """All problems in one exception, with its place among the others."""
    with pytest.raises(InvalidRequest, match="2 problems") as refused:
        request_of(VALID | {"priority": "high", "typ": 1}, request_id=ID, position=3)
    assert refused.value.position == 3
    assert [problem.code for problem in refused.value.problems] == ["not_a_number", "unknown_field"]


def test_without_validation_everything_travels() -> None:
    """The worker judges it then, JSON or not."""
    assert request_of("{", request_id=ID, validate=False).raw
    assert request_of(VALID | {"priority": float("nan")}, request_id=ID, validate=False).raw
    assert not request_of({"typ": 1}, request_id=ID, validate=False).raw


@pytest.mark.parametrize("key", ["", "k" * 256, "a\0b"])
def test_an_idempotency_key_that_cannot_travel_is_refused(key: str) -> None:
    """It would have its whole envelope parked."""
    with pytest.raises(ValueError, match="1 to 255"):
        request_of(json.dumps({}), request_id=ID, idempotency_key=key, validate=False)
