"""The use case: a month of the books is closed, for good."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from itertools import islice

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError

from trueup.domain.burndown.exact import exact_sum
from trueup.domain.money import plain_text
from trueup.domain.month import Month, month_of
from trueup.errors import Refused
from trueup.limits import EXPORTED_ROWS_AT_ONCE
from trueup.store.accounts.audit import note
from trueup.store.journal.months import (
    ClosedMonth,
    JournalLine,
    account_codes_of,
    is_alone,
    note_month,
    open_from,
    open_usage_since,
    runs_since,
    store_lines,
    units_left_out,
)
from trueup.store.postgres.errors import constraint_of
from trueup_worker.invoicing.clock import account_now
from trueup_worker.journal.calendar import Calendar
from trueup_worker.journal.lines import open_lines

_NOW = text("SELECT now()")
_WRITTEN_ONCE = ("closed_month_pkey", "journal_line_pkey")


class MonthRefused(Refused):
    """The month is not closed; the message says why."""


def close_books(
    on: Engine, account_id: int, month: Month, *, actor: str, leaves_usage_open: bool = False
) -> ClosedMonth:
    """Close a month of the books, with an audit row: its journal is written, and what comes later is dated later.

    Months are closed one after the other. A month can be closed once it is over and every transaction that began in it
    has ended.

    Args:
        on: the database.
        account_id: whose books.
        month: which.
        actor: key id of the operator's token.
        leaves_usage_open: whether usage of it, or of earlier months, may still be open: that is dated later then.

    Raises:
        MonthRefused: it is closed already, another one comes first, it is not over, or something of it still runs.
    """
    try:
        return _close(on, account_id, month, actor=actor, leaves_usage_open=leaves_usage_open)
    except IntegrityError as error:  # the snapshot was taken a moment before the other's lock was free
        if constraint_of(error) not in _WRITTEN_ONCE:
            raise
        raise MonthRefused(f"{_named(month.starting_at)} was closed by another at this moment") from None


def _close(on: Engine, account_id: int, month: Month, *, actor: str, leaves_usage_open: bool) -> ClosedMonth:
    with on.begin() as connection:  # what ends between a snapshot and the look at what runs is in neither
        _guard(connection, account_id, month, leaves_usage_open=leaves_usage_open)
    with on.execution_options(isolation_level="REPEATABLE READ").begin() as connection:
        if not is_alone(connection, account_id):
            raise MonthRefused("another month is being closed: try again when that is done")
        opens = _guard(connection, account_id, month, leaves_usage_open=leaves_usage_open)
        closed = _write(connection, account_id, month, opens, actor)
        note_month(connection, account_id, closed)
        told = {"entries": closed.entries, "totals": dict(closed.totals), "codes_version": closed.codes_version}
        note(connection, account_id, actor=actor, action="close_month", subject=_named(month.starting_at), after=told)
    return closed


def _guard(connection: Connection, account_id: int, month: Month, *, leaves_usage_open: bool) -> datetime | None:
    name, opens = _named(month.starting_at), open_from(connection, account_id)
    if opens is not None and month.starting_at < opens:
        raise MonthRefused(f"{name} is closed already: {_named(opens)} is the first open month")
    if opens is not None and month.starting_at > opens:
        raise MonthRefused(f"{_named(opens)} comes first: months are closed one after the other")
    if account_now(connection, account_id) < month.ending_before:
        raise MonthRefused(f"{name} is not over")
    began = Calendar(connection, account_id).real(month.ending_before)
    since = None if began is None else runs_since(connection, began)
    if since is not None:
        raise MonthRefused(f"a transaction that began in {name}, at {since.isoformat()}, still runs: try again later")
    usage = open_usage_since(connection, account_id, before=month.ending_before)
    if usage is not None and not leaves_usage_open:
        raise MonthRefused(
            f"usage of {_named(usage)} is not closed yet: wait for its invoices, or say that it may be dated later"
        )
    return opens


def _write(connection: Connection, account_id: int, month: Month, opens: datetime | None, actor: str) -> ClosedMonth:
    entries, totals = 0, dict[str, list[Decimal]]()
    lines = _numbered(_of_month(open_lines(connection, account_id, opens=opens), month))
    while some := list(islice(lines, EXPORTED_ROWS_AT_ONCE)):
        store_lines(connection, account_id, month.starting_at, some)
        entries = some[-1].entry
        for each in some:
            totals[each.currency] = [exact_sum([*totals.get(each.currency, ()), each.debit])]
    return ClosedMonth(
        starting_at=month.starting_at,
        closed_at=connection.execute(_NOW).scalar_one(),
        closed_by=actor,
        codes_version=account_codes_of(connection, account_id).version,
        entries=entries,
        totals={currency: plain_text(total) for currency, (total,) in sorted(totals.items())},
        left_out=units_left_out(connection, account_id),
    )


def _of_month(lines: Iterable[JournalLine], month: Month) -> Iterator[JournalLine]:
    for line in lines:
        if line.dated < month.starting_at:
            raise MonthRefused(f"{_named(line.dated)} has entries, and is not closed: it comes before")
        if line.dated < month.ending_before:
            yield line


def _numbered(lines: Iterable[JournalLine]) -> Iterator[JournalLine]:
    """Number entries anew, without gaps."""
    number, before = 0, None
    for line in lines:
        number += line.entry != before
        before = line.entry
        yield replace(line, entry=number)


def _named(at: datetime) -> str:
    return f"{month_of(at).starting_at:%Y-%m}"
