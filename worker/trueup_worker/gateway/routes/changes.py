"""Archiving commits and credits, disabling true-ups, and ledger entries by hand."""

from uuid import UUID

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from trueup.wire.message.envelope import CommitKind
from trueup_worker.commit_changes.archive import archive_commit
from trueup_worker.commit_changes.disable_true_up import disable_true_up
from trueup_worker.gateway.answers.examples import CREDIT, NEW
from trueup_worker.gateway.answers.ids import Made
from trueup_worker.gateway.calls.commit_change import change_commit
from trueup_worker.gateway.calls.guarded_route import GuardedRoute, caller_of, gateway_of
from trueup_worker.gateway.schema.bodies.commits import CommitOfCustomer, CreditOfCustomer, ManualEntry, PostpaidCommit
from trueup_worker.gateway.schema.openapi import answers
from trueup_worker.invoicing.adjust import adjust_commit

router = APIRouter(route_class=GuardedRoute, tags=["Commits and credits"])


@router.post("/v2/contracts/commits/archive", responses=answers(Made.example()))
async def archive_of_commit(request: Request, body: CommitOfCustomer) -> Response:
    """Take a commit out of use, once every finalized invoice that bills it or draws on it is void."""
    return await _archive(request, "commit", body.commit_id, body.customer_id)


@router.post("/v2/contracts/credits/archive", responses=answers(Made.example(CREDIT)))
async def archive_of_credit(request: Request, body: CreditOfCustomer) -> Response:
    """Take a credit out of use, once every finalized invoice that draws on it is void."""
    return await _archive(request, "credit", body.credit_id, body.customer_id)


@router.post("/v1/contracts/commits/disableTrueup", responses=answers(Made.example()))
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

    return await change_commit(request, disable)


@router.post(
    "/v1/contracts/addManualBalanceLedgerEntry",
    responses=answers(Made.example(NEW)),
    openapi_extra={"x-refusals": ["409"]},
)
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

    return await change_commit(request, adjust)


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

    return await change_commit(request, archive)
