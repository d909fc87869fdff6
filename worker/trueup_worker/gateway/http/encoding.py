"""Answers as bytes."""

from collections.abc import Mapping
from typing import Any

from fastapi import Response

from trueup_worker.gateway.http.answer import encode
from trueup_worker.gateway.http.refusals import Refusal


class Json(Response):
    """JSON, with every digit of a decimal."""

    media_type = "application/json"

    def __init__(self, content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(encode(content), status, headers)


def refused(refusal: Refusal) -> Response:
    """The answer to a call that is refused."""
    return Json(refusal.body, refusal.status_code, refusal.headers)
