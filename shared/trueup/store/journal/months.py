"""Closed months, their journal, and the codes of accounts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert, text

from trueup.domain.journal.accounts import DEFAULT_CODES, Account
from trueup.limits import EXPORTED_ROWS_AT_ONCE
from trueup.store.postgres.calendar import month_of, months_later
from trueup.store.postgres.rows import fetch_all, values
from trueup.store.tables import account_codes, closed_month, journal_line

_ALONE = text("SELECT pg_try_advisory_xact_lock(730251801, :account_id)")
_OPEN_FROM = text(f"""
    SELECT {months_later("max(starting_at)")}
      FROM closed_month WHERE account_id = :account_id
""")
_MONTHS = text("""
    SELECT starting_at, closed_at, closed_by, codes_version, entries, totals, left_out
      FROM closed_month WHERE account_id = :account_id ORDER BY starting_at
""")
_LINES = text(f"""
    SELECT entry, line, source, source_id, event, dated, booked_at, account, code, debit, credit, currency,
           customer_id, contract_id, commit_id, invoice_id, invoice_number
      FROM journal_line
     WHERE account_id = :account_id AND dated >= :since AND dated < :until
       AND month >= {month_of("CAST(:since AS timestamptz)")}
       AND month < :until
     ORDER BY month, entry, line
""")
_CODES = text("""
    SELECT version, codes FROM account_codes WHERE account_id = :account_id ORDER BY version DESC LIMIT 1
""")
# Whoever writes connects as this role: its own sessions are the ones that it sees the beginnings of.
_RUNS_SINCE = text("""
    SELECT min(xact_start) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start < :at
""")
_OPEN_USAGE = text("""
    SELECT min(starting_at) FROM usage_month WHERE account_id = :account_id AND starting_at < :before
""")
_LEFT_OUT = text("""
    SELECT DISTINCT u.name
      FROM unit AS u
     WHERE u.account_id = :account_id AND u.currency IS NULL
       AND (EXISTS (SELECT FROM invoice AS i WHERE i.account_id = u.account_id AND i.unit_id = u.id OFFSET 0)
            OR EXISTS (SELECT FROM commit AS c
                        WHERE c.account_id = u.account_id AND c.invoice_unit_id = u.id OFFSET 0))
     ORDER BY u.name
""")


@dataclass(frozen=True, slots=True)
class Codes:
    """Codes of accounts; version 0 are the defaults."""

    version: int
    codes: Mapping[Account, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalLine:
    """A line of the journal: a debit or a credit in a currency's major unit."""

    entry: int
    line: int
    source: str
    source_id: UUID
    event: str
    dated: datetime
    booked_at: datetime
    account: str
    code: str
    debit: Decimal
    credit: Decimal
    currency: str
    customer_id: UUID
    contract_id: UUID | None
    commit_id: UUID | None
    invoice_id: UUID | None
    invoice_number: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedMonth:
    """A month whose journal does not change any more.

    Attributes:
        totals: sum of the debits, which is that of the credits, by currency, as text.
        left_out: names of units that are no money.
    """

    starting_at: datetime
    closed_at: datetime
    closed_by: str
    codes_version: int
    entries: int
    totals: Mapping[str, str]
    left_out: Sequence[str]


def is_alone(connection: Connection, account_id: int) -> bool:
    """Keep others from closing months of the account until the transaction ends; False: another does."""
    return bool(connection.scalar(_ALONE, {"account_id": account_id}))


def open_from(connection: Connection, account_id: int) -> datetime | None:
    """The start of the first open month; None: no month was ever closed."""
    found: datetime | None = connection.scalar(_OPEN_FROM, {"account_id": account_id})
    return found


def closed_months(connection: Connection, account_id: int) -> list[ClosedMonth]:
    """Months that are closed, the first one first."""
    return fetch_all(connection, ClosedMonth, _MONTHS, {"account_id": account_id})


def closed_lines(connection: Connection, account_id: int, *, since: datetime, until: datetime) -> Iterator[JournalLine]:
    """Lines of closed months whose date lies in a span, as they were numbered."""
    options: dict[str, Any] = {"stream_results": True, "yield_per": EXPORTED_ROWS_AT_ONCE}
    asked = {"account_id": account_id, "since": since, "until": until}
    with connection.execute(_LINES.execution_options(**options), asked) as rows:
        yield from values(rows, JournalLine)


def note_month(connection: Connection, account_id: int, month: ClosedMonth) -> None:
    """Write that a month is closed."""
    row = {name: each for name, each in asdict(month).items() if name != "closed_at"}
    connection.execute(insert(closed_month).values(account_id=account_id, **row))


def store_lines(connection: Connection, account_id: int, month: datetime, lines: Sequence[JournalLine]) -> None:
    """Write lines of a month that is being closed."""
    connection.execute(
        insert(journal_line), [{"account_id": account_id, "month": month, **asdict(each)} for each in lines]
    )


def account_codes_of(connection: Connection, account_id: int) -> Codes:
    """The codes that hold now."""
    row = connection.execute(_CODES, {"account_id": account_id}).one_or_none()
    return Codes(0, DEFAULT_CODES) if row is None else Codes(row.version, row.codes)


def store_codes(connection: Connection, account_id: int, codes: Codes, *, actor: str) -> None:
    """Write another version of the codes."""
    row = {"version": codes.version, "codes": dict(codes.codes), "made_by": actor}
    connection.execute(insert(account_codes).values(account_id=account_id, **row))


def runs_since(connection: Connection, at: datetime) -> datetime | None:
    """Beginning of the oldest transaction that still runs, where that was before an instant."""
    found: datetime | None = connection.scalar(_RUNS_SINCE, {"at": at})
    return found


def open_usage_since(connection: Connection, account_id: int, *, before: datetime) -> datetime | None:
    """The first month before an instant in which some customer's usage is not closed."""
    found: datetime | None = connection.scalar(_OPEN_USAGE, {"account_id": account_id, "before": before})
    return found


def units_left_out(connection: Connection, account_id: int) -> list[str]:
    """Names of units that are no money, in which something is or will be invoiced."""
    return list(connection.scalars(_LEFT_OUT, {"account_id": account_id}))
