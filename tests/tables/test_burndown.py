"""The accountant's tables of the burn-down, row by row."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from tests.reference_burndown import balances_left
from tests.tables.burndown_cells import CATALOG, balance, balances, figures, line, lines
from tests.tables.table import Row, read_table
from trueup.domain.burndown.engine import burn_down
from trueup.domain.burndown.exact import rounded, rounded_parts
from trueup.domain.burndown.totals import totals
from trueup.domain.burndown.usage import aggregate
from trueup.domain.burndown.values import Balance, Receipt, UsageLine


def rows(name: str) -> pytest.MarkDecorator:
    """A test for each row of a table."""
    return pytest.mark.parametrize("case", read_table(name), ids=lambda case: next(iter(case.values())))


def burnt(used: Iterable[UsageLine], given: Iterable[Balance]) -> list[Receipt]:
    """The receipts for usage in any order."""
    return list(burn_down(aggregate(used), given, CATALOG))


def charged(receipts: Iterable[Receipt]) -> Fraction:
    """What the usage invoice asks for: overage, and what postpaid commits cover."""
    asked = (each for each in receipts if each.balance is None or each.balance.type == "POSTPAID")
    return sum((each.quantity * Fraction(each.unit_price) for each in asked), Fraction(0))


@rows("burndown_order.txt")
def test_which_balance_pays_first(case: Row) -> None:
    """Each row of burndown_order.txt: the first pays before the second, by that rule, however they are given."""
    first, second = balance(case["first"]), replace(balance(case["second"]), segment_id="second")
    used = [line("15, at 01:30, region=eu, team=a")]
    for given in ([first, second], [second, first]):
        receipts = burnt(used, given)
        assert [(each.balance, each.amount) for each in receipts] == [(first, Fraction(10)), (second, Fraction(5))]
        assert [each.criterion for each in receipts] == [int(case["rule"]), None]


@rows("burndown_cover.txt")
def test_how_much_each_balance_pays(case: Row) -> None:
    """Each row of burndown_cover.txt: what is drawn, what is overage, what is charged, what is left."""
    given = balances(case["balances"])
    receipts = burnt(lines(case["usage"]), given)
    drawn = totals(receipts, lambda each: each.balance)
    left = balances_left(given, receipts)
    assert [drawn[each].amount if each in drawn else 0 for each in given] == figures(case["drawn"])
    assert [drawn[None].amount if None in drawn else 0] == figures(case["overage"])
    assert [charged(receipts)] == figures(case["charged"])
    assert [left[each.segment_id] for each in given] == figures(case["left"])


@rows("burndown_payers.txt")
def test_who_pays(case: Row) -> None:
    """Each row of burndown_payers.txt: which commits pay, in which order, for how much usage."""
    receipts = burnt(lines(case["usage"]), balances(case["balances"]))
    paid = [f"{each.balance.commit_id if each.balance else '-'} {each.quantity}" for each in receipts]
    assert ", ".join(paid) == case["paid by"]


@rows("burndown_applies.txt")
def test_what_a_balance_is_for(case: Row) -> None:
    """Each row of burndown_applies.txt: whether that usage draws on that balance."""
    (receipt,) = burnt([line(case["usage"])], [balance(case["balance"])])
    assert {"yes": True, "no": False}[case["applies"]] == (receipt.balance is not None)


@rows("burndown_lines.txt")
def test_which_line_is_served_first(case: Row) -> None:
    """Each row of burndown_lines.txt: the first line is served before the second, however they arrive."""
    first, second = line(case["first"]), line(case["second"])
    for used in ([first, second], [second, first]):
        assert [each.line.kind for each in burnt(used, [])] == [first.kind, second.kind]


def test_the_year_of_the_worked_example() -> None:
    """burndown_year.txt, row by row: twelve months of 800.00 leave 400.00 of 10,000.00 for the true-up."""
    months = read_table("burndown_year.txt")
    starts = [datetime.fromisoformat(f"{month['month']}-01T00:00Z") for month in months]
    year = replace(balance("postpaid 10000.00"), ending_before=starts[0].replace(year=2031))
    used = [
        replace(line(month["usage"]), time=start + timedelta(days=number))
        for number, (month, start) in enumerate(zip(months, starts, strict=True))
    ]
    for month, receipt in zip(months, burnt(used, [year]), strict=True):
        found = (receipt.amount, charged([receipt]), receipt.left)
        assert found == tuple(Fraction(month[column]) for column in ("drawn", "charged", "left"))


@rows("burndown_rounding.txt")
def test_rounding(case: Row) -> None:
    """Each row of burndown_rounding.txt: parts rounded each alone, and together."""
    exact = figures(case["exact"])
    assert [rounded(part) for part in exact] == [Decimal(part) for part in case["alone"].split()]
    assert rounded_parts(exact) == [Decimal(part) for part in case["together"].split()]
