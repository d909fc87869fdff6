"""Routes of parked messages: listed, and sent on once their cause is gone."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Connection

from trueup.store.requests.parked_messages import count_parked, list_parked
from trueup.store.requests.parking import Choice, Reason, State, count_chosen
from trueup_worker.gateway.answers.parked import Parked, ParkedPage, ReplayAnswer, Replayed
from trueup_worker.gateway.calls.guarded_route import GuardedRoute, caller_of, gateway_of
from trueup_worker.gateway.calls.repeatable_change import write
from trueup_worker.gateway.http.encoding import Json
from trueup_worker.gateway.http.refusals import invalid_field
from trueup_worker.gateway.schema.bodies.body import PAGE, Limit
from trueup_worker.gateway.schema.bodies.parked import Replay
from trueup_worker.gateway.schema.openapi import answers
from trueup_worker.intake.parked.resolve import replay

router = APIRouter(route_class=GuardedRoute, tags=["Parked"])

Size = Annotated[Limit, Query()]


@router.get("/v1/parked", responses=answers(ParkedPage.example()))
async def list_parked_requests(
    request: Request,
    *,
    reason: Reason | None = None,
    batch: UUID | None = None,
    state: State = "parked",
    limit: Size = PAGE,
    next_page: UUID | None = None,
) -> Response:
    """Parked envelopes and requests, oldest first, and how many there are for each reason."""
    account_id = caller_of(request).account_id

    def look(connection: Connection) -> ParkedPage:
        found = list_parked(
            connection,
            account_id,
            limit=limit + 1,
            reason=reason,
            batch_id=batch,
            state=state,
            after=next_page,
        )
        counts = count_parked(connection, account_id, state=state)
        return ParkedPage.of_search(found, Parked.from_record, limit=limit, counts=counts)

    return Json(await gateway_of(request).read(look))


@router.post("/v1/parked/replay", responses=answers(ReplayAnswer.example()))
async def replay_parked_requests(request: Request, body: Replay) -> Response:
    """Send parked requests on, under the same ids: by `ids`, `reason`, `batch_id`, or `all`. A second time finds none.

    Those named by id are sent on even when they were replayed or discarded before. `dry_run` only tells how many.
    """
    if not (body.ids or body.reason or body.batch_id or body.all):
        raise invalid_field("/ids", "is required, unless reason, batch_id or all says which", code="missing")
    gateway, caller = gateway_of(request), caller_of(request)
    choice = Choice(tuple(body.ids or ()), body.reason, body.batch_id, whole=True)

    def count(connection: Connection) -> int:
        return count_chosen(connection, caller.account_id, choice)

    def send_on(connection: Connection) -> ReplayAnswer:
        lease_s = gateway.settings.lease_s
        chosen = replay(connection, caller.account_id, choice, lease_s=lease_s, actor=caller.key_id)
        return ReplayAnswer(data=Replayed(chosen=chosen, replayed=chosen))

    if body.dry_run:
        return Json(ReplayAnswer(data=Replayed(chosen=await gateway.read(count), replayed=0)))
    return await write(request, send_on)
