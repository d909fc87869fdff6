"""Rows of a sheet's XML, one after the other, in little memory however large or odd it is."""

from collections.abc import Iterator
from typing import IO
from xml.etree.ElementTree import Element

from trueup.limits import SHEET_COLUMNS_MAX, SHEET_ROWS_MAX
from trueup.producer.files.opening.workbook_file import UnreadableWorkbook
from trueup.producer.files.tables.extra import iterparse
from trueup.producer.files.tables.sheet_cells import column_at, local_name

_ELEMENTS_PER_CELL = 8
_TEXT_BYTES_MAX = 4 * 1024 * 1024  # between two elements
_DEPTH_MAX = 64


class _Bounded:
    """A stream of which no more than so many bytes are read without an element."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self.read_bytes = stream, 0

    def read(self, size_bytes: int = -1) -> bytes:
        piece = self._stream.read(size_bytes)
        self.read_bytes += len(piece)
        if self.read_bytes > _TEXT_BYTES_MAX:
            raise UnreadableWorkbook(f"is a workbook with a cell of more than {_TEXT_BYTES_MAX} bytes")
        return piece


def sheet_rows(stream: IO[bytes]) -> Iterator[tuple[int, list[tuple[int, Element]]]]:
    """The rows that have cells: their numbers, and each cell with its column's index.

    Args:
        stream: the sheet's XML.

    Raises:
        UnreadableWorkbook: it is larger than a spreadsheet makes any.
        ParseError, DefusedXmlException: it is no XML, or has what no sheet has.
    """
    bounded = _Bounded(stream)
    open_elements: list[Element] = []
    row: Element | None = None
    elements = number = rows = 0
    for event, element in iterparse(bounded, events=("start", "end"), forbid_dtd=True):
        bounded.read_bytes = 0
        if event == "start":
            open_elements.append(element)
            elements += 1
            if elements > SHEET_COLUMNS_MAX * _ELEMENTS_PER_CELL or len(open_elements) > _DEPTH_MAX:
                raise UnreadableWorkbook(f"is a workbook with a row of more than {SHEET_COLUMNS_MAX} cells")
            if row is None and local_name(element.tag) == "row":
                row, elements = element, 0
            continue
        open_elements.pop()
        if row is not None and element is row:
            number, rows = int(row.get("r") or number + 1), rows + 1
            if rows > SHEET_ROWS_MAX:
                raise UnreadableWorkbook(f"is a workbook with a sheet of more than {SHEET_ROWS_MAX} rows")
            if cells := list(_cells(row)):
                yield number, cells
            row = None
        if row is None:
            elements = 0
            element.clear()
            if open_elements:
                open_elements[-1].clear()


def _cells(row: Element) -> Iterator[tuple[int, Element]]:
    index = -1
    for cell in row:
        reference = cell.get("r")
        index = column_at(reference) if reference else index + 1
        if not 0 <= index < SHEET_COLUMNS_MAX:
            raise UnreadableWorkbook(f"is a workbook with a row of more than {SHEET_COLUMNS_MAX} cells")
        yield index, cell
