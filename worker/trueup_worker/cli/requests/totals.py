"""Totals of what a file would send, by type and unit."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from trueup.domain.burndown.exact import exact_sum
from trueup.domain.money import product
from trueup.domain.money_text import Money
from trueup.domain.payable_rounding import USD_CENTS
from trueup.domain.unit import PIECES, Unit
from trueup.producer.files.row import Row
from trueup_worker.cli.terminal.output import Record

_PIECES = "units of usage"  # an access that counts them is no money


class _Charge(msgspec.Struct):
    amount: Decimal | None = None
    unit_price: Decimal | None = None
    quantity: Decimal | None = None

    @property
    def total(self) -> Decimal:
        if self.amount is not None:
            return self.amount
        return product(self.unit_price or Decimal(0), self.quantity or Decimal(0))


class _Schedule(msgspec.Struct):
    schedule_items: list[_Charge] | None = None
    recurring_schedule: _Charge | None = None
    credit_type_id: str | None = None
    access_type: str | None = None

    @property
    def total(self) -> Decimal:
        return exact_sum([each.total for each in self.schedule_items or ()])


class _Body(msgspec.Struct):
    """Body of a commit or a credit; of a line of usage the last four."""

    type: str | None = None
    access_schedule: _Schedule | None = None
    invoice_schedule: _Schedule | None = None
    quantity: Decimal | None = None
    list_price: Decimal | None = None
    commit_price: Decimal | None = None
    credit_type_id: str | None = None


class _Sum(msgspec.Struct):
    rows: int = 0
    amount: Decimal = Decimal(0)
    invoices: Decimal = Decimal(0)
    recurring: int = 0


_decode = msgspec.json.Decoder(_Body).decode


class Totals:
    """Totals of valid rows; invoices of recurring schedules are counted, and not added up."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str], _Sum] = defaultdict(_Sum)

    def add(self, rows: Iterable[Row]) -> None:
        """Add valid rows."""
        for row in rows:
            body = _decode(row.text)
            if row.kind == "usage":
                found = self._sums["usage", (body.credit_type_id or USD_CENTS).lower()]
                found.rows += 1
                found.amount = exact_sum([found.amount, _used(body)])
                continue
            kind = "credit" if row.kind == "credit" else (body.type or "").upper()
            access = body.access_schedule or _Schedule()
            counts_usage = access.access_type == "QUANTITY"
            unit = _PIECES if counts_usage else (access.credit_type_id or USD_CENTS).lower()
            found = self._sums[kind, unit]
            found.rows += 1
            found.amount = exact_sum([found.amount, access.total])
            if invoices := body.invoice_schedule:
                invoiced = self._sums[kind, (invoices.credit_type_id or USD_CENTS).lower()]
                invoiced.invoices = exact_sum([invoiced.invoices, invoices.total])
                invoiced.recurring += invoices.recurring_schedule is not None

    def records(self, units: Mapping[str, Unit]) -> list[Record]:
        """A record for each type and unit: access, or the price of usage, and invoices, as people write money."""
        return [
            {
                "type": kind,
                "unit": units[unit].name if unit in units else unit,
                "rows": each.rows,
                "amount": Money(each.amount, units.get(unit, PIECES)),
                "invoices": Money(each.invoices, units.get(unit, PIECES)),
            }
            | ({"recurring": each.recurring} if each.recurring else {})
            for (kind, unit), each in sorted(self._sums.items())
        ]


def _used(body: _Body) -> Decimal:
    price = body.list_price if body.commit_price is None else body.commit_price
    return product(body.quantity or Decimal(0), price or Decimal(0))
