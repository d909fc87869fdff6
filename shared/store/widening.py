"""Promises that an edit lets cover usage that was charged before (spec 3.6, 3.7)."""

from uuid import UUID

from sqlalchemy import Connection, text

# What a balance had paid, or this one, is not charged again by the true-up: what nobody had paid would be.
_WIDEN = text("""
    UPDATE commit AS c SET widened_at = clock_timestamp()
     WHERE c.account_id = :account_id AND c.id = :commit_id AND EXISTS (
        SELECT FROM segment AS s
          JOIN usage_period AS p ON p.account_id = c.account_id AND p.customer_id = c.customer_id
               AND p.starting_at < s.ending_before AND p.ending_before > s.starting_at AND p.voided_at IS NULL
          JOIN invoice_line AS l ON l.account_id = c.account_id AND l.invoice_id = p.id AND l.kind = 'usage'
               AND l.starting_at < s.ending_before AND l.ending_before > s.starting_at
               AND l.segment_id IS NULL AND l.amount > 0
         WHERE s.account_id = c.account_id AND s.commit_id = c.id
           AND (c.applicable_contract_ids IS NULL OR p.contract_id = ANY(c.applicable_contract_ids)))
""")


def widen(connection: Connection, account_id: int, commit_id: UUID) -> None:
    """Notes that an edit, which was written before this, lets the commit cover usage that was charged, if it does."""
    connection.execute(_WIDEN, {"account_id": account_id, "commit_id": commit_id})
