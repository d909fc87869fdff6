"""A table in a sheet of a workbook."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Literal, NamedTuple

from trueup.limits import RAW_EXCERPT_BYTES
from trueup.producer.files.columns.column_name import column_name
from trueup.producer.files.opening.content import LINE_BYTES_MAX, UnreadableInput
from trueup.producer.files.shown import shown
from trueup.producer.files.tables.csv_table import LINES_ABOVE_MAX
from trueup.producer.files.tables.sheet_cells import Cell, column_letters
from trueup.producer.files.tables.sheet_rows import sheet_rows
from trueup.producer.files.tables.table import AROUND, BadForm, Record
from trueup.producer.files.tables.workbook import Sheet, readable

_TOLD_MAX = 10

_EMPTY = Cell("")

IsHeader = Callable[[Sequence[str]], bool]


class _Row(NamedTuple):
    number: int
    cells: list[Cell]


class SheetTable:
    """A table in a sheet; as `trueup.producer.files.tables.table.Table`.

    Its header is the first row that is one; where none is, the first row.

    Args:
        sheet: is read to its end.
        is_header: tells whether cells are a header's.
        name: what the user calls the file.
        decimal_of: the mark before the decimals of numbers, by which a column of this name is read.

    Raises:
        UnreadableInput: there is no header.
    """

    unit: Literal["row"] = "row"
    delimiter = ""

    def __init__(
        self, sheet: Sheet, is_header: IsHeader, *, name: str, decimal_of: Callable[[str], str] = lambda _: "."
    ) -> None:
        rows = _rows(sheet, name)
        first = list(islice(rows, 1))
        if not first:
            raise UnreadableInput(f"{name}: the sheet {sheet.name!r} is empty")
        looked_at: list[_Row] = []
        for row in chain(first, rows):
            looked_at.append(row)
            if is_header(_names(row)) or len(looked_at) == LINES_ABOVE_MAX:
                break
        at = len(looked_at) - 1 if is_header(_names(looked_at[-1])) else 0
        self.above = [" ".join(cell.text for cell in row.cells if cell.text) for row in looked_at[:at]]
        self.names = _names(looked_at[at])
        self.notes = _notes(sheet)
        records = _records(chain(looked_at[at:], rows), [*map(decimal_of, self.names)])
        self.header = next(records)
        self._records = records

    def records(self) -> Iterator[Record]:
        """The records below the header; of empty ones none."""
        return self._records

    def cells(self, record: Record) -> list[str]:
        """The cells of a record, as many as the header has at least.

        Raises:
            BadForm: it is too large.
        """
        if len(record.text) < record.size_bytes:
            raise BadForm(f"{record.size_bytes} bytes are too large")
        cells = list(record.cells or ())
        return cells + [""] * (len(self.names) - len(cells))

    def rough_cells(self, record: Record) -> Sequence[str]:
        """The cells of a record that is refused."""
        return record.cells or ()


def _names(header: _Row) -> list[str]:
    return [column_name(cell.text) for cell in header.cells]


def _notes(sheet: Sheet) -> list[str]:
    """Words on the sheet that is read, where there are others."""
    if not sheet.others:
        return []
    others = ", ".join(map(shown, sheet.others[:_TOLD_MAX])) + (", …" if len(sheet.others) > _TOLD_MAX else "")
    return [f"its sheet {shown(sheet.name)} is read; --sheet NAME reads another one ({others})"]


def _rows(sheet: Sheet, name: str) -> Iterator[_Row]:
    """The rows that have content, their cells as far as the last one with some."""
    with readable(name):
        for number, elements in sheet_rows(sheet.xml):
            cells = [_EMPTY] * (elements[-1][0] + 1 if elements else 0)
            for index, element in elements:
                cells += [_EMPTY] * (index + 1 - len(cells))
                found = sheet.cells.read(element)
                text = found.text.strip(AROUND)
                cells[index] = found if text == found.text else found._replace(text=text)
            while cells and not cells[-1].text and cells[-1].odd is None:
                cells.pop()
            if cells:
                yield _Row(number, cells)


def _records(rows: Iterable[_Row], decimals: Sequence[str]) -> Iterator[Record]:
    """Rows as records: their numbers are written with the marks by which those of their columns are read."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="")
    commas = [index for index, decimal in enumerate(decimals) if decimal != "."]
    for number, cells in rows:
        texts = [cell.text for cell in cells]
        for index in commas:
            if index < len(cells) and cells[index].has_point:
                texts[index] = texts[index].replace(".", decimals[index])
        odd = {
            index: f"the cell {column_letters(index)}{number} {cell.odd}"
            for index, cell in enumerate(cells)
            if cell.odd is not None
        }
        file.seek(0)
        file.truncate()
        writer.writerow(texts)
        text = file.getvalue().encode("utf-8", "replace")
        kept = text if len(text) <= LINE_BYTES_MAX else text[:RAW_EXCERPT_BYTES]
        yield Record(number, kept, len(text), tuple(texts), odd or None)
