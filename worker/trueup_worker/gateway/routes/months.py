"""Months of the books: listed, and closed for good."""

from fastapi import APIRouter, Request, Response
from sqlalchemy import Engine

from trueup.store.accounts.tokens import Caller
from trueup.store.journal.months import ClosedMonth, closed_months
from trueup.store.postgres.engine import snapshot
from trueup_worker.exports.months import NotAMonth, month_named
from trueup_worker.gateway.answers.months import BooksMonth, MonthAnswer, MonthList
from trueup_worker.gateway.calls.guarded_route import GuardedRoute, caller_of, gateway_of
from trueup_worker.gateway.calls.request import Call
from trueup_worker.gateway.http.encoding import Json
from trueup_worker.gateway.http.refusals import invalid_field
from trueup_worker.gateway.schema.bodies.account import MonthToClose
from trueup_worker.gateway.schema.openapi import answers
from trueup_worker.journal.close import MonthRefused, close_books

router = APIRouter(route_class=GuardedRoute, tags=["Books"])


@router.get("/v1/months", responses=answers(MonthList.example()))
async def list_months(request: Request) -> Response:
    """The months of the books that are closed, the first one first."""
    account_id = caller_of(request).account_id
    found = await gateway_of(request).read(lambda connection: closed_months(connection, account_id))
    return Json(MonthList(data=[BooksMonth.of(each) for each in found]))


@router.post("/v1/months/close", responses=answers(MonthAnswer.example()))
async def close_month(request: Request, body: MonthToClose) -> Response:
    """Close a month for good: its journal stays as it is, and what is booked later is dated later.

    Months are closed one after the other, once they are over. A large month takes longer than the answer is waited for
    (503); `/v1/months` tells when it is closed.
    """
    assert isinstance(request, Call)
    caller, is_retry = caller_of(request), request.is_retry
    try:
        month = month_named(body.month)
    except NotAMonth as error:
        raise invalid_field("/month", str(error)) from None

    def close(on: Engine) -> ClosedMonth:
        try:
            return close_books(on, caller.account_id, month, actor=caller.key_id, leaves_usage_open=body.open_usage)
        except MonthRefused:
            known = [each for each in _closed_by(on, caller) if each.starting_at == month.starting_at]
            if is_retry and known:
                return known[0]
            raise

    return Json(MonthAnswer(data=BooksMonth.of(await gateway_of(request).change(close))))


def _closed_by(on: Engine, caller: Caller) -> list[ClosedMonth]:
    with snapshot(on) as connection:
        return [each for each in closed_months(connection, caller.account_id) if each.closed_by == caller.key_id]
