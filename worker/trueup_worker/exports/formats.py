"""Rows as bytes: CSV for spreadsheets and accounting, JSON lines for programs."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from types import NoneType
from typing import Any, Literal, NamedTuple

import msgspec

from trueup.domain.spreadsheet_text import spreadsheet_text
from trueup.limits import EXPORTED_ROWS_AT_ONCE
from trueup_worker.exports.export import Row

Format = Literal["csv", "jsonl"]
Chunks = Callable[[Sequence[str], Iterable[Row]], Iterator["Chunk"]]

MEDIA_TYPES: Mapping[Format, str] = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}
_encode = msgspec.json.Encoder(decimal_format="number").encode


class Chunk(NamedTuple):
    """Some rows as bytes, and how many."""

    content: bytes
    rows: int


def chunks(columns: Sequence[str], rows: Iterable[Row], *, form: Format) -> Iterator[Chunk]:
    """Rows, some thousand at a time, as bytes of a format; the first chunk of CSV has the names of the columns."""
    return _FORMS[form](columns, rows)


def _csv(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[Chunk]:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow(columns)
    for some in _some(rows):
        writer.writerows([_cell(value) for value in row] for row in some)
        yield Chunk(written.getvalue().encode(), len(some))
        written.seek(0)
        written.truncate()
    if written.tell():
        yield Chunk(written.getvalue().encode(), 0)


def _jsonl(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[Chunk]:
    for some in _some(rows):
        lines = (_encode(dict(zip(columns, map(_json_value, row), strict=True))) for row in some)
        yield Chunk(b"\n".join(lines) + b"\n", len(some))


_FORMS: Mapping[Format, Chunks] = {"csv": _csv, "jsonl": _jsonl}


def _some(rows: Iterable[Row]) -> Iterator[list[Row]]:
    left = iter(rows)
    while some := list(islice(left, EXPORTED_ROWS_AT_ONCE)):
        yield some


def _json_value(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def _cell(value: Any) -> str:
    return _CELLS.get(type(value), str)(value)


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _json(value: Any) -> str:
    return _encode(value).decode()


_CELLS: Mapping[type, Callable[[Any], str]] = {
    NoneType: lambda _: "",
    str: spreadsheet_text,
    bool: lambda value: "true" if value else "false",
    Decimal: lambda value: format(value, "f"),
    datetime: _instant,
    dict: _json,
    list: _json,
}
