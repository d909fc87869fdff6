"""A request as it comes in: its body bounded in size and time, its JSON exact."""

import asyncio
from typing import Any

import jiter
from fastapi import Request

from shared.limits import BODY_BYTES_MAX
from shared.wire.problems import Problem
from worker.gateway.refusals import Refusal, invalid, too_large, too_slow, wrong_media_type


class Call(Request):
    """A request whose body is read whole, once, and whose numbers are decimals."""

    _body: bytes
    _json: Any

    @property
    def is_retry(self) -> bool:
        """Whether Metronome's SDK says that it sends this again, because it saw no answer, or none that was final.

        Never where the settings say that this is not to count.
        """
        count = self.headers.get("x-stainless-retry-count", "0")
        return (
            bool(self.app.state.gateway.settings.http_answer_retries) and count.isdecimal() and count.strip("0") != ""
        )

    async def body(self) -> bytes:
        """The body.

        Raises:
            Refusal: 413 when it is too long, 408 when it does not arrive.
        """
        if not hasattr(self, "_body"):
            if int(self.headers.get("content-length") or 0) > BODY_BYTES_MAX:
                raise too_large()
            try:
                async with asyncio.timeout(self.app.state.gateway.settings.http_body_s):
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
        """Raises 415 unless the body says that it is JSON, or says nothing."""
        media_type = self.headers.get("content-type", "application/json").split(";", 1)[0].strip().lower()
        if media_type != "application/json":
            raise wrong_media_type()

    async def _read(self) -> bytes:
        parts, size = [], 0
        async for part in self.stream():
            size += len(part)
            if size > BODY_BYTES_MAX:
                raise too_large()
            parts.append(part)
        return b"".join(parts)


def _parsed(body: bytes) -> Any:
    try:
        return jiter.from_json(body, float_mode="decimal", allow_inf_nan=False)
    except ValueError as error:
        raise _not_json(error) from None


def _not_json(error: ValueError) -> Refusal:
    return invalid([Problem.of("json_invalid", path="", detail=error)])
