"""Cells that a spreadsheet may have changed, or that can be read in two ways: found before anything is sent."""

import re
from collections.abc import Iterable, Sequence

from trueup.producer.files.columns.numbers import NumberColumn, NumberMarks, without_symbol
from trueup.producer.files.opening.content import UnreadableInput
from trueup.producer.files.shown import shown

_ONE_GROUP = re.compile(r"-?[1-9][0-9]{0,2}\.[0-9]{3}", re.ASCII)  # 12.000: twelve, or twelve thousand
_DECIMAL_COMMA = re.compile(r"-?[0-9][0-9.]*,(?:[0-9]{1,2}|[0-9]{4,})|-?[0-9]+\.[0-9.]*,[0-9]+", re.ASCII)
# As spreadsheets, and programs, show very large and very small numbers.
_ROUNDED = re.compile(r"-?(?P<whole>[0-9])(?:[.,](?P<decimals>[0-9]+))?[eE](?P<exponent>[+-][0-9]{1,4})", re.ASCII)
_TOLD_MAX = 5


class _Cells:
    """Cells of one kind: the first few, and how many there are."""

    def __init__(self) -> None:
        self._first: list[str] = []
        self.count = 0

    def add(self, row: int, name: str, cell: str) -> None:
        self.count += 1
        if self.count <= _TOLD_MAX:
            self._first.append(f"row {row}, {name}: {shown(cell)}")

    def __str__(self) -> str:
        more = f"; {self.count - _TOLD_MAX} more" if self.count > _TOLD_MAX else ""
        return "; ".join(self._first) + more


class Suspects:
    """Suspects among the cells of one file.

    Args:
        numeric: columns whose cells are numbers.
        keys: index and name of those that keys are made of.
        delimiter: between cells.
        marks: how numbers are written, as far as it was told.
    """

    def __init__(
        self,
        *,
        numeric: Sequence[NumberColumn],
        keys: Sequence[tuple[int, str]],
        delimiter: str,
        marks: NumberMarks,
    ) -> None:
        self._numeric, self._keys = numeric, keys
        self._marks = marks
        self._has_commas = delimiter == ";" or bool(marks.decimal_comma)
        self._ambiguous, self._rounded, self._rounded_keys = _Cells(), _Cells(), _Cells()
        self._rows_of_key: dict[tuple[str, str], list[int]] = {}

    def look(self, row: int, cells: Sequence[str]) -> None:
        """Look at the cells of a row."""
        for column in self._numeric:
            cell = cells[column.index]
            number = without_symbol(cell, column.symbols) if column.symbols else cell
            if number[-4:-3] == "." or "," in number or "E" in number or "e" in number:
                self._look_at_number(row, column, number, cell)
        for index, name in self._keys:
            cell = cells[index]
            if ("E" in cell or "e" in cell) and _is_rounded_key(cell):
                self._rounded_keys.add(row, name, cell)
                rows = self._rows_of_key.setdefault((name, cell), [])
                if len(rows) < _TOLD_MAX and len(self._rows_of_key) < 100 * _TOLD_MAX:
                    rows.append(row)

    def require_none(self, name: str) -> None:
        """Refuse the file for what was found.

        Raises:
            UnreadableInput: with rows, columns and cells, and what to do.
        """
        problems = [*self._problems()]
        if problems:
            raise UnreadableInput(f"{name}: {'. '.join(problems)}. Nothing was sent")

    def _look_at_number(self, row: int, column: NumberColumn, number: str, cell: str) -> None:
        if _has_lost_digits(number):
            self._rounded.add(row, column.name, cell)
        elif column.is_decided:
            return
        elif _ONE_GROUP.fullmatch(number):
            self._ambiguous.add(row, column.name, cell)
        elif _DECIMAL_COMMA.fullmatch(number):
            self._has_commas = True

    def _problems(self) -> Iterable[str]:
        is_decided = self._marks.thousands is not None or self._marks.decimal_comma is False
        if self._ambiguous.count and self._has_commas and not is_decided:
            yield (
                "numbers that can be read in two ways, as the file has decimal commas or semicolons "
                f"({self._ambiguous}): say --decimal-comma --thousands . if the point stands between thousands, "
                "--decimal-point if it stands before decimals"
            )
        if self._rounded.count:
            yield (
                f"numbers that a spreadsheet rounded, so that digits are lost ({self._rounded}): "
                "show the column as a number without exponent, and save the file again"
            )
        if self._rounded_keys.count:
            yield f"{self._same_keys()}: make the column text where the file comes from, and save it again"

    def _same_keys(self) -> str:
        told = [
            f"rows {', '.join(map(str, rows[:-1]))} and {rows[-1]} have the same {name} {shown(key)}, which looks"
            for (name, key), rows in self._rows_of_key.items()
            if len(rows) > 1
        ]
        return (
            "; ".join(told[:_TOLD_MAX] or [f"keys look ({self._rounded_keys})"])
            + " like a number that a spreadsheet rounded"
        )


def _has_lost_digits(number: str) -> bool:
    """Tell whether a number is shown with fewer digits than it may have had: all of a small one's are decimals."""
    found = _ROUNDED.fullmatch(number)
    if found is None:
        return False
    decimals, exponent = found["decimals"] or "", int(found["exponent"])
    digits = (found["whole"] + decimals).lstrip("0")
    return bool(digits) and (len(digits) <= exponent if exponent >= 0 else bool(decimals))


def _is_rounded_key(cell: str) -> bool:
    """Tell whether a key looks like a number that was rounded; `5E-10`, say, is one that was not."""
    found = _ROUNDED.fullmatch(cell)
    return found is not None and (found["exponent"].startswith("+") or found["decimals"] is not None)
