"""Editing and ending commits and credits."""

from collections.abc import Callable, Mapping
from typing import Any, TypedDict, TypeVar
from uuid import UUID

from fastapi import APIRouter, Response
from sqlalchemy import Connection

from trueup.store.accounts.tokens import Caller
from trueup.wire.message.envelope import CommitKind
from trueup.wire.problems import Problem
from trueup.wire.request.changes import EDIT, END_DATE, Change, Edit, EndDate
from trueup.wire.request.read import decode
from trueup_worker.commit_changes.edit import EditSettings, edit_commit
from trueup_worker.commit_changes.end_date import end_commit
from trueup_worker.gateway.answers.examples import COMMIT_NAME, CREDIT
from trueup_worker.gateway.answers.ids import Made
from trueup_worker.gateway.calls.commit_change import change_commit
from trueup_worker.gateway.calls.guarded_route import DirectRoute
from trueup_worker.gateway.calls.request import Call
from trueup_worker.gateway.http.answer import encode
from trueup_worker.gateway.http.refusals import invalid
from trueup_worker.gateway.schema.openapi import answers, changes

router = APIRouter(route_class=DirectRoute, tags=["Commits and credits"])

T = TypeVar("T", Edit, EndDate)


class Meant(TypedDict):
    """Which commit or credit is to change."""

    commit_id: UUID
    kind: CommitKind


_END = "2025-10-01T00:00:00Z"  # in examples
_OTHER = {"commit_id": "credit_id", "credit_id": "commit_id"}


@router.post(
    "/v1/contracts/customerCommits/updateEndDate",
    responses=answers(Made.example()),
    openapi_extra=changes("commit", "EndDate", access_ending_before=_END, invoices_ending_before=_END),
)
async def end_date_of_commit(call: Call) -> Response:
    """End a commit's access or its invoicing earlier."""
    return await _change(call, "commit", END_DATE, _end)


@router.post(
    "/v1/contracts/customerCredits/updateEndDate",
    responses=answers(Made.example(CREDIT)),
    openapi_extra=changes("credit", "EndDate", access_ending_before=_END),
)
async def end_date_of_credit(call: Call) -> Response:
    """End a credit's access earlier."""
    return await _change(call, "credit", END_DATE, _end)


@router.post(
    "/v2/contracts/commits/edit",
    responses=answers(Made.example()),
    openapi_extra=changes("commit", "Edit", name=f"{COMMIT_NAME}, amended", priority=5),
)
async def edit_of_commit(call: Call) -> Response:
    """Change a commit: what is finalized, closed or drawn stays as it is."""
    return await _change(call, "commit", EDIT, _editor(call))


@router.post(
    "/v2/contracts/credits/edit",
    responses=answers(Made.example(CREDIT)),
    openapi_extra=changes("credit", "Edit", priority=5),
)
async def edit_of_credit(call: Call) -> Response:
    """Change a credit: what is closed or drawn stays as it is."""
    return await _change(call, "credit", EDIT, _editor(call))


def _end(connection: Connection, caller: Caller, meant: Meant, change: EndDate) -> None:
    end_commit(connection, account_id=caller.account_id, actor=caller.key_id, change=change, **meant)


def _editor(call: Call) -> Callable[[Connection, Caller, Meant, Edit], None]:
    config = call.gateway.settings
    settings = EditSettings(usage_grace_h=config.usage_grace_h, open_references=config.open_references)

    def edit(connection: Connection, caller: Caller, meant: Meant, change: Edit) -> None:
        account_id, actor = caller.account_id, caller.key_id
        edit_commit(connection, account_id=account_id, change=change, actor=actor, settings=settings, **meant)

    return edit


async def _change(
    call: Call, kind: CommitKind, form: Change[T], apply: Callable[[Connection, Caller, Meant, T], None]
) -> Response:
    """Read the change of a commit, or of a credit, and make it, whole or not at all."""
    call.require_json()
    change = _read(await call.body(), f"{kind}_id", form)
    caller, meant = call.principal.caller, Meant(commit_id=UUID(str(change["commit_id"])), kind=kind)

    def make(connection: Connection) -> UUID:
        apply(connection, caller, meant, change)
        return meant["commit_id"]

    return await change_commit(call, make)


def _read(text: bytes, name: str, kind: Change[T]) -> T:
    """The change, under the one name that the use cases have for what is to be changed."""
    document = decode(text)
    if isinstance(document, Problem):
        raise invalid([document])
    wrong = [Problem.of("missing", path=f"/{each}") for each in (name, "customer_id") if document.get(each) is None]
    other = _OTHER[name]
    wrong += [Problem.of("unknown_field", path=f"/{other}")] if other in document else []
    read = kind.read(encode(_renamed(document, name)))
    if isinstance(read, list):
        wrong += [Problem(each.path.replace("/commit_id", f"/{name}"), each.code, each.message) for each in read]
    if isinstance(read, list) or wrong:
        raise invalid(wrong)
    return read


def _renamed(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    other = _OTHER[name]
    return {"commit_id" if key == name else key: value for key, value in document.items() if key != other}
