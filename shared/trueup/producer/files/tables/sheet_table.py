"""A table in a sheet of a workbook."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import Literal

from trueup.limits import RAW_EXCERPT_BYTES
from trueup.producer.files.columns.column_name import column_name
from trueup.producer.files.opening.content import LINE_BYTES_MAX, UnreadableInput
from trueup.producer.files.shown import shown
from trueup.producer.files.tables.csv_table import LINES_ABOVE_MAX
from trueup.producer.files.tables.sheet_cells import column_letters
from trueup.producer.files.tables.sheet_rows import sheet_rows
from trueup.producer.files.tables.table import AROUND, BadForm, Record
from trueup.producer.files.tables.workbook import Sheet, readable

_TOLD_MAX = 10

IsHeader = Callable[[Sequence[str]], bool]


class SheetTable:
    """A table in a sheet; as `trueup.producer.files.tables.table.Table`.

    Its header is the first row that is one; where none is, the first row.

    Args:
        sheet: is read to its end.
        is_header: tells whether cells are a header's.
        name: what the user calls the file.

    Raises:
        UnreadableInput: there is no header.
    """

    unit: Literal["row"] = "row"
    delimiter = ""

    def __init__(self, sheet: Sheet, is_header: IsHeader, *, name: str) -> None:
        records = _records(sheet, name)
        first = list(islice(records, 1))
        if not first:
            raise UnreadableInput(f"{name}: the sheet {sheet.name!r} is empty")
        looked_at: list[Record] = []
        for record in chain(first, records):
            looked_at.append(record)
            if is_header(_names(record)) or len(looked_at) == LINES_ABOVE_MAX:
                break
        at = len(looked_at) - 1 if is_header(_names(looked_at[-1])) else 0
        self.above = [" ".join(filter(None, record.cells or ())) for record in looked_at[:at]]
        self.header = looked_at[at]
        self.names = _names(self.header)
        self.notes = _notes(sheet)
        self._records = chain(looked_at[at + 1 :], records)

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


def _names(header: Record) -> list[str]:
    return [*map(column_name, header.cells or ())]


def _notes(sheet: Sheet) -> list[str]:
    """Words on the sheet that is read, where there are others."""
    if not sheet.others:
        return []
    others = ", ".join(map(shown, sheet.others[:_TOLD_MAX])) + (", …" if len(sheet.others) > _TOLD_MAX else "")
    return [f"its sheet {shown(sheet.name)} is read; --sheet NAME reads another one ({others})"]


def _records(sheet: Sheet, name: str) -> Iterator[Record]:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="")
    with readable(name):
        for number, cells in sheet_rows(sheet.xml):
            texts = [""] * (cells[-1][0] + 1 if cells else 0)
            odd: dict[int, str] = {}
            for index, element in cells:
                found = sheet.cells.read(element)
                texts += [""] * (index + 1 - len(texts))
                texts[index] = found.text.strip(AROUND)
                if found.odd is not None:
                    odd[index] = f"the cell {column_letters(index)}{number} {found.odd}"
            while texts and not texts[-1] and len(texts) - 1 not in odd:
                texts.pop()
            if texts:
                file.seek(0)
                file.truncate()
                writer.writerow(texts)
                text = file.getvalue().encode("utf-8", "replace")
                kept = text if len(text) <= LINE_BYTES_MAX else text[:RAW_EXCERPT_BYTES]
                yield Record(number, kept, len(text), tuple(texts), odd or None)
