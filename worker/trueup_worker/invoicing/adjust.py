"""The use case: an operator books an entry by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection

from trueup.defaults import USAGE_GRACE_H
from trueup.domain.burndown.exact import exact_sum
from trueup.domain.money import fits, plain_text
from trueup.errors import NotFound, Refused
from trueup.limits import TEXT_CHARS_MAX
from trueup.store.accounts.audit import note
from trueup.store.commits.ledger import (
    SegmentBalance,
    book_entry,
    lock_balances,
    lock_true_up,
    require_free_key,
    segment_balances,
    type_of_commit,
)
from trueup.store.invoices.regenerations import is_archived
from trueup.store.invoices.true_ups import reopen_held
from trueup.wire.request.normal import utc_text

_SETTLED = {"issued": "was invoiced", "nothing_due": "found nothing due", "suppressed": "was suppressed"}


class UnknownCommit(NotFound):
    """The account has no commit or credit of this id."""


class AdjustmentRefused(Refused):
    """The entry may not be booked; the message says why."""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """An entry booked by hand, and the segment's balance around it; below 0 is possible and counts as 0."""

    entry_id: UUID
    segment_id: UUID
    balance_before: Decimal
    balance_after: Decimal


def adjust_commit(
    connection: Connection,
    *,
    account_id: int,
    commit_id: UUID,
    amount: Decimal,
    reason: str,
    actor: str,
    segment: int | UUID | None = None,
    customer_id: UUID | None = None,
    effective_at: datetime | Literal["now", "start"] = "now",
    uniqueness_key: str | None = None,
    usage_grace_h: int = USAGE_GRACE_H,
) -> Adjustment:
    """Book a manual entry of either sign, with an audit row, in the caller's transaction.

    Waits for a true-up of this commit that is being issued: the entry comes before it, or is refused. Waits for a month
    of its customer that is being closed, too: that draws on the balance without the entry.

    Args:
        connection: a transaction.
        account_id: whose commit.
        commit_id: of a commit or credit.
        amount: signed, in the unit of the commit's access; at most 18 digits before the point and 12 after.
        reason: why, in the operator's words.
        actor: key id of the operator's token.
        segment: position in the access schedule, from 0, or id; needed when there is more than one.
        customer_id: whose commit it must be.
        effective_at: the date of the entry, `start` being that of the segment; it counts from now on, whatever that is.
        uniqueness_key: used once for entries of this account; what is refused does not use it.
        usage_grace_h: hours for which a month still takes usage in after its end.

    Raises:
        UnknownCommit: there is no such commit in this account, or not of this customer, or without such a segment.
        AlreadyUsed: the uniqueness key belongs to another entry.
        AdjustmentRefused: the true-up is settled, the segment of a PREPAID commit or credit is over and no month can
            draw on it any more, or the arguments make no entry.
    """
    _refuse_malformed(amount, reason)
    commit_type = type_of_commit(connection, account_id, commit_id, customer_id=customer_id)
    if commit_type is None:
        owner = "this account" if customer_id is None else f"customer {customer_id}"
        raise UnknownCommit(f"{owner} has no commit or credit {commit_id}")
    if uniqueness_key is not None:
        require_free_key(connection, account_id, uniqueness_key)
    true_up = lock_true_up(connection, account_id, commit_id)
    if true_up in _SETTLED:
        raise AdjustmentRefused(f"the true-up of {commit_id} {_SETTLED[true_up]}: its balance is closed")
    lock_balances(connection, account_id, commit_id)
    if is_archived(connection, account_id, commit_id):
        raise AdjustmentRefused(f"{commit_id} is archived: its balance is closed")
    segments = segment_balances(connection, account_id, commit_id, usage_grace_h=usage_grace_h)
    chosen = _choose(commit_id, segments, segment)
    _refuse_lapsed(commit_id, chosen)
    entry_id = book_entry(
        connection,
        account_id,
        commit_id,
        segment_id=chosen.id,
        kind="CREDIT_MANUAL" if commit_type == "CREDIT" else f"{commit_type}_COMMIT_MANUAL",
        amount=amount,
        reason=reason,
        effective_at=_instant(effective_at, chosen),
        uniqueness_key=uniqueness_key,
    )
    reopen_held(connection, account_id, commit_id)
    adjustment = Adjustment(entry_id, chosen.id, chosen.balance, exact_sum([chosen.balance, amount]))
    note(
        connection,
        account_id,
        actor=actor,
        action="adjust_commit",
        subject=str(commit_id),
        before={"segment": chosen.position, "balance": plain_text(adjustment.balance_before)},
        after={
            "segment": chosen.position,
            "balance": plain_text(adjustment.balance_after),
            "amount": plain_text(amount),
            "reason": reason,
            "entry_id": str(entry_id),
        },
    )
    return adjustment


def _refuse_malformed(amount: Decimal, reason: str) -> None:
    if not fits(amount) or amount == 0:
        raise AdjustmentRefused(
            "the amount must be a number other than 0, with at most 18 digits before the point and 12 after"
        )
    if not reason.strip() or len(reason) > TEXT_CHARS_MAX or "\x00" in reason:
        raise AdjustmentRefused(f"the reason must be a text of 1 to {TEXT_CHARS_MAX} characters")


def _refuse_lapsed(commit_id: UUID, segment: SegmentBalance) -> None:
    if segment.has_lapsed:
        raise AdjustmentRefused(
            f"segment {segment.position} of {commit_id} ended at {utc_text(segment.ending_before)} and its months are "
            "closed: the entry would expire at once; give access by another item, commit or credit instead"
        )


def _instant(effective_at: datetime | Literal["now", "start"], segment: SegmentBalance) -> datetime | None:
    if isinstance(effective_at, datetime):
        return effective_at
    return segment.starting_at if effective_at == "start" else None


def _choose(commit_id: UUID, segments: Sequence[SegmentBalance], which: int | UUID | None) -> SegmentBalance:
    if which is None:
        if len(segments) != 1:
            raise AdjustmentRefused(f"the commit has {len(segments)} segments: say which, 0 to {len(segments) - 1}")
        return segments[0]
    for segment in segments:
        if which in (segment.position, segment.id):
            return segment
    if isinstance(which, UUID):
        raise UnknownCommit(f"{commit_id} has no segment {which}")
    raise AdjustmentRefused(f"the commit has no segment {which}: it has {len(segments)}, counted from 0")
