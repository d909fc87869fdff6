"""Changing commits and credits (spec 3.7)."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from shared.store.tokens import Caller
from shared.wire.changes import EDIT, END_DATE, Change, Edit, EndDate
from shared.wire.problems import Problem
from shared.wire.read import decode
from worker.commits.edit import EditSettings, edit_commit
from worker.commits.end_date import end_commit
from worker.commits.refusal import ChangeRefused, InvalidChange
from worker.gateway.answers import Json
from worker.gateway.call import Call
from worker.gateway.models import Made
from worker.gateway.openapi import changes
from worker.gateway.refusals import Refusal, invalid, not_found
from worker.gateway.route import GuardedRoute, caller_of, gateway_of, raw
from worker.invoicing.adjust import UnknownCommit

router = APIRouter(route_class=GuardedRoute, tags=["Commits and credits"])

T = TypeVar("T", Edit, EndDate)
_OTHER = {"commit_id": "credit_id", "credit_id": "commit_id"}
_encode = msgspec.json.Encoder(decimal_format="number").encode


@router.post(
    "/v1/contracts/customerCommits/updateEndDate", response_model=Made, openapi_extra=changes("commit", "EndDate")
)
@raw
async def end_date_of_commit(request: Request) -> Response:
    """End a commit's access or its invoicing earlier."""
    return await _change(request, "commit_id", END_DATE, _end)


@router.post(
    "/v1/contracts/customerCredits/updateEndDate", response_model=Made, openapi_extra=changes("credit", "EndDate")
)
@raw
async def end_date_of_credit(request: Request) -> Response:
    """End a credit's access earlier."""
    return await _change(request, "credit_id", END_DATE, _end)


@router.post("/v2/contracts/commits/edit", response_model=Made, openapi_extra=changes("commit", "Edit"))
@raw
async def edit_of_commit(request: Request) -> Response:
    """Change a commit: what is finalized, closed or drawn stays as it is."""
    return await _change(request, "commit_id", EDIT, _editor(request))


@router.post("/v2/contracts/credits/edit", response_model=Made, openapi_extra=changes("credit", "Edit"))
@raw
async def edit_of_credit(request: Request) -> Response:
    """Change a credit: what is closed or drawn stays as it is."""
    return await _change(request, "credit_id", EDIT, _editor(request))


def _end(connection: Connection, caller: Caller, commit_id: UUID, change: EndDate) -> None:
    end_commit(connection, account_id=caller.account_id, commit_id=commit_id, change=change, actor=caller.key_id)


def _editor(request: Request) -> Callable[[Connection, Caller, UUID, Edit], None]:
    config = gateway_of(request).settings
    settings = EditSettings(usage_grace_h=config.usage_grace_h, open_references=config.open_references)

    def edit(connection: Connection, caller: Caller, commit_id: UUID, change: Edit) -> None:
        account_id, actor = caller.account_id, caller.key_id
        edit_commit(
            connection, account_id=account_id, commit_id=commit_id, change=change, actor=actor, settings=settings
        )

    return edit


async def _change(
    request: Request, name: str, kind: Change[T], apply: Callable[[Connection, Caller, UUID, T], None]
) -> Response:
    """Reads the change of the commit or credit that the field `name` names, and makes it, whole or not at all."""
    assert isinstance(request, Call)
    request.require_json()
    change = _read(await request.body(), name, kind)
    commit_id, caller = UUID(str(change["commit_id"])), caller_of(request)
    try:
        await gateway_of(request).write(lambda connection: apply(connection, caller, commit_id, change))
    except UnknownCommit as error:
        raise not_found(str(error)) from None
    except InvalidChange as error:
        raise invalid(error.problems) from None
    except ChangeRefused as error:
        raise Refusal(400, "invalid_request", str(error)) from None
    return Json({"data": {"id": commit_id}})


def _read(text: bytes, name: str, kind: Change[T]) -> T:
    """The change, under the one name that the use cases have for what is to be changed."""
    document = decode(text)
    if isinstance(document, Problem):
        raise invalid([document])
    wrong = [Problem.of("missing", path=f"/{each}") for each in (name, "customer_id") if document.get(each) is None]
    other = _OTHER[name]
    wrong += [Problem.of("unknown_field", path=f"/{other}")] if other in document else []
    read = kind.read(_encode(_renamed(document, name)))
    if isinstance(read, list):
        wrong += [Problem(each.path.replace("/commit_id", f"/{name}"), each.code, each.message) for each in read]
    if isinstance(read, list) or wrong:
        raise invalid(wrong)
    return read


def _renamed(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    other = _OTHER[name]
    return {"commit_id" if key == name else key: value for key, value in document.items() if key != other}
