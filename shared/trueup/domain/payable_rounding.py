"""Payable amounts: totals are exact to twelve decimals, and nobody can pay a part of a cent. Pure."""

from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from trueup.domain.burndown.exact import exact_sum
from trueup.domain.money import product

USD_CENTS = "2714e483-4ff1-48e4-9e25-ac732e8f24f2"
"""The unit that every account has: an amount of it counts cents."""

_ZERO = Decimal(0)


class Payable(NamedTuple):
    """Payable part of a total, and the difference to it: below 0 where it was rounded down."""

    amount_due: Decimal
    rounding: Decimal


def payable(total: Decimal, step: Decimal | None, *, before: Decimal | None = None) -> Payable:
    """Payable part of a total: rounded half-even to what can be paid.

    Args:
        total: of an invoice, exact, in the unit.
        step: the smallest amount of the unit that can be paid; None: any.
        before: what the instalments before it come to, where a schedule was expanded to them. What is due of all of
            them adds up to the rounded sum then: of 100 cents in twelve shares 100 cents, 8 or 9 at a time.
    """
    if step is None:
        return Payable(total, _ZERO)
    paid_before = before or _ZERO
    amount_due = exact_sum([_rounded(exact_sum([paid_before, total]), step), _rounded(paid_before, step).copy_negate()])
    return Payable(amount_due, exact_sum([amount_due, total.copy_negate()]))


def _rounded(amount: Decimal, step: Decimal) -> Decimal:
    return product(step, Decimal(round(Fraction(amount) / Fraction(step))))
