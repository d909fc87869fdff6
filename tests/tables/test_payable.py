"""The accountant's table of what can be paid, row by row, without a database."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tables.table import Row, read_table
from trueup.domain.money import plain_text, shares
from trueup.domain.payable_rounding import Payable, payable
from trueup.domain.unit import USD_IN_CENTS, Unit

UNITS = {
    "USD": USD_IN_CENTS,
    "EUR cents": Unit("EUR (cents)", "EUR", 2, "minor"),
    "EUR": Unit("EUR", "EUR", 2, "major"),
    "JPY": Unit("Yen", "JPY", 0, "minor"),
    "KWD": Unit("Dinar", "KWD", 3, "major"),
    "credits": Unit("credits"),
}
AMOUNTS = st.decimals("0.000000000001", "999999999999999999", places=12)


def instalments(totals: list[Decimal], unit: Unit) -> list[Payable]:
    """What is to be paid of each."""
    with localcontext(prec=64):
        return [payable(total, unit.payable_step, before=sum(totals[:n], Decimal())) for n, total in enumerate(totals)]


@pytest.mark.parametrize("case", read_table("amount_due.txt"), ids=lambda case: case["case"])
def test_what_is_to_be_paid(case: Row) -> None:
    """Each row of amount_due.txt: what is due of each instalment, and the difference to its total."""
    totals = [Decimal(amount) for amount in case["totals, one after the other"].split()]
    found = instalments(totals, UNITS[case["unit"]])
    assert " ".join(plain_text(each.amount_due) for each in found) == case["amount due"]
    assert " ".join(plain_text(each.rounding) for each in found) == case["rounding"]


@given(AMOUNTS, st.integers(1, 48))
def test_shares_are_paid_like_their_sum(total: Decimal, count: int) -> None:
    """However a total is divided: what is due of the shares is never below 0, and adds up to the rounded total."""
    parts = instalments(shares(total, count=count, decimals=12), USD_IN_CENTS)
    with localcontext(prec=64):
        assert sum(each.amount_due for each in parts) == payable(total, USD_IN_CENTS.payable_step).amount_due
        assert sum(each.rounding for each in parts) == payable(total, USD_IN_CENTS.payable_step).rounding
    assert all(each.amount_due >= 0 and abs(each.rounding) <= 1 for each in parts)
