"""Exact amounts."""

from decimal import Decimal, Inexact

import pytest

from trueup.domain.money import fits, plain_text, product, shares


@pytest.mark.parametrize(
    ("literal", "does"),
    [
        ("0", True),
        ("-0", True),
        ("0e1000000", True),
        ("0e-1000000", True),
        ("999999999999999999.999999999999", True),
        ("-999999999999999999.999999999999", True),
        ("1000000000000000000", False),
        ("-1e18", False),
        ("1e-12", True),
        ("1e-13", False),
        ("1.00000000000000000000", True),
        ("1.00000000000000000001", False),
        ("1e1000000", False),
        ("1e-1000000", False),
        ("NaN", False),
        ("sNaN", False),
        ("Infinity", False),
    ],
)
def test_fits(literal: str, *, does: bool) -> None:
    """A number fits by its value: 18 digits before the point and 12 after."""
    assert fits(Decimal(literal)) is does


def test_products_are_exact() -> None:
    """The largest product is exact to the last digit; what would be rounded raises."""
    largest = Decimal("999999999999999999.999999999999")
    assert str(product(largest, largest)) == "999999999999999999999999999998000000.000000000000000000000001"
    assert product(Decimal("0.1"), Decimal(3)) == Decimal("0.3")
    with pytest.raises(Inexact):
        product(Decimal("1." + "1" * 60), Decimal("1.11111"))


@pytest.mark.parametrize(
    ("total", "count", "decimals", "expected"),
    [
        ("100", 3, 12, ["33.333333333333", "33.333333333333", "33.333333333334"]),
        ("100.5", 3, 0, ["33", "33", "34.5"]),
        ("100", 1, 12, ["100"]),
        ("0.5", 1, 0, ["0.5"]),
        ("2", 3, 0, ["0", "0", "2"]),
        (
            "999999999999999999.999999999999",
            2,
            12,
            ["499999999999999999.999999999999", "500000000000000000.000000000000"],
        ),
    ],
)
def test_shares(total: str, count: int, decimals: int, expected: list[str]) -> None:
    """Every share but the last is rounded down, the last takes the rest."""
    assert shares(Decimal(total), count=count, decimals=decimals) == [Decimal(share) for share in expected]


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        ("0", "0"),
        ("-0.00", "0"),
        ("0E+1000000", "0"),
        ("1E+5", "100000"),
        ("1.0E+5", "100000"),
        ("-1.50", "-1.5"),
        ("1E-12", "0.000000000001"),
        ("100", "100"),
        ("10.0", "10"),
    ],
)
def test_plain_text(literal: str, text: str) -> None:
    """Plain decimal text has no exponent, no trailing zeros and no negative zero."""
    assert plain_text(Decimal(literal)) == text
