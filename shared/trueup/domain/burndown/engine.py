"""The burn-down itself: usage lines in, receipts out."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

from trueup.domain.burndown.applicability import applies
from trueup.domain.burndown.catalog import Catalog
from trueup.domain.burndown.criterion import Criterion
from trueup.domain.burndown.exact import E12, Exact, in_e12, whole
from trueup.domain.burndown.order import OrderKey, balance_order, deciding_criterion, line_order
from trueup.domain.burndown.usage import by_hour, hour_of
from trueup.domain.burndown.values import Balance, LineKind, Receipt, UsageLine


@dataclass(slots=True)
class _RunningBalance:
    """A balance, its place in the order, and what it has left, in 10⁻²⁴."""

    balance: Balance
    order: OrderKey
    left: Exact

    def is_open(self, hour: datetime) -> bool:
        return bool(self.left) and self.balance.starting_at <= hour < self.balance.ending_before


@dataclass(frozen=True, slots=True)
class _Payer:
    """A balance that may pay for lines of one kind, and what it gives for a unit of usage, in 10⁻¹²."""

    running: _RunningBalance
    rate: int


@dataclass(slots=True)
class _Queue:
    """Payers of lines of one kind: all that ever may, in order, and those of them whose access is open now.

    `later` has, for each of the open ones, where the next one stands that may have something left.
    """

    line_order: OrderKey
    list_price: int
    payers: list[_Payer]
    open: list[_Payer] = field(default_factory=list)
    later: list[int] = field(default_factory=list)
    as_of: int = -1

    def open_at(self, hour: datetime, *, as_of: int) -> None:
        """Choose the payers of an hour, unless those of this number of passed bounds are chosen."""
        if self.as_of != as_of:
            self.open = [payer for payer in self.payers if payer.running.is_open(hour)]
            self.later = list(range(1, len(self.open) + 1))
            self.as_of = as_of

    def first(self, at: int) -> int:
        """Place of the first open payer from here on with something left; their number where there is none.

        What is used up stays so: nobody passes it twice.
        """
        passed = []
        while at < len(self.open) and not self.open[at].running.left:
            passed.append(at)
            at = self.later[at]
        for each in passed:
            self.later[each] = at
        return at


def burn_down(lines: Iterable[UsageLine], balances: Iterable[Balance], catalog: Catalog) -> Iterator[Receipt]:
    """Burn usage down: receipts for every line, in the order in which things are drawn.

    Lines of one hour and kind make one aggregate, whose receipts follow each other: what balances pay, and then the
    overage, if there is any. Usage of quantity 0 leaves no receipt. What is kept is one hour of usage, and who pays
    for each kind of it.

    Args:
        lines: all usage of a customer that is not closed yet, whatever its contract and unit. Hours ascend; within an
            hour lines come in any order (`usage.aggregate` takes lines in no order at all).
        balances: all balances of that customer, in any order.
        catalog: holds the product of every line. "Fewer applicable products" is judged over all of it.

    Raises:
        HoursOutOfOrder: the hours do not ascend.
        decimal.Inexact: a number has more than 12 decimals.
        KeyError: a line's product is not in the catalog.
    """
    run = _Run(balances, catalog)
    for hour in by_hour(lines):
        yield from run.serve(hour)


class _Run:
    """Remainders of the balances between one line and the next.

    A queue looks at all of its payers again only when a balance has opened or closed: when one is used up, which
    happens as often as there are balances, it is passed over.
    """

    def __init__(self, balances: Iterable[Balance], catalog: Catalog) -> None:
        self._catalog = catalog
        running = [_running_balance(balance, catalog) for balance in balances]
        assert len({each.order for each in running}) == len(running), "a segment is given once"
        self._running = sorted(running, key=lambda each: each.order)
        bounds = ((each.balance.starting_at, each.balance.ending_before) for each in running)
        self._bounds = sorted({bound for window in bounds for bound in window})
        self._bounds_passed = 0
        self._queues: dict[LineKind, _Queue] = {}

    def serve(self, lines: list[UsageLine]) -> Iterator[Receipt]:
        """Serve the aggregates of one hour, which comes after those served before."""
        queued = [(self._queue(line.kind), line) for line in lines if line.quantity]
        queued.sort(key=lambda each: each[0].line_order)
        if queued:
            self._pass_bounds(queued[0][1].time)
        for queue, line in queued:
            yield from self._draw(queue, line)

    def _pass_bounds(self, hour: datetime) -> None:
        self._bounds_passed = bisect_right(self._bounds, hour)

    def _queue(self, kind: LineKind) -> _Queue:
        queue = self._queues.get(kind)
        if queue is None:
            product = self._catalog[kind.product_id]
            payers = [
                _Payer(each, _rate(each.balance, kind))
                for each in self._running
                if applies(each.balance, kind, product)
            ]
            queue = self._queues[kind] = _Queue(line_order(kind, product), in_e12(kind.list_price), payers)
        return queue

    def _able(self, queue: _Queue, hour: datetime) -> Iterator[tuple[_Payer, Criterion | None]]:
        """Balances that can pay, each with what set it before the next; who asks for more has used them up."""
        queue.open_at(hour, as_of=self._bounds_passed)
        at = queue.first(0)
        while at < len(queue.open):
            payer, at = queue.open[at], queue.first(at + 1)
            rivals = queue.open[at : at + 1]
            yield payer, next((deciding_criterion(payer.running.order, each.running.order) for each in rivals), None)

    def _draw(self, queue: _Queue, line: UsageLine) -> Iterator[Receipt]:
        rest: Exact = in_e12(line.quantity)
        for payer, criterion in self._able(queue, line.time):
            quantity, amount = self._pay(payer, rest)
            yield _receipt(line, quantity, amount, payer=payer.running, criterion=criterion)
            rest = whole(rest - quantity)
            if not rest:
                return
        yield _receipt(line, rest, whole(rest * queue.list_price))

    def _pay(self, payer: _Payer, quantity: Exact) -> tuple[Exact, Exact]:
        """Take from a balance what it can pay of this quantity: how much of it, and for what amount."""
        running, amount = payer.running, whole(quantity * payer.rate)
        if amount < running.left:
            running.left = whole(running.left - amount)
            return quantity, amount
        covered, amount = whole(Fraction(running.left) / payer.rate), running.left
        running.left = 0
        return covered, amount


def _running_balance(balance: Balance, catalog: Catalog) -> _RunningBalance:
    assert hour_of(balance.starting_at) == balance.starting_at, "access starts on a whole hour"
    assert hour_of(balance.ending_before) == balance.ending_before, "access ends on a whole hour"
    available = max(in_e12(balance.available), 0)
    return _RunningBalance(balance, balance_order(balance, catalog), available * E12)


def _rate(balance: Balance, kind: LineKind) -> int:
    """A QUANTITY balance gives one of its units for a unit of usage, whatever that costs."""
    return E12 if balance.access_type == "QUANTITY" else in_e12(balance.unit_price(kind))


def _receipt(
    line: UsageLine,
    quantity: Exact,
    amount: Exact,
    *,
    payer: _RunningBalance | None = None,
    criterion: Criterion | None = None,
) -> Receipt:
    return Receipt(
        line=line,
        balance=payer.balance if payer else None,
        criterion=criterion,
        quantity_e12=quantity,
        amount_e24=amount,
        left_e24=payer.left if payer else 0,
    )
