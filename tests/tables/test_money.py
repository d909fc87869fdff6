"""The accountant's table of how amounts are written for people."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tables.table import Row, read_table
from trueup.domain.money_text import Money, figure, money_text
from trueup.domain.unit import USD_IN_CENTS, Unit
from trueup.wire.catalog import Unit as Entry
from trueup_worker.reporting.money_format import UnknownLocale, figure_in, locale_of, money_in

TABLE = read_table("money.txt")
UNITS = st.sampled_from(
    [USD_IN_CENTS, Unit("Yen", "JPY", 0, "minor"), Unit("Dinar", "KWD", 3, "minor"), Unit("€", "EUR", 2, "major")]
)
AMOUNTS = st.decimals("-999999999999999999", "999999999999999999", places=12)
SPACES = str.maketrans({"\u00a0": "_", "\u202f": "~"})


def money(case: Row) -> Money:
    """The amount of a row, whose currency's decimals are those of ISO 4217."""
    said = {"currency": case["currency"] or None, "amounts_in": case["amounts in"] or None}
    entry = Entry.model_validate({"id": "e0000000-0000-4000-8000-000000000001", "name": case["unit"], **said})
    return Money(Decimal(case["stored"]), Unit(entry.name, entry.currency, entry.exponent, entry.amounts_in))


@pytest.mark.parametrize("case", TABLE, ids=lambda case: f"{case['stored']} {case['unit']}")
def test_how_an_amount_is_written(case: Row) -> None:
    """Each row of money.txt."""
    assert money_text(money(case)) == case["plain"]
    for locale, column in (("en", "read"), ("de", "de"), ("fr", "fr")):
        assert money_in(locale, money(case)).translate(SPACES) == case[column]


@given(AMOUNTS, UNITS)
def test_what_is_written_is_the_amount(amount: Decimal, unit: Unit) -> None:
    """Read back, the figure is the stored amount to the last digit, whoever wrote it."""
    written = [figure(Money(amount, unit)), figure_in("en", Money(amount, unit))]
    with localcontext(prec=64):
        assert [Decimal(each.replace(",", "")).scaleb(unit.decimals) for each in written] == [amount, amount]


@pytest.mark.parametrize("name", ["", "nowhere", "en-", "../en", "C", "e" * 5_000, "en\0", "de_CH.UTF-8"])
def test_what_is_no_locale_is_refused(name: str) -> None:
    """And told how one looks."""
    with pytest.raises(UnknownLocale, match="as de-CH"):
        locale_of(name)
