"""Whatever is used and promised: the figures of a bill agree with each other and with the receipts."""

from collections import defaultdict
from decimal import Decimal, localcontext
from fractions import Fraction

from tests.property.test_burndown import BALANCES, CATALOG, LINES, holds_for
from trueup.domain.bills import Label, PeriodBill
from trueup.domain.burndown.engine import burn_down
from trueup.domain.burndown.exact import rounded
from trueup.domain.burndown.totals import totals
from trueup.domain.burndown.usage import aggregate
from trueup.domain.burndown.values import Balance, UsageLine
from trueup_worker.invoicing.bill import bill

LABELS = {f"commit-{number}": Label("p9", "Fee") for number in range(9)}


def billed(lines: list[UsageLine], balances: list[Balance]) -> list[PeriodBill]:
    """The bills of a month with this usage."""
    return bill(burn_down(aggregate(lines), balances, CATALOG), catalog=CATALOG, labels=LABELS)


@holds_for(LINES, BALANCES)
def test_the_figures_of_a_bill_agree(lines: list[UsageLine], balances: list[Balance]) -> None:
    """Deduction = what was applied = usage lines of that payer; the total is overage and what postpaid covers."""
    kinds = {balance.segment_id: balance for balance in balances}
    with localcontext(prec=100):
        for each in billed(lines, balances):
            paid: dict[str | None, Decimal] = defaultdict(Decimal)
            units: dict[str | None, Decimal] = defaultdict(Decimal)
            for line in each.lines:
                if line.kind == "usage":
                    paid[line.segment_id] += line.amount
                    units[line.segment_id] += line.quantity
            applied = {line.segment_id: -line.amount for line in each.lines if line.kind == "applied"}
            deducted = {one.segment_id: one.amount for one in each.deductions}
            assert applied == {segment: paid[segment] for segment in deducted}
            for segment, amount in deducted.items():
                assert amount == (units if kinds[segment].access_type == "QUANTITY" else paid)[segment]
            charged = [segment for segment in paid if segment is None or kinds[segment].type == "POSTPAID"]
            assert each.total == sum(paid[segment] for segment in charged)


@holds_for(LINES, BALANCES)
def test_a_segment_is_booked_for_what_it_gave(lines: list[UsageLine], balances: list[Balance]) -> None:
    """All deductions of a segment add up to what was drawn, rounded once: used up means exactly 0, and never less."""
    drawn = totals(
        burn_down(aggregate(lines), balances, CATALOG), lambda each: each.balance.segment_id if each.balance else None
    )
    with localcontext(prec=100):
        deducted: dict[str, Decimal] = defaultdict(Decimal)
        for each in billed(lines, balances):
            for one in each.deductions:
                deducted[one.segment_id] += one.amount
        for balance in balances:
            found = deducted[balance.segment_id]
            gave = drawn[balance.segment_id].amount if balance.segment_id in drawn else Fraction(0)
            assert found == rounded(gave)
            assert found <= max(balance.available, 0)


@holds_for(LINES, BALANCES)
def test_a_bill_holds_all_that_was_used(lines: list[UsageLine], balances: list[Balance]) -> None:
    """The quantities on all bills are what was used, to within a last digit for each line."""
    bills = billed(lines, balances)
    shown = [line for each in bills for line in each.lines if line.kind == "usage"]
    used = sum((Fraction(line.quantity) for line in lines), Fraction(0))
    assert abs(sum((Fraction(line.quantity) for line in shown), Fraction(0)) - used) <= Fraction(len(shown), 10**12)
    assert len({(each.contract_id, each.unit_id) for each in bills}) == len(bills)
