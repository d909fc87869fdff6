"""The use case: where each amount of a commit or an invoice comes from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import Connection

from trueup.errors import NotFound
from trueup.store.commits.details import CommitDetails
from trueup.store.invoices.explain import (
    ExplainedEntry,
    ScheduledItem,
    UsageShare,
    applied_in_period,
    entries_of_commit,
    entries_of_period,
    is_commit,
    item_of_schedule,
    true_up_of,
    usage_of_periods,
)
from trueup.store.invoices.invoice import Invoice, TrueUpFigures
from trueup.store.invoices.listing import show_invoice
from trueup.store.usage.periods import UsagePeriod, find_period
from trueup_worker.reporting.drafts import show_item
from trueup_worker.reporting.receipts import DraftExplanation, ExplainedBill, explain_draft, receipts_of_commit
from trueup_worker.reporting.transactions import with_transactions
from trueup_worker.reporting.usable import UsableCommits


class UnknownId(NotFound):
    """The account has neither a commit nor an invoice of this id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitExplanation:
    """Explanation of what is left of a commit or credit.

    Attributes:
        true_up: the figures of a POSTPAID commit's true-up.
        entries: of its ledger, in booking order.
        usage: what was booked with the entries, each under the number of its entry.
        receipts: the same for open months, hour by hour: what a burn-down gives as things stand.
    """

    commit: CommitDetails
    true_up: TrueUpFigures | None
    entries: Sequence[ExplainedEntry]
    usage: Sequence[UsageShare]
    receipts: Sequence[UsageShare]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodExplanation:
    """Explanation of a closed month's amounts.

    Attributes:
        invoice: None where the month makes none.
        entries: that it booked.
        bill: its usage, and what was applied to it.
    """

    period: UsagePeriod
    invoice: Invoice | None
    entries: Sequence[ExplainedEntry]
    bill: ExplainedBill


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemExplanation:
    """Explanation of the amounts of a commit's invoice: of an instalment, or of a true-up.

    Attributes:
        invoice: or its draft; None where it was settled without one.
        entries: the commit's ledger, for a true-up.
    """

    item: ScheduledItem
    invoice: Invoice | None
    entries: Sequence[ExplainedEntry]


Explanation = CommitExplanation | PeriodExplanation | ItemExplanation | DraftExplanation


def explain(connection: Connection, *, account_id: int, which: UUID, lines: bool = False) -> Explanation:
    """Explain a commit or credit, or an invoice, a draft or a usage period: the id tells which.

    Args:
        connection: a snapshot, so that all of it is of one moment.
        account_id: whose.
        which: of a commit or credit, an invoice, a draft, or a usage period that makes no invoice.
        lines: whether to read the `transaction_ids` behind each share of usage.

    Raises:
        UnknownId: the account has nothing of this id.
    """
    found = (
        _commit(connection, account_id, which)
        or _period(connection, account_id, which)
        or _item(connection, account_id, which)
        or explain_draft(connection, account_id, which)
    )
    if found is None:
        raise UnknownId(f"no commit, credit or invoice {which} in this account")
    return _with_lines(connection, account_id, found) if lines else found


def _with_lines(connection: Connection, account_id: int, found: Explanation) -> Explanation:
    def behind(usage: Sequence[UsageShare]) -> Sequence[UsageShare]:
        return with_transactions(connection, account_id, usage)

    match found:
        case CommitExplanation():
            return replace(found, usage=behind(found.usage), receipts=behind(found.receipts))
        case PeriodExplanation():
            return replace(found, bill=replace(found.bill, usage=behind(found.bill.usage)))
        case DraftExplanation():
            bill = replace(found.bill, usage=behind(found.bill.usage))
            return replace(found, bill=bill, receipts=behind(found.receipts))
    return found


def _commit(connection: Connection, account_id: int, commit_id: UUID) -> CommitExplanation | None:
    if not is_commit(connection, account_id, commit_id):
        return None
    commit = UsableCommits(connection, account_id).one(commit_id)
    assert commit is not None
    entries = entries_of_commit(connection, account_id, commit_id)
    true_up_id = true_up_of(connection, account_id, commit_id)
    true_up = true_up_id and show_item(connection, account_id, true_up_id)
    return CommitExplanation(
        commit=commit,
        true_up=true_up.true_up if true_up else None,
        entries=entries,
        usage=_behind(connection, account_id, entries),
        receipts=receipts_of_commit(connection, account_id, commit.customer_id, commit_id),
    )


def _behind(connection: Connection, account_id: int, entries: Sequence[ExplainedEntry]) -> list[UsageShare]:
    """The usage that was booked with these entries."""
    drawn: dict[tuple[UUID | None, UUID | None], int] = {
        (each.period_id, each.segment_id): number
        for number, each in enumerate(entries, 1)
        if each.period_id is not None and each.amount < 0
    }
    periods = list(dict.fromkeys(period_id for period_id, _ in drawn if period_id))
    return [
        replace(share, entry=drawn[share.period_id, share.segment_id])
        for share in usage_of_periods(connection, account_id, periods)
        if (share.period_id, share.segment_id) in drawn
    ]


def _period(connection: Connection, account_id: int, period_id: UUID) -> PeriodExplanation | None:
    period = find_period(connection, account_id, period_id)
    if period is None:
        return None
    usage = usage_of_periods(connection, account_id, [period_id])
    payers = list(dict.fromkeys(share.commit_id for share in usage if share.commit_id))
    return PeriodExplanation(
        period=period,
        invoice=show_invoice(connection, account_id, period_id),
        entries=entries_of_period(connection, account_id, period_id, payers),
        bill=ExplainedBill(usage=usage, applied=applied_in_period(connection, account_id, period_id)),
    )


def _item(connection: Connection, account_id: int, obligation_id: UUID) -> ItemExplanation | None:
    item = item_of_schedule(connection, account_id, obligation_id)
    if item is None:
        return None
    is_true_up = item.kind == "TRUE_UP"
    return ItemExplanation(
        item=item,
        invoice=show_item(connection, account_id, obligation_id),
        entries=entries_of_commit(connection, account_id, item.commit_id) if is_true_up else [],
    )
