"""CSV: a header that names fields, then one request a record (the columns: `trueup.producer.files.csv_columns`)."""

import csv
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from trueup.limits import FOUND_CHARS_MAX, LOOKUPS_MAX, RAW_EXCERPT_BYTES
from trueup.producer.files.content import LINE_BYTES_MAX, Line, UnreadableInput
from trueup.producer.files.mapping.lookup import NOTHING_LOOKED_UP, Lookups, Wanted
from trueup.producer.files.mapping.mapped_table import MappedTable
from trueup.producer.files.mapping.preview import MappedField
from trueup.producer.files.mapping.problems import BadCell, WrongMapping
from trueup.producer.files.meaning import header_finder, meaning_of
from trueup.producer.files.named_table import WrongColumns
from trueup.producer.files.reading import AS_IT_STANDS, Reading
from trueup.producer.files.row import Row
from trueup.producer.files.shown import shown
from trueup.producer.files.suspects import Suspects
from trueup.producer.files.text_encoding import lone_byte
from trueup.wire.message.envelope import FormCode, FormProblem, Kind
from trueup.wire.message.packing import raw_content

IsHeader = Callable[[Sequence[str]], bool]
Warn = Callable[[str], None]

_DELIMITERS = ",;\t"
_QUOTED_REST = re.compile(rb'[^"]*(?:""[^"]*)*"(?!")')
_SEPARATOR = re.compile(rb'(?:\xef\xbb\xbf)?"?sep=(.)"?[,;\t ]*')  # how a spreadsheet is told its own delimiter
_BOM = "\ufeff"
_AROUND = f" \t\r\n\xa0{_BOM}"
_BLANK = b' \t\r\n",;'
_LINES_ABOVE_MAX = 20
_CODE_PAGES = ("cp1252", "cp850", "mac_roman")  # in which spreadsheets write, the usual one first
_WARNINGS_MAX = 10

csv.field_size_limit(max(csv.field_size_limit(), LINE_BYTES_MAX))


@dataclass(frozen=True, slots=True)
class _Record:
    """The text of a record, which a quoted cell may stretch over many lines."""

    line_number: int
    text: bytes
    size_bytes: int


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
    warn: Warn | None = None,
    reading: Reading = AS_IT_STANDS,
    lookups: Lookups = NOTHING_LOOKED_UP,
) -> Iterator[Row]:
    """The rows of a CSV input; a row's number is its record's, counted after the header without blank lines.

    A record with more or fewer cells than the header, with broken quotes, or that its mapping cannot read, travels as
    raw: its outcome says so.

    Args:
        lines: of the file.
        kind: of a row that has no `kind` cell; rows of usage have none.
        name: what the user calls the file.
        reading: how it is read.
        lookups: what the catalog said of what the file asks for.
        warn: is told of records whose form is wrong: the first ten one by one, then how many more.

    Raises:
        UnreadableInput: the header cannot be understood, or a quote is never closed.
    """
    table = _Table(lines, kind, name=name, reading=reading, lookups=lookups, warn=warn)
    for number, record in table.records():
        try:
            cells = table.cells(record)
            if cells is not None:
                yield table.meaning.row(number, cells, record.text)
        except (_BadForm, BadCell) as bad:
            if isinstance(bad, _BadForm):
                table.warn_of(number, record, bad)
            form = FormProblem(bad.code, table.found(number, record, bad)) if bad.code else None
            content = raw_content(record.text, size_bytes=record.size_bytes)
            whole = record.text if len(record.text) == record.size_bytes else b""
            yield Row(number, kind, None, *content, form=form, record=whole)
    table.warn_of_all()


def csv_first_pass(
    lines: Iterable[Line], kind: Kind, *, name: str, reading: Reading, warn: Warn | None, wanted: set[Wanted]
) -> Iterator[bool]:
    """Look at all records before anything is sent: of each whose row is sent, whether it is keyless.

    Args:
        lines: of the file.
        kind: of a row that has no `kind` cell.
        name: what the user calls the file.
        reading: how it is read.
        warn: is told of records whose form is wrong, and of those that are left out.
        wanted: takes what the file asks the catalog for.

    Raises:
        UnreadableInput: as `csv_rows`; or cells can be read in two ways, a spreadsheet changed them, or they name too
            many records.
    """
    table = _Table(lines, kind, name=name, reading=reading, lookups=NOTHING_LOOKED_UP, warn=warn)
    meaning = table.meaning
    suspects = Suspects(numeric=meaning.numeric, keys=meaning.keys, delimiter=table.delimiter, marks=reading.marks)
    for number, record in table.records():
        try:
            cells = table.cells(record)
        except _BadForm as bad:
            table.warn_of(number, record, bad)
            yield False
            continue
        if cells is None:
            continue
        suspects.look(number, cells)
        wanted.update(meaning.wanted(cells))
        if len(wanted) > LOOKUPS_MAX:
            raise UnreadableInput(f"{name} names more than {LOOKUPS_MAX} different records to look up: split it")
        yield meaning.is_keyless(cells)
    table.warn_of_all()
    suspects.require_none(name)


def csv_mapped(
    lines: Iterable[Line], kind: Kind, *, name: str, reading: Reading, lookups: Lookups
) -> Iterator[tuple[int, list[MappedField]]]:
    """The numbers of the records that a mapping reads, and their fields before and after; of bad form none."""
    table = _Table(lines, kind, name=name, reading=reading, lookups=lookups, warn=None)
    for number, record in table.records():
        with suppress(_BadForm):
            cells = table.cells(record)
            if cells is not None and isinstance(table.meaning, MappedTable):
                yield number, list(table.meaning.fields_of(cells))


def csv_header(lines: Iterable[Line], kind: Kind, *, name: str, reading: Reading = AS_IT_STANDS) -> bytes:
    """The header of a CSV input as it stands there, for records of it that are written to another file."""
    delimiter, _, lines = _find_header(lines, header_finder(kind, reading), name)
    return next(_records(lines, delimiter, name)).text


def csv_cells(
    lines: Iterable[Line], is_header: IsHeader, *, name: str
) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The header's cells, and below it the numbers and cells of the records that have its form.

    Raises:
        UnreadableInput: there is no header, or it cannot be read.
    """
    delimiter, _, lines = _find_header(lines, is_header, name)
    records = _records(lines, delimiter, name)
    try:
        names = _cells(next(records).text, delimiter)
    except _BadForm as error:
        raise UnreadableInput(f"{name}: the header cannot be read: {error}") from None
    return names, _of_width(records, delimiter, len(names))


def _of_width(records: Iterator[_Record], delimiter: str, width: int) -> Iterator[tuple[int, list[str]]]:
    for number, record in enumerate(records, start=1):
        with suppress(_BadForm):
            cells = _cells(record.text, delimiter) if len(record.text) == record.size_bytes else []
            if len(cells) >= width and not any(cells[width:]):
                yield number, cells[:width]


class _Table:
    """A table as it is read once: its header, what its records mean, and what is told of them."""

    def __init__(
        self,
        lines: Iterable[Line],
        kind: Kind,
        *,
        name: str,
        reading: Reading,
        lookups: Lookups,
        warn: Warn | None,
    ) -> None:
        self.delimiter, above, lines = _find_header(lines, header_finder(kind, reading), name)
        self._name, self._warn = name, warn or _silent
        self._refused = 0
        if above:
            self._warn(f"{name}: lines above its header are left out: {', '.join(map(shown, above))}")
        self._records = _records(lines, self.delimiter, name)
        try:
            names = _cells(next(self._records).text, self.delimiter)
            self.meaning = meaning_of(names, kind, reading, lookups)
        except _BadForm as error:
            raise UnreadableInput(f"{name}: the header cannot be read: {error}") from None
        except (WrongColumns, WrongMapping) as error:
            raise UnreadableInput(f"{name}: {error}") from None
        self._width, self._is_mapped = len(names), reading.mapping is not None
        self._nameless = [index for index, each in enumerate(names) if not each]

    def records(self) -> Iterator[tuple[int, _Record]]:
        """The records below the header, with their numbers."""
        return enumerate(self._records, start=1)

    def cells(self, record: _Record) -> list[str] | None:
        """The cells of a record, as many as the header has; None: it is left out.

        Raises:
            _BadForm: it has another form.
        """
        if len(record.text) < record.size_bytes:
            raise _BadForm(f"{record.size_bytes} bytes are too large")
        cells = _cells(record.text, self.delimiter)
        if len(cells) != self._width:
            # A footer has one cell: a condition of the mapping may leave it out.
            if len(cells) == 1 and self._is_mapped and self.meaning.is_skipped(cells + [""] * (self._width - 1)):
                return None
            if len(cells) < self._width or any(cells[self._width :]):
                raise _BadForm(f"{len(cells)} cells where the header has {self._width}", "csv_row_shape")
            del cells[self._width :]
        if self.meaning.is_skipped(cells):
            return None
        for index in self._nameless:
            if cells[index]:
                raise _BadForm(
                    f"{shown(cells[index])} stands in column {index + 1}, which has no name", "csv_row_shape"
                )
        return cells

    def found(self, number: int, record: _Record, bad: Exception) -> str:
        """Words on a record that is refused: where it is, and why."""
        return f"record {number} (line {record.line_number}): {bad}".replace("\0", "\\0")[:FOUND_CHARS_MAX]

    def warn_of(self, number: int, record: _Record, bad: _BadForm) -> None:
        """Tell of a record whose form is wrong, unless many were told of."""
        self._refused += 1
        if self._refused <= _WARNINGS_MAX:
            self._warn(f"{self._name}, record {number} (line {record.line_number}): {bad}; it will be refused")

    def warn_of_all(self) -> None:
        """Tell how many more records there were, and which are left out."""
        if self._refused > _WARNINGS_MAX:
            self._warn(f"{self._name}: {self._refused - _WARNINGS_MAX} more records will be refused for their form")
        if told := self.meaning.told_of_skipped():
            self._warn(f"{self._name}: rows that the mapping leaves out: {'; '.join(told)}")


def _silent(_: str) -> None:
    pass


def _find_header(lines: Iterable[Line], is_header: IsHeader, name: str) -> tuple[str, list[str], Iterator[Line]]:
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
        with suppress(_BadForm):
            if is_header(_cells(line.text, delimiter)):
                return delimiter, [each.text.decode(errors="replace") for each in above], itertools.chain([line], lines)
        above.append(line)
    if not above:
        raise UnreadableInput(f"{name} has no header")
    delimiter = max(delimiters, key=lambda character: above[0].text.count(character.encode()))
    return delimiter, [], itertools.chain(above, lines)


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
    """Name a byte that is no character, its cell, and the code page that makes a word of it."""
    edge = delimiter.encode()
    cell = text[text.rfind(edge, 0, at) + 1 : (text.find(edge, at) + 1 or len(text) + 1) - 1]
    if lone := lone_byte(text, at):
        in_cell = shown(cell.decode(errors="replace"))
        return f"the byte 0x{lone:02x} in {in_cell} is no character in the encoding that was told"
    told = f"not UTF-8: the byte 0x{text[at]:02x} in {shown(cell.decode(errors='replace'))}"
    for page in _CODE_PAGES:
        with suppress(UnicodeDecodeError):
            word = cell.decode(page)
            if all(character.isascii() or character.isalpha() for character in word):
                told += f", which is {shown(word)} in {page}"
                break
    else:
        page = _CODE_PAGES[0]
    return f"{told}; save the file as UTF-8 (in Excel: CSV UTF-8), or say --encoding {page} if its whole text is so"


def _records(lines: Iterable[Line], delimiter: str, name: str) -> Iterator[_Record]:
    """Join the lines of each record. A line too large to be held ends its record, whatever it may quote."""
    blank = _BLANK + delimiter.encode()
    cell_in_quotes = re.compile(rb'(?:\A|%b)"' % re.escape(delimiter.encode()))
    whole = _whole_line(delimiter)
    first, kept, size_bytes, quoted = 0, bytearray(), 0, False
    for line in lines:
        if not quoted and len(line.text) == line.size_bytes and whole.fullmatch(line.text) and line.text.strip(blank):
            yield _Record(line.number, line.text, line.size_bytes)
            continue
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


def _whole_line(delimiter: str) -> re.Pattern[bytes]:
    """Pattern of the usual line: each cell without quotes, or all of it in quotes. It never goes back."""
    edge = re.escape(delimiter.encode())
    cell = rb'(?:"(?:[^"]++|"")*+"|[^"%b]*+)' % edge
    return re.compile(rb"%b(?:%b%b)*+" % (cell, edge, cell))


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
