"""Commits are taken out of use, one or many: what stands in the way, and the statements that do it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.domain.burndown.values import CommitType
from trueup.store.commits.revaluations import remember_worth, revalue
from trueup.store.invoices.of_commit import obligations_of
from trueup.store.postgres.index_lookup import row_of
from trueup.store.postgres.rows import fetch_all
from trueup.store.usage.months import lock_customers

# OFFSET 0 keeps each look-up a probe of an index, whatever the planner takes the account for.
_CUSTOMERS = text(f"""
    SELECT DISTINCT c.customer_id FROM unnest(CAST(:ids AS uuid[])) AS chosen (id)
     CROSS JOIN LATERAL {row_of("commit", "id", "chosen.id")} AS c
     WHERE c.id = chosen.id
""")
_LOCK_OBLIGATIONS = text(f"""
    SELECT o.id FROM obligation AS o
     WHERE o.account_id = :account_id AND o.id = ANY(ARRAY(
        SELECT found.id FROM unnest(CAST(:ids AS uuid[])) AS chosen (id)
         CROSS JOIN LATERAL (SELECT id FROM {obligations_of("= chosen.id")} AS of_it OFFSET 0) AS found))
     ORDER BY o.id FOR UPDATE
""")
_ACTIVE = text(f"""
    SELECT c.id, c.type, c.name, c.uniqueness_key FROM unnest(CAST(:ids AS uuid[])) AS chosen (id)
     CROSS JOIN LATERAL {row_of("commit", "id", "chosen.id")} AS c
     WHERE c.id = chosen.id AND c.archived_at IS NULL
     ORDER BY c.id
""")
_FINALIZED = text("""
    SELECT i.commit_id, i.id, 'invoice' AS what, i.number,
           i.paid_at IS NOT NULL AS is_paid, i.exported_at IS NOT NULL AS is_exported
      FROM unnest(CAST(:ids AS uuid[])) AS chosen (id)
     CROSS JOIN LATERAL (SELECT * FROM invoice
                          WHERE account_id = :account_id AND commit_id = chosen.id AND status = 'FINALIZED'
                         OFFSET 0) AS i
    UNION ALL
    SELECT drawn.commit_id, p.id, CASE WHEN p.is_invoiced THEN 'usage invoice' ELSE 'usage period' END, i.number,
           i.paid_at IS NOT NULL, i.exported_at IS NOT NULL
      FROM unnest(CAST(:ids AS uuid[])) AS chosen (id)
     CROSS JOIN LATERAL (
        SELECT commit_id, period_id FROM ledger_entry
         WHERE account_id = :account_id AND commit_id = chosen.id AND period_id IS NOT NULL
         GROUP BY commit_id, period_id, segment_id HAVING sum(amount) <> 0) AS drawn
      JOIN usage_period AS p ON p.account_id = :account_id AND p.id = drawn.period_id AND p.voided_at IS NULL
      LEFT JOIN invoice AS i ON i.account_id = :account_id AND i.id = p.id AND p.is_invoiced
     GROUP BY drawn.commit_id, p.id, p.is_invoiced, i.number, i.paid_at, i.exported_at
     ORDER BY commit_id, id
""")
_CHANGED_BY_HAND = text("""
    SELECT DISTINCT ON (a.subject) CAST(a.subject AS uuid) AS commit_id, a.action, a.at
      FROM unnest(CAST(:subjects AS text[])) AS chosen (subject)
     CROSS JOIN LATERAL (
        SELECT subject, action, at, seq FROM audit
         WHERE account_id = :account_id AND subject = chosen.subject
           AND action IN ('adjust_commit', 'disable_true_up', 'edit_commit', 'end_commit') OFFSET 0) AS a
     ORDER BY a.subject, a.seq DESC
""")

_EXPIRE = text("""
    WITH rest AS (
        SELECT found.commit_id, found.segment_id, found.amount
          FROM unnest(CAST(:ids AS uuid[])) AS chosen (id)
         CROSS JOIN LATERAL (
            SELECT commit_id, segment_id, sum(amount) AS amount FROM ledger_entry
             WHERE account_id = :account_id AND commit_id = chosen.id
             GROUP BY commit_id, segment_id HAVING sum(amount) > 0) AS found
    )
    INSERT INTO ledger_entry (account_id, commit_id, segment_id, type, amount, effective_at, reason)
    SELECT c.account_id, c.id, rest.segment_id,
           CASE c.type WHEN 'PREPAID' THEN 'PREPAID_COMMIT_EXPIRATION' WHEN 'CREDIT' THEN 'CREDIT_EXPIRATION'
                       ELSE 'POSTPAID_COMMIT_EXPIRATION' END,
           -rest.amount, coalesce(a.clock_at, now()), 'archived'
      FROM rest
      JOIN commit AS c ON c.account_id = :account_id AND c.id = rest.commit_id
      JOIN account AS a ON a.id = :account_id
     ORDER BY rest.commit_id, rest.segment_id
""")
_CLOSE_SEGMENTS = text("""
    UPDATE segment SET expires = false
     WHERE account_id = :account_id AND commit_id = ANY(CAST(:ids AS uuid[])) AND expires
""")
_CLOSE_ITEMS = text("""
    UPDATE obligation SET suppressed_by = 'archived', state = 'suppressed', reason = 'archived', settled_at = now()
     WHERE account_id = :account_id AND commit_id = ANY(CAST(:ids AS uuid[])) AND state <> 'voided'
       AND state IN ('pending', 'held', 'parked')
""")
_COUNT_ITEMS = text("""
    SELECT count(*) FROM obligation
     WHERE account_id = :account_id AND commit_id = ANY(CAST(:ids AS uuid[])) AND state <> 'voided'
       AND state IN ('pending', 'held', 'parked')
""")
_ARCHIVE = text("""
    UPDATE commit AS c SET archived_at = coalesce(a.clock_at, now()) FROM account AS a
     WHERE a.id = :account_id AND c.account_id = :account_id AND c.id = ANY(CAST(:ids AS uuid[]))
    RETURNING c.archived_at
""")


@dataclass(frozen=True, slots=True)
class Active:
    """A commit or credit that is in use, as much of it as a list shows."""

    id: UUID
    type: CommitType
    name: str | None
    uniqueness_key: str | None


@dataclass(frozen=True, slots=True)
class Finalized:
    """An invoice or period that is not void and bills or draws on a commit.

    Attributes:
        id: of the invoice or period.
        number: of the invoice; None: it is a period that made none.
    """

    commit_id: UUID
    id: UUID
    what: Literal["invoice", "usage invoice", "usage period"]
    number: int | None
    is_paid: bool
    is_exported: bool


@dataclass(frozen=True, slots=True)
class ChangedByHand:
    """The last change of a commit that an operator made."""

    commit_id: UUID
    action: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Archived:
    """Effect of archiving: when, on the account's clock, and how many items will never be invoiced."""

    at: datetime
    suppressed: int


def lock_for_archiving(connection: Connection, account_id: int, ids: Sequence[UUID]) -> None:
    """Keep commits from being invoiced, drawn, closed and changed by others until the transaction ends."""
    which = {"account_id": account_id, "ids": list(ids)}
    connection.execute(_LOCK_OBLIGATIONS, which)
    lock_customers(connection, account_id, connection.scalars(_CUSTOMERS, which).all())


def active_of(connection: Connection, account_id: int, ids: Sequence[UUID]) -> list[Active]:
    """Those of these commits that are not archived, in the order of their ids."""
    return fetch_all(connection, Active, _ACTIVE, {"account_id": account_id, "ids": list(ids)})


def finalized_of(connection: Connection, account_id: int, ids: Sequence[UUID]) -> list[Finalized]:
    """Invoices and periods that are not void and bill or draw on these commits."""
    return fetch_all(connection, Finalized, _FINALIZED, {"account_id": account_id, "ids": list(ids)})


def changed_by_hand(connection: Connection, account_id: int, ids: Iterable[UUID]) -> list[ChangedByHand]:
    """Those of these commits that an operator adjusted, edited, ended or freed of their true-up."""
    which = {"account_id": account_id, "subjects": [str(each) for each in ids]}
    return fetch_all(connection, ChangedByHand, _CHANGED_BY_HAND, which)


def archive_rows(connection: Connection, account_id: int, ids: Sequence[UUID]) -> Archived:
    """Take commits out: what is left of them expires, what was to be invoiced is suppressed."""
    which = {"account_id": account_id, "ids": list(ids)}
    remember_worth(connection, account_id, ids)
    connection.execute(_EXPIRE, which)
    connection.execute(_CLOSE_SEGMENTS, which)
    suppressed = connection.execute(_CLOSE_ITEMS, which).rowcount
    archived_at = connection.scalars(_ARCHIVE, which).all()[0]
    revalue(connection, account_id, ids)
    return Archived(archived_at, suppressed)


def count_open_items(connection: Connection, account_id: int, ids: Sequence[UUID]) -> int:
    """Count the items of these commits that archiving would suppress."""
    return int(connection.execute(_COUNT_ITEMS, {"account_id": account_id, "ids": list(ids)}).scalar_one())
