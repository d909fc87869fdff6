"""Every way a call can be refused, with its status, its code and what it says."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from fastapi import HTTPException

from trueup.errors import ErrorCode, TrueupError
from trueup.wire.problems import Problem, error_body
from trueup_worker.gateway.http.answer import Id
from trueup_worker.gateway.http.error import AnswerCode, Error, Existing, FieldError

DO_NOT_RETRY = {"x-should-retry": "false"}  # without it Metronome's SDK repeats a 409 twice


class Refusal(HTTPException):
    """A call that is refused.

    Attributes:
        body: what the caller reads: message, code, and what belongs to the code.
    """

    def __init__(
        self, status: int, code: AnswerCode, message: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(status, detail=message, headers=headers)
        self.body = Error(message=message, code=code, **more)


_STATUS: dict[ErrorCode, int] = {
    "invalid_request": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "gone": 410,
    "duplicate": 409,
    "rate_limited": 429,
    "unavailable": 503,
}


def refusal_of(error: TrueupError, *, message: str | None = None) -> Refusal:
    """The refusal of a call by an error that nobody told in more detail; a message takes the place of its own."""
    status = _STATUS[error.code]
    return Refusal(status, error.code, message or str(error), headers=DO_NOT_RETRY if status == 409 else None)


def unauthenticated(message: str) -> Refusal:
    """401: no token, or none that is good."""
    return Refusal(401, "unauthenticated", message, headers={"www-authenticate": "Bearer"})


def forbidden(message: str) -> Refusal:
    """403: a good token without the scope."""
    return Refusal(403, "forbidden", message)


def not_found(message: str) -> Refusal:
    """404: missing, or another account's: which of them is not told."""
    return Refusal(404, "not_found", message)


def gone(message: str, *, oldest: int) -> Refusal:
    """410: it was kept for its term."""
    return Refusal(410, "gone", message, oldest=oldest)


def invalid(problems: Sequence[Problem], *, status: int | None = None, more: int = 0) -> Refusal:
    """400, or 404 when all that is wrong is what the body refers to, unless a status is given.

    Args:
        problems: what is wrong, as far as it is known one by one.
        status: of the answer.
        more: how many other problems there are.
    """
    told = error_body(problems, more=more)
    errors = [FieldError(**each) for each in told["errors"]]
    status = status or (404 if told["code"] == "not_found" else 400)
    return Refusal(status, told["code"], told["message"], errors=errors, more=told.get("more", 0))


def invalid_field(path: str, message: str, *, code: str = "wrong_type") -> Refusal:
    """400 because of one field."""
    return invalid([Problem(path, code, message)])


def already_used(field: str, holder: Existing, **more: Any) -> Refusal:
    """409: what the field says stands once in an account, and belongs to another record."""
    message = f"the {field} was used before, by {holder.type} {holder.id}"
    return Refusal(409, "duplicate", message, headers=DO_NOT_RETRY, existing=holder, **more)


def too_large() -> Refusal:
    """413: the body is longer than any request."""
    return invalid([Problem.of("body_too_large", path="")], status=413)


def wrong_media_type() -> Refusal:
    """415: the body is something else than this call takes."""
    return Refusal(415, "invalid_request", "the body must be JSON: send it as content-type: application/json")


def too_slow() -> Refusal:
    """408: the body did not arrive in time."""
    return Refusal(408, "invalid_request", "the body did not arrive in time")


def rate_limited(message: str, *, retry_after_s: int = 1) -> Refusal:
    """429: too many calls; the same call later is safe."""
    return Refusal(429, "rate_limited", message, headers={"retry-after": str(retry_after_s)})


def unavailable(what: str, *, retry_after_s: int = 2) -> Refusal:
    """503 that certainly kept nothing: the same call again is safe."""
    message = f"{what} does not answer; nothing was kept: try again"
    return Refusal(503, "unavailable", message, headers={"retry-after": str(retry_after_s)})


def busy(what: str, *, retry_after_s: int = 5) -> Refusal:
    """503: it works for others for so long that this call has waited in vain; it was not begun."""
    message = f"{what} is busy with what others asked for: try again"
    return Refusal(503, "unavailable", message, headers={"retry-after": str(retry_after_s)})


def not_installed(message: str) -> Refusal:
    """501: an extra is lacking here, which the message names."""
    return Refusal(501, "unavailable", message, headers=DO_NOT_RETRY)


def in_doubt(request_id: str) -> Refusal:
    """503 after which the request may or may not have an outcome: its id tells."""
    message = f"whether the request was kept is not known: ask for /v1/requests/{request_id} before it is sent again"
    return Refusal(503, "unavailable", message, headers=DO_NOT_RETRY, data=Id(id=UUID(request_id)))


def upload_in_doubt(batch_id: UUID, *, is_new: bool) -> Refusal:
    """503 after which a part of an upload is, or may be, kept: its batch tells, and the same upload again continues."""
    how = f"with `name={batch_id}` in place of `new=true`, it continues" if is_new else "it continues this batch"
    message = f"the database was lost, and part of the batch may be kept: send the same content again, {how}"
    return Refusal(
        503, "unavailable", f"{message} and creates nothing twice", headers=DO_NOT_RETRY, data=Id(id=batch_id)
    )


def change_in_doubt() -> Refusal:
    """503 after which a change may or may not have been made."""
    message = "the database was lost while it committed: look whether this was done before it is sent again"
    return Refusal(503, "unavailable", message, headers=DO_NOT_RETRY)


def defect(request_id: str) -> Refusal:
    """500: nobody foresaw this."""
    message = f"a defect in Trueup: please report it with the request id {request_id}"
    return Refusal(500, "unavailable", message, headers=DO_NOT_RETRY)
