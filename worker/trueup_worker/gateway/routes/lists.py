"""Lists of an account, over all customers, with the filters that the command line has."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal, TypeVar
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from sqlalchemy import Connection

from trueup.domain.burndown.values import CommitType
from trueup.limits import NAME_CHARS_MAX
from trueup.store.commits.search import CommitChoice, FoundPlace, place_of
from trueup.store.invoices.invoice import Status
from trueup.store.requests.batch_results import list_batches
from trueup.store.requests.refused import Place, RefusedChoice, search_refused, search_refused_of_batch
from trueup.wire.values import TEXT_PATTERN
from trueup_worker.gateway.answers.lists import (
    BatchList,
    CommitList,
    InvoiceList,
    ListedCommit,
    ListedInvoice,
    ListedRequest,
    RequestList,
)
from trueup_worker.gateway.answers.requests import ListedBatch
from trueup_worker.gateway.calls.guarded_route import GuardedRoute, caller_of, gateway_of
from trueup_worker.gateway.http.encoding import Json
from trueup_worker.gateway.http.refusals import invalid_field
from trueup_worker.gateway.routes.time_cursor import cursor_of, place_at
from trueup_worker.gateway.schema.bodies.body import NO_CURSOR, PAGE, Instant, Key, Limit
from trueup_worker.gateway.schema.openapi import answers
from trueup_worker.reporting.drafts import list_with_drafts
from trueup_worker.reporting.usable import UsableCommits

_ROWS_MAX = 1 << 30
_ROW_DIGITS_MAX = 10

Size = Annotated[Limit, Query()]
Time = Annotated[Instant | None, Query()]
Cursor = Annotated[str | None, Query(max_length=100)]
Beginning = Annotated[
    Annotated[str, Field(min_length=1, max_length=255, pattern=TEXT_PATTERN)] | None,
    Query(description="Whose uniqueness key, name, or id in Salesforce or NetSuite begins so, exactly."),
]
OfInvoice = Annotated[
    Annotated[str, Field(min_length=1, max_length=NAME_CHARS_MAX, pattern=TEXT_PATTERN)] | None,
    Query(description="A number; or in the customer's name, in any case."),
]
OfCustomer = Annotated[Key | None, Query(description="As the body names it: its id.")]

T = TypeVar("T")

router = APIRouter(route_class=GuardedRoute, tags=["Lists"])


@router.get("/v1/commits/list", responses=answers(CommitList.example()))
async def list_all_commits(
    request: Request,
    *,
    customer_id: UUID | None = None,
    type: CommitType | None = None,  # noqa: A002 (as bodies name it)
    prefix: Beginning = None,
    archived: bool | None = None,
    limit: Size = PAGE,
    next_page: Cursor = None,
) -> Response:
    """Commits and credits in the order of their ids; with `prefix`, of what they are called.

    A page may hold fewer than `limit`, or none, with more to come: what has no index is looked for among some thousand.
    """
    account_id = caller_of(request).account_id
    choice = CommitChoice(customer_id=customer_id, type=type, is_archived=archived)
    by_id = _judged(next_page, UUID) if prefix is None else None
    by_name: FoundPlace | None = None if prefix is None else _judged(next_page, place_of)

    def look(connection: Connection) -> CommitList:
        commits = UsableCommits(connection, account_id)
        if prefix is None:
            listed = commits.page(choice=choice, limit=limit, after=by_id)
            rows, reached = listed.rows, None if listed.searched_to is None else str(listed.searched_to)
        else:
            found = commits.found(prefix, choice=choice, limit=limit, after=by_name)
            rows, reached = found.rows, None if found.searched_to is None else str(found.searched_to)
        return CommitList(data=[*map(ListedCommit.from_record, rows)], next_page=reached)

    return Json(await gateway_of(request).work_out(look))


@router.get("/v1/requests", responses=answers(RequestList.example()))
async def list_requests(
    request: Request,
    *,
    outcome: Literal["duplicate", "invalid", "not_found", "parked"] | None = None,
    code: Annotated[Key | None, Query(description="With an error of this code.")] = None,
    customer: OfCustomer = None,
    uniqueness_key: Annotated[Key | None, Query(description="Or of a usage line its transaction id.")] = None,
    batch: Annotated[UUID | None, Query(description="Of this batch, in the order of its rows.")] = None,
    since: Time = None,
    until: Time = None,
    limit: Size = PAGE,
    next_page: Cursor = None,
) -> Response:
    """Requests that made no commit of their own, newest first; of a batch in the order of its rows.

    A page may hold fewer than `limit`, or none, with more to come: what has no index is looked for among 5,000.
    """
    account_id = caller_of(request).account_id
    choice = RefusedChoice(
        outcome=outcome,
        code=code,
        customer=customer and customer.lower(),
        uniqueness_key=uniqueness_key,
        since=since,
        until=until,
    )
    place = place_at(next_page) if batch is None else None
    row = _judged(next_page, _row) if batch is not None else None

    def look(connection: Connection) -> RequestList:
        if batch is None:
            found = search_refused(connection, account_id, choice, limit=limit, after=place and Place(*place))
            rows, reached = found.rows, found.searched_to and cursor_of(found.searched_to)
        else:
            of_batch = search_refused_of_batch(connection, account_id, batch, choice, limit=limit, after=row or 0)
            rows, reached = of_batch.rows, None if of_batch.searched_to is None else str(of_batch.searched_to)
        return RequestList(data=[*map(ListedRequest.of_refused, rows)], next_page=reached)

    return Json(await gateway_of(request).read(look))


@router.get("/v1/batches", responses=answers(BatchList.example()))
async def list_all_batches(request: Request, *, limit: Size = PAGE, next_page: UUID | None = None) -> Response:
    """Batches, newest first."""
    fetch = partial(list_batches, account_id=caller_of(request).account_id, limit=limit + 1, after=next_page)
    found = await gateway_of(request).read(fetch)
    return Json(BatchList.of(map(ListedBatch.from_record, found), limit=limit))


@router.get("/v1/invoices", responses=answers(InvoiceList.example()))
async def list_all_invoices(
    request: Request,
    *,
    status: Status | None = None,
    customer_id: UUID | None = None,
    commit_id: UUID | None = None,
    search: OfInvoice = None,
    limit: Size = PAGE,
    next_page: UUID | None = None,
) -> Response:
    """Invoices by number, then drafts as they fall due, then drafts of open usage; without their lines.

    A page may hold fewer than `limit`, or none, with more to come: what has no index is looked for among 5,000.
    """
    gateway, account_id = gateway_of(request), caller_of(request).account_id

    def look(connection: Connection) -> InvoiceList:
        found = list_with_drafts(
            connection,
            account_id,
            status=status,
            customer_id=customer_id,
            commit_id=commit_id,
            search=search,
            limit=limit,
            after=next_page,
            usage_grace_h=gateway.settings.usage_grace_h,
        )
        return InvoiceList(data=[*map(ListedInvoice.of, found.rows)], next_page=found.searched_to)

    return Json(await gateway.work_out(look))


def _judged(cursor: str | None, read: Callable[[str], T]) -> T | None:
    try:
        return None if cursor is None else read(cursor)
    except ValueError:
        raise invalid_field("/next_page", NO_CURSOR) from None


def _row(cursor: str) -> int:
    row = int(cursor) if cursor.isascii() and cursor.isdecimal() and len(cursor) <= _ROW_DIGITS_MAX else -1
    if not 0 <= row < _ROWS_MAX:
        raise ValueError(cursor)
    return row
