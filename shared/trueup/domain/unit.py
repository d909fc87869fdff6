"""Units: what amounts count, and how many decimals lie between that and what people write. Pure."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

AmountsIn = Literal["major", "minor"]

_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of amounts: money in a currency, or something of the account's own.

    Attributes:
        name: in the catalog; "": pieces are counted.
        currency: ISO 4217; None: it is no money, and the rest is None, too.
        exponent: decimals of the currency's minor unit: 2 of USD, 0 of JPY.
        amounts_in: whether an amount of 1 is a cent (minor) or a dollar (major).
    """

    name: str
    currency: str | None = None
    exponent: int | None = None
    amounts_in: AmountsIn | None = None

    @property
    def decimals(self) -> int:
        """Digits by which the point of an amount moves to the left before people read it."""
        return (self.exponent or 0) if self.amounts_in == "minor" else 0

    @property
    def payable_step(self) -> Decimal | None:
        """The smallest amount that can be paid; None: it is not known to be money, and is due as it is."""
        if self.currency is None:
            return None
        return _ONE if self.amounts_in == "minor" else _ONE.scaleb(-(self.exponent or 0))

    @property
    def called(self) -> str:
        """The currency, which stands beside the unit's figures; its name where it has none."""
        return self.currency or self.name


PIECES = Unit("")
USD_IN_CENTS = Unit("USD (cents)", "USD", 2, "minor")
"""The unit that every account has from the start."""
