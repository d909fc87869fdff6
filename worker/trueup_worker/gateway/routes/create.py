"""Creating commits and credits: the SDK's calls become envelopes on the queue."""

from uuid import UUID

from fastapi import APIRouter, Response

from trueup.limits import IDEMPOTENCY_KEY_CHARS_MAX, RETRY_MINUTES_MAX
from trueup.store.requests.repeats import is_recent
from trueup.wire.message.envelope import CommitKind
from trueup.wire.outcome import Outcome
from trueup_worker.gateway.answers.examples import CREDIT
from trueup_worker.gateway.answers.ids import Accepted, Made
from trueup_worker.gateway.callers.authentication import Principal
from trueup_worker.gateway.calls.decided import accepted, created, decided
from trueup_worker.gateway.calls.guarded_route import DirectRoute
from trueup_worker.gateway.calls.request import Call
from trueup_worker.gateway.calls.submit import submit_create
from trueup_worker.gateway.enqueue.pending_request import PENDING
from trueup_worker.gateway.http.refusals import Refusal, invalid_field
from trueup_worker.gateway.schema.openapi import PREFER, answers, creates, header
from trueup_worker.gateway.services import Gateway

router = APIRouter(route_class=DirectRoute, tags=["Creating"])

_CALL = {
    "x-refusals": ["409"],
    "parameters": [
        header("idempotency-key", "The same key and content within 7 days: the first answer again."),
        PREFER,
    ],
}


@router.post(
    "/v1/contracts/customerCommits/create",
    responses=answers(Made.example()) | answers(Accepted.example(), status=202),
    openapi_extra=_CALL | creates("commit"),
)
async def create_commit(call: Call) -> Response:
    """Create a commit: a customer's promise to spend."""
    return await _create(call, "commit")


@router.post(
    "/v1/contracts/customerCredits/create",
    responses=answers(Made.example(CREDIT)) | answers(Accepted.example(CREDIT), status=202),
    openapi_extra=_CALL | creates("credit"),
)
async def create_credit(call: Call) -> Response:
    """Create a credit: a balance given for free."""
    return await _create(call, "credit")


async def _create(call: Call, kind: CommitKind) -> Response:
    request_id, answer = await submit_create(call, kind, idempotency_key=_idempotency_key(call))
    if answer == PENDING:
        return accepted(UUID(request_id))
    assert isinstance(answer, Outcome)
    if call.is_retry and (holder := await _own(call.gateway, call.principal, answer)):
        return created(UUID(holder))
    return decided(answer)


def _idempotency_key(call: Call) -> str | None:
    key = call.header("idempotency-key")
    if key is not None and not 1 <= len(key) <= IDEMPOTENCY_KEY_CHARS_MAX:
        message = f"must have 1 to {IDEMPOTENCY_KEY_CHARS_MAX} characters"
        raise invalid_field("/idempotency-key", message, code="too_long" if key else "too_short")
    return key


async def _own(gateway: Gateway, principal: Principal, outcome: Outcome) -> str | None:
    """The commit that the call's first try made, as far as can be told: of the same content, and young."""
    holder = outcome.existing
    if outcome.outcome != "duplicate" or holder is None or not holder["same_content"]:
        return None
    account_id, holder_id = principal.caller.account_id, holder["id"]
    try:
        own = await gateway.read(
            lambda connection: is_recent(connection, account_id, holder_id, minutes=RETRY_MINUTES_MAX)
        )
    except Refusal:
        return None
    return holder_id if own else None
