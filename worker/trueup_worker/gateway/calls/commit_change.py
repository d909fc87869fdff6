"""Calls that change a commit or credit, or say why they do not."""

from collections.abc import Callable
from uuid import UUID

from fastapi import Request, Response
from sqlalchemy import Connection

from trueup.store.postgres.already_used import AlreadyUsed
from trueup_worker.commits.refusal import ChangeRefused, InvalidChange
from trueup_worker.gateway.calls.repeatable_change import write
from trueup_worker.gateway.http.refusals import Refusal, invalid, taken


async def change_commit(request: Request, change: Callable[[Connection], UUID]) -> Response:
    """Make a change; answer with the id of what was changed or booked.

    Raises:
        Refusal: 400 and 409, with why it was not; 503 as `write`.
    """
    try:
        return await write(request, lambda connection: {"id": change(connection)})
    except InvalidChange as error:
        raise invalid(error.problems) from None
    except ChangeRefused as error:
        told = {"path": error.path, "code": "change_refused", "message": error.message}
        raise Refusal(400, "invalid_request", str(error), errors=[told]) from None
    except AlreadyUsed as error:
        raise taken("uniqueness_key", "LEDGER_ENTRY", error.holder) from None
