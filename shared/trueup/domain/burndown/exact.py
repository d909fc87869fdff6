"""Exact figures: scaled integers while they last, fractions where a partial cover makes them necessary.

Quantities, prices and balances have at most 12 decimals. So quantities and prices are counted in 10⁻¹², and amounts,
their products, in 10⁻²⁴. A quantity that is left over after a balance paid a part of it need not be a finite decimal.
"""

from collections.abc import Iterable
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from fractions import Fraction
from functools import reduce
from itertools import accumulate, pairwise

from trueup.limits import DECIMALS_MAX

Exact = int | Fraction
"""A scaled figure; a fraction only where it is not whole."""

E12: int = 10**DECIMALS_MAX
E24: int = E12 * E12

_EXACT = Context(prec=64, traps=[Inexact, InvalidOperation, Overflow])
_ZERO = Decimal(0)


def in_e12(value: Decimal) -> int:
    """A quantity or price, counted in 10⁻¹².

    Raises:
        decimal.Inexact: it has more than 12 decimals, or more than 64 digits.
    """
    return int(_EXACT.to_integral_exact(_EXACT.scaleb(value, DECIMALS_MAX)))


def whole(value: Exact) -> Exact:
    """The same figure, as an integer if it is one."""
    return value.numerator if value.denominator == 1 else value


def exact_sum(values: Iterable[Decimal]) -> Decimal:
    """The sum of decimals, whatever the context of the thread.

    Raises:
        decimal.Inexact: it has more than 64 digits.
    """
    return reduce(_EXACT.add, values, _ZERO)


def exact_percent(value: Decimal, percent: Decimal) -> Decimal:
    """So many percent of a figure, whatever the context of the thread.

    Raises:
        decimal.Inexact: it has more than 64 digits.
    """
    return _EXACT.scaleb(_EXACT.multiply(value, percent), -2)


def rounded(value: Fraction) -> Decimal:
    """An amount or quantity as it is booked and invoiced: half-even, 12 decimals. To be called once per line."""
    return _decimal(round(value * E12))


def rounded_parts(parts: Iterable[Fraction]) -> list[Decimal]:
    """Rounds the parts of one sum so that they add up to the rounded sum: each within 10⁻¹² of what it was.

    It is for a segment that several invoices draw on in one close: a balance that is used up is booked down to exactly
    0, and never below, however the parts fall. A single part comes out as from `rounded`.
    """
    sums = [round(value * E12) for value in accumulate(parts, initial=Fraction(0))]
    return [_decimal(until - before) for before, until in pairwise(sums)]


def _decimal(value_e12: int) -> Decimal:
    return _EXACT.scaleb(Decimal(value_e12), -DECIMALS_MAX)
