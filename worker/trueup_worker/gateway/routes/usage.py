"""Rated usage, a line a call: as creates, an envelope on the queue, and its outcome. Files: `batches`."""

from uuid import UUID

from fastapi import APIRouter, Response

from trueup_worker.gateway.answers.examples import LINE
from trueup_worker.gateway.answers.ids import Accepted, Made
from trueup_worker.gateway.calls.decided import accepted, decided
from trueup_worker.gateway.calls.guarded_route import DirectRoute
from trueup_worker.gateway.calls.request import Call
from trueup_worker.gateway.calls.submit import submit
from trueup_worker.gateway.enqueue.pending_request import PENDING
from trueup_worker.gateway.schema.openapi import PREFER, answers, records

router = APIRouter(route_class=DirectRoute, tags=["Usage"])

_ANSWERS = answers(Made.example(LINE)) | answers(Accepted.example(LINE), status=202)
_CALL = {"x-refusals": ["409"], "parameters": [PREFER]}


@router.post("/v1/usage", responses=_ANSWERS, openapi_extra=_CALL | records())
async def record_usage(call: Call) -> Response:
    """Record a line of rated usage. The same line again is answered with the id of the first; other content is 409."""
    request_id, answer = await submit(call, "usage")
    return accepted(UUID(request_id)) if answer == PENDING else decided(answer)
