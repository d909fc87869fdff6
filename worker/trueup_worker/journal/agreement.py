"""The check: the sum of the journal is what invoices, schedules and the ledger come to."""

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

from sqlalchemy import Connection

from trueup.domain.burndown.exact import rounded
from trueup.domain.journal.accounts import ACCOUNTS, Account
from trueup.domain.money import plain_text
from trueup.domain.payable_rounding import payable
from trueup.domain.unit import Unit
from trueup.limits import DECIMALS_MAX
from trueup.store.catalog.units import units_of
from trueup.store.journal.agreement import (
    CommitSums,
    closed_sums,
    commit_sums,
    differences_of_rows,
    given_sums,
    recorded_sums,
)
from trueup.store.journal.months import open_from
from trueup.store.journal.sources import invoices
from trueup.store.reconciliation.check import Difference
from trueup_worker.journal.lines import open_lines

_LAST_DECIMAL = Fraction(1, 10**DECIMALS_MAX)

Sums = dict[tuple[Account, str], Fraction]


def journal_differences(connection: Connection, account_id: int) -> Iterator[Difference]:
    """Differences: an entry that does not balance, an account whose sum is not what it has to be.

    Args:
        connection: a snapshot.
        account_id: whose books.
    """
    yield from differences_of_rows(connection, account_id)
    found = _booked(connection, account_id)
    expected = _Expected(connection, account_id)
    for account, currency in sorted(found.keys() | expected.sums.keys()):
        booked, due = found[account, currency], expected.sums[account, currency]
        if abs(booked - due) > expected.tolerance[currency]:
            told = (f"{plain_text(rounded(each))} {currency}" for each in (due, booked))
            yield Difference("journal", f"{account} in {currency}", *told)


def _booked(connection: Connection, account_id: int) -> Sums:
    sums: Sums = defaultdict(Fraction)
    for each in closed_sums(connection, account_id):
        sums[_account(each.account), each.currency] += Fraction(each.amount)
    for line in open_lines(connection, account_id, opens=open_from(connection, account_id)):
        sums[_account(line.account), line.currency] += Fraction(line.debit) - Fraction(line.credit)
    return sums


def _account(name: str) -> Account:
    return next(each for each in ACCOUNTS if each == name)


class _Expected:
    """Sums of accounts as they have to be, by currency, and how far the rounding of commits may lead away from that."""

    def __init__(self, connection: Connection, account_id: int) -> None:
        self._units = units_of(connection, account_id)
        self.sums: Sums = defaultdict(Fraction)
        self.tolerance: dict[str, Fraction] = defaultdict(Fraction)
        self._add_invoices(connection, account_id)
        for each in recorded_sums(connection, account_id):
            self._add(str(each.unit_id), clearing=each.amount, contract_position=-each.amount)
        for each in given_sums(connection, account_id):
            self._add(str(each.unit_id), promotional_expense=each.amount, revenue=-each.amount)
        for commit in commit_sums(connection, account_id):
            self._add_commit(commit)

    def _add_invoices(self, connection: Connection, account_id: int) -> None:
        for row in invoices(connection, account_id):
            if row.voided_at is None:
                due = payable(row.total, row.payable_step, before=row.instalments_before)
                self._add(str(row.unit_id), receivable=due.amount_due, rounding=-due.rounding)
                against: Account = "contract_position" if row.kind == "SCHEDULED" else "revenue"
                self._add(str(row.unit_id), **{against: -row.total})

    def _add_commit(self, commit: CommitSums) -> None:
        worth = Fraction(commit.instalments) / Fraction(commit.access) if commit.access else Fraction(0)
        drawn, lapsed = Fraction(commit.drawn) * worth, Fraction(commit.lapsed) * worth
        if not commit.balance and not commit.access:
            lapsed = Fraction(commit.instalments) - drawn
        self._add(str(commit.unit_id), contract_position=drawn + lapsed, revenue=-drawn, breakage=-lapsed)
        if unit := self._money(str(commit.unit_id)):
            self.tolerance[unit.called] += 2 * _LAST_DECIMAL / 10**unit.decimals

    def _add(self, unit_id: str, **figures: Decimal | Fraction) -> None:
        if unit := self._money(unit_id):
            for account, amount in figures.items():
                if amount:
                    self.sums[_account(account), unit.called] += Fraction(amount) / 10**unit.decimals

    def _money(self, unit_id: str) -> Unit | None:
        unit = self._units.get(unit_id)
        return unit if unit is not None and unit.currency is not None else None
