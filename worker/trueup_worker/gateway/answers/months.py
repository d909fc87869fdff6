"""Months of the books."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Self

from trueup.store.journal.months import ClosedMonth
from trueup_worker.gateway.answers import examples
from trueup_worker.gateway.http.answer import Answer, Instant


class BooksMonth(Answer):
    """A month whose journal does not change any more.

    Attributes:
        closed_by: key id of the token.
        codes_version: of the codes of accounts that its journal has.
        totals: sum of the debits, which is that of the credits, by currency.
        left_out: names of units that are no money.
    """

    month: str
    entries: int
    totals: Mapping[str, str]
    closed_at: Instant
    closed_by: str
    codes_version: int
    left_out: Sequence[str]

    @classmethod
    def of(cls, month: ClosedMonth) -> Self:
        """A month that is closed."""
        return cls.from_record(month, month=f"{month.starting_at:%Y-%m}", closed_at=month.closed_at.astimezone(UTC))

    @classmethod
    def example(cls) -> Self:
        """One with two entries."""
        return cls(
            month="2025-01",
            entries=2,
            totals={"USD": "600"},
            closed_at=examples.FINALIZED_AT,
            closed_by="a1b2c3d4",
            codes_version=0,
            left_out=[],
        )


class MonthAnswer(Answer):
    """A month that is closed."""

    data: BooksMonth

    @classmethod
    def example(cls) -> Self:
        """Month of the example."""
        return cls(data=BooksMonth.example())


class MonthList(Answer):
    """Closed months, the first one first."""

    data: list[BooksMonth]

    @classmethod
    def example(cls) -> Self:
        """One month."""
        return cls(data=[BooksMonth.example()])
