"""A commitment is charged once: what a POSTPAID commit's ledger says, by the state of its true-up.

With C the opening balance, M entries by hand, D what usage drew, T what was trued up and E what expired, all net of
what was taken back: D + T is never more than C + M, or D where that is more, and T and E are never both there. What D
says stands on usage bills, what T says on the true-up's invoice.
"""

from trueup.store.reconciliation.check import Check, chosen

_SUM = "coalesce(sum(e.amount) FILTER (WHERE e.type = 'POSTPAID_COMMIT_{type}'), 0)"

CHECKS = (
    Check(
        "charged_once",
        f"""
        WITH booked AS (
            SELECT e.account_id, e.commit_id, {_SUM.format(type="INITIAL_BALANCE")} AS c,
                   {_SUM.format(type="MANUAL")} AS m, -{_SUM.format(type="AUTOMATED_INVOICE_DEDUCTION")} AS d,
                   -{_SUM.format(type="TRUEUP")} AS t, -{_SUM.format(type="EXPIRATION")} AS e
              FROM ledger_entry AS e
             WHERE e.type LIKE 'POSTPAID_COMMIT_%' AND {chosen("e")} GROUP BY e.account_id, e.commit_id
        ), shown AS (
            SELECT l.account_id, l.commit_id, -sum(l.amount) AS d
              FROM invoice_line AS l
              JOIN usage_period AS p ON p.account_id = l.account_id AND p.id = l.invoice_id AND p.voided_at IS NULL
             WHERE l.kind = 'applied' AND {chosen("l")} GROUP BY l.account_id, l.commit_id
        ), billed AS (
            SELECT i.account_id, i.commit_id, sum(i.total) AS t
              FROM invoice AS i WHERE i.type = 'SCHEDULED' AND i.status = 'FINALIZED' AND {chosen("i")}
             GROUP BY i.account_id, i.commit_id
        ), settled AS (
            SELECT o.account_id, o.commit_id,
                   coalesce(max(o.state) FILTER (WHERE o.state <> 'voided'), 'voided') AS state
              FROM obligation AS o WHERE o.kind = 'TRUE_UP' AND {chosen("o")} GROUP BY o.account_id, o.commit_id
        ), said AS (
            SELECT c.account_id, c.id, b.c, b.m, b.d, b.t, b.e, coalesce(shown.d, 0) AS shown,
                   coalesce(billed.t, 0) AS billed, greatest(b.c + b.m, b.d) AS owed,
                   CASE WHEN c.archived_at IS NOT NULL THEN 'suppressed' ELSE coalesce(s.state, 'pending') END AS state
              FROM commit AS c
              JOIN booked AS b ON b.account_id = c.account_id AND b.commit_id = c.id
              LEFT JOIN shown ON shown.account_id = c.account_id AND shown.commit_id = c.id
              LEFT JOIN billed ON billed.account_id = c.account_id AND billed.commit_id = c.id
              LEFT JOIN settled AS s ON s.account_id = c.account_id AND s.commit_id = c.id
             WHERE c.type = 'POSTPAID' AND {chosen("c")}
        )
        SELECT id AS subject,
               CASE WHEN d <> shown THEN 'drawn ' || shown || ', as usage bills show'
                    WHEN t <> billed THEN 'trued up ' || billed || ', as its invoice shows'
                    WHEN state IN ('issued', 'nothing_due')
                    THEN state || ': drawn and trued up ' || owed || ', none expired'
                    WHEN state = 'suppressed' THEN state || ': expired ' || owed - d || ', none trued up'
                    ELSE state || ': neither trued up nor expired' END AS expected,
               'committed ' || c || ', by hand ' || m || ', drawn ' || d || ', trued up ' || t || ', expired ' || e
                   AS found
          FROM said
         WHERE d <> shown OR t <> billed OR d + t > owed OR (t <> 0 AND e <> 0)
            OR CASE state WHEN 'issued' THEN d + t <> owed OR e <> 0 WHEN 'nothing_due' THEN d + t <> owed OR e <> 0
                          WHEN 'suppressed' THEN t <> 0 OR e <> owed - d ELSE t <> 0 OR e <> 0 END
        """,
    ),
)
