"""Cells of a sheet as text: what they say, exactly, or why they say nothing that can be sent."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from xml.etree.ElementTree import Element

from trueup.producer.files.shown import shown
from trueup.producer.files.tables.part_xml import local_name, text_of

_EPOCH_1900, _EPOCH_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)  # noqa: DTZ001 - sheets know no time zone
_DIGITS_MAX = 15  # that a spreadsheet keeps
_NUMBER_MAX = 10**_DIGITS_MAX
_NO_DAY = 60  # 29 February 1900, which spreadsheets count
_DAYS_MAX = 2_958_466  # the first day of the year 10000
_MS_PER_DAY = 86_400_000
_ESCAPED = re.compile(r"_x00([01][0-9A-Fa-f]|5[Ff])_")  # control characters, as spreadsheets write them, and their _
_LETTERS = 26


class CellFormat(NamedTuple):
    """Format in which a sheet shows the numbers of a cell.

    Attributes:
        is_date: as days and times.
        zeros: with so many digits at least, zeros before them.
    """

    is_date: bool = False
    zeros: int = 0


class Cell(NamedTuple):
    """Text of a cell; `odd`: why it cannot be used, if so; `has_point`: it is a number with a point before decimals."""

    text: str
    odd: str | None = None
    has_point: bool = False


_PLAIN = CellFormat()


class CellReader:
    """A reader of the cells of one workbook.

    Args:
        strings: that cells share.
        formats: by the number of a cell's style.
        counts_from_1904: days are counted as old Macs did.
    """

    def __init__(self, strings: Sequence[str], formats: Sequence[CellFormat], *, counts_from_1904: bool) -> None:
        self._strings, self._formats = strings, formats
        self._counts_from_1904 = counts_from_1904

    def read(self, cell: Element) -> Cell:
        """The text of a cell.

        Raises:
            ValueError, IndexError: it is none of a spreadsheet's.
        """
        kind, parts = cell.get("t", "n"), {local_name(part.tag): part for part in cell}
        if kind == "inlineStr":
            return Cell(_unescaped(text_of(parts["is"])) if "is" in parts else "")
        value = (parts["v"].text or "") if "v" in parts else ""
        if kind != "str" and not value.strip():
            is_formula = "f" in parts
            return Cell(
                "",
                "is a formula without its value: open the file in a spreadsheet, and save it" if is_formula else None,
            )
        if kind == "n":
            return self._number(value, int(cell.get("s") or 0))
        return self._text(kind, value)

    def _text(self, kind: str, value: str) -> Cell:
        if kind == "s":
            return Cell(_unescaped(self._strings[int(value)]))
        if kind == "b":
            return Cell("TRUE" if int(value) else "FALSE")
        if kind == "e":
            return Cell(value, f"is {shown(value)}, an error of the sheet: mend its formula")
        return Cell(value.removesuffix("T00:00:00") if kind == "d" else _unescaped(value))

    def _number(self, value: str, style: int) -> Cell:
        number = float(value)
        written = self._formats[style] if style < len(self._formats) else _PLAIN
        if written.is_date:
            return self._date(number)
        if not abs(number) < _NUMBER_MAX:
            return Cell(
                value, f"is {shown(value)}: a number of more than {_DIGITS_MAX} digits, of which sheets lose some"
            )
        if number.is_integer():
            return Cell(str(int(number)).zfill(written.zeros))
        text = format(Decimal(repr(number)), "f")
        if len(text.replace("-", "").replace(".", "").strip("0")) > _DIGITS_MAX:
            return Cell(
                text, f"is {text}, with more than {_DIGITS_MAX} digits: round it in the sheet, as with =ROUND(…, 2)"
            )
        return Cell(text, has_point=True)

    def _date(self, days: float) -> Cell:
        if not 0 <= days < _DAYS_MAX or (int(days) == _NO_DAY and not self._counts_from_1904):
            return Cell(str(days), f"is {days}, shown as a date, and there is no such day")
        moment_ms = round(days * _MS_PER_DAY)
        if moment_ms < _MS_PER_DAY and not self._counts_from_1904:
            return Cell((_EPOCH_1904 + timedelta(milliseconds=moment_ms)).time().isoformat())
        epoch = _EPOCH_1904 if self._counts_from_1904 else _EPOCH_1900
        if days < _NO_DAY and not self._counts_from_1904:
            moment_ms += _MS_PER_DAY
        moment = epoch + timedelta(milliseconds=moment_ms)
        return Cell(moment.isoformat().removesuffix("T00:00:00"))


def column_at(reference: str) -> int:
    """The index of the column that a reference such as `D14` names; -1: it names none."""
    index = 0
    for character in reference:
        if not "A" <= character <= "Z":
            break
        index = index * _LETTERS + ord(character) - ord("A") + 1
    return index - 1


def column_letters(index: int) -> str:
    """The letters of a column: D of 3."""
    letters, rest = "", index + 1
    while rest:
        rest, digit = divmod(rest - 1, _LETTERS)
        letters = chr(ord("A") + digit) + letters
    return letters


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x00" in text else text
