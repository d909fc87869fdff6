"""The use case: every invoice that would be made until a date, with nothing written."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection

from trueup.domain.bills import PeriodBill
from trueup.domain.money import plain_text
from trueup.domain.money_text import Money
from trueup.domain.month import YEAR_MAX, Month, month_of
from trueup.domain.payable_rounding import payable
from trueup.domain.unit import PIECES, Unit
from trueup.errors import Refused
from trueup.store.catalog.names import customer_name, customer_of_contract
from trueup.store.catalog.units import units_of
from trueup.store.commits.balances import load_products
from trueup.store.invoices.drafts import Draft
from trueup.store.invoices.forecast import AwaitedMonth, invoiced_contracts, obligations_until, open_months
from trueup.store.usage.billed_lines import reserved_draws
from trueup.store.usage.periods import period_id_of
from trueup_worker.invoicing.clock import account_now
from trueup_worker.invoicing.holds import Hold, holds_of
from trueup_worker.invoicing.open_months import added_up, bills_of_open_usage

Outcome = Literal["issued", "nothing_due", "suppressed", "held", "parked", "waiting"]


def exact_text(money: Money) -> str:
    """An amount as it is stored."""
    return plain_text(money.amount)


class ForecastRefused(Refused):
    """Nothing can be foreseen; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """Fate of an obligation or of a month's usage.

    Attributes:
        at: when it settles, by the account's clock; what is due already settles now.
        outcome: `issued` makes an invoice; nothing else does. `waiting`: for a month that is parked.
        type: TRUE_UP is an invoice of type SCHEDULED.
        issued_at: the date on the invoice.
        amount: what it bills, or would bill if it were not suppressed, held or parked; None where a true-up has no
            ledger to bill: it will be parked.
        amount_due: what is to be paid of that.
        why: for people.
        id: the invoice's, from the first draft on.
    """

    at: datetime
    outcome: Outcome
    type: Literal["SCHEDULED", "TRUE_UP", "USAGE"]
    issued_at: datetime
    customer: str
    amount: Decimal | None
    amount_due: Decimal | None
    unit: str
    why: str
    customer_id: UUID
    contract_id: UUID | None
    unit_id: UUID
    id: UUID
    commit_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class _Present:
    """Present state that the forecast starts from."""

    now: datetime
    until: datetime
    grace: timedelta
    written: Callable[[Money], str]
    units: Mapping[str, Unit]

    def closing(self, month_end: datetime) -> datetime:
        """Time at which a month is closed."""
        return max(self.now, month_end + self.grace)


@dataclass(frozen=True, slots=True)
class _Outlook:
    """A customer's open months, and what their usage comes to."""

    months: Sequence[AwaitedMonth] = ()
    bills: Sequence[PeriodBill] = ()

    @property
    def parked(self) -> AwaitedMonth | None:
        """The month that cannot be closed, nor any after it."""
        return next((month for month in self.months if month.state == "parked"), None)


def forecast(
    connection: Connection,
    *,
    account_id: int,
    until: datetime,
    usage_grace_h: int,
    customer_id: UUID | None = None,
    contract_id: UUID | None = None,
    written: Callable[[Money], str] = exact_text,
) -> list[Foreseen]:
    """Forecast what will settle until then, in that order, if no more usage comes and nobody changes anything.

    Usage that is known is burnt down month by month, as closing it will do, so that the amounts are those that will
    stand on the invoices.

    Args:
        connection: a snapshot, so that all of it is of one moment.
        account_id: whose invoices.
        until: inclusive, by the account's clock.
        usage_grace_h: hours for which a month is left open after its end.
        customer_id: of this customer only.
        contract_id: on this contract only.
        written: how amounts stand in `why`.

    Raises:
        ForecastRefused: the date has passed, or the account has no such customer or contract.
    """
    now = account_now(connection, account_id)
    _refuse(connection, account_id, now=now, until=until, customer_id=customer_id, contract_id=contract_id)
    present = _Present(now, until, timedelta(hours=usage_grace_h), written, units_of(connection, account_id))
    customer = customer_id or (contract_id and customer_of_contract(connection, account_id, contract_id))
    outlooks = _outlooks(connection, account_id, present, customer)
    draws = added_up(
        (each for outlook in outlooks.values() for of_period in outlook.bills for each in of_period.deductions),
        reserved_draws(connection, account_id, customer),
    )
    due = obligations_until(
        connection,
        account_id,
        until,
        open_draws=draws.by_commit,
        customer_id=customer_id,
        contract_id=contract_id,
    )
    holds = holds_of(connection, account_id, [draft.id for draft in due if draft.kind == "TRUE_UP"])
    found = [
        *(
            _of_obligation(draft, outlooks.get(draft.customer_id, _Outlook()), present, holds.get(draft.id))
            for draft in due
        ),
        *sorted(_usage_invoices(connection, account_id, outlooks, present), key=lambda each: each.issued_at),
    ]
    chosen = (each for each in found if each.at <= until and contract_id in (None, each.contract_id))
    return sorted(chosen, key=lambda each: (each.at, each.type != "USAGE"))


def _refuse(
    connection: Connection,
    account_id: int,
    *,
    now: datetime,
    until: datetime,
    customer_id: UUID | None,
    contract_id: UUID | None,
) -> None:
    if until < now:
        raise ForecastRefused(f"{until.isoformat()} has passed: it is {now.isoformat()} in this account")
    if until.year > YEAR_MAX:
        raise ForecastRefused(f"a forecast needs an instant in a year up to {YEAR_MAX}")
    if customer_id and customer_name(connection, account_id, customer_id) is None:
        raise ForecastRefused(f"no customer {customer_id} in this account")
    if contract_id and customer_of_contract(connection, account_id, contract_id) is None:
        raise ForecastRefused(f"no contract {contract_id} in this account")


def _outlooks(
    connection: Connection, account_id: int, present: _Present, customer_id: UUID | None
) -> dict[UUID, _Outlook]:
    found: dict[UUID, _Outlook] = {}
    awaited = open_months(connection, account_id, customer_id)
    if not awaited:
        return found
    catalog = load_products(connection, account_id)
    for key, group in groupby(awaited, key=lambda month: month.customer_id):
        months = list(group)
        ends = [_end(month) for month in months if present.closing(_end(month)) <= present.until]
        before = ends[-1] if ends else months[0].starting_at
        bills = list(bills_of_open_usage(connection, account_id, key, catalog=catalog, before=before)) if ends else []
        found[key] = _Outlook(months, bills)
    return found


def _end(month: AwaitedMonth) -> datetime:
    return month_of(month.starting_at).ending_before


def _usage_invoices(
    connection: Connection, account_id: int, outlooks: Mapping[UUID, _Outlook], present: _Present
) -> Iterator[Foreseen]:
    units, contracts = present.units, invoiced_contracts(connection, account_id, outlooks)
    for customer_id, outlook in outlooks.items():
        name = customer_name(connection, account_id, customer_id) or ""
        for bill in outlook.bills:
            if UUID(bill.contract_id) in contracts:
                outcome, why = _of_month(bill.month, outlook.parked, present)
                unit = units.get(bill.unit_id, PIECES)
                yield Foreseen(
                    at=present.closing(bill.month.ending_before),
                    outcome=outcome,
                    type="USAGE",
                    issued_at=bill.month.ending_before,
                    customer=name,
                    amount=bill.total,
                    amount_due=payable(bill.total, unit.payable_step).amount_due,
                    unit=unit.name,
                    why=why,
                    customer_id=customer_id,
                    contract_id=UUID(bill.contract_id),
                    unit_id=UUID(bill.unit_id),
                    id=period_id_of(account_id, customer_id, bill),
                )


def _of_month(month: Month, parked: AwaitedMonth | None, present: _Present) -> tuple[Outcome, str]:
    if parked and parked.starting_at == month.starting_at:
        return "parked", parked.reason or ""
    if parked and parked.starting_at < month.starting_at:
        return "waiting", _waits(parked)
    hours = present.grace // timedelta(hours=1)
    return "issued", f"usage of {_month(month.starting_at)}, final {hours} h after it"


def _of_obligation(draft: Draft, outlook: _Outlook, present: _Present, hold: Hold | None) -> Foreseen:
    awaited = _awaited(draft, outlook)
    outcome, why = _outcome(draft, [month for month in awaited if month.state == "parked"], hold, present)
    ends = [_end(month) for month in awaited]
    if draft.kind == "TRUE_UP" and draft.access_ends:
        ends.append(_relies_on(draft.access_ends))
    return Foreseen(
        at=max(present.now, draft.due_at, *(present.closing(end) for end in ends)),
        outcome=outcome,
        type=draft.kind,
        issued_at=draft.scheduled_at,
        customer=draft.customer or "",
        amount=draft.amount,
        amount_due=draft.invoice.amount_due,
        unit=draft.unit or "",
        why=why,
        customer_id=draft.customer_id,
        contract_id=draft.contract_id,
        unit_id=draft.unit_id,
        commit_id=draft.commit_id,
        id=draft.id,
    )


def _awaited(draft: Draft, outlook: _Outlook) -> list[AwaitedMonth]:
    """The open months that a true-up waits for."""
    if draft.kind != "TRUE_UP" or draft.access_ends is None:
        return []
    return [month for month in outlook.months if month.starting_at < draft.access_ends]


def _relies_on(access_ends: datetime) -> datetime:
    """The end of the month of its access's last hour, which is to be closed."""
    return month_of(access_ends - timedelta(hours=1)).ending_before


def _outcome(draft: Draft, parked: Sequence[AwaitedMonth], hold: Hold | None, present: _Present) -> tuple[Outcome, str]:
    if draft.state != "pending":
        return draft.state, draft.reason or ""
    if parked:
        return "waiting", _waits(parked[0])
    if draft.suppressed_by:
        return "suppressed", draft.suppressed_by
    if draft.amount is None:
        return "parked", "its commit has no ledger to bill"
    if hold and (draft.amount or hold.reason == "usage_voided"):
        return "held", hold.reason
    return ("issued" if draft.amount else "nothing_due"), _arithmetic(draft, present)


def _arithmetic(draft: Draft, present: _Present) -> str:
    """Arithmetic of the amount, once the usage that is known is closed."""

    def written(amount: Decimal | str | None) -> str:
        unit = present.units.get(str(draft.unit_id), PIECES)
        return "" if amount is None else present.written(Money(Decimal(amount), unit))

    if draft.arithmetic:
        return "committed {committed} - drawn {drawn} + adjustments {adjustments} = due {due}".format(
            **{name: written(figure) for name, figure in draft.arithmetic.items()}
        )
    return f"item {draft.position} of {draft.name}: {plain_text(draft.quantity)} x {written(draft.unit_price)}"


def _waits(parked: AwaitedMonth) -> str:
    return f"usage of {_month(parked.starting_at)} is parked: {parked.reason or ''}"


def _month(starting_at: datetime) -> str:
    return starting_at.strftime("%Y-%m")
