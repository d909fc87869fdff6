"""Amounts as people write them: `1,234.56 USD`, `1,235 JPY`, `1,200 credits`. Exact: no digit is rounded away. Pure."""

import re
from dataclasses import dataclass
from decimal import Decimal

from trueup.domain.money import plain_text

# ISO 4217's currencies whose minor unit is not the hundredth part, with its decimals.
_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_DECIMALS = dict.fromkeys(_NO_DECIMALS.split(), 0) | dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3)
_HUNDREDTHS = 2
_MINOR = re.compile(r"(?P<currency>[A-Z]{3}) \((?:(?P<cents>cents)|minor units)\)")


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of a unit, as it is stored: of `USD (cents)` 1 is a cent.

    Attributes:
        amount: exact.
        unit: its name in the catalog; "": it counts pieces.
    """

    amount: Decimal
    unit: str


def money_text(money: Money) -> str:
    """Amount with its currency, as `1,234.56 USD`; see `figure` and `currency_of`."""
    return f"{figure(money)} {currency_of(money.unit)}".rstrip()


def figure(money: Money) -> str:
    """Amount without its currency: of `USD (cents)` or `KWD (minor units)` in dollars or dinars, else as it is."""
    return grouped(money.amount, shift=minor_decimals(money.unit))


def minor_decimals(unit: str) -> int:
    """Decimals of a currency whose minor unit this counts: 2 of `USD (cents)`, 3 of `KWD (minor units)`; else 0."""
    minor = _MINOR.fullmatch(unit)
    if minor is None:
        return 0
    return _HUNDREDTHS if minor["cents"] else _DECIMALS.get(minor["currency"], _HUNDREDTHS)


def currency_of(unit: str) -> str:
    """Name that stands beside a unit's figures: `USD` of `USD (cents)`, else the unit's own."""
    minor = _MINOR.fullmatch(unit)
    return minor["currency"] if minor else unit


def grouped(amount: Decimal, *, shift: int = 0) -> str:
    """Plain text with commas between thousands.

    Args:
        amount: exact.
        shift: by how many digits the point moves to the left; so many decimals are shown at least.
    """
    text = plain_text(amount)
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    whole, _, fraction = digits.partition(".")
    whole = whole.rjust(shift + 1, "0")
    whole, fraction = whole[: len(whole) - shift], whole[len(whole) - shift :] + fraction
    return f"{sign}{int(whole):,}" + (f".{fraction}" if fraction else "")
