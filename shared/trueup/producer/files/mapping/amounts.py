"""Numbers of cells: by their marks, with every digit kept, and money in the minor unit of its currency."""

from collections.abc import Callable, Sequence

from trueup.domain.unit import Unit
from trueup.producer.files.columns.currencies import currencies_of
from trueup.producer.files.columns.numbers import NumberMarks, longest_first, symbol_of, without_symbol
from trueup.producer.files.mapping.problems import BadCell
from trueup.producer.files.shown import shown

ReadNumber = Callable[[str, int], str]  # from a cell and decimals to move, to a JSON number; raises BadCell

Require = Callable[[str, Unit], None]  # of a cell, whose row has this unit; raises BadCell


def number_reader(marks: NumberMarks, *, symbols: Sequence[str], column: str) -> ReadNumber:
    """A reader of the numbers of a column.

    Args:
        marks: how they are written.
        symbols: one of these may stand before or after a number.
        column: as messages call it.
    """
    edges = longest_first(symbols)

    def read(cell: str, decimals: int) -> str:
        text = without_symbol(cell, edges) if edges else cell
        number = marks.plain(text)
        if number is None:
            how = marks.told() + (f", with {' or '.join(map(repr, edges))}" if edges else "")
            raise BadCell("cell_unreadable", f"{column}: {shown(cell)} is no number as the mapping has it ({how})")
        if not decimals:
            return number
        if "e" in number or "E" in number:
            raise BadCell("cell_unreadable", f"{column}: {shown(cell)} is money with an exponent: write all its digits")
        return in_minor_units(number, decimals)

    return read


def symbol_judge(symbols: Sequence[str], *, column: str) -> Require | None:
    """A judge of the symbols beside amounts: one of a currency is of the row's; None: no symbol is of any.

    Args:
        symbols: one of these may stand before or after a number.
        column: as messages call it.
    """
    edges = longest_first(symbols)
    currencies = {symbol: found for symbol in edges if (found := currencies_of(symbol))}
    if not currencies:
        return None

    def require(cell: str, unit: Unit) -> None:
        symbol = symbol_of(cell, edges)
        if symbol in currencies and unit.currency not in currencies[symbol]:
            called = shown(unit.called) if unit.called else "a number of units"
            raise BadCell(
                "cell_unreadable",
                f"{column}: {shown(cell)} has the sign of another currency than its row, which is in {called}",
            )

    return require


def in_minor_units(number: str, decimals: int) -> str:
    """Move the point of a plain number to the right: 301000.00 by 2 is 30100000; no digit is lost."""
    whole, _, fraction = number.partition(".")
    if whole[0] in "123456789" and len(fraction) <= decimals:
        return whole + fraction.ljust(decimals, "0")
    sign, digits = ("-", number[1:]) if number.startswith("-") else ("", number)
    whole, _, fraction = digits.partition(".")
    fraction = fraction.ljust(decimals, "0")
    whole = (whole + fraction[:decimals]).lstrip("0") or "0"
    fraction = fraction[decimals:].rstrip("0")
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"
