"""Judging a request without sending it."""

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from trueup.ids import new_id_text
from trueup.store.requests.commit_inserts import find_commits
from trueup.wire.message.envelope import CommitKind, QueuedRequest
from trueup.wire.message.packing import content_of
from trueup_worker.gateway.answers.validation import Judgement, Validated
from trueup_worker.gateway.calls.guarded_route import GuardedRoute, caller_of, gateway_of
from trueup_worker.gateway.calls.request import Call
from trueup_worker.gateway.http.encoding import Json
from trueup_worker.gateway.schema.openapi import answers, creates
from trueup_worker.intake.bodies import Bodies, read_bodies
from trueup_worker.intake.commits.catalog import judge_catalog
from trueup_worker.intake.commits.rows import obligation_rows
from trueup_worker.intake.decision import against_stored

router = APIRouter(route_class=GuardedRoute, tags=["Creating"])


@router.post("/v1/commits/validate", responses=answers(Validated.example()), openapi_extra=creates("commit"))
async def validate_commit(request: Request, kind: CommitKind = "commit") -> Response:
    """Judge a commit, or with `?kind=credit` a credit, and send nothing: its errors, or the invoices it would make."""
    assert isinstance(request, Call)
    request.require_json()
    gateway, account_id = gateway_of(request), caller_of(request).account_id
    bodies = read_bodies([QueuedRequest(new_id_text(), kind, None, *content_of(await request.body()))])
    grace_h, is_open = gateway.settings.usage_grace_h, gateway.settings.open_references

    def judge(connection: Connection) -> Judgement:
        return _judgement(connection, account_id, bodies, is_open=is_open, usage_grace_h=grace_h)

    return Json(Validated(data=await gateway.read(judge)))


def _judgement(
    connection: Connection, account_id: int, bodies: Bodies, *, is_open: bool, usage_grace_h: int
) -> Judgement:
    if not is_open:
        bodies = judge_catalog(connection, account_id, bodies)
    for refusal in bodies.refusals:
        return Judgement.refused(refusal.problems)
    [candidate] = bodies.candidates
    keys = [] if candidate.key is None else [candidate.key]
    holder = against_stored(candidate, find_commits(connection, account_id, ids=[], keys=keys)) if keys else None
    rows = obligation_rows([candidate], usage_grace_h=usage_grace_h)
    return Judgement.of(existing=holder.existing if holder else None, obligations=rows)
