"""Answers as bytes: decimals with all their digits, times in UTC."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from fastapi import Response

from trueup.wire.outcome import Outcome
from trueup.wire.problems import Problem, error_body
from trueup_worker.gateway.http.refusals import DO_NOT_RETRY, Refusal, taken

_REPLAYED = {"idempotent-replayed": "true"}
_encode = msgspec.json.Encoder(decimal_format="number").encode


class Json(Response):
    """JSON, with every digit."""

    media_type = "application/json"

    def __init__(self, content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(_encode(content), status, headers)


def refused(refusal: Refusal) -> Response:
    """The answer to a call that is refused."""
    return Json(refusal.body, refusal.status_code, refusal.headers)


def created(commit_id: str, *, replayed: bool = False) -> Response:
    """200: the commit, or credit, is there."""
    return Json({"data": {"id": commit_id}}, headers=_REPLAYED if replayed else None)


def accepted(request_id: UUID | str, outcome: str = "pending", **more: Any) -> Response:
    """202: the request is kept and will have, or has, an outcome that can be asked for."""
    told = {"id": str(request_id), "outcome": outcome, **more}
    return Json({"data": told}, 202, {"location": f"/v1/requests/{request_id}"})


def decided(outcome: Outcome) -> Response:
    """Answer to a create that is decided.

    Raises:
        Refusal: it made no commit.
    """
    if outcome.outcome == "created":
        existing = outcome.existing
        return created(existing["id"] if existing else str(outcome.request_id), replayed=existing is not None)
    if outcome.outcome == "parked":
        return accepted(outcome.request_id, "parked", reason=outcome.reason)
    raise duplicate(outcome) if outcome.outcome == "duplicate" else refusal_of(outcome)


def duplicate(outcome: Outcome) -> Refusal:
    """409: the uniqueness key belongs to another commit or credit."""
    assert outcome.existing is not None
    existing = outcome.existing
    refusal = taken("uniqueness_key", existing["type"], existing["id"], same_content=existing["same_content"])
    if existing.get("replayed"):
        refusal.headers = {**(refusal.headers or {}), **_REPLAYED}
    return refusal


def refusal_of(outcome: Outcome) -> Refusal:
    """400, 404, 409 or 413, by the problems of an outcome."""
    problems = [Problem(each["path"], each["code"], each["message"]) for each in outcome.errors]
    codes = {problem.code for problem in problems}
    if codes == {"idempotency_key_reused"}:
        return Refusal(
            409, "idempotency_key_reused", f"the idempotency key {problems[0].message}", headers=DO_NOT_RETRY
        )
    if codes == {"transaction_id_reused"} and outcome.existing:
        return taken("transaction_id", "USAGE", outcome.existing["id"], same_content=False, errors=outcome.errors)
    told = error_body(problems, more=outcome.more)
    status = 404 if outcome.outcome == "not_found" else 413 if codes == {"body_too_large"} else 400
    code, message = told.pop("code"), told.pop("message")
    return Refusal(status, code, message, **told)


def outcome_object(outcome: Outcome) -> dict[str, Any]:
    """An outcome as `GET /v1/requests/{id}` tells it."""
    return {
        "id": str(outcome.request_id),
        "outcome": outcome.outcome,
        "errors": outcome.errors,
        **({"more": outcome.more} if outcome.more else {}),
        "existing": outcome.existing,
        "reason": outcome.reason,
        "attempt": outcome.attempt,
        "decided_at": utc(outcome.decided_at),
        "batch_id": outcome.batch_id,
    }


def utc(instant: datetime) -> datetime:
    """The same instant, written with Z."""
    return instant.astimezone(UTC)
