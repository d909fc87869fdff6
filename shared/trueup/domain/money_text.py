"""Amounts as people write them: `1,234.56 USD`, `1,235 JPY`, `1,200 credits`. Exact: no digit is rounded away. Pure."""

from dataclasses import dataclass
from decimal import Decimal

from trueup.domain.money import plain_text
from trueup.domain.unit import Unit


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of a unit, as it is stored: of USD in minor units 1 is a cent.

    Attributes:
        amount: exact.
        unit: what it counts.
    """

    amount: Decimal
    unit: Unit


def money_text(money: Money) -> str:
    """Amount with its currency, as `1,234.56 USD`; see `figure`."""
    return f"{figure(money)} {money.unit.called}".rstrip()


def figure(money: Money) -> str:
    """Amount without its currency: of money in dollars or dinars, with their decimals at least; else as it is."""
    text = plain_text(money.amount)
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    whole, _, fraction = digits.partition(".")
    moved = money.unit.decimals
    whole = whole.rjust(moved + 1, "0")
    whole, fraction = whole[: len(whole) - moved], whole[len(whole) - moved :] + fraction
    fraction = fraction.rstrip("0").ljust(money.unit.exponent or 0, "0")
    return f"{sign}{int(whole):,}" + (f".{fraction}" if fraction else "")
