"""Consequences of commits, which keep them from being archived."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection

from trueup.store.commits.archive import Active, ChangedByHand, Finalized, changed_by_hand, finalized_of
from trueup.wire.request.normal import utc_text

Reason = Literal["drawn", "changed", "marked", "invoiced"]
_NAMED_MAX = 5
_CHANGES = {
    "adjust_commit": "adjusted",
    "disable_true_up": "freed of its true-up",
    "edit_commit": "edited",
    "end_commit": "ended",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """A commit that is to be archived, or is left.

    Attributes:
        reason: why it is left; None: it is archived.
        detail: the same, for people.
        invoices: its own finalized invoices, which are voided first, or stand in the way: number by id.
    """

    commit: Active
    reason: Reason | None = None
    detail: str = ""
    invoices: Mapping[UUID, int] = field(default_factory=dict)


def judge(connection: Connection, account_id: int, commits: Sequence[Active], *, void_invoices: bool) -> list[Judged]:
    """Judge commits, which nobody else may change meanwhile, by what has come of them.

    Args:
        connection: a transaction.
        account_id: whose commits.
        commits: that are not archived.
        void_invoices: whether finalized invoices that nobody marked may be voided.
    """
    ids = [each.id for each in commits]
    finalized = {
        commit_id: list(found)
        for commit_id, found in groupby(finalized_of(connection, account_id, ids), key=lambda each: each.commit_id)
    }
    changed = {each.commit_id: each for each in changed_by_hand(connection, account_id, ids)}
    return [
        _judge(each, finalized.get(each.id, ()), changed.get(each.id), void_invoices=void_invoices) for each in commits
    ]


def _judge(
    commit: Active, finalized: Iterable[Finalized], changed: ChangedByHand | None, *, void_invoices: bool
) -> Judged:
    drawn = [each for each in finalized if each.what != "invoice"]
    if drawn:
        return Judged(commit, "drawn", f"usage drew on it: {_named(drawn)}")
    if changed:
        at = utc_text(changed.at.replace(microsecond=0))
        return Judged(commit, "changed", f"it was {_CHANGES[changed.action]} by hand at {at}")
    invoices = list(finalized)
    numbers = {each.id: each.number or 0 for each in invoices}
    marked = [each for each in invoices if each.is_paid or each.is_exported]
    if marked:
        said = "; ".join(f"invoice {each.number} is marked {_marks(each)}" for each in marked[:_NAMED_MAX])
        return Judged(commit, "marked", f"{said}{_more(marked)}")
    if invoices and not void_invoices:
        return Judged(commit, "invoiced", f"it is billed by {_named(invoices)}", numbers)
    return Judged(commit, invoices=numbers)


def _named(found: Sequence[Finalized]) -> str:
    told = [f"{each.what} {each.id if each.number is None else each.number}" for each in found[:_NAMED_MAX]]
    return ", ".join(told) + _more(found)


def _more(found: Sequence[Finalized]) -> str:
    return f" and {len(found) - _NAMED_MAX} more" if len(found) > _NAMED_MAX else ""


def _marks(invoice: Finalized) -> str:
    marks = {"paid": invoice.is_paid, "exported": invoice.is_exported}
    return " and ".join(mark for mark, is_set in marks.items() if is_set)
