"""Rated usage, a line a call: as creates, an envelope on the queue, and its outcome. Files: `batches`."""

from fastapi import APIRouter, Response

from trueup_worker.gateway.calls.guarded_route import DirectRoute
from trueup_worker.gateway.calls.request import Call
from trueup_worker.gateway.calls.submit import submit
from trueup_worker.gateway.enqueue.pending_request import PENDING
from trueup_worker.gateway.http.encoding import accepted, decided
from trueup_worker.gateway.schema.models import Made
from trueup_worker.gateway.schema.openapi import ACCEPTED, PREFER, records

router = APIRouter(route_class=DirectRoute, tags=["Usage"])

_CALL = {"x-refusals": ["409"], "parameters": [PREFER]}


@router.post("/v1/usage", response_model=Made, responses=ACCEPTED, openapi_extra=_CALL | records())
async def record_usage(call: Call) -> Response:
    """Record a line of rated usage. The same line again is answered with the id of the first; other content is 409."""
    request_id, answer = await submit(call, "usage")
    return accepted(request_id) if answer == PENDING else decided(answer)
