"""Guards of an edit's schedules: what is finalized does not move. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from trueup.domain.money import plain_text
from trueup.store.commits.changes import Item, Segment, Stored
from trueup.wire.request.changes import Edit
from trueup.wire.request.normal import Normal, utc_text
from trueup_worker.commit_changes.plan import Access, AccessPlan, Charge, InvoicePlan
from trueup_worker.commit_changes.refusal import ChangeRefused

_ONE_ITEM = "a POSTPAID commit has one item here, for good: change it by update_schedule_items instead"
_CONTRACTS_STAY = "the contracts of a POSTPAID commit do not change: archive it, and make another commit in its place"
_SETTLED = "is {state}: what is finalized does not change; void its invoice, and add an item in its place"


def guard_single_items(stored: Stored, change: Edit) -> None:
    """Refuse to add to the two items of a POSTPAID commit, or to take one away: access and true-up belong together.

    Raises:
        ChangeRefused: at the list that asks for it.
    """
    if stored.type != "POSTPAID":
        return
    for schedule in ("access_schedule", "invoice_schedule"):
        items: Mapping[str, Any] = change.get(schedule) or {}  # type: ignore[assignment]
        for name in ("add_schedule_items", "remove_schedule_items"):
            if items.get(name):
                raise ChangeRefused(f"/{schedule}/{name}", _ONE_ITEM)


def guard_contracts(stored: Stored, before: Normal, after: Normal) -> None:
    """Refuse other contracts for a POSTPAID commit: what its true-up counts as drawn, and where it bills, stays.

    Raises:
        ChangeRefused: at the field that names them.
    """
    for name in ("applicable_contract_ids", "invoice_contract_id"):
        if stored.type == "POSTPAID" and before.get(name) != after.get(name):
            raise ChangeRefused(f"/{name}", _CONTRACTS_STAY)


def changed_accesses(plan: AccessPlan) -> list[Access]:
    """Segments that are not what they were."""
    return [
        item
        for item in plan.items
        if item.stored
        and (item.amount, item.starting_at, item.ending_before)
        != (item.stored.amount, item.stored.starting_at, item.stored.ending_before)
    ]


def guard_access(stored: Stored, plan: AccessPlan) -> None:
    """Refuse what would move closed usage, take more than is left, or change what is settled.

    Raises:
        ChangeRefused: the first of these.
    """
    changed = changed_accesses(plan)
    if changed and stored.type == "POSTPAID":
        _refuse_settled_true_up(stored, changed[0].path)
    for item in changed:
        assert item.stored, "it has changed, so it was there"
        _refuse_expired(stored, item.stored, item.path)
        _refuse_moved(item, item.stored)
        _refuse_taken(item.stored, item.amount, f"{item.path}/amount")
    for gone in plan.removed:
        _refuse_expired(stored, gone.stored, gone.path)
        _refuse_taken(gone.stored, Decimal(0), gone.path)


def guard_invoices(plan: InvoicePlan) -> None:
    """Refuse changes of items that are finalized, settled or void.

    Raises:
        ChangeRefused: for the first of them.
    """
    for path, item in _touched(plan):
        is_void_true_up = item.kind == "TRUE_UP" and item.state == "voided"  # its successor takes its terms over
        if not item.is_open and not is_void_true_up:
            raise ChangeRefused(f"{path}/id", f"{item.id} {_SETTLED.format(state=item.state)}")


def _touched(plan: InvoicePlan) -> Iterable[tuple[str, Item]]:
    touched: list[Charge] = [item for item in plan.items if item.path]
    yield from ((item.path, item.stored) for item in touched if item.stored)
    yield from ((gone.path, gone.stored) for gone in plan.removed)


def _refuse_settled_true_up(stored: Stored, path: str) -> None:
    true_up = stored.true_up
    if not true_up.is_open and true_up.state != "voided":
        raise ChangeRefused(path, f"true-up {true_up.id} is {true_up.state}: void its invoice first, if it has one")


def _refuse_expired(stored: Stored, segment: Segment, path: str) -> None:
    if stored.type != "POSTPAID" and not segment.expires:
        raise ChangeRefused(path, f"{segment.id} has expired: add an item in its place")


def _refuse_moved(item: Access, was: Segment) -> None:
    """Closed usage keeps its hours: the window may grow, and shrink as far as nothing was drawn."""
    if was.drawn_from is None or was.drawn_until is None:
        return
    if item.starting_at > max(was.starting_at, was.drawn_from):
        _refuse_drawn(f"{item.path}/starting_at", was.drawn_from, "be later than")
    if item.ending_before < min(was.ending_before, was.drawn_until):
        _refuse_drawn(f"{item.path}/ending_before", was.drawn_until, "be earlier than")


def _refuse_drawn(path: str, bound: datetime, how: str) -> None:
    raise ChangeRefused(
        path, f"must not {how} {utc_text(bound)}: closed usage drew on it there; void those usage invoices first"
    )


def _refuse_taken(segment: Segment, amount: Decimal, path: str) -> None:
    taken = segment.amount - segment.balance
    if amount < min(taken, segment.amount):
        raise ChangeRefused(path, f"{plain_text(taken)} of {segment.id} is drawn: it cannot be worth less than that")
