"""Usage that was billed, beside a promise that could have covered it: nobody pays for both. Pure.

A true-up asks for what was not used. Where usage that its commit covers was charged as overage, or drawn from a balance
that comes after it, the same money would be asked for twice.
"""

from dataclasses import dataclass
from datetime import datetime

from trueup.domain.burndown.applicability import applies
from trueup.domain.burndown.catalog import Catalog
from trueup.domain.burndown.order import balance_order
from trueup.domain.burndown.values import Balance, LineKind


@dataclass(frozen=True, slots=True)
class BilledUsage:
    """A line of a closed period.

    Attributes:
        kind: of the usage; its prices do not matter here.
        hours: the starts of those in which there was some.
        payer: who paid; None: nobody, it was overage.
    """

    kind: LineKind
    hours: tuple[datetime, ...]
    payer: Balance | None


def covers(balance: Balance, usage: BilledUsage, catalog: Catalog) -> bool:
    """Tell whether a part of this usage is of the balance's time and scope."""
    product = catalog[usage.kind.product_id]
    return applies(balance, usage.kind, product) and any(
        balance.starting_at <= hour < balance.ending_before for hour in usage.hours
    )


def passed_over(balance: Balance, usage: BilledUsage, catalog: Catalog) -> bool:
    """Tell whether the balance covers it, and nobody paid, or one that comes after the balance did."""
    if not covers(balance, usage, catalog):
        return False
    payer = usage.payer
    return payer is None or balance_order(balance, catalog) < balance_order(payer, catalog)
