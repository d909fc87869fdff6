"""The use case: a customer's month is put right, and all that depends on it, in one transaction.

Usage of the month and of all later closed ones, late lines included, is burned down anew in its order, as if nothing of
it had been closed, trued up or expired. What comes out as it stands is left alone. Whatever does not is voided and made
anew: usage invoices, periods of contracts that are not invoiced, and true-ups whose commit is drawn otherwise now.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection

from trueup.domain.bills import PeriodBill
from trueup.domain.burndown.exact import exact_sum
from trueup.domain.month import YEAR_MAX, Month, month_of
from trueup.errors import Refused
from trueup.ids import new_id
from trueup.store.accounts.audit import note
from trueup.store.commits.balances import load_balances_before, load_labels, load_products
from trueup.store.invoices.corrections import (
    StandingPeriod,
    StandingTrueUp,
    lines_of_periods,
    standing_periods,
    standing_true_ups,
    usage_closed_before,
)
from trueup.store.invoices.obligations import claim_these
from trueup.store.invoices.regenerations import UnbilledUsage, renew_obligation, take_late_usage_in
from trueup.store.invoices.true_ups import lock_true_ups, reopen_true_ups
from trueup.store.invoices.voids import Drawn, drawn_by, take_back_expirations, void_period, void_scheduled
from trueup.store.usage.by_hour import closed_usage
from trueup.store.usage.months import lock_customer
from trueup.store.usage.periods import find_period, store_periods
from trueup_worker.invoicing.bill_figures import applied_by_segment, figures_of
from trueup_worker.invoicing.issue import settle_claimed
from trueup_worker.invoicing.open_months import bills_by_month
from trueup_worker.invoicing.void import LIFT, VoidRefused, refuse_malformed

_PeriodKey = tuple[datetime, str, str]
_ZERO = Decimal(0)
_Standing = StandingPeriod | StandingTrueUp


class CorrectionRefused(Refused):
    """The month is not put right; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """Correction of one invoice, or of a period that makes none.

    Attributes:
        type: USAGE; PERIOD where the contract is not invoiced, so that nothing is charged; TRUE_UP.
        month: the start of the month of usage.
        before_id: of what was voided, or was void; of a true-up that is settled anew, its own.
        before: what it charged; 0 where it was void, or no invoice.
        after_id: of what replaces it.
        after: what that charges; 0 where it is no invoice.
        state: of a true-up afterwards.
    """

    type: Literal["USAGE", "PERIOD", "TRUE_UP"]
    contract_id: UUID
    unit_id: UUID
    month: datetime | None = None
    commit_id: UUID | None = None
    before_id: UUID | None
    before_number: int | None
    before: Decimal
    after_id: UUID | None
    after_number: int | None = None
    after: Decimal
    state: str | None = None

    @property
    def difference(self) -> Decimal:
        """Charge now less the charge before."""
        return exact_sum([self.after, self.before.copy_negate()])


def correct_month(
    connection: Connection,
    *,
    account_id: int,
    customer_id: UUID,
    month: datetime,
    reason: str,
    actor: str,
    usage_grace_h: int,
    dry_run: bool = False,
) -> list[Correction]:
    """Put a customer's closed month right, with an audit row, in the caller's transaction.

    Args:
        connection: a transaction.
        account_id: whose customer.
        customer_id: whose usage.
        month: any instant of the first calendar month to look at, in UTC.
        reason: why, in the operator's words; it stands in the ledger and in the audit row.
        actor: key id of the operator's token.
        usage_grace_h: the setting.
        dry_run: whether to take everything back again: what is told has happened then.

    Returns:
        What was made anew; nothing where all stands as it should. True-ups that are due are settled anew, too; one that
        is still held says so.

    Raises:
        CorrectionRefused: the month is not closed, the reason is malformed, the account has no such customer, or
            something that would have to be voided carries the mark paid or exported.
    """
    if month.year > YEAR_MAX:
        raise CorrectionRefused(f"a month is of a year up to {YEAR_MAX}")
    try:
        refuse_malformed(reason)
    except VoidRefused as error:
        raise CorrectionRefused(str(error)) from None
    lock_true_ups(connection, account_id, customer_id)
    lock_customer(connection, account_id, customer_id)
    run = _Run(connection, account_id, customer_id, month_of(month), reason)
    attempt = connection.begin_nested()
    made = run.correct(usage_grace_h)
    if dry_run:
        attempt.rollback()
        return made
    attempt.commit()
    if made:
        note(
            connection,
            account_id,
            actor=actor,
            action="correct_month",
            subject=str(customer_id),
            before={"month": f"{run.month.starting_at:%Y-%m}", "invoices": [_named(each.before_id) for each in made]},
            after={"reason": reason, "invoices": [_named(each.after_id) for each in made]},
        )
    return made


def _named(key: UUID | None) -> str | None:
    return str(key) if key else None


@dataclass(frozen=True, slots=True)
class _Remade:
    """A bill that is to be made, and the period that it replaces, if there is one."""

    bill: PeriodBill
    standing: StandingPeriod | None

    @property
    def is_live(self) -> bool:
        """Tell whether what it replaces is to be voided."""
        return self.standing is not None and not self.standing.is_void


class _Run:
    """One correction, under the locks of the customer and of all its true-ups."""

    def __init__(self, connection: Connection, account_id: int, customer_id: UUID, month: Month, reason: str) -> None:
        self._connection, self._account_id, self._customer_id = connection, account_id, customer_id
        self.month, self._reason = month, reason

    def correct(self, usage_grace_h: int) -> list[Correction]:
        """Do the whole; what stands as it should is left alone."""
        periods, true_ups = self._periods(), self._true_ups()
        remade = self._remade(periods)
        if not remade:
            return []
        gone = [each.standing for each in remade if each.standing and each.is_live]
        issued = self._outdated(true_ups.values(), remade, gone)
        _refuse_marked([*gone, *issued])
        renewed = self._void_true_ups(issued)
        self._void_periods(gone)
        reopened = self._reopen(remade)
        self._make(remade)
        self._settle([*renewed, *reopened], usage_grace_h)
        return [*self._told_of_usage(remade), *self._told_of_true_ups(true_ups)]

    def _periods(self) -> dict[_PeriodKey, StandingPeriod]:
        since = self.month.starting_at
        found = standing_periods(self._connection, self._account_id, self._customer_id, since=since)
        return {(each.starting_at, str(each.contract_id), str(each.unit_id)): each for each in found}

    def _true_ups(self) -> dict[UUID, StandingTrueUp]:
        found = standing_true_ups(self._connection, self._account_id, self._customer_id)
        return {each.commit_id: each for each in found}

    def _remade(self, standing: Mapping[_PeriodKey, StandingPeriod]) -> list[_Remade]:
        """The bills that do not stand as they should."""
        live = [each.id for each in standing.values() if not each.is_void]
        self._lines = lines_of_periods(self._connection, self._account_id, live)
        found = []
        for bill in self._bills():
            period = standing.get((bill.month.starting_at, bill.contract_id, bill.unit_id))
            if period is None or self._lines.get(period.id) != figures_of(bill):
                found.append(_Remade(bill, period))
        return found

    def _bills(self) -> Iterator[PeriodBill]:
        """Bill of the usage, burned down in its order."""
        which = self._connection, self._account_id
        since = self.month.starting_at
        before = usage_closed_before(*which, self._customer_id)
        if before is None or since >= before:
            told = f"customer {self._customer_id} has no closed month {since:%Y-%m}"
            raise CorrectionRefused(f"{told}: usage of an open one counts as it comes")
        balances = load_balances_before(*which, self._customer_id, since=since)
        labels, catalog = load_labels(*which, self._customer_id), load_products(*which)
        usage = closed_usage(*which, self._customer_id, since=since, before=before)
        return bills_by_month(usage, balances, catalog=catalog, labels=labels)

    def _outdated(
        self, true_ups: Iterable[StandingTrueUp], remade: Sequence[_Remade], gone: Sequence[StandingPeriod]
    ) -> list[StandingTrueUp]:
        """Issued true-ups whose commit is drawn otherwise now, or that ask for usage which is made anew."""
        asked = {each.standing.settled_by_id for each in remade if each.standing}
        applied = [figures for each in gone for figures in self._lines[each.id].items()]
        drawn = applied_by_segment(applied)
        drawn_now = applied_by_segment(figures for each in remade for figures in figures_of(each.bill).items())
        segments = {key for key in drawn.keys() | drawn_now.keys() if drawn.get(key, 0) != drawn_now.get(key, 0)}
        return [
            each
            for each in true_ups
            if each.state == "issued" and (str(each.segment_id) in segments or each.id in asked)
        ]

    def _void_true_ups(self, issued: Iterable[StandingTrueUp]) -> list[UUID]:
        renewed = []
        for each in issued:
            which = self._connection, self._account_id, each.id
            void_scheduled(*which, commit_id=each.commit_id, reason=self._reason)
            renewed.append(new_id())
            renew_obligation(*which, new_id=renewed[-1])
        return renewed

    def _void_periods(self, gone: Iterable[StandingPeriod]) -> None:
        for each in gone:
            period = find_period(self._connection, self._account_id, each.id)
            assert period, "it stands"
            drawn = drawn_by(self._connection, self._account_id, period)
            void_period(self._connection, self._account_id, period, drawn=drawn, reason=self._reason)

    def _reopen(self, remade: Iterable[_Remade]) -> list[UUID]:
        """Take back what expired of balances that are drawn now; true-ups of these are settled anew."""
        drawn = {(each.commit_id, each.segment_id) for one in remade for each in one.bill.deductions}
        segments = [Drawn(UUID(commit_id), UUID(segment_id)) for commit_id, segment_id in sorted(drawn)]
        take_back_expirations(self._connection, self._account_id, segments, reason=self._reason)
        commits = {each.commit_id for each in segments}
        reopen_true_ups(self._connection, self._account_id, self._customer_id, commits)
        return [each.id for each in self._true_ups().values() if each.state == "pending"]

    def _make(self, remade: Sequence[_Remade]) -> None:
        which = self._connection, self._account_id
        for each in remade:
            contract_id, unit_id = UUID(each.bill.contract_id), UUID(each.bill.unit_id)
            usage = UnbilledUsage(self._customer_id, contract_id, unit_id, each.bill.month, None)
            take_late_usage_in(*which, usage)
        replaces = [each.standing.id if each.standing else None for each in remade]
        store_periods(*which, [each.bill for each in remade], customer_id=self._customer_id, replaces=replaces)

    def _settle(self, true_up_ids: Sequence[UUID], usage_grace_h: int) -> None:
        """Those that are due; the others are left to whoever settles what is due."""
        which = self._connection, self._account_id
        claimed = claim_these(*which, true_up_ids, usage_grace_h=usage_grace_h)
        if claimed:
            settle_claimed(*which, claimed)

    def _told_of_usage(self, remade: Iterable[_Remade]) -> Iterator[Correction]:
        made = self._periods()
        for each in remade:
            bill, old = each.bill, each.standing
            new = made[bill.month.starting_at, bill.contract_id, bill.unit_id]
            yield Correction(
                type="USAGE" if new.is_invoiced else "PERIOD",
                contract_id=new.contract_id,
                unit_id=new.unit_id,
                month=new.starting_at,
                before_id=old.id if old else None,
                before_number=old.number if old else None,
                before=old.total if old and old.total is not None and each.is_live else _ZERO,
                after_id=new.id,
                after_number=new.number,
                after=_ZERO if new.total is None else new.total,
            )

    def _told_of_true_ups(self, before: Mapping[UUID, StandingTrueUp]) -> Iterator[Correction]:
        for commit_id, new in self._true_ups().items():
            old = before[commit_id]
            if (old.id, old.state) != (new.id, new.state):
                yield Correction(
                    type="TRUE_UP",
                    contract_id=new.contract_id,
                    unit_id=new.unit_id,
                    commit_id=commit_id,
                    before_id=old.id,
                    before_number=old.number,
                    before=_ZERO if old.total is None else old.total,
                    after_id=new.id,
                    after_number=new.number,
                    after=_ZERO if new.total is None else new.total,
                    state=new.state,
                )


def _refuse_marked(standing: Iterable[_Standing]) -> None:
    marked = [each for each in standing if each.is_paid or each.is_exported]
    if marked:
        named = ", ".join(f"{each.number} ({_marks(each)})" for each in marked)
        raise CorrectionRefused(f"these invoices would have to be voided, and are marked: number {named}: {LIFT}")


def _marks(each: _Standing) -> str:
    return " and ".join(mark for mark, is_set in (("paid", each.is_paid), ("exported", each.is_exported)) if is_set)
