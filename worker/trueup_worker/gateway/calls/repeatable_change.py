"""Calls that change something at once: what a client's own retry repeats is not done again."""

from collections.abc import Callable

from fastapi import Request, Response
from sqlalchemy import Connection

from trueup.limits import RETRY_MINUTES_MAX
from trueup.store.requests.repeats import claim_call, note_answer
from trueup_worker.gateway.calls.guarded_route import caller_of, gateway_of
from trueup_worker.gateway.calls.request import Call
from trueup_worker.gateway.http.answer import Answer
from trueup_worker.gateway.http.encoding import Json


async def write(call: Request, unit: Callable[[Connection], Answer]) -> Response:
    """Do a unit of work, and answer with what it returns.

    A client's own retry (it saw no answer, or none that was final) waits for its first try, and gets what that was
    answered with, if it was made; as far as can be told: by the same token, of the same content, minutes ago.

    Raises:
        Refusal: 503 as `Gateway.write`.
    """
    assert isinstance(call, Call)
    account_id, digest = caller_of(call).account_id, await call.digest()

    def once(connection: Connection) -> Response:
        known = claim_call(connection, account_id, digest, minutes=RETRY_MINUTES_MAX)
        if known is not None and call.is_retry:
            return Response(known, media_type=Json.media_type)
        answer = Json(unit(connection))
        note_answer(connection, account_id, digest, bytes(answer.body).decode())
        return answer

    return await gateway_of(call).write(once)
