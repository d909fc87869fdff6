"""Changing commits and credits."""

from collections.abc import Callable, Mapping
from typing import Any, TypedDict, TypeVar
from uuid import UUID

import msgspec
from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from trueup.store.accounts.tokens import Caller
from trueup.store.postgres.already_used import AlreadyUsed
from trueup.wire.message.envelope import CommitKind
from trueup.wire.problems import Problem
from trueup.wire.request.changes import EDIT, END_DATE, Change, Edit, EndDate
from trueup.wire.request.read import decode
from trueup_worker.commits.archive import archive_commit
from trueup_worker.commits.disable_true_up import disable_true_up
from trueup_worker.commits.edit import EditSettings, edit_commit
from trueup_worker.commits.end_date import end_commit
from trueup_worker.commits.refusal import ChangeRefused, InvalidChange
from trueup_worker.gateway.calls.guarded_route import GuardedRoute, caller_of, gateway_of, raw
from trueup_worker.gateway.calls.repeatable_change import write
from trueup_worker.gateway.calls.request import Call
from trueup_worker.gateway.http.refusals import Refusal, invalid, taken
from trueup_worker.gateway.schema.bodies import CommitOfCustomer, CreditOfCustomer, ManualEntry, PostpaidCommit
from trueup_worker.gateway.schema.models import Made
from trueup_worker.gateway.schema.openapi import changes
from trueup_worker.invoicing.adjust import adjust_commit

router = APIRouter(route_class=GuardedRoute, tags=["Commits and credits"])

T = TypeVar("T", Edit, EndDate)


class Meant(TypedDict):
    """Which commit or credit is to change."""

    commit_id: UUID
    kind: CommitKind


_OTHER = {"commit_id": "credit_id", "credit_id": "commit_id"}
_encode = msgspec.json.Encoder(decimal_format="number").encode


@router.post(
    "/v1/contracts/customerCommits/updateEndDate", response_model=Made, openapi_extra=changes("commit", "EndDate")
)
@raw
async def end_date_of_commit(request: Request) -> Response:
    """End a commit's access or its invoicing earlier."""
    return await _change(request, "commit", END_DATE, _end)


@router.post(
    "/v1/contracts/customerCredits/updateEndDate", response_model=Made, openapi_extra=changes("credit", "EndDate")
)
@raw
async def end_date_of_credit(request: Request) -> Response:
    """End a credit's access earlier."""
    return await _change(request, "credit", END_DATE, _end)


@router.post("/v2/contracts/commits/edit", response_model=Made, openapi_extra=changes("commit", "Edit"))
@raw
async def edit_of_commit(request: Request) -> Response:
    """Change a commit: what is finalized, closed or drawn stays as it is."""
    return await _change(request, "commit", EDIT, _editor(request))


@router.post("/v2/contracts/credits/edit", response_model=Made, openapi_extra=changes("credit", "Edit"))
@raw
async def edit_of_credit(request: Request) -> Response:
    """Change a credit: what is closed or drawn stays as it is."""
    return await _change(request, "credit", EDIT, _editor(request))


@router.post("/v2/contracts/commits/archive", response_model=Made)
async def archive_of_commit(request: Request, body: CommitOfCustomer) -> Response:
    """Take a commit out of use, once every finalized invoice that bills it or draws on it is void."""
    return await _archive(request, "commit", body.commit_id, body.customer_id)


@router.post("/v2/contracts/credits/archive", response_model=Made)
async def archive_of_credit(request: Request, body: CreditOfCustomer) -> Response:
    """Take a credit out of use, once every finalized invoice that draws on it is void."""
    return await _archive(request, "credit", body.credit_id, body.customer_id)


@router.post("/v1/contracts/commits/disableTrueup", response_model=Made)
async def disable_true_up_of_commit(request: Request, body: PostpaidCommit) -> Response:
    """Do not bill what a POSTPAID commit leaves unspent: it expires instead."""
    caller, contract_id = caller_of(request), body.contract_id

    def disable(connection: Connection) -> UUID:
        disable_true_up(
            connection,
            account_id=caller.account_id,
            commit_id=body.commit_id,
            actor=caller.key_id,
            customer_id=str(body.customer_id),
            kind="commit",
            contract_id=None if contract_id is None else str(contract_id),
        )

        return body.commit_id

    return await _made(request, disable)


@router.post("/v1/contracts/addManualBalanceLedgerEntry", response_model=Made, openapi_extra={"x-refusals": ["409"]})
async def add_manual_entry(request: Request, body: ManualEntry) -> Response:
    """Book an entry on a segment by hand; refused once the true-up is settled, or the segment is over.

    The answer has the entry's id.
    """
    caller, usage_grace_h = caller_of(request), gateway_of(request).settings.usage_grace_h

    def adjust(connection: Connection) -> UUID:
        return adjust_commit(
            connection,
            account_id=caller.account_id,
            commit_id=body.id,
            amount=body.amount,
            reason=body.reason,
            actor=caller.key_id,
            segment=body.segment_id,
            customer_id=body.customer_id,
            effective_at=body.timestamp or "start",
            uniqueness_key=body.uniqueness_key,
            usage_grace_h=usage_grace_h,
        ).entry_id

    return await _made(request, adjust)


async def _archive(request: Request, kind: CommitKind, commit_id: UUID, customer_id: UUID) -> Response:
    caller = caller_of(request)

    def archive(connection: Connection) -> UUID:
        archive_commit(
            connection,
            account_id=caller.account_id,
            commit_id=commit_id,
            actor=caller.key_id,
            customer_id=str(customer_id),
            kind=kind,
        )

        return commit_id

    return await _made(request, archive)


def _end(connection: Connection, caller: Caller, meant: Meant, change: EndDate) -> None:
    end_commit(connection, account_id=caller.account_id, actor=caller.key_id, change=change, **meant)


def _editor(request: Request) -> Callable[[Connection, Caller, Meant, Edit], None]:
    config = gateway_of(request).settings
    settings = EditSettings(usage_grace_h=config.usage_grace_h, open_references=config.open_references)

    def edit(connection: Connection, caller: Caller, meant: Meant, change: Edit) -> None:
        account_id, actor = caller.account_id, caller.key_id
        edit_commit(connection, account_id=account_id, change=change, actor=actor, settings=settings, **meant)

    return edit


async def _change(
    request: Request, kind: CommitKind, form: Change[T], apply: Callable[[Connection, Caller, Meant, T], None]
) -> Response:
    """Reads the change of a commit, or of a credit, and makes it, whole or not at all."""
    assert isinstance(request, Call)
    request.require_json()
    change = _read(await request.body(), f"{kind}_id", form)
    caller, meant = caller_of(request), Meant(commit_id=UUID(str(change["commit_id"])), kind=kind)

    def make(connection: Connection) -> UUID:
        apply(connection, caller, meant, change)
        return meant["commit_id"]

    return await _made(request, make)


async def _made(request: Request, change: Callable[[Connection], UUID]) -> Response:
    """Makes a change; answers with the id of what was changed or booked, or with why not."""
    try:
        return await write(request, lambda connection: {"id": change(connection)})
    except InvalidChange as error:
        raise invalid(error.problems) from None
    except ChangeRefused as error:
        told = {"path": error.path, "code": "change_refused", "message": error.message}
        raise Refusal(400, "invalid_request", str(error), errors=[told]) from None
    except AlreadyUsed as error:
        raise taken("uniqueness_key", "LEDGER_ENTRY", error.holder) from None


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
