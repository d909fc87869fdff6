"""A table in a CSV text."""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import Literal

from trueup.producer.files.columns.column_name import column_name
from trueup.producer.files.opening.content import Line, UnreadableInput
from trueup.producer.files.tables.csv_cells import cells_of, rough_cells
from trueup.producer.files.tables.csv_records import BLANK, csv_records, first_record, lines_left
from trueup.producer.files.tables.table import BadForm, Record

IsHeader = Callable[[Sequence[str]], bool]

LINES_ABOVE_MAX = 20
_LOOKED_AT_MAX = 1_000  # with blank lines between them
_DELIMITERS = ",;\t"
# How a spreadsheet is told its own delimiter: a sign or a space, as letters and quotes are none.
_SEPARATOR = re.compile(rb'(?:\xef\xbb\xbf)?"?sep=([\t !#-/:-@\[-`{-~])"?[,;\t ]*')


class CsvTable:
    """A table in lines of CSV; as `trueup.producer.files.tables.table.Table`.

    Its header is the first record that is one; where none is, the first record.

    Args:
        lines: of the file.
        is_header: tells whether cells are a header's.
        name: what the user calls the file.

    Raises:
        UnreadableInput: there is no header, or it cannot be read.
    """

    unit: Literal["line"] = "line"
    notes: Sequence[str] = ()

    def __init__(self, lines: Iterable[Line], is_header: IsHeader, *, name: str) -> None:
        self.delimiter, self.above, lines = _find_header(lines, is_header, name)
        self._records = csv_records(lines, self.delimiter)
        self.header = next(self._records)
        try:
            self.names = [*map(column_name, self.cells(self.header))]
        except BadForm as error:
            raise UnreadableInput(f"{name}: the header cannot be read: {error}") from None

    def records(self) -> Iterator[Record]:
        """The records below the header; of empty ones none."""
        return self._records

    def cells(self, record: Record) -> list[str]:
        """The cells of a record without what stands around them, however many there are.

        Raises:
            BadForm: they cannot be told apart.
        """
        if record.cells is not None:
            return list(record.cells)
        if len(record.text) < record.size_bytes:
            raise BadForm(f"{record.size_bytes} bytes are too large")
        return cells_of(record.text, self.delimiter)

    def rough_cells(self, record: Record) -> Sequence[str]:
        """The cells of a record that is refused, as far as they can be told apart."""
        return record.cells or rough_cells(record.text, self.delimiter)


def _find_header(lines: Iterable[Line], is_header: IsHeader, name: str) -> tuple[str, list[str], Iterator[Line]]:
    """The delimiter, the lines above the header, and the lines from the header on."""
    lines, again = iter(lines), deque[Line]()
    rest, delimiters = lines_left(again, lines), _DELIMITERS
    looked_at: list[Line] = []
    above: list[Line] = []
    widest: tuple[int, str] | None = None
    while len(above) < LINES_ABOVE_MAX and len(looked_at) < _LOOKED_AT_MAX and (line := next(rest)) is not None:
        if not line.text.strip(BLANK):
            looked_at += [line] if above else []
            continue
        if said := _SEPARATOR.fullmatch(line.text):
            delimiters = said[1].decode()
            continue
        for delimiter, text in _readings(line, rest, again, delimiters):
            with suppress(BadForm):
                cells = _names(text, delimiter)
                if is_header(cells):
                    told = [each.text.decode(errors="replace") for each in above]
                    return delimiter, told, chain([line], again, lines)
                if not above and (widest is None or len(cells) > widest[0]):
                    widest = len(cells), delimiter
        above.append(line)
        looked_at.append(line)
    if not above:
        raise UnreadableInput(f"{name} has no header")
    delimiter = _usual(above[0], delimiters) if widest is None else widest[1]
    return delimiter, [], chain(looked_at, again, lines)


def _readings(
    line: Line, rest: Iterator[Line | None], again: deque[Line], delimiters: str
) -> Iterator[tuple[str, bytes]]:
    """The delimiter and the text of each record that may begin with a line: it alone, and with others below."""
    yield _usual(line, delimiters), line.text
    for delimiter in delimiters if b'"' in line.text else "":
        text = first_record(line, rest, again, delimiter)
        if text is not None:
            yield delimiter, text


def _usual(line: Line, delimiters: str) -> str:
    return max(delimiters, key=lambda character: line.text.count(character.encode()))


def _names(text: bytes, delimiter: str) -> list[str]:
    return [*map(column_name, cells_of(text, delimiter))]
