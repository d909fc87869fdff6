"""The accountant's tables of commits that have a price of their own: on bills, and over a month with its true-up."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import Engine

from tests.integration.change_book import ChangeBook
from tests.integration.usage_book import FIRST, SILENT
from tests.reference_burndown import balances_left
from tests.tables.burndown_cells import CATALOG, balances, lines
from tests.tables.table import Row, read_table
from tests.tables.test_usage_bills import applied_cell, billed, usage_cell
from trueup.domain.burndown.engine import burn_down
from trueup.domain.burndown.exact import rounded
from trueup.domain.burndown.usage import aggregate
from trueup.domain.money import plain_text

JANUARY, FEBRUARY = (datetime(2030, month, 1, tzinfo=UTC) for month in (1, 2))
KINDS = ("USAGE", "SCHEDULED")
CONTRACTS = {"first": FIRST, "silent": SILENT}
SHOWN = """
    SELECT l.quantity, l.unit_price FROM usage_period AS p
      JOIN invoice_line AS l ON l.account_id = p.account_id AND l.invoice_id = p.id AND l.kind = 'usage'
     WHERE p.account_id = :account_id ORDER BY l.position
"""


@pytest.mark.parametrize("case", read_table("commit_rate.txt"), ids=lambda case: case["case"])
def test_what_a_commit_covers_at_its_own_price(case: Row) -> None:
    """Each row of commit_rate.txt: lines, applied balances, deductions, total, and what is left."""
    used, given = lines(case["usage"]), balances(case["balances"])
    (found,) = billed(used, given)
    assert ", ".join(usage_cell(each) for each in found.lines if each.kind == "usage") == case["usage lines"]
    assert ", ".join(applied_cell(each) for each in found.lines if each.kind == "applied") == case["applied"]
    assert ", ".join(f"{each.commit_id} {plain_text(each.amount)}" for each in found.deductions) == case["deductions"]
    assert found.total == Decimal(case["total"])
    left = balances_left(given, burn_down(aggregate(used), given, CATALOG))
    assert " ".join(plain_text(rounded(left[each.segment_id])) for each in given) == case["left"]


@pytest.mark.parametrize("case", read_table("commit_rate_months.txt"), ids=lambda case: case["case"])
def test_a_month_at_the_commits_price(common_database: Engine, case: Row) -> None:
    """Each row of commit_rate_months.txt: what the period shows, what is invoiced and drawn, and the true-up."""
    book = ChangeBook(common_database)
    commit_id = book.commit("POSTPAID", case["commitment"], ends=FEBRUARY, rate_type=case["rate"])
    if case["prepaid"]:
        amount, *units = case["prepaid"].split()
        book.commit("PREPAID", amount, paid=False, access_type="QUANTITY" if units else "SPEND")
    book.use(JANUARY, case["used"], "3", contract_id=CONTRACTS[case["contract"]], commit_price="2")
    book.close(JANUARY)
    shown = [f"{plain_text(each.quantity)} x {plain_text(each.unit_price)}" for each in book.rows(SHOWN)]
    assert ", ".join(shown) == case["period shows"]
    usage, true_up = (sum(each.total for each in book.invoices() if each.type == kind) for kind in KINDS)
    assert usage == Decimal(case["usage invoice"])
    drawn = [-amount for kind, amount in book.entries(commit_id) if kind.endswith("DEDUCTION")]
    assert sum(drawn) == Decimal(case["drawn"])
    assert true_up == Decimal(case["true-up"])
    assert usage + true_up == Decimal(case["in all"])
    assert book.differences() == []
