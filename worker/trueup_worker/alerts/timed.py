"""The use case: what time brings about is told, once."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import get_args
from uuid import UUID

from sqlalchemy import Connection, Engine

from trueup.limits import ALERTS_ROWS_MAX, ALERTS_TRUE_UPS_MAX
from trueup.store.alerts.progress import Stretch, note_judged, take_stretch
from trueup.store.alerts.settings import load_thresholds
from trueup.store.alerts.timed import (
    SegmentKind,
    UpcomingKind,
    announce_upcoming,
    drafts_of_upcoming,
    take_upcoming,
    tell_segments,
)
from trueup.store.invoices.drafts import Draft
from trueup.store.postgres.engine import transaction
from trueup.store.postgres.plans import plan_afresh
from trueup.store.postgres.retry import with_retries
from trueup_worker.invoicing.open_months import open_draws


def tell_what_fell_due(
    on: Engine, account_id: int, *, rows_max: int = ALERTS_ROWS_MAX, true_ups_max: int = ALERTS_TRUE_UPS_MAX
) -> bool:
    """Tell of what fell due in an account by its own clock, in one transaction; tells whether there may be more.

    Any number of callers at once is safe: one works, the others find that it does. One that dies has told nothing.

    Args:
        on: the database.
        account_id: whose alerts.
        rows_max: of each kind that are told of.
        true_ups_max: that are told of, of these: a transaction is to be short.

    Raises:
        DBAPIError: the database is away, and stayed away for as long as it is tried again; nothing is lost.
    """
    consistent = on.execution_options(isolation_level="REPEATABLE READ")

    def unit() -> bool:
        with transaction(consistent) as connection:
            return _tell(connection, account_id, rows_max=rows_max, true_ups_max=true_ups_max)

    return with_retries(unit)


def _tell(connection: Connection, account_id: int, *, rows_max: int, true_ups_max: int) -> bool:
    stretch = take_stretch(connection, account_id)
    if stretch is None:
        return False
    plan_afresh(connection)
    thresholds = load_thresholds(connection, account_id)
    days = thresholds.of("expiring_days")
    told = [
        tell_segments(connection, account_id, kind, stretch, days=days, rows_max=rows_max)
        for kind in get_args(SegmentKind)
    ]
    days = thresholds.of("upcoming_days")
    bounds: dict[UpcomingKind, int] = {"SCHEDULED": rows_max, "TRUE_UP": min(rows_max, true_ups_max)}
    is_full = [
        _tell_upcoming(connection, account_id, kind, stretch, days=days, rows_max=bound) == bound
        for kind, bound in bounds.items()
    ]
    if any(is_full) or max(told) >= rows_max:
        return True
    note_judged(connection, account_id, stretch)
    return False


def _tell_upcoming(
    connection: Connection,
    account_id: int,
    kind: UpcomingKind,
    stretch: Stretch,
    *,
    days: Sequence[Decimal],
    rows_max: int,
) -> int:
    found = take_upcoming(connection, account_id, kind, stretch, days=days, rows_max=rows_max)
    offsets = {each.id: each.days for each in found}
    drafts = drafts_of_upcoming(connection, account_id, found, {})
    if kind == "TRUE_UP" and drafts:
        draws = dict(open_draws(connection, account_id, {each.customer_id for each in drafts}).by_commit)
        drafts = drafts_of_upcoming(connection, account_id, found, draws)
    announce_upcoming(connection, account_id, _told(drafts, offsets))
    return len(found)


def _told(drafts: Sequence[Draft], offsets: Mapping[UUID, Decimal]) -> list[dict[str, object]]:
    """Facts of each; a true-up of which nothing is left is not announced."""
    return [
        {
            "id": each.id,
            "commit_id": each.commit_id,
            "customer_id": each.customer_id,
            "unit_id": each.unit_id,
            "is_true_up": each.kind == "TRUE_UP",
            "issued_at": each.scheduled_at,
            "due_at": each.due_at,
            "amount": None if each.amount is None else f"{each.amount.normalize():f}",
            "offset_days": float(offsets[each.id]),
        }
        for each in drafts
        if each.kind == "SCHEDULED" or each.amount
    ]
