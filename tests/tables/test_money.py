"""The accountant's table of how amounts are written for people."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tables.table import Row, read_table
from trueup.domain.money_text import Money, figure, money_text

UNITS = st.sampled_from([("USD (cents)", 2), ("JPY (minor units)", 0), ("KWD (minor units)", 3), ("credits", 0)])


@pytest.mark.parametrize("case", read_table("money.txt"), ids=lambda case: f"{case['stored']} {case['unit']}")
def test_how_an_amount_is_written(case: Row) -> None:
    """Each row of money.txt."""
    assert money_text(Money(Decimal(case["stored"]), case["unit"])) == case["read"]


@given(st.decimals("-999999999999999999", "999999999999999999", places=12), UNITS)
def test_what_is_written_is_the_amount(amount: Decimal, unit: tuple[str, int]) -> None:
    """Read back, the figure is the stored amount to the last digit."""
    name, decimals = unit
    with localcontext(prec=64):
        assert Decimal(figure(Money(amount, name)).replace(",", "")).scaleb(decimals) == amount
