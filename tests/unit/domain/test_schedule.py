"""Recurring schedules and what they expand to."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from trueup.domain.schedule import Charge, Recurrence, expand


def recurrence(start: str, end: str, frequency: str = "MONTHLY") -> Recurrence:
    """A recurrence between two instants, which are given without their offset."""
    return Recurrence(
        starting_at=datetime.fromisoformat(start + "Z"),
        ending_before=datetime.fromisoformat(end + "Z"),
        frequency=frequency,
    )


def test_months_are_counted_from_the_anchor() -> None:
    """From 31 January the next are 28 February and 31 March: a short month does not shorten those after it."""
    found = recurrence("2025-01-31T00:00", "2025-05-01T00:00").timestamps()
    assert [each.isoformat()[:10] for each in found] == ["2025-01-31", "2025-02-28", "2025-03-31", "2025-04-30"]


def test_leap_days() -> None:
    """A year after 29 February is 28 February, four years after it 29 February again."""
    found = recurrence("2024-02-29T12:30:00.5", "2028-03-01T00:00", "ANNUAL").timestamps()
    assert [each.isoformat()[:10] for each in found] == [
        "2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29",
    ]  # fmt: skip
    assert {each.timetz().isoformat() for each in found} == {"12:30:00.500000+00:00"}


@pytest.mark.parametrize(
    ("start", "end", "frequency", "count"),
    [
        ("2025-01-01T00:00", "2026-01-01T00:00", "MONTHLY", 12),
        ("2025-01-01T00:00", "2026-01-01T00:00", "QUARTERLY", 4),
        ("2025-01-01T00:00", "2026-01-01T00:00", "SEMI_ANNUAL", 2),
        ("2025-01-01T00:00", "2026-01-01T00:00", "ANNUAL", 1),
        ("2025-01-01T00:00", "2026-01-01T00:00:00.000001", "ANNUAL", 2),
        ("2025-01-01T00:00", "2025-01-01T00:00:00.000001", "MONTHLY", 1),
        ("2025-01-31T00:00", "2025-02-28T00:00", "MONTHLY", 1),
        ("2025-01-31T00:00", "2025-02-28T00:00:01", "MONTHLY", 2),
        ("2025-11-30T00:00", "2026-02-28T00:00", "QUARTERLY", 1),
        ("1970-01-01T00:00", "9998-12-31T00:00", "MONTHLY", 96_348),
    ],
)
def test_count(start: str, end: str, frequency: str, count: int) -> None:
    """The end is exclusive, and the number of occurrences is known without making them."""
    found = recurrence(start, end, frequency)
    assert found.count == count
    assert found.occurrence(count - 1) < found.ending_before


def test_each_repeats_the_charge() -> None:
    """EACH keeps unit price and quantity, every time."""
    charge = (Decimal("0.1"), Decimal(3))
    found = expand(recurrence("2025-01-01T00:00", "2025-03-01T00:00"), charge, amount_distribution="EACH")
    assert found == [
        Charge(timestamp=datetime(2025, month, 1, tzinfo=UTC), unit_price=charge[0], quantity=charge[1])
        for month in (1, 2)
    ]
    assert [each.amount for each in found] == [Decimal("0.3")] * 2


@pytest.mark.parametrize(
    ("distribution", "amounts"),
    [("DIVIDED", ["3.333333333333", "3.333333333333", "3.333333333334"]), ("DIVIDED_ROUNDED", ["3", "3", "4"])],
)
def test_divided_charges_have_quantity_one(distribution: str, amounts: list[str]) -> None:
    """A divided charge is its product, shared out, each share with quantity 1."""
    found = expand(
        recurrence("2025-01-01T00:00", "2025-04-01T00:00"),
        (Decimal("2.5"), Decimal(4)),
        amount_distribution=distribution,
    )
    assert [(each.unit_price, each.quantity) for each in found] == [(Decimal(amount), 1) for amount in amounts]
