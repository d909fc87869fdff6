"""Numbers of a CSV file: how they are written."""

import re
from dataclasses import dataclass
from functools import cache
from json.encoder import encode_basestring

from trueup.errors import TrueupError

THOUSANDS = {".": r"\.", ",": ",", "'": "['\N{RIGHT SINGLE QUOTATION MARK}]", " ": "[ \N{NO-BREAK SPACE}\u202f]"}
_JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)


class WrongMarks(TrueupError):
    """The marks of numbers contradict each other."""


@dataclass(frozen=True, slots=True)
class NumberMarks:
    """Marks in the numbers of a file.

    Attributes:
        decimal_comma: whether a comma stands before the decimals; None: nobody said, and it is a point.
        thousands: what stands between thousands, a key of `THOUSANDS`; None: nothing does.

    Raises:
        WrongMarks: one mark has two meanings, or is unknown.
    """

    decimal_comma: bool | None = None
    thousands: str | None = None

    def __post_init__(self) -> None:
        if self.thousands is not None and self.thousands not in THOUSANDS:
            raise WrongMarks(f"--thousands is one of {' '.join(map(repr, THOUSANDS))}, not {self.thousands!r}")
        if self.thousands == self._decimal:
            raise WrongMarks(
                f"{self._decimal!r} cannot stand before the decimals and between thousands: "
                + (
                    "--thousands . goes with --decimal-comma"
                    if self._decimal == "."
                    else "leave one of the options out"
                )
            )

    @property
    def are_told(self) -> bool:
        """Tell whether numbers are written otherwise than in JSON."""
        return bool(self.decimal_comma) or self.thousands is not None

    def plain(self, cell: str) -> str | None:
        """The number in a cell as JSON, with its digits as they are; None when it is none."""
        if cell.isdecimal() and cell.isascii() and cell[0] != "0":
            return cell
        if self.are_told:
            if not _pattern(self._decimal, self.thousands).fullmatch(cell):
                return None
            whole, _, decimals = cell.partition(self._decimal)
            digits = re.sub(r"[^0-9-]", "", whole)
            cell = f"{digits}.{decimals}" if decimals else digits
        number = cell.strip()
        return number if _JSON_NUMBER.fullmatch(number) else None

    def encode(self, cell: str) -> str:
        """The number in a cell as JSON, with its digits as they are; a string when it is none."""
        number = self.plain(cell)
        return encode_basestring(cell) if number is None else number

    def told(self) -> str:
        """Tell the marks in words."""
        between = f", {self.thousands!r} between thousands" if self.thousands else ", nothing between thousands"
        return f"{self._decimal!r} before decimals{between}"

    @property
    def _decimal(self) -> str:
        return "," if self.decimal_comma else "."


@cache
def _pattern(decimal: str, thousands: str | None) -> re.Pattern[str]:
    grouped = f"|[0-9]{{1,3}}(?:{THOUSANDS[thousands]}[0-9]{{3}})+" if thousands else ""
    return re.compile(rf"-?(?:[0-9]+{grouped})(?:\{decimal}[0-9]+)?", re.ASCII)


AS_IN_JSON = NumberMarks()


def encode_number(cell: str) -> str:
    """A cell as JSON: a number with every digit kept, or a string."""
    return AS_IN_JSON.encode(cell)
