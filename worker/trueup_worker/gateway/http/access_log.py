"""The outermost layer: every call has an id, in its answer and in every log line, and a line of its own in the log.

Every answer says that it is not to be kept, nor taken for anything but what it is.
"""

import re
import time
from collections.abc import MutableMapping
from typing import Any

import structlog
from prometheus_client import Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trueup.ids import new_id_text
from trueup_worker.gateway.limits import PATH_CHARS_MAX, REQUEST_ID_CHARS_MAX
from trueup_worker.observability.labels import Series

NAMES_REQUEST = "names_request"
"""Of a call's state: its id is also that of the request which it brings, as the caller has given none."""

_HEADER = b"x-request-id"
_CLASSES = ("", "1xx", "2xx", "3xx", "4xx", "5xx")  # "": the caller had gone before there was an answer
# Answers are for their caller alone, and are what they say: no cache keeps them, no browser guesses.
GUARDS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_GUARDS = [(name.encode(), value.encode()) for name, value in GUARDS.items()]
_GOOD = re.compile(rb"[A-Za-z0-9._:-]{1,%d}" % REQUEST_ID_CHARS_MAX)


class AccessLog:
    """Wraps the application; `calls`: the series of its routes and answers."""

    def __init__(self, app: ASGIApp, calls: Series[Histogram]) -> None:
        self._app, self._calls = app, calls
        self._log = structlog.get_logger().bind()  # once: what is not bound yet is set up anew for every line

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call under an id."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = _given_id(scope)
        request_id = given or new_id_text()
        state = scope.setdefault("state", {})
        state["request_id"], state[NAMES_REQUEST] = request_id, given is None
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        began_s, status = time.monotonic(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (_HEADER, state["request_id"].encode()), *_GUARDS]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            self._tell(scope, status, seconds=time.monotonic() - began_s)

    def _tell(self, scope: Scope, status: int, *, seconds: float) -> None:
        """Log a call; what went well at level DEBUG only: at thousands of calls a second it would cost too much."""
        self._calls.of(getattr(scope.get("route"), "path", ""), _CLASSES[status // 100]).observe(seconds)
        say = self._log.debug if 200 <= status < 400 else self._log.info if status < 500 else self._log.warning
        say(
            "call",
            action="call",
            method=scope["method"],
            path=scope["path"][:PATH_CHARS_MAX],
            status=status,
            ms=round(seconds * 1_000, 1),
            request_id=scope["state"]["request_id"],
        )


def _given_id(scope: MutableMapping[str, Any]) -> str | None:
    """The caller's own, where it can stand in a log."""
    given = next((value for name, value in scope["headers"] if name == _HEADER), b"")
    return given.decode() if _GOOD.fullmatch(given) else None
