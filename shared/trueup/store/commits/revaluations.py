"""Worth of PREPAID commits, as it was before and after their schedules were changed: the journal values draws by it.

Both calls stand in the transaction that changes commits, under its locks: one before the change, one after it.
"""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Connection, text

INSTALMENTS = """(
    SELECT coalesce(sum(o.amount), 0) FROM obligation AS o
     WHERE o.account_id = c.account_id AND o.commit_id = c.id AND o.kind = 'SCHEDULED'
       AND (o.suppressed_by IS NULL OR o.suppressed_by = 'do_not_invoice')
       AND (c.archived_at IS NULL OR o.state IN ('issued', 'suppressed'))
       AND NOT EXISTS (SELECT FROM obligation AS n
                        WHERE n.account_id = o.account_id AND n.regenerated_from_id = o.id))"""
"""What the instalments of a commit `c` come to: those that are, were or will be invoiced, by whomever."""

ACCESS = """(
    SELECT coalesce(sum(s.amount), 0) FROM segment AS s WHERE s.account_id = c.account_id AND s.commit_id = c.id)"""
"""What may be drawn of a commit `c` by its access schedule."""

_CHOSEN = """
      FROM commit AS c
     WHERE c.account_id = :account_id AND c.id = ANY(CAST(:ids AS uuid[]))
       AND c.type = 'PREPAID' AND c.invoice_unit_id IS NOT NULL"""

_REMEMBER = text(f"""
    INSERT INTO revaluation (account_id, commit_id, position, after_seq, instalments, access)
    SELECT c.account_id, c.id, 0, 0, {INSTALMENTS}, {ACCESS} {_CHOSEN}
       AND NOT EXISTS (SELECT FROM revaluation AS r WHERE r.account_id = c.account_id AND r.commit_id = c.id)
     ORDER BY c.id
""")
_REVALUE = text(f"""
    INSERT INTO revaluation (account_id, commit_id, position, after_seq, instalments, access)
    SELECT c.account_id, c.id, last.position + 1,
           (SELECT coalesce(max(e.seq), 0) FROM ledger_entry AS e
             WHERE e.account_id = c.account_id AND e.commit_id = c.id),
           now_worth.instalments, now_worth.access
      FROM (SELECT c.*, {INSTALMENTS} AS instalments, {ACCESS} AS access {_CHOSEN}) AS now_worth
      JOIN commit AS c ON c.account_id = now_worth.account_id AND c.id = now_worth.id
     CROSS JOIN LATERAL (
        SELECT * FROM revaluation AS r WHERE r.account_id = c.account_id AND r.commit_id = c.id
         ORDER BY position DESC LIMIT 1) AS last
     WHERE (last.instalments, last.access) <> (now_worth.instalments, now_worth.access)
     ORDER BY c.id
""")


def remember_worth(connection: Connection, account_id: int, ids: Collection[UUID]) -> None:
    """Note what these commits are worth, before the first of their changes."""
    connection.execute(_REMEMBER, {"account_id": account_id, "ids": list(ids)})


def revalue(connection: Connection, account_id: int, ids: Collection[UUID]) -> None:
    """Note what these commits are worth after a change, where that changed it."""
    connection.execute(_REVALUE, {"account_id": account_id, "ids": list(ids)})
