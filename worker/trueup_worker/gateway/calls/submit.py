"""A call that brings a request: its body becomes an envelope's, and the outcome is waited for, or kept for later."""

import re

import msgspec

from trueup.wire.message.envelope import CommitKind, Kind, QueuedRequest
from trueup.wire.message.packing import content_of
from trueup_worker.gateway.calls.request import Call
from trueup_worker.gateway.enqueue.lanes import Manner
from trueup_worker.gateway.enqueue.pending_request import Answer


class _Keyed(msgspec.Struct):
    """A body, as much of it as tells whether it can be made once only."""

    uniqueness_key: str | None = None


_keyed = msgspec.json.Decoder(_Keyed).decode
_RESPOND_ASYNC = re.compile(r"(?:^|[,;\s])respond-async(?:$|[,;\s])", re.IGNORECASE)


async def submit(call: Call, kind: Kind) -> tuple[str, Answer]:
    """The id of the request that a call brings, and what became of it.

    Raises:
        Refusal: 413 and 415, before it is sent; 429 and 503, as `Coalescer.submit`.
    """
    call.require_json()
    return await _submitted(call, QueuedRequest(call.request_id, kind, None, *content_of(await call.body())))


async def submit_create(call: Call, kind: CommitKind, *, idempotency_key: str | None) -> tuple[str, Answer]:
    """As `submit`, for a call that a client may send again by itself: a retry sends its try's request again.

    So it has the answer of its first try, made or still to come, whatever became of that. A call with a key of either
    kind needs no such note: whatever comes under the key again finds what it made.
    """
    call.require_json()
    body = await call.body()
    if idempotency_key is not None or not call.gateway.settings.http_answer_retries or _has_key(body):
        return await _submitted(call, QueuedRequest(call.request_id, kind, idempotency_key, *content_of(body)))
    account_id, digest = call.principal.caller.account_id, await call.digest()
    request_id, retries = call.request_id, call.retries
    if retries:
        request_id = await call.gateway.tries.claim(account_id, digest, retries=retries, new_id=request_id)
        call.tell_request(request_id)
    request = QueuedRequest(request_id, kind, None, *content_of(body))
    try:
        return await _submitted(call, request, digest=None if retries else digest)
    finally:
        if call.has_hung_up:
            await call.gateway.tries.lose(account_id, digest, request_id=request_id, retries=retries)


def _has_key(body: bytes) -> bool:
    """Tell whether a body has a uniqueness key; what cannot be read has none."""
    try:
        return _keyed(body).uniqueness_key is not None
    except (msgspec.DecodeError, RecursionError):
        return False


async def _submitted(call: Call, request: QueuedRequest, *, digest: bytes | None = None) -> tuple[str, Answer]:
    is_async = _RESPOND_ASYNC.search(call.header("prefer") or "") is not None
    manner: Manner = "keep" if is_async else "wait"
    submit_to, call_id = call.gateway.coalescer.submit, call.scope["state"]["request_id"]
    return request.id, await submit_to(call.principal, request, manner, digest=digest, call_id=call_id)
