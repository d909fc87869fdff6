"""Checks of obligations, and the invoices that they became."""

from trueup.store.reconciliation.check import ACTS, Check, chosen, is_late, late_since, orphans

CHECKS = (
    orphans("obligation", "commit_id", "commit"),
    Check(
        "invoice_line_without_invoice",
        f"""
        SELECT l.invoice_id AS subject, 'an invoice or a usage period with this id' AS expected,
               'none, but a line that names it' AS found
          FROM invoice_line AS l
         WHERE {chosen("l")}
           AND NOT EXISTS (SELECT FROM invoice AS i WHERE i.account_id = l.account_id AND i.id = l.invoice_id)
           AND NOT EXISTS (SELECT FROM usage_period AS p WHERE p.account_id = l.account_id AND p.id = l.invoice_id)
        """,
        by="invoice",
        of=("invoice", "invoice_line", "usage_period"),
    ),
    # What was voided and made anew counts once: as the row that was there first.
    Check(
        "obligations_of_commit",
        f"""
        SELECT c.id AS subject,
               CASE WHEN c.invoice_unit_id IS NULL THEN 'no obligation' WHEN c.type = 'POSTPAID' THEN '1 true-up'
                    ELSE 'scheduled items, numbered from 0 without a gap' END AS expected,
               coalesce(o.n, 0) || ', ' || coalesce(o.true_ups, 0) || ' of them true-ups, the last is '
                   || coalesce(o.last::text, 'none') AS found
          FROM commit AS c LEFT JOIN (
              SELECT account_id, commit_id, count(*) AS n, min(position) AS first, max(position) AS last,
                     count(*) FILTER (WHERE kind = 'TRUE_UP') AS true_ups
                FROM obligation WHERE regenerated_from_id IS NULL GROUP BY account_id, commit_id
          ) AS o ON o.account_id = c.account_id AND o.commit_id = c.id
         WHERE {chosen("c")}
           AND CASE WHEN c.invoice_unit_id IS NULL THEN o.n IS NOT NULL
                    WHEN c.type = 'POSTPAID' THEN (o.n, o.true_ups) IS DISTINCT FROM (1, 1)
                    ELSE (o.first, o.last, o.true_ups) IS DISTINCT FROM (0, o.n - 1, 0) END
        """,
        by="commit",
        of=("commit", "obligation"),
    ),
    # The last occurrence lies inside the window and the one after it would not; the times are those of the schedule.
    # The last occurrence lies inside the window and the one after it would not; the times are those of the schedule.
    Check(
        "recurring_schedule",
        """
        SELECT o.id AS subject, 'every occurrence of ' || (o.schedule)::text AS expected,
               o.n || ' obligations over ' || o.amount AS found
          FROM (
              SELECT r.id, r.schedule, r.anchor, r.ends, r.period, r.charge,
                     count(b.id)::integer AS n, coalesce(sum(b.amount), 0) AS amount,
                     count(*) FILTER (
                         WHERE b.scheduled_at AT TIME ZONE 'UTC' = r.anchor + b.position * r.period) AS in_time
                FROM (
                    SELECT account_id, id, recurring_schedule AS schedule,
                           CAST(recurring_schedule ->> 'starting_at' AS timestamptz) AT TIME ZONE 'UTC' AS anchor,
                           CAST(recurring_schedule ->> 'ending_before' AS timestamptz) AT TIME ZONE 'UTC' AS ends,
                           make_interval(months => CASE recurring_schedule ->> 'frequency' WHEN 'MONTHLY' THEN 1
                               WHEN 'QUARTERLY' THEN 3 WHEN 'SEMI_ANNUAL' THEN 6 ELSE 12 END) AS period,
                           CAST(recurring_schedule ->> 'unit_price' AS numeric)
                               * CAST(recurring_schedule ->> 'quantity' AS numeric) AS charge
                      FROM commit WHERE recurring_schedule IS NOT NULL
                       AND (CAST(:account_id AS integer) IS NULL OR account_id = :account_id)
                ) AS r LEFT JOIN obligation AS b
                  ON b.account_id = r.account_id AND b.commit_id = r.id AND b.regenerated_from_id IS NULL
               GROUP BY r.account_id, r.id, r.schedule, r.anchor, r.ends, r.period, r.charge
          ) AS o
         WHERE o.n = 0 OR o.in_time <> o.n OR o.anchor + (o.n - 1) * o.period >= o.ends
            OR o.anchor + o.n * o.period < o.ends
            OR o.amount <> CASE o.schedule ->> 'amount_distribution' WHEN 'EACH' THEN o.n * o.charge ELSE o.charge END
        """,
        by="commit",
        of=("commit", "obligation"),
    ),
    Check(
        "invoice_of_obligation",
        """
        SELECT coalesce(o.id, i.id) AS subject,
               CASE o.state WHEN 'issued' THEN 'FINALIZED' WHEN 'voided' THEN 'VOID' ELSE 'none' END AS expected,
               coalesce(i.status, 'none') AS found
          FROM obligation AS o FULL JOIN (SELECT * FROM invoice WHERE type = 'SCHEDULED') AS i
            ON i.account_id = o.account_id AND i.id = o.id
         WHERE (CAST(:account_id AS integer) IS NULL OR coalesce(o.account_id, i.account_id) = :account_id)
           AND coalesce(i.status, 'none')
               <> CASE o.state WHEN 'issued' THEN 'FINALIZED' WHEN 'voided' THEN 'VOID' ELSE 'none' END
        """,
        by="invoice",
        of=("invoice", "obligation"),
    ),
    Check(
        "lines_of_invoice",
        f"""
        SELECT i.id AS subject, 'lines that add up to ' || i.total AS expected, coalesce(l.total, 0) AS found
          FROM invoice AS i LEFT JOIN (
              SELECT account_id, invoice_id, sum(amount) AS total, bool_and(amount = quantity * unit_price) AS exact
                FROM invoice_line GROUP BY account_id, invoice_id
          ) AS l ON l.account_id = i.account_id AND l.invoice_id = i.id
         WHERE i.type = 'SCHEDULED' AND {chosen("i")}
           AND (l.total IS DISTINCT FROM i.total OR NOT l.exact)
        """,
        by="invoice",
        of=("invoice", "invoice_line"),
    ),
    Check(
        "amount_of_item",
        f"""
        SELECT i.id AS subject, o.amount || ' for commit ' || o.commit_id AS expected,
               i.total || ' for commit ' || i.commit_id AS found
          FROM obligation AS o JOIN invoice AS i ON i.account_id = o.account_id AND i.id = o.id
         WHERE o.kind = 'SCHEDULED' AND {chosen("o")}
           AND (i.total, i.commit_id) IS DISTINCT FROM (o.amount, o.commit_id)
        """,
        by="invoice",
        of=("invoice", "obligation"),
    ),
    Check(
        "entry_of_true_up",
        f"""
        SELECT i.id AS subject, CASE i.status WHEN 'VOID' THEN 0 ELSE -i.total END || ' booked' AS expected,
               coalesce(e.amount, 0) AS found
          FROM obligation AS o
          CROSS JOIN LATERAL (SELECT * FROM invoice WHERE account_id = o.account_id AND id = o.id OFFSET 0) AS i
          LEFT JOIN (
              SELECT account_id, commit_id, invoice_id, sum(amount) AS amount
                FROM ledger_entry WHERE type = 'POSTPAID_COMMIT_TRUEUP' GROUP BY account_id, commit_id, invoice_id
          ) AS e ON e.account_id = i.account_id AND e.commit_id = o.commit_id AND e.invoice_id = i.id
         WHERE o.kind = 'TRUE_UP' AND {chosen("o")}
           AND coalesce(e.amount, 0) <> CASE i.status WHEN 'VOID' THEN 0 ELSE -i.total END
        """,
        by="commit",
        of=("obligation", "ledger_entry"),
    ),
    Check(
        "arithmetic_of_true_up",
        f"""
        SELECT l.invoice_id AS subject, 'committed - drawn + adjustments = ' || l.amount AS expected,
               coalesce(l.arithmetic::text, 'none') AS found
          FROM obligation AS o
          JOIN invoice_line AS l ON l.account_id = o.account_id AND l.invoice_id = o.id
         WHERE o.kind = 'TRUE_UP' AND {chosen("o")}
           AND (CAST(l.arithmetic ->> 'due' AS numeric) IS DISTINCT FROM l.amount
                OR CAST(l.arithmetic ->> 'committed' AS numeric) - CAST(l.arithmetic ->> 'drawn' AS numeric)
                   + CAST(l.arithmetic ->> 'adjustments' AS numeric) IS DISTINCT FROM l.amount)
        """,
        by="invoice",
        of=("obligation", "invoice_line"),
    ),
    Check(
        "invoice_numbers",
        """
        SELECT a.name AS subject, 'the numbers 1 to ' || a.next_invoice_number - 1 AS expected,
               coalesce(i.n, 0) || ' numbers, ' || coalesce(i.first, 0) || ' to ' || coalesce(i.last, 0) AS found
          FROM account AS a LEFT JOIN (
              SELECT account_id, count(*) AS n, min(number) AS first, max(number) AS last
                FROM invoice GROUP BY account_id
          ) AS i ON i.account_id = a.id
         WHERE (CAST(:account_id AS integer) IS NULL OR a.id = :account_id)
           AND (coalesce(i.n, 0), coalesce(i.first, 1), coalesce(i.last, 0))
               <> (a.next_invoice_number - 1, 1, a.next_invoice_number - 1)
        """,
    ),
    Check(
        "obligation_parked",
        """
        SELECT id AS subject, 'settled' AS expected, state || ': ' || coalesce(reason, '') AS found
          FROM obligation
         WHERE state = 'parked' AND (CAST(:account_id AS integer) IS NULL OR account_id = :account_id)
        """,
    ),
    Check(
        "overdue",
        f"""
        SELECT o.id AS subject, 'settled' AS expected, 'pending since ' || late.since AS found
          FROM account AS a {ACTS}
          JOIN obligation AS o ON o.account_id = a.id AND o.state = 'pending'
               AND o.due_at <= coalesce(a.clock_at, now())
          LEFT JOIN commit AS c ON c.account_id = o.account_id AND c.id = o.commit_id
          CROSS JOIN LATERAL (SELECT {late_since("o.due_at", "c.booked_at")} AS since) AS late
         WHERE {chosen("o")} AND {is_late("late.since")}
        """,
    ),
)
