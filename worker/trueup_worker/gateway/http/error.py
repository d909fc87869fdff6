"""The one form in which a call is told that it failed."""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from trueup.errors import ErrorCode
from trueup_worker.gateway.http.answer import Answer, Id

AnswerCode = Literal[ErrorCode, "idempotency_key_reused"]


class FieldError(Answer):
    """One thing that is wrong.

    Attributes:
        path: where, as a JSON Pointer.
        code: which problem.
    """

    path: str
    code: str
    message: str


class Existing(Answer):
    """Record that is there already: a commit or credit, or another record with this key or alias."""

    id: UUID
    type: Literal["PREPAID", "POSTPAID", "CREDIT", "USAGE", "CONTRACT", "CUSTOMER", "LEDGER_ENTRY"]


class Error(Answer):
    """Refusal of a call.

    Attributes:
        errors: what is wrong, up to a hundred problems.
        more: how many problems there are beyond these.
        existing: whose the key is.
        same_content: whether that was made of the same content.
        oldest: the place of the oldest event that is left.
        data: the id under which to ask what became of the call.
    """

    message: str
    code: AnswerCode
    errors: Sequence[FieldError] = ()
    more: int = 0
    existing: Existing | None = None
    same_content: bool | None = None
    oldest: int | None = None
    data: Id | None = None
