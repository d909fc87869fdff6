"""Bills beside stored ones: whether they say the same, and what they apply of balances. Pure."""

from collections.abc import Iterable
from decimal import Decimal

from trueup.domain.bills import BillLine, PeriodBill
from trueup.domain.burndown.exact import exact_sum
from trueup.store.invoices.corrections import Figures, LineKey

_ZERO = Decimal(0)


def figures_of(bill: PeriodBill) -> dict[LineKey, Figures]:
    """The bill's lines as `lines_of_periods` reads those of a stored one."""
    found: dict[LineKey, Figures] = {}
    for line in bill.lines:
        key = _line_key(line)
        quantity, amount = found.get(key, (_ZERO, _ZERO))
        found[key] = exact_sum([quantity, line.quantity]), exact_sum([amount, line.amount])
    return found


def _line_key(line: BillLine) -> LineKey:
    return (
        line.kind,
        line.is_billed,
        line.product_id,
        _ZERO if line.kind == "applied" else line.unit_price,
        line.segment_id,
        line.pricing_group_values,
        line.presentation_group_values,
    )


def applied_by_segment(lines: Iterable[tuple[LineKey, Figures]]) -> dict[str | None, Decimal]:
    """Amounts that these lines apply of each segment, below 0."""
    drawn: dict[str | None, Decimal] = {}
    for (kind, _, _, _, segment_id, _, _), (_, amount) in lines:
        if kind == "applied":
            drawn[segment_id] = exact_sum([drawn.get(segment_id, _ZERO), amount])
    return drawn
