"""Receipts become bills: one for each contract, unit and month that has usage. Pure.

How figures agree, after rounding as before:

- A usage line is what one payer (a segment, or nobody) covers of one product at one price with the same group values,
  by the same rule. Its amount is rounded once. An `applied` line is the opposite of the usage lines that its balance
  pays, and a deduction is the same figure: deduction = -applied = usage covered.
- The lines that one segment pays, on all bills of a month, add up to what it gave, rounded: a balance that is used up
  is booked down to exactly 0.
- So for balances that pay money at list price drawn + overage = usage, and the total is the overage and what postpaid
  commits cover.
- A QUANTITY balance is deducted in units, those of the usage lines it pays; its `applied` line is their money.
- What was used for nothing (quantity 0) has no receipt, so it has no line; a month of nothing else has no bill. A line
  at price 0 stands on the bill, and a bill whose total is 0 is a bill.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

from trueup.domain.bills import BillLine, Deduction, Label, PeriodBill
from trueup.domain.burndown.catalog import Catalog
from trueup.domain.burndown.exact import E12, E24, Exact, exact_sum, in_e12, rounded_parts
from trueup.domain.burndown.usage import HOUR
from trueup.domain.burndown.values import Balance, GroupValues, Receipt
from trueup.domain.month import hour_of_month, month_of

_ZERO, _ONE = Decimal(0), Decimal(1)


class _LineKey(NamedTuple):
    """Key of a line: what usage must share to stand on it."""

    contract_id: str
    unit_id: str
    product_id: str
    unit_price: Decimal
    pricing_group_values: GroupValues
    presentation_group_values: GroupValues
    segment_id: str | None
    criterion: int | None


@dataclass(slots=True)
class _Draft:
    """A usage line while receipts are added up, in 10⁻¹² and 10⁻²⁴, and then its rounded figures."""

    key: _LineKey
    balance: Balance | None
    list_price: Decimal
    hours: list[datetime]
    quantity_e12: Exact = 0
    price_e24: Exact = 0
    quantity: Decimal = _ZERO
    amount: Decimal = _ZERO

    @property
    def is_rounded(self) -> bool:
        return in_e12(self.quantity) != self.quantity_e12

    @property
    def pays_in_units(self) -> bool:
        return self.balance is not None and self.balance.access_type == "QUANTITY"


def bill(receipts: Iterable[Receipt], *, catalog: Catalog, labels: Mapping[str, Label]) -> list[PeriodBill]:
    """Bill one month's receipts, for each contract and unit, in the order of their ids.

    Args:
        receipts: of one calendar month, in the order in which the burn-down gave them; all of that run's, so that what
            a segment gives to several contracts adds up.
        catalog: names the products.
        labels: names the commits, by id.

    Raises:
        KeyError: a product or commit has no name.
    """
    drafts = _add_up(receipts)
    _round(drafts)
    found = sorted(drafts, key=lambda draft: draft.key[:2])
    return [
        _period_bill(list(of_period), catalog, labels)
        for _, of_period in groupby(found, key=lambda draft: draft.key[:2])
    ]


def _add_up(receipts: Iterable[Receipt]) -> list[_Draft]:
    """One draft for each line, in the order in which they appear."""
    drafts: dict[_LineKey, _Draft] = {}
    for receipt in receipts:
        key = _line_key(receipt)
        draft = drafts.get(key)
        if draft is None:
            draft = drafts[key] = _Draft(key, receipt.balance, receipt.line.kind.list_price, [receipt.line.time])
        if draft.hours[-1] != receipt.line.time:
            draft.hours.append(receipt.line.time)
        draft.quantity_e12 += receipt.quantity_e12
        draft.price_e24 += receipt.price_e24
    return list(drafts.values())


def _line_key(receipt: Receipt) -> _LineKey:
    kind, balance = receipt.line.kind, receipt.balance
    return _LineKey(
        kind.contract_id,
        kind.unit_id,
        kind.product_id,
        receipt.unit_price,
        kind.pricing_group_values,
        kind.presentation_group_values,
        balance.segment_id if balance else None,
        receipt.criterion,
    )


def _round(drafts: list[_Draft]) -> None:
    """Every figure once: of a segment's lines so that they add up to what it gave, of overage line by line."""
    for paid in _grouped(drafts, lambda draft: draft.key.segment_id or draft.key):
        amounts = rounded_parts(Fraction(draft.price_e24) / E24 for draft in paid)
        for draft, amount in zip(paid, amounts, strict=True):
            draft.amount = amount
    # The units that a balance gives add up for that balance, other quantities for what was used.
    for used in _grouped(drafts, lambda draft: draft.key.segment_id if draft.pays_in_units else _usage(draft.key)):
        quantities = rounded_parts(Fraction(draft.quantity_e12) / E12 for draft in used)
        for draft, quantity in zip(used, quantities, strict=True):
            draft.quantity = quantity


def _usage(key: _LineKey) -> Hashable:
    return key.contract_id, key.unit_id, key.product_id, key.pricing_group_values, key.presentation_group_values


def _grouped(drafts: Iterable[_Draft], by: Callable[[_Draft], Hashable]) -> Iterable[list[_Draft]]:
    """The drafts that have the same key; groups and drafts in the order in which they appear."""
    groups: dict[Hashable, list[_Draft]] = {}
    for draft in drafts:
        groups.setdefault(by(draft), []).append(draft)
    return groups.values()


def _period_bill(drafts: list[_Draft], catalog: Catalog, labels: Mapping[str, Label]) -> PeriodBill:
    key, applied, deductions = drafts[0].key, [], []
    for paid in _grouped(drafts, lambda draft: draft.key.segment_id):
        balance = paid[0].balance
        given = exact_sum(draft.quantity if draft.pays_in_units else draft.amount for draft in paid)
        if balance is not None and given:
            deductions.append(Deduction(balance.commit_id, balance.segment_id, balance.type, given))
            applied.append(_applied_line(balance, exact_sum(draft.amount for draft in paid), labels[balance.commit_id]))
    lines = (*_usage_lines(drafts, catalog), *applied)
    return PeriodBill(
        contract_id=key.contract_id,
        unit_id=key.unit_id,
        month=month_of(drafts[0].hours[0]),
        lines=lines,
        deductions=tuple(deductions),
        total=exact_sum(line.amount for line in lines if line.is_billed),
    )


def _usage_lines(drafts: list[_Draft], catalog: Catalog) -> Iterator[BillLine]:
    """By product, dearest first, then by group values; what one payer leaves the next pays."""
    for draft in sorted(drafts, key=lambda draft: _place(draft, catalog)):
        product, key = catalog[draft.key.product_id], draft.key
        yield BillLine(
            kind="usage",
            is_billed=True,
            product_id=product.id,
            name=product.name,
            quantity=draft.quantity,
            is_rounded=draft.is_rounded,
            unit_price=key.unit_price,
            amount=draft.amount,
            commit_id=draft.balance.commit_id if draft.balance else None,
            segment_id=key.segment_id,
            criterion=key.criterion,
            pricing_group_values=key.pricing_group_values,
            presentation_group_values=key.presentation_group_values,
            starting_at=draft.hours[0],
            ending_before=draft.hours[-1] + HOUR,
            hours=tuple(map(hour_of_month, draft.hours)),
        )


def _place(draft: _Draft, catalog: Catalog) -> tuple[object, ...]:
    key = draft.key
    name = catalog[key.product_id].name
    return name, key.product_id, draft.list_price.copy_negate(), key.pricing_group_values, key.presentation_group_values


def _applied_line(balance: Balance, covered: Decimal, label: Label) -> BillLine:
    amount = covered.copy_negate() if covered else covered
    return BillLine(
        kind="applied",
        is_billed=balance.type != "POSTPAID",
        product_id=label.product_id,
        name=label.name,
        quantity=_ONE,
        unit_price=amount,
        amount=amount,
        commit_id=balance.commit_id,
        segment_id=balance.segment_id,
    )
