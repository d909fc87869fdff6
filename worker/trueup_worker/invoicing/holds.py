"""Judges whether a true-up may be settled: nobody pays a shortfall beside usage that would have filled it.

Two reasons hold one up. Usage that its commit covers is void, and nothing replaces it yet: made anew, it would draw on
the commit. Or usage that its commit covers was charged as overage, or to a balance that comes after the commit: the
true-up would ask for the same money. Judged by lines, whatever the cause: the commit was stored, widened, raised or put
first after the usage was finalized, or other months were made anew.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection

from trueup.domain.burndown.catalog import Catalog
from trueup.domain.burndown.covering import BilledUsage, covers, passed_over
from trueup.domain.burndown.values import Balance
from trueup.store.commits.balances import load_balances, load_products
from trueup.store.usage.billed_lines import BilledLine, TrueUpTerms, billed_lines, excepted_lines, true_up_terms

Reason = Literal["usage_voided", "usage_already_invoiced"]

_Excepted = AbstractSet[tuple[UUID, UUID, int]]


@dataclass(frozen=True, slots=True)
class Hold:
    """Hold of a true-up: its reason, and the lines that cause it."""

    reason: Reason
    lines: Sequence[BilledLine]


def holds_of(connection: Connection, account_id: int, true_up_ids: Sequence[UUID]) -> dict[UUID, Hold]:
    """Hold of these true-ups; those that nothing holds are left out. Whether they are due is not asked.

    Args:
        connection: a transaction that holds the true-ups' locks where they are to be settled by it.
        account_id: whose true-ups.
        true_up_ids: of obligations; other than true-ups are never held.
    """
    return {key: hold for key, (hold, *_) in _judged(connection, account_id, true_up_ids)}


def beside_issued(connection: Connection, account_id: int, true_up_ids: Sequence[UUID]) -> dict[UUID, Hold]:
    """Lines that true-ups stand beside although their commits cover them: what must not be, once they are issued."""
    judged = _judged(connection, account_id, true_up_ids)
    found = {key: [each for each in holds if each.reason == "usage_already_invoiced"] for key, holds in judged}
    return {key: holds[0] for key, holds in found.items() if holds}


def _judged(
    connection: Connection, account_id: int, true_up_ids: Sequence[UUID]
) -> Iterator[tuple[UUID, Sequence[Hold]]]:
    lines = billed_lines(connection, account_id, true_up_ids) if true_up_ids else []
    if not lines:
        return
    by_customer = {key: list(group) for key, group in groupby(lines, key=attrgetter("customer_id"))}
    terms = [each for each in true_up_terms(connection, account_id, true_up_ids) if each.customer_id in by_customer]
    excepted = excepted_lines(connection, account_id, [each.commit_id for each in terms])
    catalog = load_products(connection, account_id)
    for customer_id, true_ups in groupby(terms, key=attrgetter("customer_id")):
        judge = _Judge(load_balances(connection, account_id, customer_id), by_customer[customer_id], catalog, excepted)
        for true_up in true_ups:
            if holds := judge.holds(true_up):
                yield true_up.id, holds


class _Judge:
    """A customer's billed lines, beside its promises."""

    def __init__(
        self, balances: Iterable[Balance], lines: Sequence[BilledLine], catalog: Catalog, excepted: _Excepted
    ) -> None:
        self._catalog, self._excepted = catalog, excepted
        self._by_commit: Mapping[str, Balance] = {each.commit_id: each for each in balances if each.type == "POSTPAID"}
        payers = {each.segment_id: each for each in self._by_commit.values()}
        self._lines = [
            (line, BilledUsage(line.kind, line.hours, payers.get(line.payer_segment_id or ""))) for line in lines
        ]

    def holds(self, true_up: TrueUpTerms) -> list[Hold]:
        """The gravest first."""
        balance = self._by_commit.get(str(true_up.commit_id))
        if balance is None:  # archived: it is suppressed
            return []
        void, billed = [], []
        for line, usage in self._lines:
            if line.is_void:
                if covers(balance, usage, self._catalog):
                    void.append(line)
            elif self._is_beside(balance, true_up.commit_id, line, usage):
                billed.append(line)
        found = Hold("usage_voided", void), Hold("usage_already_invoiced", billed)
        return [each for each in found if each.lines]

    def _is_beside(self, balance: Balance, commit_id: UUID, line: BilledLine, usage: BilledUsage) -> bool:
        return (
            line.commit_id != commit_id
            and (commit_id, line.period_id, line.position) not in self._excepted
            and passed_over(balance, usage, self._catalog)
        )
