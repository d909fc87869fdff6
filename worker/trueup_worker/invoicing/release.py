"""Brings back what was parked or held, once its cause is mended or an operator answers for it."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection

from trueup.errors import Refused
from trueup.store.accounts.audit import note
from trueup.store.invoices.true_ups import lock_true_ups, release
from trueup.store.invoices.voids import ObligationRow, find_obligation, lock_obligation
from trueup.store.usage.billed_lines import BilledLine, billed_beside, except_lines, settle_by
from trueup.store.usage.months import lock_customer, release_months
from trueup_worker.invoicing.holds import Hold, holds_of
from trueup_worker.invoicing.void import VoidRefused, refuse_malformed


class ReleaseRefused(Refused):
    """Nothing can be released, or it may not be; the message says why and what to do."""


def release_obligation(
    connection: Connection, *, account_id: int, obligation_id: UUID, actor: str, reason: str | None = None
) -> None:
    """Make a parked or held obligation pending again, with an audit row, in the caller's transaction.

    What is held is made all the same, on the operator's word. Where usage is void, its periods are recorded as settled
    by this true-up: they hold nothing any more, and are not made anew before it is void. Where usage was charged that
    the commit covers, these lines are excepted, and other ones hold it still. The id of a customer brings back the
    months of this customer that could not be closed.

    Args:
        connection: a transaction.
        account_id: whose obligation.
        obligation_id: of the draft, or of a customer.
        actor: key id of the operator's token.
        reason: why; needed for what is held.

    Raises:
        ReleaseRefused: it is neither parked nor held, the account has no such obligation, there is no reason, or the
            void usage had been charged apart from this commit, too.
    """
    found = _locked(connection, account_id, obligation_id)
    if found is None and _release_months(connection, account_id, obligation_id, actor):
        return
    if found is None or found.state not in ("parked", "held"):
        state = "unknown" if found is None else found.state
        raise ReleaseRefused(f"obligation {obligation_id} is {state}: only parked and held ones are released")
    named: dict[str, object] = {}
    if found.state == "held":
        _refuse_without_reason(reason)
        hold = holds_of(connection, account_id, [obligation_id]).get(obligation_id)
        named = _answered(connection, account_id, obligation_id, found, hold) if hold else {}
    release(connection, account_id, obligation_id)
    note(
        connection,
        account_id,
        actor=actor,
        action="release_obligation",
        subject=str(obligation_id),
        before={"state": found.state, "reason": found.reason},
        after={"state": "pending", **({"reason": reason} if reason else {}), **named},
    )


def _locked(connection: Connection, account_id: int, obligation_id: UUID) -> ObligationRow | None:
    """The obligation, once nobody else may change it: with all its customer's true-ups where it is one."""
    found = find_obligation(connection, account_id, obligation_id)
    if found is None:
        return None
    if found.kind == "TRUE_UP":
        lock_true_ups(connection, account_id, found.customer_id)
        lock_customer(connection, account_id, found.customer_id)
    return lock_obligation(connection, account_id, obligation_id)


def _refuse_without_reason(reason: str | None) -> None:
    if reason is None:
        raise ReleaseRefused("what is held is released on your word alone: give a reason (`--reason TEXT`)")
    try:
        refuse_malformed(reason)
    except VoidRefused as error:
        raise ReleaseRefused(str(error)) from None


def _answered(
    connection: Connection, account_id: int, obligation_id: UUID, found: ObligationRow, hold: Hold
) -> dict[str, object]:
    """Record what the operator answers for; returns it for the audit row."""
    if hold.reason == "usage_already_invoiced":
        except_lines(connection, account_id, found.commit_id, hold.lines)
        return {"lines": [f"{line.period_id}/{line.position}" for line in hold.lines]}
    periods = list(dict.fromkeys(line.period_id for line in hold.lines))
    _refuse_charged_beside(connection, account_id, found, periods, hold.lines)
    settle_by(connection, account_id, periods, obligation_id)
    return {"settles": [str(each) for each in periods]}


def _refuse_charged_beside(
    connection: Connection, account_id: int, found: ObligationRow, periods: Sequence[UUID], lines: Sequence[BilledLine]
) -> None:
    beside = billed_beside(connection, account_id, periods, found.commit_id)
    if beside:
        month = min(line.month for line in lines)
        raise ReleaseRefused(
            f"void usage {', '.join(map(str, beside))} had charged more than this commit's part: make it anew, or let "
            f"`trueup invoices correct --customer {found.customer_id} --month {month:%Y-%m}` do the whole"
        )


def _release_months(connection: Connection, account_id: int, customer_id: UUID, actor: str) -> bool:
    months = [f"{each:%Y-%m}" for each in release_months(connection, account_id, customer_id)]
    if months:
        note(
            connection,
            account_id,
            actor=actor,
            action="release_months",
            subject=str(customer_id),
            before={"state": "parked", "months": months},
            after={"state": "open", "months": months},
        )
    return bool(months)
