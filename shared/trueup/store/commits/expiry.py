"""Expiry: the rest of a segment that has ended is taken back, once no open month can draw on it."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.store.postgres.calendar import last_month_of
from trueup.store.postgres.plans import plan_afresh
from trueup.store.tables.commits import LAPSES_AFTER
from trueup.store.usage.months import PRESENT, lock_customers

# Of a segment `s` of a commit `c`: no usage can draw on it any more, but for what is made anew.
HAS_LAPSED = f"""
    {LAPSES_AFTER} <= {PRESENT} - make_interval(hours => :usage_grace_h)
       AND NOT EXISTS (SELECT FROM usage_month AS m
                        WHERE m.account_id = s.account_id AND m.customer_id = c.customer_id
                          AND m.starting_at < s.ending_before OFFSET 0)
"""

_EXPIRABLE = f"""
    SELECT s.account_id, s.commit_id, s.position, s.ending_before, c.customer_id
      FROM segment AS s JOIN commit AS c ON c.account_id = s.account_id AND c.id = s.commit_id
     WHERE s.account_id = :account_id AND s.expires AND {HAS_LAPSED}
"""

_CUSTOMERS = text(f"""
    SELECT DISTINCT customer_id FROM ({_EXPIRABLE} ORDER BY {LAPSES_AFTER} LIMIT :rows_max) AS expirable
""")

# With a snapshot of its own, taken under the customers' locks: what was booked until then is seen.
_EXPIRE = text(f"""
    WITH chosen AS MATERIALIZED (
        {_EXPIRABLE} AND c.customer_id = ANY(CAST(:customer_ids AS uuid[])) ORDER BY {LAPSES_AFTER} LIMIT :rows_max
    ), ended AS (
        UPDATE segment AS s SET expires = false FROM chosen
         WHERE s.account_id = chosen.account_id AND s.commit_id = chosen.commit_id AND s.position = chosen.position
        RETURNING s.account_id, s.commit_id, s.id, s.position, s.ending_before
    ), closed AS (
        UPDATE customer AS u SET usage_closed_before = relied.closed_before
          FROM (SELECT customer_id, {last_month_of("max(ending_before)")} AS closed_before
                  FROM chosen GROUP BY customer_id) AS relied
         WHERE u.account_id = :account_id AND u.id = relied.customer_id
           AND coalesce(u.usage_closed_before, '-infinity') < relied.closed_before
    ), entries AS (
        INSERT INTO ledger_entry (account_id, commit_id, segment_id, type, amount, effective_at)
        SELECT ended.account_id, ended.commit_id, ended.id,
               CASE c.type WHEN 'CREDIT' THEN 'CREDIT_EXPIRATION' ELSE 'PREPAID_COMMIT_EXPIRATION' END,
               -ledger.unspent, ended.ending_before
          FROM ended JOIN commit AS c ON c.account_id = ended.account_id AND c.id = ended.commit_id
         CROSS JOIN LATERAL (
            SELECT sum(amount) AS unspent FROM ledger_entry
             WHERE account_id = ended.account_id AND commit_id = ended.commit_id AND segment_id = ended.id) AS ledger
         WHERE ledger.unspent > 0
         ORDER BY ended.ending_before, ended.commit_id, ended.position
    )
    SELECT count(*) FROM ended
""")


def expire(connection: Connection, account_id: int, *, rows_max: int, usage_grace_h: int) -> int:
    """Expire up to `rows_max` ended segments, the earliest first; returns how many.

    Their months are closed from then on, those without usage too: a line of them is late.

    Args:
        connection: a transaction.
        account_id: whose segments.
        rows_max: of one transaction.
        usage_grace_h: hours for which a month still takes usage in after its end.
    """
    plan_afresh(connection)
    which = {"account_id": account_id, "rows_max": rows_max, "usage_grace_h": usage_grace_h}
    customer_ids: Sequence[UUID] = connection.scalars(_CUSTOMERS, which).all()
    if not customer_ids:
        return 0
    lock_customers(connection, account_id, customer_ids)
    expired: int = connection.execute(_EXPIRE, which | {"customer_ids": list(customer_ids)}).scalar_one()
    return expired
