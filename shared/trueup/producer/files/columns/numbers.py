"""Numbers of a CSV file: how they are written."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from json.encoder import encode_basestring

from trueup.errors import TrueupError

THOUSANDS = {".": r"\.", ",": ",", "'": "['\N{RIGHT SINGLE QUOTATION MARK}]", " ": "[ \N{NO-BREAK SPACE}\u202f]"}
_JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)


@dataclass(frozen=True, order=True, slots=True)
class NumberColumn:
    """A column of numbers.

    Attributes:
        index: in the table.
        name: as the header has it.
        symbols: one of these may stand before or after a number; the longest first.
        is_decided: whether it was told for this column how its numbers are written.
    """

    index: int
    name: str
    symbols: tuple[str, ...] = ()
    is_decided: bool = False


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
        if self.thousands == self.decimal:
            raise WrongMarks(
                f"{self.decimal!r} cannot stand before the decimals and between thousands: "
                + ("--thousands . goes with --decimal-comma" if self.decimal == "." else "leave one of the options out")
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
            if not _pattern(self.decimal, self.thousands).fullmatch(cell):
                return None
            whole, _, decimals = cell.partition(self.decimal)
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
        return f"{self.decimal!r} before decimals{between}"

    @property
    def decimal(self) -> str:
        """The mark before the decimals."""
        return "," if self.decimal_comma else "."


@cache
def _pattern(decimal: str, thousands: str | None) -> re.Pattern[str]:
    grouped = f"|[0-9]{{1,3}}(?:{THOUSANDS[thousands]}[0-9]{{3}})+" if thousands else ""
    return re.compile(rf"-?(?:[0-9]+{grouped})(?:\{decimal}[0-9]+)?", re.ASCII)


AS_IN_JSON = NumberMarks()


def longest_first(symbols: Sequence[str]) -> tuple[str, ...]:
    """Symbols in the order in which they are looked for."""
    return tuple(sorted(filter(None, symbols), key=len, reverse=True))


def without_symbol(cell: str, symbols: Sequence[str]) -> str:
    """A cell without the symbol before or after its number."""
    symbol = symbol_of(cell, symbols)
    if symbol is None:
        return cell
    if cell.startswith(symbol):
        return cell[len(symbol) :].strip()
    if cell.startswith("-" + symbol):
        return "-" + cell[len(symbol) + 1 :].strip()
    return cell[: -len(symbol)].strip()


def symbol_of(cell: str, symbols: Sequence[str]) -> str | None:
    """The symbol before or after the number in a cell; None: it has none."""
    for symbol in symbols:
        if cell.startswith((symbol, "-" + symbol)) or cell.endswith(symbol):
            return symbol
    return None


def encode_number(cell: str) -> str:
    """A cell as JSON: a number with every digit kept, or a string."""
    return AS_IN_JSON.encode(cell)
