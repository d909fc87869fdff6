"""Commits, their segments and their ledger."""

from trueup.store.reconciliation.check import ACTS, OPENINGS, Check, chosen, is_late, late_since, orphans
from trueup.store.tables.commits import LAPSES_AFTER

CHECKS = (
    orphans("commit", "customer_id", "customer"),
    orphans("commit", "product_id", "product"),
    orphans("segment", "commit_id", "commit"),
    orphans("ledger_entry", "commit_id", "commit"),
    orphans("ledger_entry", "invoice_id", "invoice"),
    orphans("ledger_entry", "period_id", "usage_period"),
    Check(
        "segments_of_commit",
        f"""
        SELECT c.id AS subject,
               CASE c.type WHEN 'POSTPAID' THEN '1 segment'
                    ELSE 'segments, numbered from 0 without a gap' END AS expected,
               coalesce(s.n, 0) || ', the last is ' || coalesce(s.last::text, 'none') AS found
          FROM commit AS c LEFT JOIN (
              SELECT account_id, commit_id, count(*) AS n, min(position) AS first, max(position) AS last
                FROM segment GROUP BY account_id, commit_id
          ) AS s ON s.account_id = c.account_id AND s.commit_id = c.id
         WHERE {chosen("c")}
           AND (s.n IS NULL OR s.first <> 0 OR s.last <> s.n - 1 OR c.type = 'POSTPAID' AND s.n <> 1)
        """,
        by="commit",
        of=("commit", "segment"),
    ),
    # An edit books the difference: so there may be several.
    Check(
        "opening_of_segment",
        f"""
        SELECT s.id AS subject, 'opening entries of ' || s.amount AS expected,
               coalesce(e.n, 0) || ' of ' || coalesce(e.amount, 0) AS found
          FROM segment AS s LEFT JOIN (
              SELECT account_id, commit_id, segment_id, count(*) AS n, sum(amount) AS amount
                FROM ledger_entry WHERE type IN {OPENINGS} GROUP BY account_id, commit_id, segment_id
          ) AS e ON e.account_id = s.account_id AND e.commit_id = s.commit_id AND e.segment_id = s.id
         WHERE {chosen("s")} AND e.amount IS DISTINCT FROM s.amount
        """,
        by="commit",
        of=("segment", "ledger_entry"),
    ),
    Check(
        "segment_of_entry",
        f"""
        SELECT e.id AS subject, 'a type and a segment of its commit, a ' || c.type AS expected,
               e.type || coalesce(' on segment ' || s.id, ' on a foreign segment') AS found
          FROM ledger_entry AS e
          JOIN commit AS c ON c.account_id = e.account_id AND c.id = e.commit_id
          LEFT JOIN segment AS s ON s.account_id = e.account_id AND s.commit_id = e.commit_id AND s.id = e.segment_id
         WHERE {chosen("e")}
           AND (s.id IS NULL OR NOT starts_with(e.type, c.type))
        """,
        by="commit",
        of=("commit", "segment", "ledger_entry"),
    ),
    # What operators take away may exceed what is there; nothing else can.
    Check(
        "balance_below_zero",
        f"""
        SELECT e.segment_id AS subject, '0 or more without manual entries' AS expected, e.balance AS found
          FROM (
              SELECT account_id, segment_id, sum(amount) AS balance
                FROM ledger_entry WHERE amount > 0 OR type !~ '_MANUAL$' GROUP BY account_id, segment_id
          ) AS e
         WHERE e.balance < 0 AND {chosen("e")}
        """,
        by="commit",
        of=("ledger_entry",),
    ),
    # Until an earlier month was closed, it could not be known what is left.
    Check(
        "expiry_overdue",
        f"""
        SELECT s.id AS subject, 'expired' AS expected, 'due since ' || late.since AS found
          FROM account AS a {ACTS}
          JOIN segment AS s ON s.account_id = a.id AND s.expires
          JOIN commit AS c ON c.account_id = s.account_id AND c.id = s.commit_id
          LEFT JOIN (
              SELECT account_id, customer_id, max(booked_at) AS at FROM usage_period GROUP BY account_id, customer_id
          ) AS p ON p.account_id = c.account_id AND p.customer_id = c.customer_id
          CROSS JOIN LATERAL (SELECT {LAPSES_AFTER} + make_interval(hours => :usage_grace_h) AS due_at) AS ended
          CROSS JOIN LATERAL (SELECT {late_since("ended.due_at", "c.booked_at", "p.at")} AS since) AS late
         WHERE {chosen("s")} AND ended.due_at <= coalesce(a.clock_at, now()) AND {is_late("late.since")}
           AND NOT EXISTS (SELECT FROM usage_month AS m WHERE m.account_id = c.account_id
                              AND m.customer_id = c.customer_id AND m.starting_at < s.ending_before)
        """,
    ),
    Check(
        "balance_after_expiry",
        f"""
        SELECT s.id AS subject, '0 or less once it has expired' AS expected, e.balance AS found
          FROM segment AS s
          JOIN commit AS c ON c.account_id = s.account_id AND c.id = s.commit_id AND c.type <> 'POSTPAID'
          JOIN (
              SELECT account_id, commit_id, segment_id, sum(amount) AS balance
                FROM ledger_entry GROUP BY account_id, commit_id, segment_id
          ) AS e ON e.account_id = s.account_id AND e.commit_id = s.commit_id AND e.segment_id = s.id
         WHERE NOT s.expires AND e.balance > 0 AND {chosen("s")}
        """,
        by="commit",
        of=("commit", "segment", "ledger_entry"),
    ),
)
