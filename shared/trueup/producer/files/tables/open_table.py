"""The table of a file, whatever its format."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager

from trueup.producer.files.opening.content import Source, lines, readable
from trueup.producer.files.tables.csv_table import CsvTable
from trueup.producer.files.tables.table import Table


@contextmanager
def open_table(source: Source, is_header: Callable[[Sequence[str]], bool]) -> Iterator[Table]:
    """Open the table of a source.

    Args:
        source: CSV or a workbook.
        is_header: tells whether cells are a header's.

    Raises:
        UnreadableInput: it has no header, or cannot be read.
    """
    if source.format != "xlsx":
        with closing(lines(source)) as read:
            yield CsvTable(read, is_header, name=source.name)
        return
    from trueup.producer.files.tables.sheet_table import SheetTable  # noqa: PLC0415 - needs the extra
    from trueup.producer.files.tables.workbook import open_sheet  # noqa: PLC0415 - likewise

    reading = source.reading
    with readable(source.name), open_sheet(source.path, name=source.name, sheet=reading.sheet) as sheet:
        yield SheetTable(sheet, is_header, name=source.name, decimal_of=reading.decimal_of)
