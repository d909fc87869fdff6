"""Batches: a file in one call."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Connection

from trueup.producer.files.key_suffix import SUFFIX_CHARS_MAX
from trueup.producer.files.mapping.problems import WrongMapping
from trueup.producer.files.opening.content import LacksLibrary, UnfitMapping, UnreadableInput
from trueup.producer.files.reading import Reading
from trueup.store.requests.batch_results import batch_results, find_batch
from trueup.store.requests.batches import BatchUndone
from trueup.store.requests.outcomes import count_outcomes
from trueup.wire.message.envelope import CommitKind, Kind
from trueup.wire.outcome import Verdict
from trueup.wire.values import TEXT_PATTERN
from trueup_worker.gateway.answers.examples import REQUEST
from trueup_worker.gateway.answers.requests import BatchAccepted, BatchAnswer, NewBatch
from trueup_worker.gateway.calls.guarded_route import GuardedRoute, caller_of, gateway_of
from trueup_worker.gateway.calls.request import Call
from trueup_worker.gateway.calls.upload import received
from trueup_worker.gateway.http.encoding import Json
from trueup_worker.gateway.http.options import in_parameters
from trueup_worker.gateway.http.refusals import invalid_field, not_found, not_installed, refusal_of
from trueup_worker.gateway.schema.bodies.body import NO_CURSOR, worded
from trueup_worker.gateway.schema.openapi import answers
from trueup_worker.gateway.uploads.media_types import FORM, FORMATS, JSON
from trueup_worker.gateway.uploads.reading import reading_of
from trueup_worker.gateway.uploads.upload import Upload

router = APIRouter(route_class=GuardedRoute, tags=["Batches"])

_ACCEPTED = answers(BatchAccepted.example(), status=202)
_BYTES = {"type": "string", "format": "binary"}
_FORM = {
    "type": "object",
    "properties": {
        "file": _BYTES | {"description": "The rows: a file of any of the other types."},
        "mapping": {"type": "string", "description": "How a table's columns fill the fields of requests, as TOML."},
    },
    "required": ["file"],
    "additionalProperties": False,
}
_CALL = {
    "x-refusals": ["409"],
    "requestBody": {
        "required": True,
        "content": {name: {"schema": _BYTES} for name in FORMATS}
        | {
            JSON: {"schema": {"description": 'An array of requests, or `{"data": […]}`.'}, "example": [REQUEST]},
            FORM: {"schema": _FORM, "encoding": {"mapping": {"contentType": "application/toml"}}},
        },
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
Sheet = Annotated[
    str | None,
    Query(min_length=1, max_length=255, pattern=TEXT_PATTERN, description="Of a workbook (.xlsx); else: the first."),
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
    sheet: Sheet = None,
    key_suffix: KeySuffix = None,
) -> Response:
    """Send a file of requests: JSONL, JSON, CSV or .xlsx, plain or gzip, of any length. 202 once all rows are kept.

    A table with columns of its own comes as the part `file` of a form, beside its `mapping` as TOML (`trueup mapping
    suggest` writes a first one). The same content, read alike, is the same batch, however it is sent: here, or by
    `trueup ingest`.
    """
    reading = reading_of(
        decimal_comma=decimal_comma, thousands=thousands, encoding=encoding, sheet=sheet, key_suffix=key_suffix
    )
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
    sheet: Sheet = None,
) -> Response:
    """Send a file of lines of rated usage, likewise; `GET /v1/batches/{batch_id}` tells what became of them."""
    reading = reading_of(decimal_comma=decimal_comma, thousands=thousands, encoding=encoding, sheet=sheet)
    return await _take(request, "usage", name, reading, new=new)


async def _take(request: Request, kind: Kind, name: str | None, reading: Reading, *, new: bool) -> Response:
    assert isinstance(request, Call)
    body = await received(request)
    upload = Upload(body.file, body.format, kind, name, new, reading, mapping=body.mapping, anew=not request.is_retry)
    try:
        taken = await request.gateway.take_upload(request.principal, upload)
    except LacksLibrary as error:
        raise not_installed(str(error)) from None
    except (WrongMapping, UnfitMapping) as error:
        raise invalid_field("/mapping", in_parameters(str(error))) from None
    except UnreadableInput as error:
        raise invalid_field(body.path, in_parameters(str(error)), code=error.problem) from None
    except BatchUndone as error:
        raise refusal_of(error, message=in_parameters(str(error))) from None
    told = NewBatch(
        id=taken.batch.id,
        rows=taken.batch.rows,
        rows_without_uniqueness_key=taken.keyless_rows,
        warnings=[*map(in_parameters, taken.warnings)],
    )
    return Json(BatchAccepted(data=told), 202, {"location": f"/v1/batches/{told.id}"})


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
