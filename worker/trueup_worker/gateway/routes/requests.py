"""Routes of requests: their outcomes."""

from uuid import UUID

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from trueup.store.requests.outcomes import read_outcomes
from trueup.store.requests.repeats import is_kept
from trueup.wire.outcome import Outcome
from trueup_worker.gateway.answers.requests import RequestAnswer, RequestOutcome
from trueup_worker.gateway.calls.guarded_route import GuardedRoute, caller_of, gateway_of
from trueup_worker.gateway.http.encoding import Json
from trueup_worker.gateway.http.refusals import not_found
from trueup_worker.gateway.schema.openapi import answers

router = APIRouter(route_class=GuardedRoute, tags=["Outcomes"])


@router.get("/v1/requests/{request_id}", responses=answers(RequestAnswer.example()))
async def show_request(request: Request, request_id: UUID) -> Response:
    """Outcome of a request, with every error; `pending` while it has none."""
    gateway, account_id = gateway_of(request), caller_of(request).account_id

    def look(connection: Connection) -> Outcome | bool:
        outcome = read_outcomes(connection, account_id, [request_id]).get(request_id)
        return outcome or is_kept(connection, account_id, request_id)

    found = await gateway.read(look)
    if isinstance(found, Outcome):
        return Json(RequestAnswer(data=RequestOutcome.of(found)))
    if found or gateway.coalescer.is_waiting_for(account_id, str(request_id)):
        pending = RequestOutcome(id=request_id, outcome="pending")
        return Json(RequestAnswer(data=pending), headers={"retry-after": "1"})
    raise not_found(f"there is no request {request_id}")
