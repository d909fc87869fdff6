"""Checks of the scheduler's looks: each account has its next one before anything in it falls due."""

from trueup.limits import LOOKED_AT_AGAIN_H
from trueup.store.reconciliation.check import OVERDUE_MINUTES, Check, chosen

# What is noted of an account that changed says nothing any more. What is due, and waits for months, has its own time.
CHECKS = (
    Check(
        "look_at_account",
        f"""
        SELECT a.name AS subject, 'a look by ' || wanted.at AS expected,
               coalesce('the next one is at ' || n.work_at, 'none') AS found
          FROM account AS a
          LEFT JOIN next_look AS n ON n.account_id = a.id
          LEFT JOIN (SELECT o.account_id, min(o.due_at) AS due_at FROM obligation AS o
                      WHERE o.state = 'pending' AND o.due_at > statement_timestamp() AND {chosen("o")}
                      GROUP BY o.account_id) AS first
            ON first.account_id = a.id AND a.clock_at IS NULL
          LEFT JOIN (SELECT DISTINCT account_id FROM changed_account) AS changed ON changed.account_id = a.id
         CROSS JOIN LATERAL (
            SELECT least(first.due_at, statement_timestamp() + make_interval(hours => {LOOKED_AT_AGAIN_H}))
                   + make_interval(mins => {OVERDUE_MINUTES}) AS at) AS wanted
         WHERE changed.account_id IS NULL AND (n.account_id IS NULL OR n.work_at > wanted.at)
           AND (CAST(:account_id AS integer) IS NULL OR a.id = :account_id)
        """,
    ),
)
