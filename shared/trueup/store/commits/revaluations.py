"""Worth of PREPAID commits, as it was before and after their schedules were changed: the journal values draws by it.

Both calls stand in the transaction that changes commits, under its locks: one before the change, one after it.
"""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Connection, text

_CHOSEN = "AND {commit_id} = ANY(CAST(:ids AS uuid[]))"
_OBLIGATIONS = """
    SELECT commit_id, id, amount, state FROM obligation
     WHERE account_id = :account_id {chosen} AND kind = 'SCHEDULED' AND state {state} 'voided'
       AND (suppressed_by IS NULL OR suppressed_by = 'do_not_invoice')"""


def commits_with_worth(*, all_of_them: bool) -> str:
    """SQL of the PREPAID commits that are paid for, in brackets: the columns of `commit`, `instalments` and `access`.

    `instalments` is what is, was or will be invoiced, by whomever; `access` what may be drawn by the access schedule.
    Sums are made for all of them at once: a look at each commit's rows is no plan for many. Obligations come by two
    indexes, as what is void stands in one of its own.

    Args:
        all_of_them: of the account; else those whose ids are the parameter `ids`.
    """
    of_id, of_commit_id = ("" if all_of_them else _CHOSEN.format(commit_id=each) for each in ("id", "commit_id"))
    obligations = " UNION ALL ".join(_OBLIGATIONS.format(chosen=of_commit_id, state=state) for state in ("<>", "="))
    return f"""(
    SELECT prepaid.*, coalesce(access.amount, 0) AS access,
           coalesce(CASE WHEN archived_at IS NULL THEN i.amount ELSE i.settled END, 0) AS instalments
      FROM (SELECT * FROM commit WHERE account_id = :account_id {of_id}
               AND type = 'PREPAID' AND invoice_unit_id IS NOT NULL) AS prepaid
      LEFT JOIN (
        SELECT commit_id, sum(amount) AS amount,
               sum(amount) FILTER (WHERE state IN ('issued', 'suppressed')) AS settled
          FROM ({obligations}) AS o
         WHERE NOT EXISTS (
            SELECT FROM obligation AS n WHERE n.account_id = :account_id AND n.regenerated_from_id = o.id)
         GROUP BY commit_id) AS i ON i.commit_id = prepaid.id
      LEFT JOIN (
        SELECT commit_id, sum(amount) AS amount FROM segment WHERE account_id = :account_id {of_commit_id}
         GROUP BY commit_id) AS access ON access.commit_id = prepaid.id)"""


_CHANGED = commits_with_worth(all_of_them=False)
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
