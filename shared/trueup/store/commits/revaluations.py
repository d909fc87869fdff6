"""Worth of PREPAID commits, as it was before and after their schedules were changed: the journal values draws by it.

Both calls stand in the transaction that changes commits, under its locks: one before the change, one after it.
"""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.store.invoices.of_commit import obligations_of
from trueup.store.postgres.index_lookup import row_of

_SUMS = "sum(amount) AS amount, sum(amount) FILTER (WHERE state IN ('issued', 'suppressed')) AS settled"
_IS_COUNTED = """kind = 'SCHEDULED' AND (suppressed_by IS NULL OR suppressed_by = 'do_not_invoice')
           AND NOT EXISTS (
            SELECT FROM obligation AS n WHERE n.account_id = :account_id AND n.regenerated_from_id = o.id)"""
_IS_PAID_FOR = "type = 'PREPAID' AND invoice_unit_id IS NOT NULL"
_WORTH = """c.*, coalesce(access.amount, 0) AS access,
           coalesce(CASE WHEN c.archived_at IS NULL THEN i.amount ELSE i.settled END, 0) AS instalments"""

COMMITS_WITH_WORTH = f"""(
    SELECT {_WORTH}
      FROM (SELECT * FROM commit WHERE account_id = :account_id AND {_IS_PAID_FOR}) AS c
      LEFT JOIN (SELECT commit_id, {_SUMS} FROM {obligations_of("IS NOT NULL")} AS o
         WHERE {_IS_COUNTED} GROUP BY commit_id) AS i ON i.commit_id = c.id
      LEFT JOIN (SELECT commit_id, sum(amount) AS amount FROM segment WHERE account_id = :account_id
         GROUP BY commit_id) AS access ON access.commit_id = c.id)"""
"""SQL of the PREPAID commits that are paid for, in brackets: the columns of `commit`, `instalments` and `access`.

`instalments` is what is, was or will be invoiced, by whomever; `access` what may be drawn by the access schedule. Sums
are made for all of them at once: a look at each commit's rows is no plan for many.
"""

# Of a few, whose sums are looked up: a plan that knows no number of rows would compare each sum with each commit.
_CHANGED = f"""(
    SELECT {_WORTH}
      FROM unnest(CAST(:ids AS uuid[])) AS chosen (id)
     CROSS JOIN LATERAL {row_of("commit", "id", "chosen.id")} AS c
     CROSS JOIN LATERAL (SELECT {_SUMS} FROM {obligations_of("= chosen.id")} AS o
         WHERE {_IS_COUNTED} OFFSET 0) AS i
     CROSS JOIN LATERAL (SELECT sum(amount) AS amount FROM segment
         WHERE account_id = :account_id AND commit_id = chosen.id OFFSET 0) AS access
     WHERE c.id = chosen.id AND {_IS_PAID_FOR})"""
_REMEMBER = text(f"""
    INSERT INTO revaluation (account_id, commit_id, position, after_seq, instalments, access)
    SELECT c.account_id, c.id, 0, 0, c.instalments, c.access FROM {_CHANGED} AS c
     WHERE NOT EXISTS (SELECT FROM revaluation AS r WHERE r.account_id = c.account_id AND r.commit_id = c.id)
     ORDER BY c.id
""")
_REVALUE = text(f"""
    INSERT INTO revaluation (account_id, commit_id, position, after_seq, instalments, access)
    SELECT c.account_id, c.id, last.position + 1,
           (SELECT coalesce(max(e.seq), 0) FROM ledger_entry AS e
             WHERE e.account_id = c.account_id AND e.commit_id = c.id),
           c.instalments, c.access
      FROM {_CHANGED} AS c
     CROSS JOIN LATERAL (
        SELECT * FROM revaluation AS r WHERE r.account_id = c.account_id AND r.commit_id = c.id
         ORDER BY position DESC LIMIT 1) AS last
     WHERE (last.instalments, last.access) <> (c.instalments, c.access)
     ORDER BY c.id
""")


def remember_worth(connection: Connection, account_id: int, ids: Collection[UUID]) -> None:
    """Note what these commits are worth, before the first of their changes."""
    connection.execute(_REMEMBER, {"account_id": account_id, "ids": list(ids)})


def revalue(connection: Connection, account_id: int, ids: Collection[UUID]) -> None:
    """Note what these commits are worth after a change, where that changed it."""
    connection.execute(_REVALUE, {"account_id": account_id, "ids": list(ids)})
