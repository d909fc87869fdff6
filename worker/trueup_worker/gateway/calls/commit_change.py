"""Calls that change a commit or credit, or say why they do not."""

from collections.abc import Callable
from uuid import UUID

from fastapi import Request, Response
from sqlalchemy import Connection

from trueup.store.postgres.already_used import AlreadyUsed
from trueup_worker.commit_changes.refusal import ChangeRefused, InvalidChange
from trueup_worker.gateway.answers.ids import Made
from trueup_worker.gateway.calls.repeatable_change import write
from trueup_worker.gateway.http.answer import Id
from trueup_worker.gateway.http.error import Existing, FieldError
from trueup_worker.gateway.http.refusals import Refusal, already_used, invalid


async def change_commit(request: Request, change: Callable[[Connection], UUID]) -> Response:
    """Make a change; answer with the id of what was changed or booked.

    Raises:
        Refusal: 400 and 409, with why it was not; 503 as `write`.
    """
    try:
        return await write(request, lambda connection: Made(data=Id(id=change(connection))))
    except InvalidChange as error:
        raise invalid(error.problems) from None
    except ChangeRefused as error:
        told = FieldError(path=error.path, code="change_refused", message=error.message)
        raise Refusal(400, "invalid_request", str(error), errors=[told]) from None
    except AlreadyUsed as error:
        raise already_used("uniqueness_key", Existing(id=error.holder, type="LEDGER_ENTRY")) from None
