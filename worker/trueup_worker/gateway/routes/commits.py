"""Reading commits and credits."""

from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Connection

from trueup.store.catalog.records import has_customer
from trueup.store.commits.pages import Choice, CommitRecord, find_commit_record, list_commit_records, with_balances
from trueup.wire.problems import Problem
from trueup_worker.gateway.answers.commits import Commit, CommitAnswer, CommitPage
from trueup_worker.gateway.calls.guarded_route import GuardedRoute, caller_of, gateway_of
from trueup_worker.gateway.http.encoding import Json
from trueup_worker.gateway.http.refusals import invalid, not_found
from trueup_worker.gateway.schema.bodies.body import Key
from trueup_worker.gateway.schema.bodies.commits import BalanceFilter, CommitFilter, CreditFilter, Filter
from trueup_worker.gateway.schema.openapi import answers
from trueup_worker.reporting.balance import left_by_drafts
from trueup_worker.reporting.usable import UsableCommits

router = APIRouter(route_class=GuardedRoute, tags=["Commits and credits"])


@router.post("/v1/contracts/customerCommits/list", responses=answers(CommitPage.example(Commit.example())))
async def list_commits(request: Request, body: CommitFilter) -> Response:
    """A customer's commits, in the order of their ids."""
    return await _list(request, body, ("PREPAID", "POSTPAID"), body.commit_id)


@router.post("/v1/contracts/customerCredits/list", responses=answers(CommitPage.example(Commit.example_of_credit())))
async def list_credits(request: Request, body: CreditFilter) -> Response:
    """A customer's credits, in the order of their ids."""
    return await _list(request, body, ("CREDIT",), body.credit_id)


@router.post(
    "/v1/contracts/customerBalances/list",
    responses=answers(CommitPage.example(Commit.example(), Commit.example_of_credit())),
)
async def list_balances(request: Request, body: BalanceFilter) -> Response:
    """A customer's commits and credits together, in the order of their ids."""
    types = ("PREPAID", "POSTPAID", "CREDIT")
    return await _list(request, body, types, body.id, has_balance=bool(body.exclude_zero_balances))


@router.get("/v1/commits/{commit_id:uuid}", responses=answers(CommitAnswer.example()))
async def show_commit(request: Request, commit_id: UUID) -> Response:
    """A commit or credit by its id, with balance and ledger."""
    account_id = caller_of(request).account_id
    found = await gateway_of(request).work_out(lambda connection: _find(connection, account_id, id=commit_id))
    if found is None:
        raise not_found(f"there is no commit or credit {commit_id}")
    return Json(CommitAnswer(data=Commit.of(found)))


@router.get("/v1/commits", responses=answers(CommitAnswer.example()))
async def find_commit(request: Request, uniqueness_key: Annotated[Key, Query()]) -> Response:
    """A commit or credit by its uniqueness key, with balance and ledger."""
    account_id = caller_of(request).account_id
    found = await gateway_of(request).work_out(
        lambda connection: _find(connection, account_id, uniqueness_key=uniqueness_key)
    )
    if found is None:
        raise not_found("there is no commit or credit with this uniqueness_key")
    return Json(CommitAnswer(data=Commit.of(found)))


def _find(connection: Connection, account_id: int, **which: Any) -> CommitRecord | None:
    found = find_commit_record(connection, account_id, **which)
    if found is None:
        return None
    return UsableCommits(connection, account_id).with_balances([found])[0]


async def _list(
    request: Request, body: Filter, types: tuple[str, ...], chosen: UUID | None, *, has_balance: bool = False
) -> Response:
    account_id = caller_of(request).account_id
    choice = Choice(
        customer_id=body.customer_id,
        types=types,
        id=chosen,
        access_type=body.access_type,
        covering_date=body.covering_date,
        starting_at=body.starting_at,
        effective_before=body.effective_before,
        include_archived=bool(body.include_archived),
        has_balance=has_balance,
        after=body.next_page,
    )

    counts = bool(body.include_balance) or has_balance

    def look(connection: Connection) -> list[CommitRecord] | None:
        if not has_customer(connection, account_id, body.customer_id):
            return None
        left: dict[str, Decimal] = {}
        if counts:
            left = left_by_drafts(connection, account_id=account_id, customer_id=body.customer_id)
        listed = list_commit_records(
            connection,
            account_id,
            replace(choice, left=left),
            limit=body.page_size + 1,
            with_ledger=bool(body.include_ledgers),
        )
        return with_balances(connection, account_id, listed, left) if body.include_balance else listed

    gateway = gateway_of(request)
    found = await (gateway.work_out(look) if counts else gateway.read(look))
    if found is None:
        raise invalid([Problem.of("customer_not_found", path="/customer_id")])
    return Json(CommitPage.of(map(Commit.of, found), limit=body.page_size))
