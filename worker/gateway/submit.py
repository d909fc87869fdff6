"""A call that brings a request: its body becomes an envelope's, and the outcome is waited for, or kept for later."""

import re

from shared.ids import new_id_text
from shared.wire.envelope import Kind, QueuedRequest
from shared.wire.packing import content_of
from worker.gateway.call import Call
from worker.gateway.openapi import header
from worker.gateway.ticket import Answer

PREFER = header("prefer", "`respond-async`: 202 as soon as the request is kept.")
_RESPOND_ASYNC = re.compile(r"(?:^|[,;\s])respond-async(?:$|[,;\s])", re.IGNORECASE)


async def submit(call: Call, kind: Kind, *, idempotency_key: str | None = None) -> tuple[str, Answer]:
    """The id of the request that a call brings, and what became of it.

    Raises:
        Refusal: 413 and 415, before it is sent; 429 and 503, as `Desk.submit`.
    """
    call.require_json()
    request = QueuedRequest(new_id_text(), kind, idempotency_key, *content_of(await call.body()))
    is_async = _RESPOND_ASYNC.search(call.header("prefer") or "") is not None
    return request.id, await call.gateway.desk.submit(call.sender, request, "keep" if is_async else "wait")
