"""Rows of a sheet's XML, one after the other."""

from collections.abc import Iterator
from typing import IO
from xml.etree.ElementTree import Element

from trueup.limits import SHEET_COLUMNS_MAX, SHEET_ROWS_MAX
from trueup.producer.files.opening.workbook_file import UnreadableWorkbook
from trueup.producer.files.tables.part_xml import elements_named
from trueup.producer.files.tables.sheet_cells import column_at

_ELEMENTS_PER_CELL = 8


def sheet_rows(stream: IO[bytes]) -> Iterator[tuple[int, list[tuple[int, Element]]]]:
    """The rows that have cells: their numbers, and each cell with its column's index.

    Args:
        stream: the sheet's XML.

    Raises:
        UnreadableWorkbook: it is larger than a spreadsheet makes any.
        ParseError, DefusedXmlException: it is no XML, or has what no sheet has.
    """
    number = rows = 0
    inner_max, too_many = SHEET_COLUMNS_MAX * _ELEMENTS_PER_CELL, f"a row of more than {SHEET_COLUMNS_MAX} cells"
    for row in elements_named(stream, "row", inner_max=inner_max, too_many=too_many):
        number, rows = int(row.get("r") or number + 1), rows + 1
        if rows > SHEET_ROWS_MAX:
            raise UnreadableWorkbook(f"is a workbook with a sheet of more than {SHEET_ROWS_MAX} rows")
        if cells := list(_cells(row)):
            yield number, cells


def _cells(row: Element) -> Iterator[tuple[int, Element]]:
    index = -1
    for cell in row:
        reference = cell.get("r")
        index = column_at(reference) if reference else index + 1
        if not 0 <= index < SHEET_COLUMNS_MAX:
            raise UnreadableWorkbook(f"is a workbook with a row of more than {SHEET_COLUMNS_MAX} cells")
        yield index, cell
