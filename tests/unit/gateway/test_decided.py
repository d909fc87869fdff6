"""From an outcome to the answer of a create."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from trueup.wire.outcome import Outcome
from trueup.wire.problems import Problem
from trueup_worker.gateway.calls.decided import decided
from trueup_worker.gateway.http.error import Existing
from trueup_worker.gateway.http.refusals import Refusal

ID = UUID("0193e9a4-5c1e-7c3a-9b8f-2f4d3a6c7e10")
OTHER = "0193e9a4-5c1e-7c3a-9b8f-2f4d3a6c7e11"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def outcome(verdict: Any, *codes: str, **more: Any) -> Outcome:
    """An outcome with problems of these codes."""
    problems = [
        Problem.of(code, path="/x") if code != "idempotency_key_reused" else Problem("", code, "was") for code in codes
    ]
    errors = tuple({"path": each.path, "code": each.code, "message": each.message} for each in problems)
    return Outcome(ID, verdict, 1, NOW, errors, **more)


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        (outcome("invalid", "missing", "customer_not_found"), 400, "invalid_request"),
        (outcome("invalid", "body_too_large"), 413, "invalid_request"),
        (outcome("invalid", "idempotency_key_reused"), 409, "idempotency_key_reused"),
        (outcome("not_found", "customer_not_found"), 404, "not_found"),
        (outcome("duplicate", existing={"id": OTHER, "type": "CREDIT", "same_content": False}), 409, "duplicate"),
    ],
)
def test_refused(given: Outcome, status: int, code: str) -> None:
    """Each outcome has its status and its code, and the SDK does not repeat what is final."""
    with pytest.raises(Refusal) as refused:
        decided(given)
    assert (refused.value.status_code, refused.value.body.code) == (status, code)
    assert (refused.value.headers or {}).get("x-should-retry") == ("false" if status == 409 else None)


def test_a_duplicate_names_its_holder() -> None:
    """The holder, and whether it is the same, stand side by side."""
    with pytest.raises(Refusal) as refused:
        decided(outcome("duplicate", existing={"id": OTHER, "type": "CREDIT", "same_content": True}))
    assert refused.value.body.existing == Existing(id=UUID(OTHER), type="CREDIT")
    assert refused.value.body.same_content is True


def test_more_problems_than_are_told() -> None:
    """What was counted, and not listed, is said, and stands in the sentence's number."""
    with pytest.raises(Refusal) as refused:
        decided(outcome("invalid", "missing", more=7))
    assert refused.value.body.more == 7
    assert refused.value.body.message.startswith("8 problems: ")


def test_created_and_parked() -> None:
    """200 with the commit's id, a replay with the first one's; 202 for what could not be decided."""
    first = decided(outcome("created"))
    replayed = decided(outcome("created", existing={"id": OTHER, "type": "PREPAID", "same_content": True}))
    parked = decided(outcome("parked", reason="transient"))
    assert [each.status_code for each in (first, replayed, parked)] == [200, 200, 202]
    assert json.loads(first.body) == {"data": {"id": str(ID)}}
    assert json.loads(replayed.body) == {"data": {"id": OTHER}}
    assert ("idempotent-replayed" in first.headers, replayed.headers["idempotent-replayed"]) == (False, "true")
    assert json.loads(parked.body)["data"] == {"id": str(ID), "outcome": "parked", "reason": "transient"}
    assert parked.headers["location"] == f"/v1/requests/{ID}"
