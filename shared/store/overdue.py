"""How far invoicing is behind."""

from datetime import timedelta

from sqlalchemy import Connection, text

# LIMIT 1 keeps it one descent of the index of what is due, for each account.
_OLDEST = text("""
    SELECT max(coalesce(account.clock_at, now()) - oldest.due_at)
      FROM account
     CROSS JOIN LATERAL (
        SELECT o.due_at FROM obligation AS o
         WHERE o.account_id = account.id AND o.state = 'pending' AND o.due_at <= coalesce(account.clock_at, now())
         ORDER BY o.due_at LIMIT 1) AS oldest
""")


def oldest_due(connection: Connection) -> timedelta | None:
    """How long ago the oldest pending obligation of any account fell due, by that account's clock; None: none is."""
    found: timedelta | None = connection.scalar(_OLDEST)
    return found
