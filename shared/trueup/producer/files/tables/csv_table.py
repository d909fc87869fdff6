"""A table in a CSV text."""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Literal

from trueup.producer.files.content import Line, UnreadableInput
from trueup.producer.files.tables.csv_cells import cells_of
from trueup.producer.files.tables.csv_records import BLANK, csv_records
from trueup.producer.files.tables.table import BadForm, Record

IsHeader = Callable[[Sequence[str]], bool]

LINES_ABOVE_MAX = 20
_DELIMITERS = ",;\t"
_SEPARATOR = re.compile(rb'(?:\xef\xbb\xbf)?"?sep=(.)"?[,;\t ]*')  # how a spreadsheet is told its own delimiter


class CsvTable:
    """A table in lines of CSV; as `trueup.producer.files.tables.table.Table`.

    Its header is the first line that is one; where none is, the first line.

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
            self.names = self.cells(self.header)
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
        if len(record.text) < record.size_bytes:
            raise BadForm(f"{record.size_bytes} bytes are too large")
        return cells_of(record.text, self.delimiter)


def _find_header(lines: Iterable[Line], is_header: IsHeader, name: str) -> tuple[str, list[str], Iterator[Line]]:
    """The delimiter, the lines above the header, and the lines from the header on."""
    lines = iter(lines)
    delimiters = _DELIMITERS
    above: list[Line] = []
    for line in itertools.islice((line for line in lines if line.text.strip(BLANK)), LINES_ABOVE_MAX):
        if said := _SEPARATOR.fullmatch(line.text):
            delimiters = said[1].decode()
            continue
        delimiter = max(delimiters, key=lambda character: line.text.count(character.encode()))
        with suppress(BadForm):
            if is_header(cells_of(line.text, delimiter)):
                return delimiter, [each.text.decode(errors="replace") for each in above], itertools.chain([line], lines)
        above.append(line)
    if not above:
        raise UnreadableInput(f"{name} has no header")
    delimiter = max(delimiters, key=lambda character: above[0].text.count(character.encode()))
    return delimiter, [], itertools.chain(above, lines)
