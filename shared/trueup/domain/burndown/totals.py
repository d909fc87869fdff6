"""Receipts added up: what invoices, deductions and forecasts are made of."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from trueup.domain.burndown.exact import E12, E24, Exact
from trueup.domain.burndown.values import Receipt

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """The exact sums of some receipts.

    Attributes:
        quantity: of usage.
        amount: drawn, in the money or units of the balances, or the cost of overage.
        price: quantities times unit prices: what stands on invoice lines.
    """

    quantity: Fraction
    amount: Fraction
    price: Fraction


def totals(receipts: Iterable[Receipt], key: Callable[[Receipt], Key]) -> dict[Key, Total]:
    """The sums of the receipts that have the same key, in the order in which the keys appear.

    For the lines of usage invoices the key is contract, month, unit, kind and segment; for deductions it is contract,
    month, unit and segment. What a key tells apart must not be more than one unit of account.
    """
    sums: dict[Key, list[Exact]] = {}
    for receipt in receipts:
        parts = sums.setdefault(key(receipt), [0, 0, 0])
        parts[0] += receipt.quantity_e12
        parts[1] += receipt.amount_e24
        parts[2] += receipt.price_e24
    return {
        key: Total(quantity=Fraction(quantity) / E12, amount=Fraction(amount) / E24, price=Fraction(price) / E24)
        for key, (quantity, amount, price) in sums.items()
    }
