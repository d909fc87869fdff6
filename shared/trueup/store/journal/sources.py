"""Rows that the journal is made of, streamed, each with whether a closed month has it already."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeVar
from uuid import UUID

from sqlalchemy import Connection, TextClause, text

from trueup.limits import EXPORTED_ROWS_AT_ONCE
from trueup.store.commits.revaluations import COMMITS_WITH_WORTH
from trueup.store.invoices.payable_step import kept_step
from trueup.store.postgres.plans import plan_afresh
from trueup.store.postgres.rows import values

T = TypeVar("T")

_PATIENCE = text("SET LOCAL statement_timeout = '10min'")


def _is_closed(source: str, key: str) -> str:
    return f"""EXISTS (
        SELECT FROM journal_line AS j
         WHERE j.account_id = :account_id AND j.source_id = {key} AND j.source = '{source}' AND j.line = 0)"""


_INVOICES = text(f"""
    SELECT i.id, i.number, i.type, o.kind, i.customer_id, i.contract_id, i.commit_id, i.unit_id, i.total,
           {kept_step("i")} AS payable_step, i.instalments_before, i.issued_at, i.finalized_at, i.voided_at,
           {_is_closed("issued", "i.id")} AS is_closed,
           i.voided_at IS NOT NULL AND {_is_closed("voided", "i.id")} AS is_void_closed
      FROM invoice AS i LEFT JOIN obligation AS o ON o.account_id = i.account_id AND o.id = i.id
     WHERE i.account_id = :account_id ORDER BY i.number
""")

_RECORDED = text(f"""
    SELECT o.id, o.commit_id, o.amount, o.scheduled_at, o.settled_at, c.customer_id,
           c.invoice_contract_id AS contract_id, c.invoice_unit_id AS unit_id
      FROM obligation AS o JOIN commit AS c ON c.account_id = o.account_id AND c.id = o.commit_id
     WHERE o.account_id = :account_id AND o.kind = 'SCHEDULED' AND o.state = 'suppressed'
       AND o.suppressed_by = 'do_not_invoice' AND NOT {_is_closed("recorded", "o.id")}
     ORDER BY o.id
""")

_PREPAID = text(f"""
    SELECT c.id, c.customer_id, c.invoice_contract_id AS contract_id, c.invoice_unit_id AS unit_id,
           c.instalments, c.access
      FROM {COMMITS_WITH_WORTH} AS c
     ORDER BY c.id
""")

_ENTRIES = text(f"""
    SELECT e.id, e.commit_id, e.seq, e.type, e.amount, e.effective_at, e.booked_at, e.invoice_id,
           {_is_closed("ledger", "e.id")} AS is_closed,
           e.type LIKE '%EXPIRATION' AND e.amount < 0 AND coalesce(e.reason = 'archived', false) AS is_archived
      FROM ledger_entry AS e
     WHERE e.account_id = :account_id AND e.type LIKE 'PREPAID%' ORDER BY e.commit_id, e.seq
""")

_REVALUATIONS = text(f"""
    SELECT r.id, r.commit_id, r.position, r.after_seq, r.instalments, r.access, r.booked_at,
           {_is_closed("revalued", "r.id")} AS is_closed
      FROM revaluation AS r WHERE r.account_id = :account_id ORDER BY r.commit_id, r.position
""")

# What nobody pays for: the money is that of the line by which the balance was applied.
_GIVEN = text(f"""
    SELECT e.id, e.commit_id, c.customer_id, p.contract_id, p.unit_id, e.effective_at, e.booked_at, e.invoice_id,
           sign(e.amount) * coalesce(applied.amount, 0) AS money
      FROM ledger_entry AS e
      JOIN commit AS c ON c.account_id = e.account_id AND c.id = e.commit_id
      JOIN usage_period AS p ON p.account_id = e.account_id AND p.id = e.period_id
     CROSS JOIN LATERAL (
        SELECT sum(l.amount) AS amount FROM invoice_line AS l
         WHERE l.account_id = e.account_id AND l.invoice_id = p.id AND l.kind = 'applied'
           AND l.segment_id = e.segment_id) AS applied
     WHERE e.account_id = :account_id AND (c.type = 'CREDIT' OR c.type = 'PREPAID' AND c.invoice_unit_id IS NULL)
       AND e.type IN ('CREDIT_AUTOMATED_INVOICE_DEDUCTION', 'PREPAID_COMMIT_AUTOMATED_INVOICE_DEDUCTION')
       AND NOT {_is_closed("ledger", "e.id")}
     ORDER BY e.commit_id, e.seq
""")

_CLOCK = text("""
    SELECT at, CAST(before ->> 'clock_at' AS timestamptz) AS clock_before,
           CAST(after ->> 'clock_at' AS timestamptz) AS clock_after
      FROM audit WHERE account_id = :account_id AND action = 'advance_clock' ORDER BY seq
""")


@dataclass(frozen=True, slots=True)
class InvoiceRow:
    """An invoice; `kind` of its obligation is None where it bills usage."""

    id: UUID
    number: int
    type: Literal["SCHEDULED", "USAGE"]
    kind: Literal["SCHEDULED", "TRUE_UP"] | None
    customer_id: UUID
    contract_id: UUID
    commit_id: UUID | None
    unit_id: UUID
    total: Decimal
    payable_step: Decimal | None
    instalments_before: Decimal | None
    issued_at: datetime
    finalized_at: datetime
    voided_at: datetime | None
    is_closed: bool
    is_void_closed: bool


@dataclass(frozen=True, slots=True)
class RecordedRow:
    """An instalment that others invoice, once it has fallen due; not closed."""

    id: UUID
    commit_id: UUID
    amount: Decimal
    scheduled_at: datetime
    settled_at: datetime
    customer_id: UUID
    contract_id: UUID | None
    unit_id: UUID


@dataclass(frozen=True, slots=True)
class PrepaidRow:
    """A PREPAID commit that somebody pays for, and what it is worth now."""

    id: UUID
    customer_id: UUID
    contract_id: UUID | None
    unit_id: UUID
    instalments: Decimal
    access: Decimal


@dataclass(frozen=True, slots=True)
class EntryRow:
    """A ledger entry of a PREPAID commit; `is_archived`: what expired as it was taken out of use, at any instant."""

    id: UUID
    commit_id: UUID
    seq: int
    type: str
    amount: Decimal
    effective_at: datetime
    booked_at: datetime
    invoice_id: UUID | None
    is_closed: bool
    is_archived: bool


@dataclass(frozen=True, slots=True)
class RevaluationRow:
    """A state that a commit's worth was in, from after a ledger entry on."""

    id: UUID
    commit_id: UUID
    position: int
    after_seq: int
    instalments: Decimal
    access: Decimal
    booked_at: datetime
    is_closed: bool


@dataclass(frozen=True, slots=True)
class GivenRow:
    """A draw on what nobody pays for, or one that was taken back (below 0), in money; not closed."""

    id: UUID
    commit_id: UUID
    customer_id: UUID
    contract_id: UUID
    unit_id: UUID
    effective_at: datetime
    booked_at: datetime
    invoice_id: UUID | None
    money: Decimal


@dataclass(frozen=True, slots=True)
class ClockRow:
    """A move of a sandbox's clock, at a real time."""

    at: datetime
    clock_before: datetime
    clock_after: datetime


def invoices(connection: Connection, account_id: int) -> Iterator[InvoiceRow]:
    """All invoices by number."""
    return _streamed(connection, InvoiceRow, _INVOICES, account_id)


def recorded_instalments(connection: Connection, account_id: int) -> Iterator[RecordedRow]:
    """Instalments that were recorded and not invoiced, by id."""
    return _streamed(connection, RecordedRow, _RECORDED, account_id)


def prepaid_commits(connection: Connection, account_id: int) -> Iterator[PrepaidRow]:
    """Commits that are paid for, by id."""
    return _streamed(connection, PrepaidRow, _PREPAID, account_id)


def prepaid_entries(connection: Connection, account_id: int) -> Iterator[EntryRow]:
    """Ledger entries of PREPAID commits, by commit, in the order of booking."""
    return _streamed(connection, EntryRow, _ENTRIES, account_id)


def revaluations(connection: Connection, account_id: int) -> Iterator[RevaluationRow]:
    """Worth of commits, by commit, in the order of booking."""
    return _streamed(connection, RevaluationRow, _REVALUATIONS, account_id)


def given_draws(connection: Connection, account_id: int) -> Iterator[GivenRow]:
    """Draws on credits and complimentary commits, by commit, in the order of booking."""
    return _streamed(connection, GivenRow, _GIVEN, account_id)


def clock_moves(connection: Connection, account_id: int) -> list[ClockRow]:
    """Moves of a sandbox's clock, the first one first."""
    return list(values(connection.execute(_CLOCK, {"account_id": account_id}), ClockRow))


def _streamed(connection: Connection, kind: type[T], statement: TextClause, account_id: int) -> Iterator[T]:
    connection.execute(_PATIENCE)
    plan_afresh(connection)
    options: dict[str, Any] = {"stream_results": True, "yield_per": EXPORTED_ROWS_AT_ONCE}
    with connection.execute(statement.execution_options(**options), {"account_id": account_id}) as rows:
        yield from values(rows, kind)
