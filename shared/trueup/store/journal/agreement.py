"""Figures that the journal must agree with, summed up from invoices, schedules and the ledger in other ways."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.store.commits.revaluations import COMMITS_WITH_WORTH
from trueup.store.postgres.rows import fetch_all, values
from trueup.store.reconciliation.check import Difference

_CLOSED = text("""
    SELECT account, currency, sum(debit - credit) AS amount
      FROM journal_line WHERE account_id = :account_id GROUP BY account, currency
""")
_UNBALANCED = text("""
    SELECT 'journal_entry' AS check, source || '-' || source_id AS subject, 'debits that are its credits' AS expected,
           sum(debit - credit) || ' ' || currency || ' more debits' AS found
      FROM journal_line WHERE account_id = :account_id
     GROUP BY month, entry, source, source_id, currency HAVING sum(debit) <> sum(credit)
     ORDER BY month, entry LIMIT 1000
""")
_RECORDED = text("""
    SELECT c.invoice_unit_id AS unit_id, sum(o.amount) AS amount
      FROM obligation AS o JOIN commit AS c ON c.account_id = o.account_id AND c.id = o.commit_id
     WHERE o.account_id = :account_id AND o.kind = 'SCHEDULED' AND o.state = 'suppressed'
       AND o.suppressed_by = 'do_not_invoice'
     GROUP BY c.invoice_unit_id
""")
_GIVEN = text("""
    SELECT p.unit_id, -sum(l.amount) AS amount
      FROM usage_period AS p
      JOIN invoice_line AS l ON l.account_id = p.account_id AND l.invoice_id = p.id AND l.kind = 'applied'
      JOIN commit AS c ON c.account_id = l.account_id AND c.id = l.commit_id
     WHERE p.account_id = :account_id AND p.voided_at IS NULL
       AND (c.type = 'CREDIT' OR c.type = 'PREPAID' AND c.invoice_unit_id IS NULL)
     GROUP BY p.unit_id
""")
_COMMITS = text(f"""
    SELECT c.id, c.invoice_unit_id AS unit_id, c.instalments, c.access,
           coalesce(ledger.drawn, 0) AS drawn, coalesce(ledger.lapsed, 0) AS lapsed,
           coalesce(ledger.balance, 0) AS balance
      FROM {COMMITS_WITH_WORTH} AS c
      LEFT JOIN (
        SELECT commit_id, -sum(amount) FILTER (WHERE type ~ 'DEDUCTION$') AS drawn,
               -sum(amount) FILTER (WHERE type ~ '(EXPIRATION|MANUAL)$') AS lapsed, sum(amount) AS balance
          FROM ledger_entry WHERE account_id = :account_id GROUP BY commit_id) AS ledger ON ledger.commit_id = c.id
""")
_STALE = text(f"""
    SELECT 'worth_of_commit' AS check, CAST(c.id AS text) AS subject,
           c.instalments || ' for ' || c.access AS expected, last.instalments || ' for ' || last.access AS found
      FROM {COMMITS_WITH_WORTH} AS c
      JOIN (SELECT DISTINCT ON (commit_id) * FROM revaluation WHERE account_id = :account_id
             ORDER BY commit_id, position DESC) AS last ON last.commit_id = c.id
     WHERE (last.instalments, last.access) <> (c.instalments, c.access)
     LIMIT 1000
""")


@dataclass(frozen=True, slots=True)
class ClosedSum:
    """Sum that closed months add to an account of the books."""

    account: str
    currency: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class UnitSum:
    """An amount of a unit."""

    unit_id: UUID
    amount: Decimal


@dataclass(frozen=True, slots=True)
class CommitSums:
    """A PREPAID commit that is paid for, with its ledger summed up; `lapsed` counts entries by hand against expiry."""

    id: UUID
    unit_id: UUID
    instalments: Decimal
    access: Decimal
    drawn: Decimal
    lapsed: Decimal
    balance: Decimal


def closed_sums(connection: Connection, account_id: int) -> list[ClosedSum]:
    """Sums of all closed months."""
    return fetch_all(connection, ClosedSum, _CLOSED, {"account_id": account_id})


def recorded_sums(connection: Connection, account_id: int) -> list[UnitSum]:
    """Instalments that others invoice, as far as they have fallen due."""
    return fetch_all(connection, UnitSum, _RECORDED, {"account_id": account_id})


def given_sums(connection: Connection, account_id: int) -> list[UnitSum]:
    """Payments of credits and complimentary commits, by lines that are not void."""
    return fetch_all(connection, UnitSum, _GIVEN, {"account_id": account_id})


def commit_sums(connection: Connection, account_id: int) -> Iterator[CommitSums]:
    """Every PREPAID commit that is paid for."""
    streaming = _COMMITS.execution_options(stream_results=True, yield_per=1_000)
    with connection.execute(streaming, {"account_id": account_id}) as rows:
        yield from values(rows, CommitSums)


def differences_of_rows(connection: Connection, account_id: int) -> Sequence[Difference]:
    """Entries of closed months that do not balance, and commits whose worth changed without being noted."""
    which = {"account_id": account_id}
    return [each for query in (_UNBALANCED, _STALE) for each in fetch_all(connection, Difference, query, which)]
