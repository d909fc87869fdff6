"""Amounts in tables: with their currency, as people write them. JSON has them as they are stored."""

from collections.abc import Mapping
from decimal import Decimal

from trueup.domain.money_text import Money
from trueup.domain.unit import Unit
from trueup_worker.cli.terminal.account_format import account_format
from trueup_worker.cli.terminal.output import Record, members

_AMOUNTS = frozenset(
    {
        "amount",
        "amount_due",
        "balance",
        "before",
        "after",
        "balance_before",
        "balance_after",
        "difference",
        "finalized",
        "left",
        "list_price",
        "commit_price",
        "rounding",
        "total",
        "unit_price",
        "unpaid",
        "usable",
    }
)


def in_money(value: object, unit: Unit | None) -> Record:
    """A value's members, its amounts as money of a unit; None where that is not known: they stay as they are."""
    record = dict(members(value))
    if unit is None:
        return record
    return {name: _money(each, unit) if name in _AMOUNTS else each for name, each in record.items()}


def in_its_unit(row: object, units: Mapping[str, Unit]) -> Record:
    """A row that has its unit's id: its amounts tell the unit, and its name is left out."""
    record = in_money(row, units.get(str(members(row).get("unit_id"))))
    record.pop("unit", None)
    return record


def true_up_text(figures: Mapping[str, object], unit: Unit) -> str:
    """Arithmetic of a true-up, on one line.

    Args:
        figures: committed, drawn, adjustments and due, each a number, its text, or None where it is not known.
        unit: of all of them.
    """
    pattern = "committed {committed} - drawn {drawn} + adjustments {adjustments} = due {due} {currency}"
    return sentence(pattern, figures, unit)


def sentence(pattern: str, figures: Mapping[str, object], unit: Unit) -> str:
    """The figures where the pattern names them, and the unit's currency or name in place of `currency`."""
    texts = {
        name: "?" if each is None else account_format.figure(Money(Decimal(str(each)), unit))
        for name, each in figures.items()
    }
    return " ".join(pattern.format(**texts, currency=unit.called).split())


def _money(value: object, unit: Unit) -> object:
    return Money(value, unit) if isinstance(value, Decimal) else value
