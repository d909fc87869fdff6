"""Batches: a file in one call."""

import asyncio
from contextlib import ExitStack
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Connection

from trueup.producer.files.content import Format, UnreadableInput
from trueup.producer.files.key_suffix import SUFFIX_CHARS_MAX
from trueup.producer.files.reading import Reading
from trueup.store.requests.batch_results import batch_results, find_batch
from trueup.store.requests.outcomes import count_outcomes
from trueup.wire.message.envelope import CommitKind, Kind
from trueup.wire.outcome import Verdict
from trueup.wire.values import TEXT_PATTERN
from trueup_worker.gateway.answers.examples import REQUEST
from trueup_worker.gateway.answers.requests import BatchAccepted, BatchAnswer, NewBatch
from trueup_worker.gateway.calls.guarded_route import GuardedRoute, caller_of, gateway_of
from trueup_worker.gateway.calls.request import Call
from trueup_worker.gateway.http.encoding import Json
from trueup_worker.gateway.http.refusals import Refusal, invalid_field, not_found, too_slow
from trueup_worker.gateway.schema.bodies.body import NO_CURSOR, worded
from trueup_worker.gateway.schema.openapi import answers
from trueup_worker.gateway.uploads.reading import in_parameters, reading_of
from trueup_worker.gateway.uploads.spool import Spooled
from trueup_worker.gateway.uploads.upload import Upload

router = APIRouter(route_class=GuardedRoute, tags=["Batches"])

_JSON = "application/json"
_FORMATS: dict[str, Format | None] = {
    "application/jsonl": "jsonl",
    "application/x-ndjson": "jsonl",
    "application/x-jsonlines": "jsonl",
    _JSON: "jsonl",  # whose beginning tells whether it is one document
    "text/csv": "csv",
    "application/gzip": None,
    "application/octet-stream": None,
    "": None,
}
_ACCEPTED = answers(BatchAccepted.example(), status=202)
_CALL = {
    "x-refusals": ["409"],
    "requestBody": {
        "required": True,
        "content": {name: {"schema": {"type": "string", "format": "binary"}} for name in filter(None, _FORMATS)}
        | {_JSON: {"schema": {"description": 'An array of requests, or `{"data": […]}`.'}, "example": [REQUEST]}},
    },
}
_RESULTS = 100
_RESULTS_MAX = 1_000

Name = Annotated[str | None, Query(min_length=1, max_length=255, pattern=TEXT_PATTERN)]
Results = Annotated[
    int, Query(ge=1, le=_RESULTS_MAX), worded("must be a whole number between 1 and {most}", most=_RESULTS_MAX)
]
DecimalComma = Annotated[
    bool | None, Query(description="Of CSV: whether a comma stands before decimals; say false where a point does.")
]
Thousands = Annotated[
    str | None, Query(max_length=1, description="Of CSV: what stands between thousands: `.`, `,`, `'` or a space.")
]
Encoding = Annotated[
    str | None,
    Query(max_length=64, pattern=TEXT_PATTERN, description="Of a text that is not UTF-8: `cp1252`, `utf-16`, …"),
]
KeySuffix = Annotated[
    str | None,
    Query(max_length=SUFFIX_CHARS_MAX, description="Ends the keys of all rows: new keys, for what was taken back."),
]
Row = Annotated[int, Query(ge=0, lt=1 << 30), worded(NO_CURSOR)]


@router.post("/v1/batches", status_code=202, responses=_ACCEPTED, openapi_extra=_CALL)
async def create_batch(
    request: Request,
    kind: CommitKind = "commit",
    name: Name = None,
    *,
    new: bool = False,
    decimal_comma: DecimalComma = None,
    thousands: Thousands = None,
    encoding: Encoding = None,
    key_suffix: KeySuffix = None,
) -> Response:
    """Send a file of requests: JSONL, JSON or CSV, plain or gzip, of any length. 202 once every row of it is kept.

    The same content, read alike, is the same batch, however it is sent: here, or by `trueup ingest`.
    """
    reading = reading_of(decimal_comma=decimal_comma, thousands=thousands, encoding=encoding, key_suffix=key_suffix)
    return await _take(request, kind, name, reading, new=new)


@router.post("/v1/usage/batch", status_code=202, responses=_ACCEPTED, openapi_extra=_CALL)
async def create_usage_batch(
    request: Request,
    name: Name = None,
    *,
    new: bool = False,
    decimal_comma: DecimalComma = None,
    thousands: Thousands = None,
    encoding: Encoding = None,
) -> Response:
    """Send a file of lines of rated usage, likewise; `GET /v1/batches/{batch_id}` tells what became of them."""
    reading = reading_of(decimal_comma=decimal_comma, thousands=thousands, encoding=encoding)
    return await _take(request, "usage", name, reading, new=new)


async def _take(request: Request, kind: Kind, name: str | None, reading: Reading, *, new: bool) -> Response:
    media_type = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if media_type not in _FORMATS:
        raise Refusal(415, "invalid_request", f"a batch is one of {', '.join(filter(None, _FORMATS))}")
    assert isinstance(request, Call)
    gateway, principal = request.gateway, request.principal
    upload = Upload(await _spooled(request), _FORMATS[media_type], kind, name, new, reading, anew=not request.is_retry)
    try:
        batch, scanned = await gateway.take_upload(principal, upload)
    except UnreadableInput as error:
        raise invalid_field("", in_parameters(str(error)), code="json_invalid") from None
    told = NewBatch(id=batch.id, rows=batch.rows, rows_without_uniqueness_key=scanned.keyless_rows)
    return Json(BatchAccepted(data=told), 202, {"location": f"/v1/batches/{batch.id}"})


@router.get("/v1/batches/{batch_id}", responses=answers(BatchAnswer.example()))
async def show_batch(
    request: Request,
    batch_id: UUID,
    limit: Results = _RESULTS,
    next_page: Row = 0,
    outcome: Verdict | None = None,
) -> Response:
    """Progress of a batch: how many rows have which outcome, and the outcomes in the order of the rows."""
    account_id = caller_of(request).account_id

    def look(connection: Connection) -> BatchAnswer | None:
        batch = find_batch(connection, account_id, batch_id)
        if batch is None:
            return None
        counts = count_outcomes(connection, account_id, batch_id)
        page = batch_results(connection, account_id, batch_id, after_row=next_page, limit=limit, outcome=outcome)
        return BatchAnswer.of(batch, counts, page)

    found = await gateway_of(request).read(look)
    if found is None:
        raise not_found(f"there is no batch {batch_id}")
    return Json(found)


async def _spooled(request: Request) -> Spooled:
    """The body on disk: it is read twice, and may be longer than memory. Whoever takes it closes it.

    Raises:
        Refusal: 408, 413, 429, 503: it does not arrive, or there is no room for it.
    """
    assert isinstance(request, Call)
    gateway = request.gateway
    part_s, size = gateway.settings.http_body_s, int(request.header("content-length") or 0)
    with ExitStack() as stack:
        file = stack.enter_context(gateway.spool.open(request.principal.caller.account_id, size=size))
        parts = aiter(request.stream())
        try:
            while True:
                async with asyncio.timeout(part_s):
                    part = await anext(parts, None)
                if part is None:
                    break
                file.write(part)
        except TimeoutError:
            raise too_slow() from None
        stack.pop_all()
    return file
