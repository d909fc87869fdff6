"""From what became of a request to the answer of the call that brought it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fastapi import Response

from trueup.wire.outcome import Outcome
from trueup.wire.problems import Problem
from trueup_worker.gateway.answers.ids import Accepted, Made, Pending
from trueup_worker.gateway.http.answer import Id
from trueup_worker.gateway.http.encoding import Json
from trueup_worker.gateway.http.error import Existing, FieldError
from trueup_worker.gateway.http.refusals import DO_NOT_RETRY, Refusal, already_used, invalid

_REPLAYED = {"idempotent-replayed": "true"}


def created(made_id: UUID, *, replayed: bool = False) -> Response:
    """200: the commit, or credit, is there."""
    return Json(Made(data=Id(id=made_id)), headers=_REPLAYED if replayed else None)


def accepted(request_id: UUID) -> Response:
    """202: the request is kept and will have an outcome that can be asked for."""
    return _kept(Pending(id=request_id, outcome="pending"))


def decided(outcome: Outcome) -> Response:
    """Answer to a create that is decided.

    Raises:
        Refusal: it made no commit.
    """
    existing = outcome.existing
    if outcome.outcome == "created":
        return created(UUID(existing["id"]) if existing else outcome.request_id, replayed=existing is not None)
    if outcome.outcome == "parked":
        return _kept(Pending(id=outcome.request_id, outcome="parked", reason=outcome.reason))
    if outcome.outcome == "duplicate":
        assert existing is not None
        raise _duplicate(existing)
    raise _refusal_of(outcome)


def _kept(pending: Pending) -> Response:
    return Json(Accepted(data=pending), 202, {"location": f"/v1/requests/{pending.id}"})


def _duplicate(existing: Mapping[str, Any]) -> Refusal:
    """409: the uniqueness key belongs to another commit or credit."""
    refusal = already_used("uniqueness_key", _holder(existing), same_content=existing["same_content"])
    if existing.get("replayed"):
        refusal.headers = {**(refusal.headers or {}), **_REPLAYED}
    return refusal


def _refusal_of(outcome: Outcome) -> Refusal:
    """400, 404, 409 or 413, by the problems of an outcome."""
    problems = [Problem(each["path"], each["code"], each["message"]) for each in outcome.errors]
    codes = {problem.code for problem in problems}
    if codes == {"idempotency_key_reused"}:
        return Refusal(
            409, "idempotency_key_reused", f"the idempotency key {problems[0].message}", headers=DO_NOT_RETRY
        )
    if codes == {"transaction_id_reused"} and outcome.existing:
        errors = [FieldError(**each) for each in outcome.errors]
        return already_used("transaction_id", _holder(outcome.existing), same_content=False, errors=errors)
    status = 404 if outcome.outcome == "not_found" else 413 if codes == {"body_too_large"} else 400
    return invalid(problems, status=status, more=outcome.more)


def _holder(existing: Mapping[str, Any]) -> Existing:
    return Existing(id=UUID(existing["id"]), type=existing["type"])
