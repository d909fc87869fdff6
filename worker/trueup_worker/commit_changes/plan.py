"""Plan of an edit: the schedules as they are to be, item by item, each with the place that asked for it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from trueup.domain.money import ONE
from trueup.store.commits.changes import Item, Segment
from trueup_worker.commit_changes.refusal import ChangeRefused

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A segment to be: `stored` is what it was, None for a new one; `path` is empty where the edit leaves it alone."""

    amount: Decimal
    starting_at: datetime
    ending_before: datetime
    path: str = ""
    stored: Segment | None = None

    @property
    def body(self) -> dict[str, Any]:
        """The item as it stands in the body of a request."""
        return {"amount": self.amount, "starting_at": self.starting_at, "ending_before": self.ending_before}


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """An invoice item to be; `charge` has its price as in a body: an amount, or unit price and quantity, or a mix."""

    timestamp: datetime
    charge: Record
    path: str = ""
    stored: Item | None = None

    @property
    def body(self) -> dict[str, Any]:
        """The item as it stands in the body of a request."""
        return {"timestamp": self.timestamp, **self.charge}


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """An item that goes."""

    path: str
    stored: Any


@dataclass(frozen=True, slots=True)
class AccessPlan:
    """The access schedule to be, in the order of the request; new segments last."""

    items: Sequence[Access]
    removed: Sequence[Removed]


@dataclass(frozen=True, slots=True)
class InvoicePlan:
    """The invoice schedule to be, in the order of the request; new items last."""

    items: Sequence[Charge]
    removed: Sequence[Removed]

    @property
    def is_touched(self) -> bool:
        """Tell whether the edit asks for anything."""
        return bool(self.removed) or any(item.path for item in self.items)


def plan_access(segments: Iterable[Segment], change: Record | None) -> AccessPlan:
    """The access schedule after a change of it.

    Raises:
        ChangeRefused: the change names an id that is no segment of the commit, or one twice.
    """
    root, change = "/access_schedule", change or {}
    present = {str(each.id): each for each in segments if each.amount}
    updates, removals = _named(change, root, present)
    items = [_access(each, *updates.get(key, ("", {}))) for key, each in present.items() if key not in removals]
    added = change.get("add_schedule_items") or ()
    items += [Access(path=f"{root}/add_schedule_items/{n}", **each) for n, each in enumerate(added)]
    return AccessPlan(items, [Removed(path=path, stored=present[key]) for key, path in removals.items()])


def plan_invoices(scheduled: Iterable[Item], change: Record | None) -> InvoicePlan:
    """The invoice schedule after a change of it; what was dropped or removed before is no part of it.

    Raises:
        ChangeRefused: the change names an id that is no item of the commit, or one twice.
    """
    root, change = "/invoice_schedule", change or {}
    gone = ("invoices_ended", "removed", "archived")
    present = {str(each.id): each for each in scheduled if each.suppressed_by not in gone or each.kind == "TRUE_UP"}
    updates, removals = _named(change, root, present)
    items = [_charge(each, *updates.get(key, ("", {}))) for key, each in present.items() if key not in removals]
    added = change.get("add_schedule_items") or ()
    items += [
        Charge(timestamp=each["timestamp"], charge=_price(each), path=f"{root}/add_schedule_items/{n}")
        for n, each in enumerate(added)
    ]
    return InvoicePlan(items, [Removed(path=path, stored=present[key]) for key, path in removals.items()])


def _access(segment: Segment, path: str, change: Record) -> Access:
    return Access(
        amount=change.get("amount") or segment.amount,
        starting_at=change.get("starting_at") or segment.starting_at,
        ending_before=change.get("ending_before") or segment.ending_before,
        path=path,
        stored=segment,
    )


def _charge(item: Item, path: str, change: Record) -> Charge:
    """A new amount takes the place of unit price and quantity; of these two, one alone changes just that."""
    price = _price(change)
    if price.get("amount") is None:
        price = {"unit_price": item.unit_price, "quantity": item.quantity} | price
    return Charge(timestamp=change.get("timestamp") or item.scheduled_at, charge=price, path=path, stored=item)


def _price(item: Record) -> dict[str, Decimal]:
    return {name: item[name] for name in ("amount", "unit_price", "quantity") if item.get(name) is not None}


def charge_of(item: Charge) -> tuple[Decimal, Decimal]:
    """Unit price and quantity of a judged item."""
    amount = item.charge.get("amount")
    return (item.charge["unit_price"], item.charge["quantity"]) if amount is None else (amount, ONE)


def _named(
    change: Record, root: str, present: Mapping[str, object]
) -> tuple[dict[str, tuple[str, Record]], dict[str, str]]:
    """Update and removals by the id that they name."""
    updates: dict[str, tuple[str, Record]] = {}
    removals: dict[str, str] = {}
    for n, each in enumerate(change.get("update_schedule_items") or ()):
        path = f"{root}/update_schedule_items/{n}"
        _refuse_misnamed(each["id"], path, present, updates)
        updates[each["id"]] = (path, each)
    for n, each in enumerate(change.get("remove_schedule_items") or ()):
        path = f"{root}/remove_schedule_items/{n}"
        _refuse_misnamed(each["id"], path, present, updates.keys() | removals.keys())
        removals[each["id"]] = path
    return updates, removals


def _refuse_misnamed(key: str, path: str, present: Iterable[str], seen: Iterable[str]) -> None:
    if key not in present:
        raise ChangeRefused(f"{path}/id", f"{key} is no item of this schedule: `trueup commits show` lists them")
    if key in seen:
        raise ChangeRefused(f"{path}/id", f"{key} is named twice")
