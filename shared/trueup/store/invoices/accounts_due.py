"""Accounts that have something to close, expire or issue: which, and when the others are to be looked at again."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from trueup.limits import LOOKED_AT_AGAIN_H
from trueup.store.invoices.obligations import RELIES_ON
from trueup.store.postgres.calendar import month_of, months_later
from trueup.store.tables.commits import LAPSES_AFTER

_GRACE = "make_interval(hours => :usage_grace_h)"

# A true-up waits for the months of its customer that overlap the access, and for the grace time of the last.
_WAITS = f"""
    o.kind = 'TRUE_UP' AND EXISTS (
        SELECT FROM commit AS c JOIN segment AS s ON s.account_id = c.account_id AND s.commit_id = c.id
         WHERE c.account_id = o.account_id AND c.id = o.commit_id
           AND ({RELIES_ON} > account.closable
                OR EXISTS (SELECT FROM usage_month AS m
                            WHERE m.account_id = c.account_id AND m.customer_id = c.customer_id
                              AND m.starting_at < s.ending_before)) OFFSET 0)
"""


def _accounts(chosen: str) -> str:
    return f"""
    SELECT id, clock_at IS NULL AS is_live, coalesce(clock_at, now()) AS present,
           {month_of(f"coalesce(clock_at, now()) - {_GRACE}")} AS closable
      FROM account {chosen}
    """


# The first of each kind of work of `account` that does not wait, on the account's clock: due, or still to come. The
# probe stays one index look-up for each kind: LIMIT keeps the planner from turning it into a scan of the future. What
# waits for months stands before what does not, and is passed over: up to `rows_max` rows of it.
_OBLIGATION = f"""
    SELECT o.due_at AS at
      FROM (SELECT * FROM obligation WHERE account_id = account.id AND state = 'pending'
             ORDER BY due_at LIMIT :rows_max) AS o
     WHERE o.due_at > account.present OR NOT ({_WAITS}) ORDER BY o.due_at LIMIT 1
"""
_MONTH = f"""
    SELECT {months_later("m.starting_at")} AS at
      FROM (SELECT * FROM usage_month
             WHERE account_id = account.id AND state = 'open' AND starting_at < account.closable
             ORDER BY starting_at, customer_id LIMIT :rows_max) AS m
     WHERE (m.settles_at IS NULL OR m.settles_at <= now())
       AND NOT EXISTS (SELECT FROM usage_month AS earlier
                        WHERE earlier.account_id = m.account_id AND earlier.customer_id = m.customer_id
                          AND earlier.starting_at < m.starting_at OFFSET 0)
     ORDER BY m.starting_at LIMIT 1
"""
_SEGMENT = f"""
    SELECT s.lapses_after AS at, s.lapses_after + {_GRACE} AS due_at
      FROM (SELECT *, {LAPSES_AFTER} AS lapses_after FROM segment WHERE account_id = account.id AND expires
             ORDER BY {LAPSES_AFTER} LIMIT :rows_max) AS s
     WHERE s.lapses_after + {_GRACE} > account.present
        OR NOT EXISTS (SELECT FROM commit AS c
                         JOIN usage_month AS m ON m.account_id = c.account_id AND m.customer_id = c.customer_id
                                              AND m.starting_at < s.ending_before
                        WHERE c.account_id = s.account_id AND c.id = s.commit_id OFFSET 0)
     ORDER BY s.lapses_after LIMIT 1
"""
_DUE = f"""
    SELECT at FROM ({_OBLIGATION}) AS o WHERE at <= account.present
     UNION ALL SELECT at FROM ({_MONTH}) AS m
     UNION ALL SELECT at FROM ({_SEGMENT}) AS s WHERE due_at <= account.present
"""

_ALL = text(f"""
    SELECT account.id FROM ({_accounts("")}) AS account CROSS JOIN LATERAL ({_DUE}) AS work
     GROUP BY account.id ORDER BY min(work.at), account.id LIMIT :accounts_max
""")

# When the account comes to have work though nothing changes in it. A sandbox's clock stands still. Months that may be
# closed wait in real time, for usage that is on its way; whatever waits for months does so until the next may be.
_COMES = f"""
    SELECT min(at) FILTER (WHERE account.is_live) AS at
      FROM (
        (SELECT due_at AS at FROM obligation
          WHERE account_id = account.id AND state = 'pending' AND due_at > account.present ORDER BY due_at LIMIT 1)
         UNION ALL
        (SELECT {months_later("starting_at")} + {_GRACE} FROM usage_month
          WHERE account_id = account.id AND state = 'open' AND starting_at >= account.closable
          ORDER BY starting_at LIMIT 1)
         UNION ALL
        (SELECT {LAPSES_AFTER} + {_GRACE} FROM segment
          WHERE account_id = account.id AND expires AND {LAPSES_AFTER} > account.present - {_GRACE}
          ORDER BY {LAPSES_AFTER} LIMIT 1)
         UNION ALL
        SELECT {months_later("account.closable")} + {_GRACE}
         WHERE EXISTS (SELECT FROM obligation
                        WHERE account_id = account.id AND state = 'pending' AND due_at <= account.present LIMIT 1)
      ) AS to_come
     UNION ALL
    SELECT min(settles_at) FROM (
        SELECT settles_at FROM usage_month
         WHERE account_id = account.id AND state = 'open' AND starting_at < account.closable
         ORDER BY starting_at, customer_id LIMIT :rows_max) AS m WHERE settles_at > now()
"""
# Whether so many rows of a kind are due that nobody has looked behind those that wait.
_IS_CUT = f"""
    CAST(:rows_max AS bigint) IS NOT NULL AND (
        EXISTS (SELECT FROM obligation
                 WHERE account_id = account.id AND state = 'pending' AND due_at <= account.present
                 ORDER BY due_at OFFSET :rows_max LIMIT 1)
        OR EXISTS (SELECT FROM usage_month
                    WHERE account_id = account.id AND state = 'open' AND starting_at < account.closable
                    ORDER BY starting_at, customer_id OFFSET :rows_max LIMIT 1)
        OR EXISTS (SELECT FROM segment
                    WHERE account_id = account.id AND expires AND {LAPSES_AFTER} <= account.present - {_GRACE}
                    ORDER BY {LAPSES_AFTER} OFFSET :rows_max LIMIT 1))
"""
_SOME = text(f"""
    WITH found AS MATERIALIZED (
        SELECT account.id, work.since,
               CASE WHEN work.since IS NOT NULL THEN greatest(least(work.since, now()), '2000-01-01Z')
                    WHEN {_IS_CUT} THEN now()
                    ELSE least((SELECT min(at) FROM ({_COMES}) AS come), now() + make_interval(hours => :again_h))
                END AS at
          FROM ({_accounts("WHERE id = ANY(CAST(:ids AS integer[]))")}) AS account
         CROSS JOIN LATERAL (SELECT min(at) AS since FROM ({_DUE}) AS due) AS work
    ), noted AS (
        UPDATE next_look AS n SET work_at = found.at FROM found WHERE n.account_id = found.id AND n.work_at <> found.at
    )
    SELECT id FROM found WHERE since IS NOT NULL ORDER BY since, id LIMIT :accounts_max
""")


def accounts_due(
    connection: Connection,
    *,
    accounts_max: int,
    usage_grace_h: int,
    rows_max: int | None = None,
    among: Sequence[int] | None = None,
) -> Sequence[int]:
    """Accounts that have something to close, expire or issue by their own clock, the longest overdue first.

    Args:
        connection: a transaction.
        accounts_max: that are named at once.
        usage_grace_h: hours for which a month still takes usage in after its end.
        rows_max: of an account and kind of work that are looked at, the longest overdue first; an account is overlooked
            where all of these wait for months. None: as many as there are.
        among: those of these accounts only, and it is noted when each is to be looked at again. None: all accounts, one
            after the other.
    """
    given = {"accounts_max": accounts_max, "usage_grace_h": usage_grace_h, "rows_max": rows_max}
    if among is None:
        return connection.scalars(_ALL, given).all()
    return connection.scalars(_SOME, given | {"ids": list(among), "again_h": LOOKED_AT_AGAIN_H}).all()
