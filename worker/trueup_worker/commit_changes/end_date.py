"""The use case: access, or invoicing, ends earlier than was agreed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from trueup.store.commits.changes import Item, Segment, Stored, change_segment, suppress_items
from trueup.wire.message.envelope import CommitKind
from trueup.wire.request.changes import EndDate
from trueup.wire.request.normal import utc_text
from trueup_worker.commit_changes.refusal import Changed, ChangeRefused, lock_known, refuse_other_commit, tell


def end_commit(
    connection: Connection,
    *,
    account_id: int,
    commit_id: UUID,
    change: EndDate,
    actor: str,
    kind: CommitKind | None = None,
) -> Changed:
    """Shorten access, drop invoices, or do both, in the caller's transaction; neither touches the other.

    Access: segments end at `access_ending_before` at the latest, also one that would begin later: it is never drawn.
    What is left expires at that date, once no open month can draw on it. A segment that has expired stays as it is.
    Invoices: items at or after `invoices_ending_before` that are not finalized, or void, are never invoiced.

    Raises:
        UnknownCommit: there is none, or not of this customer or kind.
        ChangeRefused: access would be prolonged, or closed usage drew on it after the new end; a POSTPAID commit's
            access belongs to its true-up; it is archived.
    """
    refuse_other_commit(change, commit_id)
    stored = lock_known(connection, account_id, commit_id, customer_id=change.get("customer_id"), kind=kind)
    if stored.archived_at is not None:
        raise ChangeRefused.archived(commit_id)
    access, invoices = change.get("access_ending_before"), change.get("invoices_ending_before")
    shortened = _shortened(stored, access) if access else []
    dropped = _dropped(stored.items, invoices) if invoices else []
    for before, after in shortened:
        change_segment(
            connection,
            account_id,
            commit_id,
            before,
            amount=after.amount,
            starting_at=after.starting_at,
            ending_before=after.ending_before,
        )
    suppress_items(connection, account_id, [item.id for item in dropped], "invoices_ended")
    changed = _told(commit_id, shortened, dropped)
    return tell(connection, account_id, stored, changed, actor=actor, action="end_commit", event="edited")


def _shortened(stored: Stored, end: datetime) -> list[tuple[Segment, Segment]]:
    if stored.type == "POSTPAID":
        raise ChangeRefused(
            "/access_ending_before",
            "the access of a POSTPAID commit is what its true-up bills: edit the access schedule instead",
        )
    last = _end_of_access(stored.segments)
    if end > last:
        raise ChangeRefused(
            "/access_ending_before", f"access ends at {utc_text(last)}: it can be ended earlier, not prolonged"
        )
    concerned = [segment for segment in stored.segments if segment.expires and segment.ending_before > end]
    _refuse_drawn_after(concerned, end)
    return [(each, replace(each, ending_before=end)) for each in concerned]


def _end_of_access(segments: Sequence[Segment]) -> datetime:
    """End of the last segment that an edit did not take away."""
    return max(each.ending_before for each in segments if each.amount)


def _refuse_drawn_after(segments: Sequence[Segment], end: datetime) -> None:
    drawn_until = max((each.drawn_until for each in segments if each.drawn_until), default=end)
    if drawn_until > end:
        raise ChangeRefused(
            "/access_ending_before",
            f"usage until {utc_text(drawn_until)} drew on it in closed months: choose that or later, or void those "
            "usage invoices first",
        )


def _dropped(items: Sequence[Item], end: datetime) -> list[Item]:
    concerned = (item for item in items if item.is_open or item.state == "voided")
    return [item for item in concerned if item.scheduled_at >= end and item.suppressed_by is None]


def _told(commit_id: UUID, shortened: Sequence[tuple[Segment, Segment]], dropped: Sequence[Item]) -> Changed:
    before: dict[str, object] = {}
    after: dict[str, object] = {}
    if shortened:
        before["access_schedule"] = {str(was.id): was.ending_before.isoformat() for was, _ in shortened}
        after["access_schedule"] = {str(new.id): new.ending_before.isoformat() for _, new in shortened}
    if dropped:
        before["invoice_schedule"] = {str(item.id): item.state for item in dropped}
        after["invoice_schedule"] = dict.fromkeys((str(item.id) for item in dropped), "invoices_ended")
    return Changed(commit_id, before, after)
