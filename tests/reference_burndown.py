"""The burn-down once more, line by line, as the specification reads: slow, and easy to check by eye.

It shares the values with the engine and nothing else. It is the oracle of the property tests, and what the benchmark
measures the engine against.
"""

from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

from trueup.domain.burndown.catalog import Catalog, Product
from trueup.domain.burndown.values import Balance, Receipt, Specifier, UsageLine


class Step(NamedTuple):
    """So much of a line, for so much, from this segment; None: overage. `rule`: 1 to 11, 0 without a competitor."""

    line: UsageLine
    segment_id: str | None
    quantity: Fraction
    amount: Fraction
    rule: int


def balances_left(balances: Iterable[Balance], receipts: Iterable[Receipt]) -> dict[str, Fraction]:
    """What each segment has after all receipts of a run of the engine, by segment id."""
    left = {balance.segment_id: max(Fraction(balance.available), Fraction(0)) for balance in balances}
    left.update({receipt.balance.segment_id: receipt.left for receipt in receipts if receipt.balance})
    return left


def burn_down(
    lines: Iterable[UsageLine], balances: Iterable[Balance], catalog: Catalog
) -> tuple[list[Step], dict[str, Fraction]]:
    """Every step of every line, and what is left on each segment."""
    ordered = sorted(balances, key=lambda balance: criteria(balance, catalog))
    places = [criteria(balance, catalog) for balance in ordered]
    left = {balance.segment_id: max(Fraction(balance.available), Fraction(0)) for balance in ordered}
    steps = []
    for line in sorted(lines, key=lambda line: line_place(line, catalog)):
        rest = Fraction(line.quantity)
        product = catalog[line.kind.product_id]
        payers = [
            place
            for place, balance in enumerate(ordered)
            if left[balance.segment_id] > 0 and may_pay(balance, line, product)
        ]
        for number, place in enumerate(payers):
            if rest == 0:
                break
            balance = ordered[place]
            price = price_paid(balance, line)
            if price == 0 or rest * price <= left[balance.segment_id]:
                covered = rest
            else:
                covered = left[balance.segment_id] / price
            others = payers[number + 1 :]
            rule = first_difference(places[place], places[others[0]]) if others else 0
            steps.append(Step(line, balance.segment_id, covered, covered * price, rule))
            left[balance.segment_id] -= covered * price
            rest -= covered
        if rest > 0:
            steps.append(Step(line, None, rest, rest * Fraction(line.kind.list_price), 0))
    return steps, left


def price_paid(balance: Balance, line: UsageLine) -> Fraction:
    """What the balance gives for a unit of usage."""
    if balance.access_type == "QUANTITY":
        return Fraction(1)
    if balance.rate_type == "COMMIT_RATE":
        return Fraction(line.kind.commit_price)
    return Fraction(line.kind.list_price)


def may_pay(balance: Balance, line: UsageLine, product: Product) -> bool:
    """Whether the line's time, unit, contract, product and group values are those the balance is for."""
    kind = line.kind
    if not balance.starting_at <= line.time < balance.ending_before:
        return False
    if balance.access_type != "QUANTITY" and balance.unit_id != kind.unit_id:
        return False
    if balance.applicable_contract_ids and kind.contract_id not in balance.applicable_contract_ids:
        return False
    if balance.specifiers:
        return any(matches(specifier, line, product) for specifier in balance.specifiers)
    return admits(balance, product)


def admits(balance: Balance, product: Product) -> bool:
    """The union of product ids and tags; without either, everything."""
    if not balance.applicable_product_ids and not balance.applicable_product_tags:
        return True
    tagged = any(tag in balance.applicable_product_tags for tag in product.tags)
    return product.id in balance.applicable_product_ids or tagged


def matches(specifier: Specifier, line: UsageLine, product: Product) -> bool:
    """All that the specifier gives holds."""
    pricing, presentation = dict(line.kind.pricing_group_values), dict(line.kind.presentation_group_values)
    return (
        matches_product(specifier, product)
        and all(pricing.get(key) == value for key, value in specifier.pricing_group_values)
        and all(presentation.get(key) == value for key, value in specifier.presentation_group_values)
    )


def matches_product(specifier: Specifier, product: Product) -> bool:
    """What the specifier gives about the product holds."""
    if specifier.product_id is not None and specifier.product_id != product.id:
        return False
    if not all(tag in product.tags for tag in specifier.product_tags):
        return False
    return not any(all(tag in product.tags for tag in tags) for tags in specifier.exclude)


def criteria(balance: Balance, catalog: Catalog) -> list[tuple[object, ...]]:
    """The eleven criteria, in order; lower is drawn first."""
    contracts = len(balance.applicable_contract_ids)
    grouped = [each for each in balance.specifiers if each.pricing_group_values or each.presentation_group_values]
    return [
        (1 if balance.type == "POSTPAID" else 0,),
        (Fraction(balance.priority),),
        (1 if balance.paid else 0,),
        products_named(balance, catalog),
        (len(grouped),),
        (balance.ending_before,),
        (balance.starting_at,),
        (0, contracts) if contracts else (1, 0),
        (balance.created_at,),
        (balance.commit_id,),
        (balance.position,),
    ]


def products_named(balance: Balance, catalog: Catalog) -> tuple[int, int]:
    """(0, how many products can match), or (1, 0) where nothing is said about products."""
    usable = [product for product in catalog.values() if product.type != "FIXED"]
    if balance.specifiers:
        if any(not each.product_id and not each.product_tags and not each.exclude for each in balance.specifiers):
            return 1, 0
        union = {product.id for product in usable for each in balance.specifiers if matches_product(each, product)}
        return 0, len(union)
    if not balance.applicable_product_ids and not balance.applicable_product_tags:
        return 1, 0
    return 0, len({product.id for product in usable if admits(balance, product)})


def first_difference(first: list[tuple[object, ...]], second: list[tuple[object, ...]]) -> int:
    """The number of the first criterion by which two balances differ."""
    return next(number for number, pair in enumerate(zip(first, second, strict=True), 1) if pair[0] != pair[1])


def line_place(line: UsageLine, catalog: Catalog) -> tuple[object, ...]:
    """Hour, list price (higher first), product name, product id, group values, contract id, commit price, unit."""
    kind = line.kind
    return (
        datetime(line.time.year, line.time.month, line.time.day, line.time.hour, tzinfo=line.time.tzinfo),
        -Fraction(kind.list_price),
        catalog[kind.product_id].name,
        kind.product_id,
        (kind.pricing_group_values, kind.presentation_group_values),
        kind.contract_id,
        Fraction(kind.commit_price),
        kind.unit_id,
    )
