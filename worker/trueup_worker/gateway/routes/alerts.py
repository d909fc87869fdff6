"""Alerts: at which thresholds they are given."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Connection

from trueup.store.alerts.settings import AlertKind, WrongThresholds, list_thresholds
from trueup_worker.alerts.change_settings import change_thresholds
from trueup_worker.gateway.answers.alerts import Alert, AlertAnswer, AlertList
from trueup_worker.gateway.calls.guarded_route import GuardedRoute, caller_of, gateway_of
from trueup_worker.gateway.calls.repeatable_change import write
from trueup_worker.gateway.http.encoding import Json
from trueup_worker.gateway.http.refusals import invalid_field
from trueup_worker.gateway.schema.bodies.account import AlertThresholds
from trueup_worker.gateway.schema.openapi import answers

router = APIRouter(route_class=GuardedRoute, tags=["Alerts"])

OfCommit = Annotated[
    UUID | None,
    Query(description="Of this commit or credit: `used_percent`, `left_amount`."),
]


@router.get("/v1/alerts", responses=answers(AlertList.example()))
async def list_alerts(request: Request) -> Response:
    """The thresholds that count: of the account, default or not, and of commits and credits with their own."""
    account_id = caller_of(request).account_id
    found = await gateway_of(request).read(lambda connection: list_thresholds(connection, account_id))
    return Json(AlertList(data=[Alert.of(each) for each in found]))


@router.put("/v1/alerts/{kind}", responses=answers(AlertAnswer.example()))
async def set_alerts(request: Request, kind: AlertKind, body: AlertThresholds, commit_id: OfCommit = None) -> Response:
    """Set the thresholds of one kind, in place of those before."""
    return await _changed(request, kind, commit_id, body.thresholds)


@router.delete("/v1/alerts/{kind}", responses=answers(AlertAnswer.example()))
async def reset_alerts(request: Request, kind: AlertKind, commit_id: OfCommit = None) -> Response:
    """Go back to the default, or of a commit or credit to the account's; the answer is what counts now."""
    return await _changed(request, kind, commit_id, None)


async def _changed(
    request: Request, kind: AlertKind, commit_id: UUID | None, thresholds: Sequence[Decimal] | None
) -> Response:
    caller = caller_of(request)

    def change(connection: Connection) -> AlertAnswer:
        try:
            counting = change_thresholds(
                connection, caller.account_id, kind, thresholds, commit_id=commit_id, actor=caller.key_id
            )
        except WrongThresholds as error:
            raise invalid_field("/thresholds", str(error)) from None
        return AlertAnswer(data=Alert.counting(kind, commit_id, counting))

    return await write(request, change)
