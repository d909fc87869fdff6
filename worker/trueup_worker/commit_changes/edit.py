"""The use case: scope, order and schedules of a commit are changed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from trueup.domain.money import plain_text, product
from trueup.domain.month import month_of
from trueup.store.catalog.catalog import look_up, register_unknown
from trueup.store.commits.changes import (
    Stored,
    add_item,
    add_segment,
    change_columns,
    change_item,
    change_segment,
    list_instalments,
    suppress_items,
)
from trueup.wire.message.envelope import CommitKind
from trueup.wire.request.changes import Edit
from trueup.wire.request.normal import Normal, normalise
from trueup.wire.request.references import judge_references, references_of
from trueup_worker.commit_changes.beside import refuse_beside_issued
from trueup_worker.commit_changes.body import FIELDS, Body, body_of, problems_of
from trueup_worker.commit_changes.guards import (
    changed_accesses,
    guard_access,
    guard_contracts,
    guard_invoices,
    guard_single_items,
)
from trueup_worker.commit_changes.plan import (
    Access,
    AccessPlan,
    Charge,
    InvoicePlan,
    charge_of,
    plan_access,
    plan_invoices,
)
from trueup_worker.commit_changes.refusal import (
    Changed,
    ChangeRefused,
    InvalidChange,
    lock_known,
    refuse_other_commit,
    tell,
)

_UNCHANGED: Edit = {}
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class EditSettings:
    """Settings that an edit needs, as the intake of requests does."""

    usage_grace_h: int
    open_references: bool = False


def edit_commit(
    connection: Connection,
    *,
    account_id: int,
    commit_id: UUID,
    change: Edit,
    actor: str,
    settings: EditSettings,
    kind: CommitKind | None = None,
) -> Changed:
    """Change a commit or credit, in the caller's transaction. The rules and codes are those of its creation.

    Scope, order and rate type hold for what is closed from now on. A segment's window moves as long as closed usage
    stays inside, its amount as long as it is not less than what was drawn. Items of the invoice schedule change until
    they are finalized. A removed item stays visible, with amount 0 or suppressed. A POSTPAID commit keeps its two
    items and its contracts; one that covers closed usage now that was charged before is held when it is to be trued up.

    Raises:
        UnknownCommit: there is none, or not of this customer or kind.
        InvalidChange: the commit as it is to be breaks a rule, or names what the catalog does not have.
        ChangeRefused: something finalized depends on what is to change, a true-up that was issued would stand beside
            usage that its commit covers then, or the commit is archived.
    """
    refuse_other_commit(change, commit_id)
    stored = lock_known(connection, account_id, commit_id, customer_id=change.get("customer_id"), kind=kind)
    if stored.archived_at is not None:
        raise ChangeRefused.archived(commit_id)
    guard_single_items(stored, change)
    access = plan_access(stored.segments, change.get("access_schedule"))
    invoices = plan_invoices(stored.items, change.get("invoice_schedule"))
    body = body_of(stored, access, invoices, change)
    problems = problems_of(stored, body, access, invoices, change)
    if problems:
        raise InvalidChange(problems)
    after = _normal(stored, body)
    before = _before(stored)
    guard_contracts(stored, before, after)
    _judge_references(connection, account_id, after, settings)
    guard_access(stored, access)
    guard_invoices(invoices)
    changed = Changes(connection, account_id, stored, before, after)
    changed.write_fields()
    changed.write_access(access)
    changed.write_invoices(invoices, usage_grace_h=settings.usage_grace_h)
    refuse_beside_issued(connection, account_id, stored)
    return tell(connection, account_id, stored, changed.told(), actor=actor, action="edit_commit", event="edited")


def _before(stored: Stored) -> Normal:
    access, invoices = plan_access(stored.segments, None), plan_invoices(stored.items, None)
    return _normal(stored, body_of(stored, access, invoices, _UNCHANGED))


def _normal(stored: Stored, body: Body) -> Normal:
    return normalise(body, "credit" if stored.type == "CREDIT" else "commit")  # type: ignore[arg-type]


def _judge_references(connection: Connection, account_id: int, normal: Normal, settings: EditSettings) -> None:
    wanted = references_of(normal)
    known = look_up(connection, account_id, wanted)
    if settings.open_references and register_unknown(connection, account_id, [normal], known):
        known = look_up(connection, account_id, wanted)
    problems = judge_references(normal, known)
    if problems:
        raise InvalidChange(problems)


class Changes:
    """Writes what differs between a commit as it is and as it is to be, and remembers it for the audit row."""

    def __init__(self, connection: Connection, account_id: int, stored: Stored, before: Normal, after: Normal) -> None:
        self._connection, self._account_id, self._stored = connection, account_id, stored
        self._normal_before, self._normal_after = before, after
        self._before: dict[str, Any] = {}
        self._after: dict[str, Any] = {}
        self._access_moved = False

    def told(self) -> Changed:
        """Written parts, JSON-ready."""
        return Changed(self._stored.id, self._before, self._after)

    def write_fields(self) -> None:
        """Scope, order and names."""
        before, after = self._normal_before, self._normal_after
        changed = [name for name in FIELDS if before.get(name) != after.get(name)]
        if changed:
            values = {name: after.get(name) for name in changed}
            if "priority" in values:
                values["priority"] = Decimal(after["priority"])
            change_columns(self._connection, self._account_id, self._stored.id, values)
        for name in changed:
            self._before[name], self._after[name] = before.get(name), after.get(name)

    def write_access(self, plan: AccessPlan) -> None:
        """Segments that changed, came or went."""
        changed = changed_accesses(plan)
        self._access_moved = bool(changed)
        for item in changed:
            self._change_segment(item)
        for gone in plan.removed:
            was = gone.stored
            self._change_segment(
                Access(amount=Decimal(0), starting_at=was.starting_at, ending_before=was.ending_before, stored=was)
            )
        position = max(segment.position for segment in self._stored.segments)
        added = [item for item in plan.items if item.stored is None]
        for place, item in enumerate(added, start=position + 1):
            key = add_segment(self._connection, self._account_id, self._stored.id, position=place, **item.body)
            self._remember("access_schedule", key, None, _access_text(item))

    def _change_segment(self, item: Access) -> None:
        assert item.stored, "what changes is there"
        change_segment(self._connection, self._account_id, self._stored.id, item.stored, **item.body)
        self._remember("access_schedule", item.stored.id, _access_text(item.stored), _access_text(item))

    def write_invoices(self, plan: InvoicePlan, *, usage_grace_h: int) -> None:
        """Items that changed, came or went; a recurring schedule becomes the items that it was expanded to."""
        if plan.is_touched:
            list_instalments(self._connection, self._account_id, self._stored.id)
        closes_at = self._closes_at(usage_grace_h)
        for item in plan.items:
            if item.stored is not None and (item.path or item.stored.kind == "TRUE_UP"):
                self._change_item(item, closes_at)
        for place, item in enumerate(_added(plan), start=len({each.position for each in self._stored.items})):
            key = add_item(
                self._connection,
                self._account_id,
                self._stored.id,
                position=place,
                scheduled_at=item.timestamp,
                charge=_priced(item),
            )
            self._remember("invoice_schedule", key, None, _charge_text(item.timestamp, _priced(item)))
        suppress_items(self._connection, self._account_id, [gone.stored.id for gone in plan.removed], "removed")
        for gone in plan.removed:
            self._remember("invoice_schedule", gone.stored.id, gone.stored.state, "removed")

    def _change_item(self, item: Charge, closes_at: datetime | None) -> None:
        was, price = item.stored, _priced(item)
        assert was, "what changes is there"
        due_at = was.due_at
        if self._access_moved or item.timestamp != was.scheduled_at:
            due_at = max(item.timestamp, closes_at or item.timestamp)
        before = (was.scheduled_at, was.due_at, (was.unit_price, was.quantity, was.amount))
        if before != (item.timestamp, due_at, price):
            change_item(
                self._connection, self._account_id, was.id, scheduled_at=item.timestamp, due_at=due_at, charge=price
            )
            told = _charge_text(was.scheduled_at, (was.unit_price, was.quantity, was.amount))
            self._remember("invoice_schedule", was.id, told, _charge_text(item.timestamp, price))

    def _closes_at(self, usage_grace_h: int) -> datetime | None:
        """Time at which the last month of a POSTPAID commit's access is closed: its true-up waits for that."""
        if self._stored.type != "POSTPAID":
            return None
        (item,) = self._normal_after["access_schedule"]["schedule_items"]
        last_hour = datetime.fromisoformat(item["ending_before"]) - HOUR
        return month_of(last_hour).ending_before + timedelta(hours=usage_grace_h)

    def _remember(self, schedule: str, key: UUID, before: Any, after: Any) -> None:
        if before is not None:
            self._before.setdefault(schedule, {})[str(key)] = before
        self._after.setdefault(schedule, {})[str(key)] = after


def _added(plan: InvoicePlan) -> Iterator[Charge]:
    return (item for item in plan.items if item.stored is None)


def _priced(item: Charge) -> tuple[Decimal, Decimal, Decimal]:
    unit_price, quantity = charge_of(item)
    return unit_price, quantity, product(unit_price, quantity)


def _access_text(item: Any) -> dict[str, str]:
    return {
        "amount": plain_text(item.amount),
        "starting_at": item.starting_at.isoformat(),
        "ending_before": item.ending_before.isoformat(),
    }


def _charge_text(timestamp: datetime, charge: Sequence[Decimal]) -> dict[str, str]:
    names = ("unit_price", "quantity", "amount")
    return {"timestamp": timestamp.isoformat(), **dict(zip(names, map(plain_text, charge), strict=True))}
