"""Route of exports."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Connection
from starlette.types import Receive, Scope, Send

from trueup_worker.exports.catalogue import export_named
from trueup_worker.exports.export import Export, Span, SpanRefused
from trueup_worker.exports.formats import MEDIA_TYPES, Format, chunks
from trueup_worker.exports.months import NotAMonth, month_named
from trueup_worker.gateway.calls.guarded_route import GuardedRoute, caller_of, gateway_of
from trueup_worker.gateway.calls.request import Call
from trueup_worker.gateway.database.streams import Stream
from trueup_worker.gateway.http.left_out import left_out_described, left_out_headers
from trueup_worker.gateway.http.refusals import invalid_field
from trueup_worker.gateway.limits import EXPORT_SECONDS_MAX
from trueup_worker.gateway.schema.bodies.body import Instant, worded

router = APIRouter(route_class=GuardedRoute, tags=["Exports"])

_Time = Annotated[Instant | None, Query()]
_Form = Annotated[Format, Query(), worded("must be csv or jsonl")]
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The rows, sent as they are read. The answer is whole if it ends as its encoding says.",
        "headers": left_out_described("What has no rows although it might, and why, as a JSON string; else absent."),
        "content": {kind.partition(";")[0]: {"schema": {"type": "string"}} for kind in MEDIA_TYPES.values()},
    }
}


@router.get("/v1/exports/{name}", responses=_RESPONSES)
async def export_rows(
    request: Request,
    name: str,
    *,
    since: _Time = None,
    until: _Time = None,
    month: str | None = None,
    format: _Form = "csv",  # noqa: A002 - the parameter's name
) -> Response:
    """Rows of one moment, as many as there are: of a `month` (2026-10), or `since` an instant, `until` another.

    Exports: `invoices`, `invoice-lines`, `commits`, `ledger`, `usage`, `outcomes`, `journal`, `focus`. What their
    columns are, `trueup export NAME --columns` tells. One at a time for an account (429).
    """
    chosen = export_named(name)
    span = _span(month, since, until)
    account_id = caller_of(request).account_id

    left_out: list[str] = []

    def rows(connection: Connection) -> Iterator[bytes]:
        found = chunks(list(chosen.columns), chosen.rows(connection, account_id, span), form=format)
        begun = next(found, None)
        left_out.extend(chosen.left_out(connection, account_id, span))
        if begun is not None:
            yield begun.content
            yield from (chunk.content for chunk in found)

    first, stream = await gateway_of(request).streams.begin(account_id, rows)
    return _Sent(chosen, format, first, stream, left_out)


class _Sent(Response):
    """An export while it is read; what goes wrong on the way leaves it without its end."""

    def __init__(
        self, export: Export, form: Format, first: bytes | None, stream: Stream, left_out: Sequence[str]
    ) -> None:
        named = f'attachment; filename="{export.name}.{form}"'
        super().__init__(b"", media_type=MEDIA_TYPES[form], headers={"content-disposition": named})
        del self.headers["content-length"]
        self.headers.update(left_out_headers(left_out))
        self._first, self._stream = first, stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send one piece after the other, as fast as they are taken."""
        call = Call(scope, receive)
        try:
            async with asyncio.timeout(EXPORT_SECONDS_MAX):
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                piece = self._first
                while piece is not None and not call.has_hung_up:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                    piece = await self._stream.next()
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._stream.close()


def _span(month: str | None, since: datetime | None, until: datetime | None) -> Span:
    if month is not None and (since or until):
        raise invalid_field("/month", "stands alone: it has no since and until beside it")
    try:
        return Span(since, until) if month is None else Span(*month_named(month))
    except NotAMonth as error:
        raise invalid_field("/month", str(error)) from None
    except SpanRefused as error:
        raise invalid_field("/until", str(error)) from None
