"""Amounts of a column: how its numbers are written, where the values themselves decide it, and in which currency."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from trueup.producer.files.columns.currencies import CURRENCIES, currencies_of
from trueup.producer.files.columns.numbers import NumberMarks
from trueup.producer.files.suggestion.sample import SampledColumn, are_enough

_MARKS = (  # before decimals, between thousands; the plainest first
    (".", ""), (",", ""), (".", ","), (",", "."), (".", "'"), (".", " "), (",", " "),
)  # fmt: skip
_AFFIX = re.compile(
    r"([^\d.,'\-\s]{0,3})\s*(?P<number>-?\d[\d.,'\u2019\s]*?)\s*([^\d.,'\s]{0,3})"  # $1,200.00 or 1.200,00 EUR
)
_CHARS_MAX = 60  # of a number with its currency


@dataclass(frozen=True, slots=True)
class WrittenAmounts:
    """The way in which a column's numbers are written.

    Attributes:
        marks: all pairs of marks (before decimals, between thousands) by which most values can be read, which give
            other numbers; one where the values decide.
        example: a value that decides, else one that can be read in two ways.
        symbols: what stands before or after numbers.
        odd: values that are no numbers.
        has_decimals: some number has decimals.
    """

    marks: tuple[tuple[str, str], ...]
    example: str
    symbols: tuple[str, ...]
    odd: tuple[str, ...]
    has_decimals: bool

    @property
    def is_certain(self) -> bool:
        """Tell whether one way is left."""
        return len(self.marks) == 1


def written_amounts(column: SampledColumn) -> WrittenAmounts | None:
    """The way in which the numbers of a column are written; None: it has none."""
    short = (value for value in column.distinct if len(value) <= _CHARS_MAX)
    parts = {value: found for value in short if (found := _AFFIX.fullmatch(value))}
    numbers = {value: found["number"] for value, found in parts.items()}
    read = {marks: _read(marks, numbers) for marks in _MARKS}
    most = max(map(len, read.values()))
    chosen = next(marks for marks in _MARKS if len(read[marks]) == most)
    if not are_enough(sum(value in read[chosen] for value in column.values), len(column.values)):
        return None
    others = [marks for marks in _MARKS if len(read[marks]) == most and read[marks] != read[chosen]]
    two_ways = [value for value, number in read[chosen].items() if any(read[each][value] != number for each in others)]
    decides = [value for value in read[chosen] if sum(value in each for each in read.values()) == 1]
    return WrittenAmounts(
        marks=(chosen, *others),
        example=(two_ways or decides or list(read[chosen]))[0],
        symbols=tuple(dict.fromkeys(each for found in parts.values() for each in found.group(1, 3) if each)),
        odd=tuple(value for value in column.distinct if value not in read[chosen]),
        has_decimals=any(number.as_tuple().exponent for number in read[chosen].values()),
    )


def _read(marks: tuple[str, str], numbers: Mapping[str, str]) -> dict[str, Decimal]:
    """The values whose numbers have these marks, with what they are then."""
    decimal, thousands = marks
    reader = NumberMarks(decimal == ",", thousands or None)
    found = {value: reader.plain(number) for value, number in numbers.items()}
    return {value: Decimal(number) for value, number in found.items() if number is not None}


def currency_of(text: str) -> str | None:
    """The one currency of which a name or a symbol has code or sign: EUR of `Betrag (€)`; None of $, or of several."""
    found = currencies_of(text)
    return next(iter(found)) if len(found) == 1 else None


def are_currencies(column: SampledColumn) -> bool:
    """Tell whether a column's values are codes of currencies."""
    return bool(column.values) and all(value in CURRENCIES for value in column.distinct)
