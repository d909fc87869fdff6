"""CSV: a header that names fields, then one request a record (the columns: `trueup.producer.files.csv_columns`)."""

import csv
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import cast, get_args

import msgspec

from trueup.limits import FOUND_CHARS_MAX, IDEMPOTENCY_KEY_CHARS_MAX, RAW_EXCERPT_BYTES
from trueup.producer.files.content import LINE_BYTES_MAX, Line, UnreadableInput
from trueup.producer.files.csv_columns import (
    Column,
    Form,
    UnknownColumn,
    body_text,
    column_named,
    form_of,
    missing_columns,
)
from trueup.producer.files.numbers import AS_IN_JSON, NumberMarks
from trueup.producer.files.row import Row
from trueup.producer.files.shown import shown
from trueup.producer.files.suspects import Suspects
from trueup.wire.message.envelope import CommitKind, FormCode, FormProblem, Kind
from trueup.wire.message.packing import content_of, raw_content

_DELIMITERS = ",;\t"
_QUOTED_REST = re.compile(rb'[^"]*(?:""[^"]*)*"(?!")')
_SEPARATOR = re.compile(rb'(?:\xef\xbb\xbf)?"?sep=(.)"?[,;\t ]*')  # how a spreadsheet is told its own delimiter
_BOM = "\ufeff"
_AROUND = f" \t\r\n\xa0{_BOM}"
_BLANK = b' \t\r\n",;'
_LINES_ABOVE_MAX = 20
_COLUMNS_MIN = 2
_CODE_PAGES = ("cp1252", "cp850", "mac_roman")  # in which spreadsheets write, the usual one first
_WARNINGS_MAX = 10

csv.field_size_limit(max(csv.field_size_limit(), LINE_BYTES_MAX))


@dataclass(frozen=True, slots=True)
class _Record:
    """The text of a record, which a quoted cell may stretch over many lines."""

    line_number: int
    text: bytes
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Header:
    """Header of a file: for each cell of a record, its column."""

    delimiter: str
    names: Sequence[str]
    columns: Sequence[Column]
    nameless: Sequence[int]


class _BadForm(Exception):
    """A record is no CSV, or has another form than the header's; without a code it is only too large."""

    def __init__(self, found: str, code: FormCode | None = None) -> None:
        super().__init__(found)
        self.code = code


def csv_rows(
    lines: Iterable[Line],
    kind: Kind,
    *,
    name: str,
    warn: Callable[[str], None] | None = None,
    marks: NumberMarks = AS_IN_JSON,
    first_pass: bool = False,
) -> Iterator[Row]:
    """The rows of a CSV input; a row's number is its record's, counted after the header without blank lines.

    A record with more or fewer cells than the header, or with broken quotes, travels as raw: its outcome says so.

    Args:
        lines: of the file.
        kind: of a row that has no `kind` cell; rows of usage have none.
        name: what the user calls the file.
        marks: how numbers are written.
        first_pass: cells that can be read in two ways, or that a spreadsheet changed, refuse the file at its end.
        warn: is told of records that travel as raw: the first ten one by one, then how many more.

    Raises:
        UnreadableInput: the header cannot be understood, or a quote is never closed.
    """
    delimiter, above, lines = _find_header(lines, form_of(kind), name)
    if above and warn:
        warn(f"{name}: lines above its header are left out: {', '.join(map(shown, above))}")
    records = _records(lines, delimiter, name)
    header = _header(next(records).text, delimiter, kind, name, marks)
    suspects = Suspects(header.names, header.columns, delimiter=delimiter, marks=marks) if first_pass else None
    refused = 0
    for number, record in enumerate(records, start=1):
        try:
            yield _row(number, record, header, kind, suspects)
        except _BadForm as bad:
            refused += 1
            found = f"record {number} (line {record.line_number}): {bad}"
            if warn and refused <= _WARNINGS_MAX:
                warn(f"{name}, {found}; it will be refused")
            form = FormProblem(bad.code, found.replace("\0", "\\0")[:FOUND_CHARS_MAX]) if bad.code else None
            content = raw_content(record.text, size_bytes=record.size_bytes)
            whole = record.text if len(record.text) == record.size_bytes else b""
            yield Row(number, kind, None, *content, form=form, record=whole)
    if warn and refused > _WARNINGS_MAX:
        warn(f"{name}: {refused - _WARNINGS_MAX} more records will be refused for their form")
    if suspects:
        suspects.require_none(name)


def csv_header(lines: Iterable[Line], kind: Kind, *, name: str) -> bytes:
    """The header of a CSV input as it stands there, for records of it that are written to another file."""
    delimiter, _, lines = _find_header(lines, form_of(kind), name)
    return next(_records(lines, delimiter, name)).text


def _row(number: int, record: _Record, header: _Header, kind: Kind, suspects: Suspects | None) -> Row:
    if len(record.text) < record.size_bytes:
        raise _BadForm(f"{record.size_bytes} bytes are too large")
    cells = _cells(record.text, header.delimiter)
    if len(cells) != len(header.names):
        if len(cells) < len(header.names) or any(cells[len(header.names) :]):
            raise _BadForm(f"{len(cells)} cells where the header has {len(header.names)}", "csv_row_shape")
        del cells[len(header.names) :]
    for index in header.nameless:
        if cells[index]:
            raise _BadForm(f"{shown(cells[index])} stands in column {index + 1}, which has no name", "csv_row_shape")
    if suspects:
        suspects.look(number, cells)
    row = dict(zip(header.names, cells, strict=True))
    own = {name: row[name] for name in form_of(kind).row_columns if row.get(name)}
    if _usable(own):  # else they stay in the body, where they are refused by name
        cells = ["" if name in own else cell for name, cell in zip(header.names, cells, strict=True)]
    else:
        own = {}
    return Row(
        number,
        cast("Kind", own.get("kind", kind)),
        own.get("idempotency_key"),
        *content_of(body_text(header.columns, cells)),
        keyless=kind != "usage" and not row.get("uniqueness_key"),
        record=record.text,
    )


def _usable(own: dict[str, str]) -> bool:
    kind, key = own.get("kind", "commit"), own.get("idempotency_key", "-")
    return kind in get_args(CommitKind) and len(key) <= IDEMPOTENCY_KEY_CHARS_MAX and "\0" not in key


def _header(text: bytes, delimiter: str, kind: Kind, name: str, marks: NumberMarks) -> _Header:
    try:
        names = _cells(text, delimiter)
    except _BadForm as error:
        raise UnreadableInput(f"{name}: the header cannot be read: {error}") from None
    columns, unknown = [], []
    form = form_of(kind)
    for column in names:
        try:
            columns.append(_column(column, form))
        except UnknownColumn as error:
            unknown.append(str(error))
    problems = {
        "unknown columns": unknown,
        "columns named twice": _named_twice(names, columns) if not unknown else [],
        "missing columns": _missing(names, columns, kind) if not unknown else [],
    }
    said = "; ".join(f"{what}: {', '.join(which)}" for what, which in problems.items() if which)
    if said:
        raise UnreadableInput(
            f"{name}: {said}. The first line must name the columns; trueup/producer/README.md lists them"
        )
    if marks.are_told:
        columns = [replace(each, encode=marks.encode) if each.numeric else each for each in columns]
    return _Header(delimiter, names, columns, [index for index, name in enumerate(names) if not name])


def _find_header(lines: Iterable[Line], form: Form, name: str) -> tuple[str, list[str], Iterator[Line]]:
    """The delimiter, the lines above the header, and the lines from the header on.

    The header is the first line that names two columns; where none does, the first line, of which that is told.
    """
    lines = iter(lines)
    delimiters = _DELIMITERS
    above: list[Line] = []
    for line in itertools.islice((line for line in lines if line.text.strip(_BLANK)), _LINES_ABOVE_MAX):
        if said := _SEPARATOR.fullmatch(line.text):
            delimiters = said[1].decode()
            continue
        delimiter = max(delimiters, key=lambda character: line.text.count(character.encode()))
        if _named_columns(line.text, delimiter, form) >= _COLUMNS_MIN:
            return delimiter, [each.text.decode(errors="replace") for each in above], itertools.chain([line], lines)
        above.append(line)
    if not above:
        raise UnreadableInput(f"{name} has no header")
    delimiter = max(delimiters, key=lambda character: above[0].text.count(character.encode()))
    return delimiter, [], itertools.chain(above, lines)


def _named_columns(text: bytes, delimiter: str, form: Form) -> int:
    """Count the columns of requests that a line names."""
    named = 0
    with suppress(_BadForm):
        for cell in _cells(text, delimiter):
            with suppress(UnknownColumn):
                named += bool(cell and _column(cell, form))
    return named


def _column(name: str, form: Form) -> Column:
    if not name:
        return Column((), msgspec.json.encode, detail=True)
    return Column(((name,),), msgspec.json.encode) if name in form.row_columns else column_named(name, form)


def _named_twice(names: Sequence[str], columns: Sequence[Column]) -> list[str]:
    """The columns that fill what another one fills too, or a part of it."""
    times = Counter(path[:length] for column in columns for path in column.paths for length in range(1, len(path) + 1))
    whole = Counter(path for column in columns for path in column.paths)
    return [
        name
        for name, column in zip(names, columns, strict=True)
        if any(times[path] > 1 or any(whole[path[:length]] for length in range(1, len(path))) for path in column.paths)
    ]


def _missing(names: Sequence[str], columns: Sequence[Column], kind: Kind) -> list[str]:
    without_type = kind == "credit" or "kind" in names
    return [column for column in missing_columns(columns, form_of(kind)) if not (column == "type" and without_type)]


def _cells(text: bytes, delimiter: str) -> list[str]:
    """The cells of a record, without the spaces and byte-order marks around them."""
    try:
        cells = next(csv.reader([text.decode().removeprefix(_BOM)], delimiter=delimiter, strict=True))
        return [cell.strip(_AROUND) for cell in cells]
    except UnicodeDecodeError as error:
        raise _BadForm(_not_utf8(text, error.start, delimiter), "not_utf8") from None
    except csv.Error as error:
        raise _BadForm(str(error), "csv_quotes") from None


def _not_utf8(text: bytes, at: int, delimiter: str) -> str:
    """Name a byte that is no UTF-8, its cell, and the code page that makes a word of it."""
    edge = delimiter.encode()
    cell = text[text.rfind(edge, 0, at) + 1 : (text.find(edge, at) + 1 or len(text) + 1) - 1]
    told = f"not UTF-8: the byte 0x{text[at]:02x} in {shown(cell.decode(errors='replace'))}"
    for page in _CODE_PAGES:
        with suppress(UnicodeDecodeError):
            word = cell.decode(page)
            if all(character.isascii() or character.isalpha() for character in word):
                told += f", which is {shown(word)} in {page}"
                break
    return f"{told}; save the file as UTF-8 (in Excel: CSV UTF-8)"


def _records(lines: Iterable[Line], delimiter: str, name: str) -> Iterator[_Record]:
    """Join the lines of each record. A line too large to be held ends its record, whatever it may quote."""
    blank = _BLANK + delimiter.encode()
    cell_in_quotes = re.compile(rb'(?:\A|%b)"' % re.escape(delimiter.encode()))
    first, kept, size_bytes, quoted = 0, bytearray(), 0, False
    for line in lines:
        if quoted:
            kept += b"\n"
        else:
            first, kept, size_bytes = line.number, bytearray(), 0
        kept += line.text
        size_bytes += line.size_bytes + quoted
        if size_bytes > LINE_BYTES_MAX:
            del kept[RAW_EXCERPT_BYTES:]
        quoted = line.is_whole and _ends_in_quotes(line.text, cell_in_quotes, quoted=quoted)
        if not quoted and kept.strip(blank):
            yield _Record(first, bytes(kept), size_bytes)
    if quoted:
        raise UnreadableInput(f"{name}: the quote that opens in the record at line {first} is never closed")


def _ends_in_quotes(line: bytes, cell_in_quotes: re.Pattern[bytes], *, quoted: bool) -> bool:
    """Tell whether a quoted cell goes on after this line."""
    if b'"' not in line:
        return quoted
    position = 0
    while True:
        if quoted:
            end = _QUOTED_REST.match(line, position)
            if end is None:
                return True
            position = end.end()
        start = cell_in_quotes.search(line, position)
        if start is None:
            return False
        position, quoted = start.end(), True
