"""The two total orders: which balance pays first, and which line is served first."""

from typing import Any

from trueup.domain.burndown.applicability import applicable_contracts, applicable_products, group_specifiers
from trueup.domain.burndown.catalog import Catalog, Product
from trueup.domain.burndown.criterion import Criterion
from trueup.domain.burndown.values import Balance, LineKind

OrderKey = tuple[Any, ...]
"""Compared place by place; the lower one goes first."""


def balance_order(balance: Balance, catalog: Catalog) -> OrderKey:
    """The place of a balance: one figure for each `Criterion`, in their order. It does not depend on the usage.

    Commit id and position are among them, so that only a balance itself compares equal to it.
    """
    return (
        balance.type == "POSTPAID",
        balance.priority,
        balance.paid,
        applicable_products(balance, catalog),
        group_specifiers(balance),
        balance.ending_before,
        balance.starting_at,
        applicable_contracts(balance),
        balance.created_at,
        balance.commit_id,
        balance.position,
    )


def deciding_criterion(first: OrderKey, second: OrderKey) -> Criterion:
    """The first criterion by which two different balances differ."""
    return next(criterion for criterion in Criterion if first[criterion - 1] != second[criterion - 1])


def line_order(kind: LineKind, product: Product) -> OrderKey:
    """The place of a line among those of its hour: dear usage first. Lines that compare equal are of one kind."""
    return (
        kind.list_price.copy_negate(),
        product.name,
        kind.product_id,
        kind.pricing_group_values,
        kind.presentation_group_values,
        kind.contract_id,
        kind.commit_price,
        kind.unit_id,
    )
