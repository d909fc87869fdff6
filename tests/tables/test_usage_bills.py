"""The accountant's tables of usage invoices, row by row: from receipts to bills, without a database."""

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

import pytest

from tests.tables.burndown_cells import CATALOG, balance, balances, line, lines
from tests.tables.table import Row, read_table
from trueup.domain.bills import BillLine, Label, PeriodBill
from trueup.domain.burndown.engine import burn_down
from trueup.domain.burndown.usage import aggregate
from trueup.domain.burndown.values import Balance, UsageLine
from trueup.domain.money import plain_text
from trueup_worker.invoicing.bill import bill

LABELS = {name: Label("Fee", f"Commit {name}") for name in "ABCDEFG"}


def billed(used: Iterable[UsageLine], given: Iterable[Balance]) -> list[PeriodBill]:
    """The bills of a month with this usage, in any order."""
    return bill(burn_down(aggregate(used), given, CATALOG), catalog=CATALOG, labels=LABELS)


def usage_cell(shown: BillLine) -> str:
    """A usage line as the table has it."""
    quantity, price, amount = map(plain_text, (shown.quantity, shown.unit_price, shown.amount))
    return f"{quantity} x {price} = {amount} ({shown.commit_id or '-'})"


def applied_cell(shown: BillLine) -> str:
    """An applied line as the table has it."""
    return f"{shown.commit_id} {plain_text(shown.amount)}" + ("" if shown.is_billed else " shown")


@pytest.mark.parametrize("case", read_table("usage_bills.txt"), ids=lambda case: case["case"])
def test_what_a_usage_invoice_says(case: Row) -> None:
    """Each row of usage_bills.txt: lines, applied balances, deductions and total."""
    (found,) = billed(lines(case["usage"]), balances(case["balances"]))
    shown = [usage_cell(each) for each in found.lines if each.kind == "usage"]
    applied = [applied_cell(each) for each in found.lines if each.kind == "applied"]
    deducted = [f"{each.commit_id} {plain_text(each.amount)}" for each in found.deductions]
    assert ", ".join(shown) == case["usage lines"]
    assert ", ".join(applied) == case["applied"]
    assert ", ".join(deducted) == case["deductions"]
    assert found.total == Decimal(case["total"])


def test_nothing_used_makes_no_bill() -> None:
    """Usage of quantity 0 alone, like no usage at all, makes no bill."""
    assert billed([], [balance("prepaid 5")]) == []
    assert billed([line("0 x 5")], [balance("prepaid 5")]) == []


def test_two_contracts_share_a_balance_to_the_last_cent() -> None:
    """Two contracts that drain one balance have a bill each; their deductions are the balance, exactly."""
    used = [line("0.5 x 0.666666666667, on c2"), line("0.5 x 1.333333333333, on c1, of Beta")]
    found = billed(used, [balance("prepaid 0.9")])
    assert [each.contract_id for each in found] == ["c1", "c2"]
    assert sum(each.deductions[0].amount for each in found) == Decimal("0.9")
    assert sum(each.total for each in found) == Decimal("0.1")


def test_units_of_account_have_bills_of_their_own() -> None:
    """Usage in euro and in dollars of one contract makes two bills; a QUANTITY balance gives units to both."""
    found = billed([line("3 x 2, in eur"), line("3 x 5")], [balance("prepaid 4, quantity")])
    assert [(each.unit_id, each.total, each.deductions[0].amount) for each in found] == [("eur", 4, 1), ("usd", 0, 3)]


def test_a_line_says_when_and_by_which_rule() -> None:
    """A usage line spans its first to the end of its last hour, and names the rule that put its payer first."""
    used = [line("1, at 01:30"), line("2, at 05:15")]
    (found,) = billed(used, [balance("prepaid 9"), balance("postpaid 9, commit B")])
    first = found.lines[0]
    assert (first.name, first.criterion, first.segment_id) == ("Alpha", 1, "A-0")
    assert (str(first.starting_at)[11:16], str(first.ending_before)[11:16]) == ("01:00", "06:00")
    assert found.lines[1].name == "Commit A"


def test_deductions_are_what_usage_lines_show() -> None:
    """For balances that pay list price, what is drawn and what is overage are the usage, to the last digit."""
    used = [line(f"{n}.123456789 x 0.{n}7654321, of {name}") for n in range(1, 9) for name in ("Alpha", "Beta")]
    (found,) = billed(used, balances("credit 3.21; prepaid 7.000000000001; postpaid 5"))
    usage = sum(each.amount for each in found.lines if each.kind == "usage")
    overage = sum(each.amount for each in found.lines if each.kind == "usage" and not each.commit_id)
    assert sum(each.amount for each in found.deductions) + overage == usage
    assert [each.amount for each in found.deductions] == [Decimal("3.21"), Decimal("7.000000000001"), Decimal(5)]
    exact = sum(Fraction(each.quantity) * Fraction(each.kind.list_price) for each in used)
    assert abs(Fraction(usage) - exact) < Fraction(len(found.lines), 10**12)
