"""Recurring schedules and the charges they expand to."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trueup.domain.money import ONE, product, shares
from trueup.limits import DECIMALS_MAX

MONTHS = {"MONTHLY": 1, "QUARTERLY": 3, "SEMI_ANNUAL": 6, "ANNUAL": 12}
SHARE_DECIMALS = {"DIVIDED": DECIMALS_MAX, "DIVIDED_ROUNDED": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One dated line of an invoice schedule."""

    timestamp: datetime
    unit_price: Decimal
    quantity: Decimal

    @property
    def amount(self) -> Decimal:
        """Unit price times quantity, exactly."""
        return product(self.unit_price, self.quantity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """Due times of a recurring schedule: from `starting_at`, the anchor, inclusive, until `ending_before`, exclusive.

    Both are aware and in UTC, and the second is the later one. `frequency` is a key of `MONTHS`.
    """

    starting_at: datetime
    ending_before: datetime
    frequency: str

    @property
    def count(self) -> int:
        """The number of occurrences, at least 1, without making them."""
        start, end = self.starting_at, self.ending_before
        last = ((end.year - start.year) * 12 + end.month - start.month) // MONTHS[self.frequency]
        return last + (self.occurrence(last) < end)

    def occurrence(self, number: int) -> datetime:
        """Occurrence `number`, from 0, counted from the anchor: 31 January, 28 February, 31 March."""
        years, month = divmod(self.starting_at.month - 1 + number * MONTHS[self.frequency], 12)
        year = self.starting_at.year + years
        day = min(self.starting_at.day, monthrange(year, month + 1)[1])
        return self.starting_at.replace(year=year, month=month + 1, day=day)

    def timestamps(self) -> list[datetime]:
        """All occurrences, in order."""
        return [self.occurrence(number) for number in range(self.count)]


def expand(recurrence: Recurrence, charge: tuple[Decimal, Decimal], *, amount_distribution: str) -> list[Charge]:
    """The charges of a recurring schedule, in order of time.

    Args:
        recurrence: when.
        charge: unit price and quantity as asked for, whose product fits.
        amount_distribution: EACH repeats the charge every time; DIVIDED and DIVIDED_ROUNDED share its amount out,
            each share with quantity 1.
    """
    timestamps = recurrence.timestamps()
    if amount_distribution == "EACH":
        lines = [charge] * len(timestamps)
    else:
        decimals = SHARE_DECIMALS[amount_distribution]
        lines = [(share, ONE) for share in shares(product(*charge), count=len(timestamps), decimals=decimals)]
    return [
        Charge(timestamp=timestamp, unit_price=unit_price, quantity=quantity)
        for timestamp, (unit_price, quantity) in zip(timestamps, lines, strict=True)
    ]
