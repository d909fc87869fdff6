"""Records of CSV: a quoted cell may stretch over many lines, and one that is never closed spoils no other record."""

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator

from trueup.limits import RAW_EXCERPT_BYTES
from trueup.producer.files.opening.content import LINE_BYTES_MAX, Line
from trueup.producer.files.tables.csv_cells import usual_cells
from trueup.producer.files.tables.table import Record

BLANK = b' \t\r\n",;'
_QUOTED_REST = re.compile(rb'[^"]*(?:""[^"]*)*"(?!")')
_HELD_BYTES_MAX = 4 * 1024 * 1024  # of lines in which the end of a quoted cell is looked for
_BYTES_PER_LINE = 64  # what a line takes beside its text
_LOOKED_IN_BYTES_MAX = 16 * 1024 * 1024  # of such lines in vain; from there on, a quoted cell ends on its line


def csv_records(lines: Iterable[Line], delimiter: str) -> Iterator[Record]:
    """Join the lines of each record, and leave blank ones out.

    Where a quote opens that no quote closes, or only one that belongs to a later record, the record ends with its line:
    the next line begins the next one.
    """
    blank = BLANK + delimiter.encode()
    quotes, again, looked_in_bytes = _Quotes(delimiter), deque[Line](), 0
    rest = lines_left(again, iter(lines))
    while (line := next(rest)) is not None:
        text = line.text
        is_whole = len(text) == line.size_bytes
        cells = usual_cells(text, delimiter) if is_whole else None
        if cells is not None or (is_whole and quotes.are_closed_in(text)):
            if text.strip(blank) and (cells is None or any(cells)):
                yield Record(line.number, text, line.size_bytes, cells)
            continue
        joined, is_record = [line], True
        if looked_in_bytes < _LOOKED_IN_BYTES_MAX:
            is_record = quotes.join(joined, rest)
        if not is_record:
            looked_in_bytes += sum(each.size_bytes + _BYTES_PER_LINE for each in joined)
            again.extendleft(reversed(joined[1:]))
            del joined[1:]
        if record := _record(joined, blank):
            yield record


def first_record(line: Line, rest: Iterator[Line | None], again: deque[Line], delimiter: str) -> bytes | None:
    """The record that begins with a line and stretches over more; None: it does not. The lines are put back.

    Args:
        line: its first one.
        rest: the lines after it, as `lines_left` gives them.
        again: where that takes lines first.
        delimiter: between the record's cells.
    """
    joined = [line]
    is_record = _Quotes(delimiter).join(joined, rest) and len(joined) > 1
    again.extendleft(reversed(joined[1:]))
    return b"\n".join([each.text for each in joined]) if is_record else None


def lines_left(again: deque[Line], lines: Iterator[Line]) -> Iterator[Line | None]:
    """The lines that are still to be read; None, as often as it is asked, where there is none now."""
    while True:
        while again:
            yield again.popleft()
        yield next(lines, None)


def _record(joined: list[Line], blank: bytes) -> Record | None:
    text = b"\n".join([line.text for line in joined])
    size_bytes = sum(line.size_bytes for line in joined) + len(joined) - 1
    if not text.strip(blank):
        return None
    return Record(joined[0].number, text[:RAW_EXCERPT_BYTES] if size_bytes > LINE_BYTES_MAX else text, size_bytes)


class _Quotes:
    """Quotes around the cells of records."""

    def __init__(self, delimiter: str) -> None:
        edge = re.escape(delimiter.encode())
        cell = rb'(?:"(?:[^"]++|"")*+"|[^"%b]*+)' % edge
        self._delimiter = delimiter
        self._opening = re.compile(rb'(?:\A|%b)"' % edge)
        # The usual text: each cell without quotes, or all of it in quotes. It never goes back.
        self.are_closed_in = re.compile(rb"%b(?:%b%b)*+" % (cell, edge, cell)).fullmatch

    def join(self, joined: list[Line], rest: Iterator[Line | None]) -> bool:
        """Add the lines to the first one over which its quotes stretch; false: they are not one record."""
        is_open, held_bytes = joined[0].is_whole and self._opens(joined[0].text, is_open=False), 0
        if not is_open:
            return True
        while is_open:
            line = next(rest)
            if line is None:
                return False
            joined.append(line)
            held_bytes += line.size_bytes + _BYTES_PER_LINE
            if not line.is_whole or held_bytes > _HELD_BYTES_MAX:
                return False
            is_open = self._opens(line.text, is_open=True)
        text = b"\n".join([line.text for line in joined])
        return bool(self.are_closed_in(text)) or self._is_readable(text)

    def _opens(self, line: bytes, *, is_open: bool) -> bool:
        """Tell whether a quoted cell goes on after this line."""
        if b'"' not in line:
            return is_open
        position = 0
        while True:
            if is_open:
                end = _QUOTED_REST.match(line, position)
                if end is None:
                    return True
                position = end.end()
            start = self._opening.search(line, position)
            if start is None:
                return False
            position, is_open = start.end(), True

    def _is_readable(self, text: bytes) -> bool:
        try:
            next(csv.reader([text.decode(errors="replace")], delimiter=self._delimiter, strict=True))
        except csv.Error:
            return False
        return True
