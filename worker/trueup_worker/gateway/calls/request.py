"""A request as it comes in: its body bounded in size and time, its JSON exact."""

import asyncio
import hashlib
from typing import Any

import jiter
from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from trueup.ids import new_id_text
from trueup.limits import BODY_BYTES_MAX
from trueup.wire.problems import Problem
from trueup_worker.gateway.callers.authentication import Principal
from trueup_worker.gateway.http.access_log import NAMES_REQUEST
from trueup_worker.gateway.http.connection import CONNECTION
from trueup_worker.gateway.http.refusals import Refusal, invalid, too_large, too_slow, wrong_media_type
from trueup_worker.gateway.services import Gateway

_RETRIES_CHARS_MAX = 4  # more than any client counts to


class Call(Request):
    """A request whose body is read whole, once, and whose numbers are decimals.

    Attributes:
        gateway: what the process holds open.
        principal: who calls; where a token is asked for.
    """

    principal: Principal
    _body: bytes
    _json: Any

    def __init__(self, scope: Scope, receive: Receive) -> None:
        super().__init__(scope, receive)
        self.gateway: Gateway = scope["app"].state.gateway
        self._values: dict[bytes, bytes] = dict(reversed(scope["headers"]))

    def header(self, name: str) -> str | None:
        """The first value of a header; `headers` would go through all of them each time that it is asked."""
        value = self._values.get(name.encode())
        return None if value is None else value.decode("latin-1")

    @property
    def peer(self) -> str:
        """The address that it came from."""
        client = self.scope.get("client")
        return client[0] if client else ""

    @property
    def request_id(self) -> str:
        """Id for the request that it brings: the call's own, which its answer tells, unless the caller chose that."""
        state = self.scope["state"]
        return state["request_id"] if state[NAMES_REQUEST] else new_id_text()

    def tell_request(self, request_id: str) -> None:
        """Let the answer tell this id for the call's, unless the caller chose one."""
        state = self.scope["state"]
        if state[NAMES_REQUEST]:
            state["request_id"] = request_id

    @property
    def retries(self) -> int:
        """Number of times that Metronome's SDK says it sent this before, and saw no answer, or none that was final.

        0 where the settings say that this is not to count.
        """
        count = self.header("x-stainless-retry-count") or "0"
        if not (count.isascii() and count.isdecimal() and self.gateway.settings.http_answer_retries):
            return 0
        return int(count[:_RETRIES_CHARS_MAX])

    @property
    def is_retry(self) -> bool:
        """Tell whether the SDK says that it sends this again."""
        return self.retries > 0

    @property
    def has_hung_up(self) -> bool:
        """Tell whether whoever called may not hear the answer any more."""
        connection = self.scope.get(CONNECTION)
        return connection is not None and connection.has_hung_up

    async def digest(self) -> bytes:
        """Digest that a retry of this call shares with it: of token, method, path and content."""
        path, query = self.scope["path"], self.scope["query_string"].decode("latin-1")
        told = f"{self.principal.caller.key_id}\n{self.method}\n{path}\n{query}"
        return hashlib.sha256(told.encode() + b"\n" + await self.body()).digest()

    async def body(self) -> bytes:
        """Body of the call.

        Raises:
            Refusal: 413 when it is too long, 408 when it does not arrive.
        """
        if not hasattr(self, "_body"):
            if int(self.header("content-length") or 0) > BODY_BYTES_MAX:
                raise too_large()
            try:
                async with asyncio.timeout(self.gateway.settings.http_body_s):
                    self._body = await self._read()
            except TimeoutError:
                raise too_slow() from None
        return self._body

    async def json(self) -> Any:
        """The body as JSON.

        Raises:
            Refusal: 400 when it is none; 415 when it does not say that it is.
        """
        if not hasattr(self, "_json"):
            self.require_json()
            self._json = _parsed(await self.body())
        return self._json

    def require_json(self) -> None:
        """Raise 415 unless the body says that it is JSON, or says nothing."""
        told = self.header("content-type")
        if told is not None and told.split(";", 1)[0].strip().lower() != "application/json":
            raise wrong_media_type()

    async def _read(self) -> bytes:
        """In place of `stream`, a generator that the event loop has to see to."""
        body, is_whole = bytearray(), False
        while not is_whole:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            body += message.get("body", b"")
            if len(body) > BODY_BYTES_MAX:
                raise too_large()
            is_whole = not message.get("more_body", False)
        return bytes(body)


def _parsed(body: bytes) -> Any:
    try:
        return jiter.from_json(body, float_mode="decimal", allow_inf_nan=False)
    except ValueError as error:
        raise _not_json(error) from None


def _not_json(error: ValueError) -> Refusal:
    return invalid([Problem.of("json_invalid", path="", detail=error)])
