"""Money of a PREPAID commit's ledger entries: each is worth its amount times f, instalments divided by access.

What has been booked of revenue is always f times what was drawn, and of breakage f times what expired, less entries by
hand; with the entry that empties the commit both together are what the instalments come to. So f may change at any
time: the next step makes up for it.
"""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from trueup.domain.burndown.exact import exact_sum, rounded

Earned = Literal["revenue", "breakage"]
_ZERO = Decimal(0)
_BREAKAGE_LAST: tuple[Earned, Earned] = ("revenue", "breakage")


class Valuation:
    """Worth of a commit's entries, in the order in which they are booked.

    Args:
        instalments: what all that is to be paid for it comes to.
        access: what may be drawn for that.
    """

    def __init__(self, instalments: Decimal, access: Decimal) -> None:
        self._instalments, self._access = instalments, access
        self._balance = _ZERO
        self._taken: dict[Earned, Decimal] = {"revenue": _ZERO, "breakage": _ZERO}
        self._earned: dict[Earned, Decimal] = {"revenue": _ZERO, "breakage": _ZERO}

    def open(self, amount: Decimal) -> None:
        """Grant some access, or take some back: nothing is earned by that."""
        self._balance = exact_sum([self._balance, amount])

    def take(self, earned: Earned, amount: Decimal) -> Decimal:
        """Book an entry of the ledger, signed; returns what is earned by it, below 0 where it gives something back."""
        self._balance = exact_sum([self._balance, amount])
        self._taken[earned] = exact_sum([self._taken[earned], amount.copy_negate()])
        return self._catch_up(earned, takes_rest=True)

    def revalue(self, instalments: Decimal, access: Decimal) -> Iterator[tuple[Earned, Decimal]]:
        """Note that other instalments or other access were agreed; tells what is made up for, where it is not 0."""
        self._instalments, self._access = instalments, access
        is_used_up = self._taken["revenue"] and not self._taken["breakage"]
        first, last = _BREAKAGE_LAST if not is_used_up else _BREAKAGE_LAST[::-1]
        for earned, takes_rest in ((first, False), (last, True)):
            change = self._catch_up(earned, takes_rest=takes_rest)
            if change:
                yield earned, change

    def _catch_up(self, earned: Earned, *, takes_rest: bool) -> Decimal:
        target = self._worth(self._taken[earned])
        if takes_rest and not self._balance:
            other = self._earned["breakage" if earned == "revenue" else "revenue"]
            target = exact_sum([self._instalments, other.copy_negate()])
        change = exact_sum([target, self._earned[earned].copy_negate()])
        self._earned[earned] = target
        return change

    def _worth(self, amount: Decimal) -> Decimal:
        if not self._access:
            return _ZERO
        return rounded(Fraction(amount) * Fraction(self._instalments) / Fraction(self._access))
