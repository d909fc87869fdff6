"""Rows that travel raw: no text of theirs can be a request."""

from trueup.limits import BODY_BYTES_MAX
from trueup.wire.message.envelope import QueuedRequest
from trueup.wire.problems import Problem


def raw_problem(request: QueuedRequest) -> Problem | None:
    """The problem of a raw row that its text does not tell by itself: its form, or its size."""
    if request.form is not None:
        return Problem.of(request.form.code, path="", found=request.form.found)
    if request.raw_bytes is not None and request.raw_bytes > BODY_BYTES_MAX:
        return Problem.of("body_too_large", path="")
    return None
