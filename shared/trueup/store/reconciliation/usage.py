"""Usage, the months in which it was closed, and what balances paid."""

from trueup.store.postgres.calendar import month_of, months_later
from trueup.store.reconciliation.check import ACTS, Check, chosen, is_late, late_since, orphans

_CLOSED_BEFORE = "coalesce(u.usage_closed_before, '-infinity')"
_MONTH = month_of("l.at")
# Each line of usage is rounded once, its quantity and its amount.
_LAST_DECIMAL = "1e-12"
_GROUPS = """coalesce(nullif(l.pricing_group_values, 'null'), '{}') AS pricing,
                   coalesce(nullif(l.presentation_group_values, 'null'), '{}') AS shown"""

CHECKS = (
    orphans("usage_line", "customer_id", "customer"),
    orphans("usage_line", "contract_id", "contract"),
    orphans("usage_line", "product_id", "product"),
    orphans("usage_period", "contract_id", "contract"),
    Check(
        "contract_of_usage",
        f"""
        SELECT l.transaction_id AS subject, 'a contract of customer ' || l.customer_id AS expected,
               'contract ' || c.id || ' of customer ' || c.customer_id AS found
          FROM usage_line AS l JOIN contract AS c ON c.account_id = l.account_id AND c.id = l.contract_id
         WHERE c.customer_id <> l.customer_id AND {chosen("l")}
        """,
    ),
    Check(
        "product_of_usage",
        f"""
        SELECT l.transaction_id AS subject, 'a product that can be used' AS expected, 'a FIXED one' AS found
          FROM usage_line AS l JOIN product AS p ON p.account_id = l.account_id AND p.id = l.product_id
         WHERE p.type = 'FIXED' AND {chosen("l")}
        """,
    ),
    Check(
        "usage_without_month",
        f"""
        SELECT l.transaction_id AS subject, 'a month to close, as it is open' AS expected, 'none' AS found
          FROM usage_line AS l
          JOIN customer AS u ON u.account_id = l.account_id AND u.id = l.customer_id AND l.at >= {_CLOSED_BEFORE}
         WHERE NOT l.is_late AND {chosen("l")}
           AND NOT EXISTS (SELECT FROM usage_month AS m WHERE m.account_id = l.account_id
                              AND m.customer_id = l.customer_id AND m.starting_at = {_MONTH})
        """,
    ),
    # Of a period that was voided and not made anew, usage is final and counts nowhere.
    Check(
        "usage_without_period",
        f"""
        SELECT l.transaction_id AS subject, 'a closed period, or late' AS expected, 'neither' AS found
          FROM usage_line AS l
          JOIN customer AS u ON u.account_id = l.account_id AND u.id = l.customer_id AND l.at < {_CLOSED_BEFORE}
         WHERE NOT l.is_late AND l.quantity > 0 AND {chosen("l")}
           AND NOT EXISTS (SELECT FROM usage_period AS p WHERE p.account_id = l.account_id
                              AND p.contract_id = l.contract_id AND p.unit_id = l.unit_id AND p.starting_at = {_MONTH})
        """,
    ),
    Check(
        "late_usage",
        f"""
        SELECT l.transaction_id AS subject, 'not late: usage is closed before ' || {_CLOSED_BEFORE} AS expected,
               'late, at ' || l.at AS found
          FROM usage_line AS l
          JOIN customer AS u ON u.account_id = l.account_id AND u.id = l.customer_id AND l.at >= {_CLOSED_BEFORE}
         WHERE l.is_late AND {chosen("l")}
        """,
    ),
    Check(
        "months_of_customer",
        f"""
        SELECT u.id AS subject, 'usage is closed before ' || coalesce(m.starting_at, p.ending_before) AS expected,
               'closed before ' || {_CLOSED_BEFORE} AS found
          FROM customer AS u
          LEFT JOIN usage_month AS m ON m.account_id = u.account_id AND m.customer_id = u.id
               AND m.starting_at < {_CLOSED_BEFORE}
          LEFT JOIN usage_period AS p ON p.account_id = u.account_id AND p.customer_id = u.id
               AND p.ending_before > {_CLOSED_BEFORE}
         WHERE (m.customer_id IS NOT NULL OR p.id IS NOT NULL) AND {chosen("u")}
        """,
    ),
    Check(
        "usage_month_parked",
        f"""
        SELECT m.customer_id AS subject, 'closed' AS expected, 'parked: ' || coalesce(m.reason, '') AS found
          FROM usage_month AS m WHERE m.state = 'parked' AND {chosen("m")}
        """,
    ),
    Check(
        "usage_month_overdue",
        f"""
        SELECT m.customer_id AS subject, 'closed' AS expected, 'open since ' || late.since AS found
          FROM account AS a {ACTS}
          JOIN usage_month AS m ON m.account_id = a.id AND m.state = 'open'
          CROSS JOIN LATERAL (
              SELECT e.ending_before, e.ending_before + make_interval(hours => :usage_grace_h) AS due_at
                FROM (SELECT {months_later("m.starting_at")} AS ending_before) AS e
          ) AS closes
          CROSS JOIN LATERAL (
              SELECT max(booked_at) AS at FROM usage_line
               WHERE account_id = m.account_id AND customer_id = m.customer_id
                 AND at >= m.starting_at AND at < closes.ending_before
          ) AS line
          CROSS JOIN LATERAL (SELECT {late_since("closes.due_at", "line.at", "m.settles_at")} AS since) AS late
         WHERE {chosen("m")} AND closes.due_at <= coalesce(a.clock_at, now()) AND {is_late("late.since")}
        """,
    ),
    Check(
        "invoice_of_period",
        """
        SELECT coalesce(p.id, i.id) AS subject,
               CASE WHEN p.id IS NULL THEN 'no invoice' WHEN p.voided_at IS NULL THEN 'FINALIZED' ELSE 'VOID' END
                   || coalesce(' of contract ' || p.contract_id || ' until ' || p.ending_before, '') AS expected,
               coalesce(i.status || ' of contract ' || i.contract_id || ' until ' || i.issued_at, 'none') AS found
          FROM (SELECT * FROM usage_period WHERE is_invoiced) AS p
          FULL JOIN (SELECT * FROM invoice WHERE type = 'USAGE') AS i ON i.account_id = p.account_id AND i.id = p.id
         WHERE (CAST(:account_id AS integer) IS NULL OR coalesce(p.account_id, i.account_id) = :account_id)
           AND (i.status, i.customer_id, i.contract_id, i.unit_id, i.issued_at, i.regenerated_from_id)
               IS DISTINCT FROM (CASE WHEN p.voided_at IS NULL THEN 'FINALIZED' ELSE 'VOID' END, p.customer_id,
                                 p.contract_id, p.unit_id, p.ending_before, p.regenerated_from_id)
        """,
    ),
    Check(
        "total_of_usage_invoice",
        f"""
        SELECT i.id AS subject, 'lines that are billed add up to ' || i.total AS expected,
               coalesce(l.total, 0) AS found
          FROM invoice AS i LEFT JOIN (
              SELECT account_id, invoice_id, sum(amount) AS total
                FROM invoice_line WHERE is_billed GROUP BY account_id, invoice_id
          ) AS l ON l.account_id = i.account_id AND l.invoice_id = i.id
         WHERE i.type = 'USAGE' AND coalesce(l.total, 0) <> i.total AND {chosen("i")}
        """,
        by="invoice",
        of=("invoice", "invoice_line"),
    ),
    Check(
        "amount_of_usage_line",
        f"""
        SELECT l.invoice_id AS subject, l.quantity || ' x ' || l.unit_price || ' on line ' || l.position AS expected,
               l.amount AS found
          FROM invoice_line AS l
         WHERE l.kind = 'usage' AND {chosen("l")}
           AND abs(l.amount - l.quantity * l.unit_price) > {_LAST_DECIMAL} * (1 + l.unit_price)
        """,
        by="invoice",
        of=("invoice_line",),
    ),
    Check(
        "quantity_of_period",
        f"""
        WITH billed AS (
            SELECT p.account_id, p.id, l.product_id, {_GROUPS}, sum(l.quantity) AS quantity, count(*) AS lines
              FROM usage_period AS p
              JOIN invoice_line AS l ON l.account_id = p.account_id AND l.invoice_id = p.id AND l.kind = 'usage'
             WHERE p.voided_at IS NULL AND {chosen("p")}
             GROUP BY p.account_id, p.id, l.product_id, pricing, shown
        ), used AS (
            SELECT p.account_id, p.id, l.product_id, {_GROUPS}, sum(l.quantity) AS quantity
              FROM usage_period AS p
              JOIN usage_line AS l ON l.account_id = p.account_id AND l.contract_id = p.contract_id
                   AND l.unit_id = p.unit_id AND {_MONTH} = p.starting_at AND NOT l.is_late
             WHERE p.voided_at IS NULL AND {chosen("p")}
             GROUP BY p.account_id, p.id, l.product_id, pricing, shown
        )
        SELECT id AS subject, coalesce(used.quantity, 0) || ' of product ' || product_id AS expected,
               coalesce(billed.quantity, 0) AS found
          FROM billed FULL JOIN used USING (account_id, id, product_id, pricing, shown)
         WHERE abs(coalesce(billed.quantity, 0) - coalesce(used.quantity, 0))
               > {_LAST_DECIMAL} * (coalesce(billed.lines, 1) - 1)
        """,
    ),
    Check(
        "applied_of_period",
        f"""
        SELECT l.invoice_id AS subject, -l.paid || ' applied of segment ' || l.segment_id AS expected,
               l.applied AS found
          FROM (
              SELECT account_id, invoice_id, segment_id,
                     coalesce(sum(amount) FILTER (WHERE kind = 'usage'), 0) AS paid,
                     coalesce(sum(amount) FILTER (WHERE kind = 'applied'), 0) AS applied
                FROM invoice_line WHERE segment_id IS NOT NULL AND kind IN ('usage', 'applied')
               GROUP BY account_id, invoice_id, segment_id
          ) AS l
         WHERE l.paid + l.applied <> 0 AND {chosen("l")}
        """,
        by="invoice",
        of=("invoice_line",),
    ),
    # A QUANTITY balance is drawn in units; the line says what they were worth. What was voided was taken back.
    Check(
        "deduction_of_period",
        """
        WITH drawn AS (
            SELECT l.account_id, l.invoice_id AS period_id, l.segment_id,
                   sum(CASE WHEN p.voided_at IS NOT NULL THEN 0 WHEN c.access_type = 'QUANTITY' THEN l.quantity
                            ELSE l.amount END) AS amount
              FROM invoice_line AS l
              JOIN usage_period AS p ON p.account_id = l.account_id AND p.id = l.invoice_id
              JOIN commit AS c ON c.account_id = l.account_id AND c.id = l.commit_id
             WHERE l.kind = 'usage' GROUP BY l.account_id, l.invoice_id, l.segment_id
        ), booked AS (
            SELECT account_id, period_id, segment_id, sum(amount) AS amount
              FROM ledger_entry WHERE period_id IS NOT NULL AND type ~ '_AUTOMATED_INVOICE_DEDUCTION$'
             GROUP BY account_id, period_id, segment_id
        )
        SELECT period_id AS subject,
               -coalesce(drawn.amount, 0) || ' booked on segment ' || segment_id AS expected,
               coalesce(booked.amount, 0) AS found
          FROM drawn FULL JOIN booked USING (account_id, period_id, segment_id)
         WHERE (CAST(:account_id AS integer) IS NULL OR account_id = :account_id)
           AND coalesce(drawn.amount, 0) + coalesce(booked.amount, 0) <> 0
        """,
    ),
    Check(
        "deduction_without_period",
        f"""
        SELECT e.id AS subject, 'a usage period that drew it' AS expected, 'none' AS found
          FROM ledger_entry AS e
         WHERE e.period_id IS NULL AND e.type ~ '_AUTOMATED_INVOICE_DEDUCTION$' AND {chosen("e")}
        """,
        by="commit",
        of=("ledger_entry",),
    ),
    Check(
        "period_of_entry",
        f"""
        SELECT e.id AS subject,
               coalesce('invoice ' || p.id, 'no invoice') || ', effective ' || p.ending_before AS expected,
               coalesce('invoice ' || e.invoice_id, 'no invoice') || ', effective ' || e.effective_at AS found
          FROM ledger_entry AS e
          CROSS JOIN LATERAL (
              SELECT * FROM usage_period WHERE account_id = e.account_id AND id = e.period_id OFFSET 0) AS p
         WHERE e.type ~ '_AUTOMATED_INVOICE_DEDUCTION$' AND {chosen("e")}
           AND (e.invoice_id IS DISTINCT FROM CASE WHEN p.is_invoiced THEN p.id END
                OR e.effective_at <> p.ending_before)
        """,
        by="commit",
        of=("ledger_entry",),
    ),
)
